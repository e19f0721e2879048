"""Sinc filters against the closed formula and scipy's frequency response."""

import numpy as np
import pytest
import torch
from scipy import signal

from feature_extractors.sinc import SincConv1d, sinc_filters

TAPS = 251


def test_filters_are_windowed_differences_of_low_passes():
    low, high = np.array([0.01, 0.1]), np.array([0.05, 0.4])
    n = np.arange(TAPS) - TAPS // 2
    ideal = [2 * b * np.sinc(2 * b * n) - 2 * a * np.sinc(2 * a * n) for a, b in zip(low, high, strict=True)]
    ours = sinc_filters(torch.tensor(low), torch.tensor(high), TAPS)
    np.testing.assert_allclose(ours.numpy(), np.array(ideal) * np.hamming(TAPS), atol=1e-12)


@pytest.mark.parametrize(("low", "high"), [(300, 3400), (1000, 1500), (100, 7000)])
def test_pass_band_lies_between_the_cutoffs_with_unit_gain(low, high):
    taps = sinc_filters(*torch.tensor([[low], [high]], dtype=torch.float64) / 16000, TAPS)[0].numpy()
    hertz, response = signal.freqz(taps, worN=4096, fs=16000)
    gain, edge = abs(response), 110  # Hz; half the transition of a Hamming window of 251 taps
    np.testing.assert_allclose(gain[(hertz > low + edge) & (hertz < high - edge)], 1, atol=0.01)
    assert gain[(hertz < low - edge) | (hertz > high + edge)].max() < 0.01
    assert gain[np.abs(hertz - high).argmin()] == pytest.approx(0.5, abs=0.02)


def test_learned_cutoffs_are_those_of_the_filters():
    conv = SincConv1d(4)
    with torch.no_grad():
        conv.low.copy_(torch.tensor([-0.02, 0.0, 0.1, 0.4]))
        conv.band.copy_(torch.tensor([0.05, -0.1, 0.0, 0.9]))
    low, high = conv.cutoffs()
    narrowest = 50 / 16000
    torch.testing.assert_close(low, torch.tensor([0.02, 0.0, 0.1, 0.4]) + narrowest)
    torch.testing.assert_close(high, torch.tensor([0.07, 0.1, 0.1, 0.5 - 2 * narrowest]) + 2 * narrowest)
    x = torch.randn(1, 1, 1000)
    taps = sinc_filters(low, high, TAPS)
    expected = [signal.correlate(x[0, 0].numpy(), f.detach().numpy(), "valid") for f in taps]
    np.testing.assert_allclose(conv(x)[0].detach().numpy(), expected, atol=1e-4)


def test_bands_start_in_order_on_the_mel_scale_and_within_half_the_sample_rate():
    low, high = SincConv1d(80, sample_rate=8000).cutoffs()
    assert (low.diff() > 0).all()
    assert high.max() <= 0.5
    mel = 2595 * torch.log10(1 + (low - 50 / 8000) * 8000 / 700)
    torch.testing.assert_close(mel.diff(), mel.diff().mean().expand(79), rtol=1e-3, atol=1e-3)


def test_every_cutoff_learns_and_one_step_moves_it_by_hertz():
    conv = SincConv1d(16)
    before = torch.cat(conv.cutoffs()).detach() * 16000
    (conv(torch.randn(2, 1, 2000)).abs() * torch.randn(16, 1)).sum().backward()
    assert (conv.low.grad != 0).all()
    assert (conv.band.grad != 0).all()
    with torch.no_grad():  # the first step of Adam at a rate of 1e-3
        conv.low -= 1e-3 * conv.low.grad.sign()
        conv.band -= 1e-3 * conv.band.grad.sign()
    assert (torch.cat(conv.cutoffs()) * 16000 - before).abs().median() > 5


def test_a_filter_has_a_middle():
    with pytest.raises(ValueError, match="taps is 250"):
        SincConv1d(8, taps=250)
