"""Noise: its level to a tenth of a decibel, and its color."""

import numpy as np
import pytest
import torch
from scipy import signal

from feature_extractors.augmentations import Noise


def speechlike(n=4, samples=16000):
    """Return waveforms of different lengths and loudness, zero past their ends."""
    generator = np.random.default_rng(0)
    lengths = torch.tensor([samples, samples // 2, 999, samples // 3][:n])
    x = torch.zeros(n, 1, samples)
    for i, length in enumerate(lengths.tolist()):
        x[i, 0, :length] = torch.from_numpy(np.sin(np.arange(length) * 0.05) * generator.uniform(0.01, 1))
    return x, lengths


def ratio(x, y, length):
    clean, noise = x[0, :length].double().numpy(), (y - x)[0, :length].double().numpy()
    return 10 * np.log10((clean**2).mean() / (noise**2).mean())


@pytest.mark.parametrize("color", ["white", "pink"])
@pytest.mark.parametrize("snr", [-5.0, 12.0, 40.0])
def test_the_measured_ratio_is_the_one_drawn_over_the_real_samples_of_each_clip(color, snr):
    x, lengths = speechlike()
    y, counts = Noise(snr=(snr, snr), color=color)(x, lengths, torch.Generator().manual_seed(0))
    assert torch.equal(counts, lengths)
    for clean, noisy, length in zip(x, y, lengths.tolist(), strict=True):
        assert ratio(clean, noisy, length) == pytest.approx(snr, abs=0.1)


def test_ratios_are_drawn_uniformly_for_each_clip():
    x = torch.ones(2000, 1, 50)
    y, _ = Noise(snr=(5, 30))(x, torch.full((2000,), 50), torch.Generator().manual_seed(0))
    drawn = np.sort([ratio(a, b, 50) for a, b in zip(x, y, strict=True)])
    np.testing.assert_allclose(drawn, np.linspace(5, 30, 2000), atol=1.2)


@pytest.mark.parametrize(("color", "slope"), [("white", 0.0), ("pink", -1.0)])
def test_the_power_density_falls_as_the_color_says(color, slope):
    x = torch.ones(8, 1, 32768)
    y, _ = Noise(snr=(0, 0), color=color)(x, torch.full((8,), 32768), torch.Generator().manual_seed(0))
    f, density = signal.welch((y - x)[:, 0].numpy(), fs=16000, nperseg=2048)
    inner = (f > 100) & (f < 7000)
    found = np.polyfit(np.log10(f[inner]), np.log10(density.mean(0)[inner]), 1)[0]
    assert found == pytest.approx(slope, abs=0.06)


def test_a_loud_waveform_in_16_bits_gets_the_ratio_too():
    x = 30 * torch.ones(2, 1, 4000, dtype=torch.float16)
    y, _ = Noise(snr=(10, 10))(x, torch.tensor([4000, 4000]), torch.Generator().manual_seed(0))
    assert [ratio(a, b, 4000) for a, b in zip(x, y, strict=True)] == pytest.approx([10, 10], abs=0.1)


def test_a_single_sample_has_no_pink_noise():
    x = torch.full((1, 1, 1), 0.5)
    assert torch.equal(Noise(color="pink")(x, torch.tensor([1]), torch.Generator().manual_seed(0))[0], x)


def test_silence_stays_silent():
    y, _ = Noise()(torch.zeros(1, 1, 100), torch.tensor([100]), torch.Generator())
    assert torch.equal(y, torch.zeros(1, 1, 100))


def test_an_empty_range_and_an_unknown_color_are_refused():
    with pytest.raises(ValueError, match=r"snr is \[30, 5\]; expected the lowest ratio first"):
        Noise(snr=(30, 5))
    with pytest.raises(ValueError, match="unknown color 'brown'; choose one of white, pink"):
        Noise(color="brown")
