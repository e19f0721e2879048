"""A corpus in numbers and a picture."""

import numpy as np
import pytest
import soundfile

from transfer.data.corpus import Corpus, corpus_table
from transfer.data.description import describe_corpus, draw_corpus
from transfer.data.scan import scan_audio


@pytest.fixture
def corpus(tmp_path):
    rows = []
    for i in range(6):
        path = tmp_path / f"{i}.wav"
        soundfile.write(path, 0.1 * np.ones(8000 * (i + 1)), 8000)
        rows.append(
            {
                "path": str(path),
                "label": "ab"[i % 2],
                "speaker": f"s{i // 3}",
                "recording": path.name,
                "sex": "fm"[i // 3],
            }
        )
    return Corpus("own", tmp_path, corpus_table(rows), ignored=("x.txt",))


def test_counts_and_durations_are_those_of_the_files(corpus):
    description = describe_corpus(corpus, scan_audio(corpus.table))
    assert description["classes"] == {"a": 3, "b": 3}
    assert description["clips_by_speaker"] == {"s0": 3, "s1": 3}
    assert description["classes_by_speaker"]["s0"] == {"a": 2, "b": 1}
    assert description["sex"] == {"female": 3, "male": 3}
    assert description["seconds"] == {"total": 21.0, "shortest": 1.0, "median": 3.5, "longest": 6.0}
    assert description["sample_rates"] == {"8000": 6}
    assert (description["files"], description["ignored_files"], description["unusable_files"]) == (6, 1, 0)


def test_a_file_that_cannot_be_read_is_counted_and_left_out_of_the_durations(corpus, tmp_path):
    (tmp_path / "5.wav").write_text("text")
    description = describe_corpus(corpus, scan_audio(corpus.table))
    assert description["unusable_files"] == 1
    assert description["seconds"]["longest"] == 5.0


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_picture_is_an_image_with_every_class(corpus, tmp_path, suffix):
    file = tmp_path / f"own.{suffix}"
    draw_corpus(corpus, scan_audio(corpus.table), file)
    head = file.read_bytes()
    assert head.startswith(b"\x89PNG") if suffix == "png" else b"<svg" in head


def test_a_corpus_with_no_readable_file_is_described_and_drawn(corpus, tmp_path):
    for file in tmp_path.glob("*.wav"):
        file.write_text("text")
    scan = scan_audio(corpus.table)
    assert describe_corpus(corpus, scan)["seconds"]["median"] is None
    draw_corpus(corpus, scan, tmp_path / "own.png")
