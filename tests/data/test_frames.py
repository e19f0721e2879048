"""The frame-stacking data path: label files, windows as views, and a run from end to end."""

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from transfer.data.domain import HIDDEN
from transfer.data.features import FeatureStore
from transfer.data.frames import build_frame_domain, with_frame_labels
from transfer.data.normalisation import Normaliser
from transfer.errors import CorpusError, RecipeError
from transfer.experiment import check, run

HOP, RATE = 512, 16000
TONES = {"low": 300.0, "mid": 1200.0, "high": 4000.0}
RECIPE = """\
name: phones
strategy: {name: scratch}
target: {corpus: phones, root: ROOT, slices: {version: frames, neighbours: 5}}
frontend: {name: mfcc, order: 3}
extractor: {name: frame_mlp, neighbours: 5, layers: 1, width: 32}
head: {name: linear}
training: {epochs: 8, batch_size: 32, optimizer: {lr: 0.003}}
split: {valid: 0.2, test: 0.2}
tracking: {kind: none}
"""


@pytest.fixture(scope="module")
def phones(tmp_path_factory):
    """A corpus of ten speakers whose frames are one of three tones, in stretches of some frames."""
    root, rng, rows = tmp_path_factory.mktemp("phones"), np.random.default_rng(0), []
    for speaker in range(10):
        for clip in range(2):
            frames = int(rng.integers(30, 45))
            names = rng.choice(list(TONES), frames // 6 + 1).repeat(6)[:frames]
            frequency = np.array([TONES[n] for n in names]).repeat(HOP)[: (frames - 1) * HOP] * (1 + 0.02 * speaker)
            wave = 0.1 * np.sin(2 * np.pi * np.cumsum(frequency) / RATE) + 0.003 * rng.standard_normal(len(frequency))
            stem = f"s{speaker}_{clip}"
            soundfile.write(root / f"{stem}.wav", wave, RATE)
            (root / f"{stem}.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
            rows.append(
                {"path": f"{stem}.wav", "label": "speech", "speaker": f"s{speaker}", "frame_labels": f"{stem}.txt"}
            )
    pd.DataFrame(rows).to_csv(root / "manifest.csv", index=False)
    (root.parent / "phones.yaml").write_text(RECIPE.replace("ROOT", str(root)), encoding="utf-8")
    return root


def test_a_run_learns_frames_of_speakers_it_never_heard(phones, tmp_path):
    summary = run(phones.parent / "phones.yaml", out=tmp_path / "run")
    table = pd.read_parquet(tmp_path / "run" / "predictions.parquet")
    frames = {p.stem: len(p.read_text().split()) for p in phones.glob("*.txt")}
    assert summary["classes"]["phones"] == sorted(TONES)
    assert summary["metrics"]["test"]["slice"]["uar"] > 0.85  # chance is a third
    by_frame, by_recording = (summary["metrics"]["test"][level] for level in ("slice", "recording"))
    assert by_recording["brier"] == pytest.approx(by_frame["brier"])
    assert {key: by_frame[key] for key in ("n", "uar", "confusion", "per_class")} == {
        key: by_recording[key] for key in ("n", "uar", "confusion", "per_class")
    }
    subjects = {part: set(group["subject"]) for part, group in table.groupby("part")}
    assert not subjects["valid"] & subjects["test"]
    assert len(table[table["part"] == "test"]) < sum(frames.values()) / 3


def test_the_bilstm_and_the_check_take_the_same_corpus(phones):
    small = ["extractor={name: frame_bilstm, units: 4, lstm_layers: 1, layers: 1, width: 8}"]
    planned = check(phones.parent / "phones.yaml", small)
    assert planned.classes["phones"] == tuple(sorted(TONES))
    assert len(planned.slices) == 20  # clips, so that features are computed and cached by clip


def frame_domain(neighbours=5):
    """Two clips of 4 and 2 frames, the second of them a test clip."""
    store = FeatureStore(np.arange(12, dtype=np.float32).reshape(6, 2), np.array([4, 2]), {})
    slices = pd.DataFrame(
        {
            "position": [0, 1],
            "speaker": ["a", "b"],
            "path": ["a.wav", "b.wav"],
            "recording": ["a.wav", "b.wav"],
            "frame_labels": [("x", "x", "y", "y"), ("y", "x")],
            "label": "speech",
            "part": ["train", "test"],
            "labelled": [True, False],
            "visible": [True, False],
        }
    )
    device = torch.device("cpu")
    return build_frame_domain("c", ("x", "y"), slices, store, Normaliser("none"), device, neighbours=neighbours)


def test_a_window_is_a_frame_with_its_neighbours_and_repeats_the_ends_of_its_clip():
    batch = frame_domain().batch(torch.tensor([0, 3, 4, 5]))
    first = batch.features[:, 0]  # channel 0 of frame i is 2 i
    assert first.tolist() == [[0, 0, 0, 2, 4], [2, 4, 6, 6, 6], [8, 8, 8, 10, 10], [8, 8, 10, 10, 10]]
    assert batch.lengths.tolist() == [5] * 4
    assert batch.labels.tolist() == [0, 1, HIDDEN, HIDDEN]


def test_windows_take_no_memory_of_their_own():
    few, many = frame_domain(1), frame_domain(81)
    assert few.features.untyped_storage().nbytes() == 6 * 2 * 4
    assert many.features.untyped_storage().nbytes() == (6 + 2 * 80) * 2 * 4
    assert many.batch(torch.arange(6)).features.shape == (6, 2, 81)


def test_every_frame_is_a_row_of_its_clips_part_with_its_own_label():
    domain = frame_domain()
    assert {pool: rows.tolist() for pool, rows in domain.pools.items()} == {
        "labelled": [0, 1, 2, 3],
        "any": [0, 1, 2, 3],
        "valid": [],
        "test": [4, 5],
    }
    assert domain.table["label"].tolist() == ["x", "x", "y", "y", "y", "x"]
    assert domain.table["recording"].is_unique
    assert "label" not in domain.without_truth().table
    assert torch.equal(
        domain.without_truth().batch(torch.tensor([1])).features, domain.batch(torch.tensor([1])).features
    )


def test_as_many_labels_as_frames_are_demanded(phones, tmp_path):
    file = phones / "s3_1.txt"
    text = file.read_text()
    try:
        file.write_text(text + "low\n")
        with pytest.raises(CorpusError, match=r"s3_1\.wav: (\d+) labels for \d+ frames; expected one label a line"):
            run(phones.parent / "phones.yaml", out=tmp_path / "run")
        file.write_text(text.replace("\n", "\n\n", 1))
        with pytest.raises(CorpusError, match=r"s3_1\.txt, line 2: empty"):
            check(phones.parent / "phones.yaml")
        file.unlink()
        with pytest.raises(CorpusError, match="not readable as a label file"):
            check(phones.parent / "phones.yaml")
    finally:
        file.write_text(text)


def test_a_corpus_without_label_files_is_refused(tmp_path):
    slices = pd.DataFrame({"clip": [0]})
    with pytest.raises(CorpusError, match="a column 'frame_labels'"):
        with_frame_labels(slices, pd.DataFrame({"path": ["a.wav"]}), tmp_path)
    with pytest.raises(CorpusError, match="leaves the corpus folder"):
        with_frame_labels(slices, pd.DataFrame({"frame_labels": ["../a.txt"]}), tmp_path)
    with pytest.raises(CorpusError, match="no label file"):
        with_frame_labels(slices, pd.DataFrame({"frame_labels": [""]}), tmp_path)


@pytest.mark.parametrize("override", ["target.slices.neighbours=10", "labels=shared", "target.relabel={speech: x}"])
def test_what_does_not_go_with_frames_is_refused(phones, override):
    with pytest.raises(RecipeError, match=r"odd number|labels of clips"):
        check(phones.parent / "phones.yaml", [override])
