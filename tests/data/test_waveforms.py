"""Waveforms are kept of training slices only, each with its own samples."""

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from transfer.data.domain import Domain
from transfer.data.waveforms import load_waveforms
from transfer.errors import AudioError


@pytest.fixture
def spoken(tmp_path):
    """Return a corpus of four slices of three files; the last two are validation and test."""
    rng = np.random.default_rng(0)
    for name, seconds in (("a", 2), ("b", 1), ("c", 1)):
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * rng.standard_normal(seconds * 8000), 8000)
    rows = [("a", 0.5, 2.0), ("b", 0.0, 1.0), ("a", 0.0, 0.5), ("c", 0.0, 1.0)]
    table = pd.DataFrame([{"path": str(tmp_path / f"{n}.wav"), "hash": n, "start": s, "end": e} for n, s, e in rows])
    pools = {
        "labelled": torch.tensor([1]),
        "any": torch.tensor([0, 1]),
        "valid": torch.tensor([2]),
        "test": torch.tensor([3]),
    }
    empty = torch.zeros(4, 1, 1)
    return Domain("own", ("x",), empty, torch.ones(4).long(), torch.zeros(4).long(), pools, table)


def test_each_slice_has_its_own_samples_in_the_order_asked(spoken, tmp_path):
    heard = load_waveforms(spoken, sample_rate=8000, device=torch.device("cpu"))
    x, lengths = heard.batch(torch.tensor([1, 0]))
    assert lengths.tolist() == [8000, 12000]
    for place, (name, start) in enumerate((("b", 0), ("a", 4000))):
        wave, _ = soundfile.read(tmp_path / f"{name}.wav", dtype="float32")
        assert np.array_equal(x[place, 0, : lengths[place]], wave[start:])
    assert not x[0, 0, 8000:].any()


def test_validation_and_test_audio_are_not_even_opened(spoken, tmp_path):
    (tmp_path / "c.wav").unlink()
    heard = load_waveforms(spoken, sample_rate=8000, device=torch.device("cpu"))
    assert heard.lengths.tolist() == [12000, 8000, 0, 0]
    assert len(heard.samples) == 20000


def test_audio_that_has_gone_is_named(spoken, tmp_path, monkeypatch):
    monkeypatch.setenv("TRANSFER_CACHE", str(tmp_path / "cache"))
    (tmp_path / "b.wav").unlink()
    with pytest.raises(AudioError, match=r"b\.wav"):
        load_waveforms(spoken, sample_rate=8000, device=torch.device("cpu"))
