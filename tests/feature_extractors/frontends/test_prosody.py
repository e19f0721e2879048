"""Prosody is eGeMAPS and the contours of openSMILE's descriptors over voiced frames."""

import numpy as np
import opensmile
import pytest
import torch

from feature_extractors.frontends import EGeMAPS, Prosody
from feature_extractors.frontends.contour import contour_functionals
from feature_extractors.frontends.prosody import CONTOURS, DESCRIPTORS, PITCH


def buzz(seconds=1.5, gap=0.4):
    """A voice whose pitch falls, with a silence in the middle."""
    t = np.arange(int(16000 * seconds)) / 16000
    x = 0.3 * np.sign(np.sin(2 * np.pi * (160 * t - 12 * t**2))) * (abs(t - seconds / 2) > gap / 2)
    return x.astype(np.float32)


def test_the_descriptors_are_named_as_opensmile_has_them():
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.LowLevelDescriptors)
    assert [name.split("_sma3")[0] for name in smile.feature_names] == list(DESCRIPTORS)


def test_it_begins_with_egemaps_and_goes_on_with_each_contour_of_the_voiced_frames():
    x = buzz()
    found, frames = Prosody()(x)[:, 0], EGeMAPS(level="lld")(x)
    assert torch.equal(found[:88], EGeMAPS()(x)[:, 0])
    voiced = np.flatnonzero(frames[PITCH].numpy() > 0)
    assert 0.3 < len(voiced) / frames.shape[1] < 0.9, "the silence is there"
    follow = voiced[1:][np.diff(voiced) == 1]
    for i, name in enumerate(CONTOURS):
        contour = frames[DESCRIPTORS.index(name)]
        expected = contour_functionals(contour[voiced], contour[follow] - contour[follow - 1])
        torch.testing.assert_close(found[88 + 21 * i : 109 + 21 * i], expected)


def test_a_falling_pitch_has_a_negative_slope():
    pitch = dict(zip(("mean", "deviation"), Prosody(contours=[CONTOURS[0]])(buzz())[88:90, 0].tolist(), strict=True))
    slope = Prosody(contours=[CONTOURS[0]])(buzz())[88 + 10, 0]
    assert 20 < pitch["mean"] < 40  # semitones from 27.5 Hz
    assert slope < -1


def test_without_voice_all_frames_are_described():
    hiss = 0.1 * np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    loudness = EGeMAPS(level="lld")(hiss)[0]
    assert (EGeMAPS(level="lld")(hiss)[PITCH] > 0).sum() < 8
    found = Prosody(contours=["Loudness"])(hiss)[88:, 0]
    torch.testing.assert_close(found, contour_functionals(loudness, loudness.diff()))


def test_an_unknown_descriptor_is_refused():
    with pytest.raises(ValueError, match="unknown descriptor 'pitch'; choose among Loudness"):
        Prosody(contours=["pitch"])
