"""Loudness, peak, clipping and noise of clips, against closed forms."""

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from transfer.data.measurement import measure_clips, measure_waveform

RATE = 16000


def tone(seconds=1.0, amplitude=0.5):
    return amplitude * np.sin(2 * np.pi * 200 * np.arange(int(seconds * RATE)) / RATE)


def test_a_tone_has_the_loudness_of_its_power_and_no_noise():
    measures = measure_waveform(tone(), RATE)
    assert measures["loudness"] == pytest.approx(20 * np.log10(0.5) - 10 * np.log10(2), abs=0.01)
    assert measures["peak"] == pytest.approx(20 * np.log10(0.5), abs=0.01)
    assert measures["snr"] == pytest.approx(0, abs=0.1)
    assert measures["clipped"] == 0


@given(st.floats(0.01, 1.9))
def test_gain_moves_loudness_and_peak_by_its_decibels_and_leaves_the_noise_ratio(gain):
    wave = np.concatenate([tone(), 0.01 * tone()])
    before, after = measure_waveform(wave, RATE), measure_waveform(gain * wave, RATE)
    for name in ("loudness", "peak"):
        assert after[name] - before[name] == pytest.approx(20 * np.log10(gain), abs=1e-6)
    assert after["snr"] == pytest.approx(before["snr"], abs=1e-6)


@pytest.mark.parametrize("ratio", [10, 30])
def test_the_noise_ratio_is_that_of_loud_and_quiet_frames(ratio):
    wave = np.concatenate([tone(), tone() * 10 ** (-ratio / 20)])
    assert measure_waveform(wave, RATE)["snr"] == pytest.approx(ratio, abs=0.1)


def test_a_single_sample_at_full_scale_is_no_clipping_but_a_run_is():
    wave = tone()
    wave[100] = 1.0
    assert measure_waveform(wave, RATE)["clipped"] == 0
    assert measure_waveform(np.clip(4 * wave, -1, 1), RATE)["clipped"] == pytest.approx(2 / 3, abs=0.01)


def test_a_stretch_of_a_long_file_is_measured_block_by_block_and_a_bad_file_gives_nan(tmp_path, monkeypatch):
    monkeypatch.setattr("transfer.data.measurement.BLOCK", 0.3)
    wave = np.concatenate([np.zeros(RATE), tone(), np.zeros(RATE)])
    soundfile.write(tmp_path / "a.wav", np.stack([wave, wave], axis=1), RATE, subtype="FLOAT")
    (tmp_path / "b.wav").write_text("not audio")
    table = pd.DataFrame(
        {
            "path": [str(tmp_path / "a.wav")] * 2 + [str(tmp_path / "b.wav")],
            "start": [1.0, 0.0, 0.0],
            "end": [2.0, np.nan, np.nan],
        }
    )
    ticks = []
    measures = measure_clips(table, progress=lambda done, total: ticks.append((done, total)))
    assert measures["loudness"][0] == pytest.approx(measure_waveform(tone(), RATE)["loudness"], abs=1e-4)
    assert measures["loudness"][1] == pytest.approx(measures["loudness"][0] - 10 * np.log10(3), abs=1e-4)
    assert measures.loc[2].isna().all()
    assert sorted(ticks) == [(1, 3), (2, 3), (3, 3)]
