"""The stand-in with one label a frame: labels fit the front end and what is heard, and a recipe learns from them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from feature_extractors.frontends import MFCC
from transfer import load_recipe, run
from transfer.data.readers import guess_reader, read_corpus
from transfer.data.synthetic import synthesize
from transfer.data.synthetic.language import PHONES
from transfer.data.synthetic.phonemes import frame_labels
from transfer.errors import UserError
from transfer.standins import with_standins

HOP = 160


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return synthesize("phonemes", tmp_path_factory.mktemp("phonemes") / "phonemes", speakers=3, clips=2, seed=1)


def clips(root):
    for file in sorted(root.rglob("*.wav")):
        yield soundfile.read(file, dtype="float32")[0], np.array(file.with_suffix(".txt").read_text().split())


def test_it_is_a_manifest_with_a_label_file_for_each_clip(root):
    corpus = read_corpus("phonemes", root, reader=guess_reader(root))
    assert corpus.speakers == ("01", "02", "03")
    assert len(corpus.table) == 6
    assert (corpus.labels, corpus.synthetic["name"], corpus.synthetic["known_best"]) == (("speech",), "phonemes", None)
    assert (corpus.missing, corpus.ignored) == ((), ())
    assert all((root / name).is_file() for name in corpus.table["frame_labels"])


def test_there_is_a_label_for_every_frame_of_the_front_end(root, tmp_path):
    for hop, folder in ((HOP, root), (512, synthesize("phonemes", tmp_path / "a", speakers=1, clips=1, hop=512))):
        front_end = MFCC(order=1, n_fft=800, hop=hop)
        assert all(len(labels) == front_end.frames(len(audio)) for audio, labels in clips(folder))
        assert set().union(*(labels for _, labels in clips(folder))) <= set(PHONES)


def centroids(audio):
    """The spectral centroid and the level of each frame, by numpy alone."""
    padded = np.pad(audio, 200)
    frames = np.lib.stride_tricks.sliding_window_view(padded, 400)[::HOP] * np.hanning(400)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    frequency = np.fft.rfftfreq(400, 1 / 16000)
    return power @ frequency / power.sum(1), 10 * np.log10(power.sum(1))


def test_what_is_labelled_is_what_is_heard_at_that_time(root):
    def correlation(lag):
        found = []
        for audio, labels in clips(root):
            speech = np.roll(labels, lag) != "sil"
            centroid, _ = centroids(audio)
            hiss = np.roll(labels, lag) == "s"
            found.append(np.corrcoef(hiss[speech], np.log(centroid[speech]))[0, 1])
        return np.mean(found)

    by_lag = {lag: correlation(lag) for lag in range(-8, 9)}
    assert by_lag[0] > 0.7
    assert abs(max(by_lag, key=by_lag.get)) <= 1
    levels = [(level[labels == "sil"].mean(), level[labels == "a"].mean()) for audio, labels in clips(root)
              for level in (centroids(audio)[1],) if "a" in labels]  # fmt: skip
    assert all(silent < loud - 10 for silent, loud in levels)


def test_a_label_is_that_of_the_frames_centre():
    phones = np.repeat([0, 3, 1], 4)  # 20 ms each
    labels = frame_labels(phones, samples=960, hop=HOP)
    assert labels == ["sil", "sil", "a", "a", "s", "s", "s"]
    assert frame_labels(phones, samples=960, hop=320) == ["sil", "a", "s", "s"]


def test_what_is_about_labels_of_clips_is_refused(tmp_path):
    for dial in ({"prior": 0.5}, {"label_noise": 0.1}):
        with pytest.raises(UserError, match="labels of frames"):
            synthesize("phonemes", tmp_path / "a", speakers=1, clips=1, **dial)
    with pytest.raises(UserError, match="emovo has labels of clips"):
        synthesize("emovo", tmp_path / "b", hop=512)
    with pytest.raises(UserError, match="hop is 0"):
        synthesize("phonemes", tmp_path / "c", hop=0)
    assert not list(tmp_path.iterdir())


def test_the_stand_in_of_a_recipe_has_the_frames_of_its_front_end():
    words = ["frontend.hop=320", "synthetic.target={speakers: 6, clips: 1}"]
    recipe = with_standins(load_recipe("notes/004_phonemes/medium_11_frames", words, synthetic=True))
    front_end = MFCC(order=1, n_fft=400, hop=320)
    for file, (audio, labels) in zip(range(6), clips(Path(recipe.target.root)), strict=True):
        assert len(labels) == front_end.frames(len(audio)), file


def test_a_network_of_the_notes_learns_the_phones_of_speakers_it_never_heard(tmp_path):
    words = [
        "synthetic.target={speakers: 8, clips: 2}",
        "training.epochs=6",
        "extractor.width=64",
        "training.batch_size=64",
        "training.optimizer.lr=0.002",
        "tracking.kind=none",
        "training.monitor=false",
    ]
    summary = run("notes/004_phonemes/medium_11_frames", words, synthetic=True, out=tmp_path / "run")
    assert set(summary["classes"]["phonemes"]) == set(PHONES)
    assert summary["synthetic"]["phonemes"]["name"] == "phonemes"
    assert summary["metrics"]["test"]["slice"]["uar"] > 0.7  # chance is a ninth
