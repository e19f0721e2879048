"""Speed: pitch and length move by the factor, and a batch sounds as its clips do alone."""

import math

import numpy as np
import pytest
import torch
from scipy import signal

from feature_extractors.augmentations import Speed

RATE = 16000


def tone(hertz, samples):
    return torch.sin(2 * math.pi * hertz * torch.arange(samples) / RATE)


def peak(wave):
    """Return the frequency of a tone, in Hz, to a fraction of a bin."""
    padded = np.abs(np.fft.rfft(wave.numpy() * np.hanning(len(wave)), 8 * RATE))
    return padded.argmax() / 8


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.1, 1.25, 2.0])
def test_a_tone_moves_by_the_factor_and_its_length_by_the_inverse(factor):
    y, lengths = Speed(factors=[factor])(tone(440, RATE)[None, None], torch.tensor([RATE]), torch.Generator())
    assert lengths.tolist() == [math.ceil(RATE / factor)]
    assert y.shape == (1, 1, lengths[0])
    assert peak(y[0, 0]) == pytest.approx(440 * factor, abs=0.3)


def test_the_waveform_is_that_of_a_polyphase_resampler():
    x = torch.from_numpy(
        signal.sosfilt(signal.butter(8, 3000, fs=RATE, output="sos"), np.random.default_rng(0).standard_normal(4400))
    )
    y, _ = Speed(factors=[1.1])(x[None, None], torch.tensor([4400]), torch.Generator())
    reference = signal.resample_poly(x.numpy(), 10, 11)
    inner = slice(100, -100)
    assert np.abs(y[0, 0].numpy() - reference)[inner].max() < 0.02 * np.abs(reference).max()


def test_neither_padding_nor_neighbours_change_a_clip():
    lengths = torch.tensor([3000, 1777, 2500, 640])
    x = torch.randn(4, 1, 3000) * (torch.arange(3000) < lengths[:, None])[:, None]
    for factor in (0.9, 1.1):
        y, counts = Speed(factors=[factor])(x, lengths, torch.Generator())
        for i, length in enumerate(lengths.tolist()):
            alone, (count,) = Speed(factors=[factor])(x[i : i + 1, :, :length], lengths[i : i + 1], torch.Generator())
            assert counts[i] == count
            torch.testing.assert_close(y[i, :, :count], alone[0], atol=1e-5, rtol=0)


def test_factors_are_drawn_equally_often_and_a_factor_of_one_is_the_identity():
    x, lengths = torch.randn(3000, 1, 60), torch.full((3000,), 60)
    y, counts = Speed(factors=[0.8, 1.0, 1.25])(x, lengths, torch.Generator().manual_seed(0))
    found, often = counts.unique(return_counts=True)
    assert found.tolist() == [48, 60, 75]
    assert (often.float() / 3000 - 1 / 3).abs().max() < 0.03
    assert torch.equal(y[counts == 60][..., :60], x[counts == 60])


@pytest.mark.parametrize("factors", [[], [0.9, 0.0], [11]])
def test_factors_that_make_no_sense_are_refused(factors):
    with pytest.raises(ValueError, match=r"expected at least one, each in \[0.1, 10\]"):
        Speed(factors=factors)
