"""Where a corpus is looked for, and which reader serves it."""

import os
from collections import Counter
from pathlib import Path

import pytest

from transfer.data.readers import READERS, about_readers, corpus_root, guess_reader, read_corpus
from transfer.errors import CorpusError

SHELF = Path(os.environ.get("TRANSFER_CORPORA") or Path(__file__).resolve().parents[3] / "shared" / "corpora")


def real(name):
    if not (SHELF / name).is_dir():
        pytest.skip(f"no real corpus at {SHELF / name}")
    return read_corpus(name, SHELF / name)


def touch(root, *files):
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()


def test_root_of_the_recipe_comes_before_the_shelf(tmp_path, monkeypatch):
    (tmp_path / "shelf" / "emovo").mkdir(parents=True)
    (tmp_path / "mine").mkdir()
    monkeypatch.setenv("TRANSFER_CORPORA", str(tmp_path / "shelf"))
    assert corpus_root("emovo") == tmp_path / "shelf" / "emovo"
    assert corpus_root("emovo", str(tmp_path / "mine")) == tmp_path / "mine"


def test_a_missing_corpus_names_both_ways_to_give_it(tmp_path, monkeypatch):
    monkeypatch.delenv("TRANSFER_CORPORA", raising=False)
    with pytest.raises(CorpusError, match=r"'emovo'.*root: in the recipe.*TRANSFER_CORPORA"):
        corpus_root("emovo")
    with pytest.raises(CorpusError, match=r"nowhere does not exist.*root:.*TRANSFER_CORPORA"):
        corpus_root("emovo", str(tmp_path / "nowhere"))


def test_a_corpus_missing_on_the_shelf_gets_a_suggestion(tmp_path, monkeypatch):
    (tmp_path / "emovo").mkdir()
    monkeypatch.setenv("TRANSFER_CORPORA", str(tmp_path))
    with pytest.raises(CorpusError, match="did you mean 'emovo'"):
        corpus_root("emvo")


@pytest.mark.parametrize("name", [*READERS, "own"])
def test_every_reader_names_what_it_expected_and_found(name, tmp_path):
    with pytest.raises(CorpusError, match="does not exist"):
        read_corpus(name, tmp_path / "nowhere")
    with pytest.raises(CorpusError, match="expected"):
        read_corpus(name, tmp_path)
    touch(tmp_path, "readme.txt")
    with pytest.raises(CorpusError, match=r"expected .*"):
        read_corpus(name, tmp_path)


def test_the_name_picks_the_reader_unless_the_recipe_says_otherwise(tmp_path):
    touch(tmp_path, "f1/dis-f1-b1.wav")
    assert read_corpus("emovo", tmp_path).labels == ("disgust",)
    assert read_corpus("mine", tmp_path, reader="emovo").labels == ("disgust",)
    assert read_corpus("mine", tmp_path).labels == ("disgust",)
    assert read_corpus("emovo", tmp_path, reader="folders").labels == ("f1",)


def test_a_corpus_of_ones_own_is_read_by_manifest_before_folders(tmp_path):
    touch(tmp_path, "a/1.wav")
    (tmp_path / "Manifest.CSV").write_text("path,label\na/1.wav,joy\n")
    assert read_corpus("mine", tmp_path).labels == ("joy",)
    assert read_corpus("mine", tmp_path / "Manifest.CSV").labels == ("joy",)


def test_an_unknown_reader_gets_a_suggestion(tmp_path):
    with pytest.raises(CorpusError, match="no reader named 'emvo'; did you mean 'emovo'"):
        read_corpus("mine", tmp_path, reader="emvo")


def test_a_file_is_refused_where_a_folder_is_wanted(tmp_path):
    touch(tmp_path, "list.txt")
    with pytest.raises(CorpusError, match="is a file"):
        read_corpus("emovo", tmp_path / "list.txt")


def test_every_reader_has_a_line_for_listings():
    assert set(about_readers()) == set(READERS)
    assert all(about_readers().values())


def test_a_reader_that_cannot_be_guessed_is_asked_for_with_the_candidates(tmp_path):
    touch(tmp_path, "f1/dis-f1-b1.wav", "Angry/SM1_F1_A01.wav")
    with pytest.raises(CorpusError, match=r"of 2 audio files.* folders \(2\), emovo \(1\), urdu \(1\); .*--reader"):
        guess_reader(tmp_path)
    with pytest.raises(CorpusError, match="it is not clear which to use"):
        read_corpus("mine", tmp_path)


def test_a_layout_that_few_files_follow_is_not_guessed(tmp_path):
    touch(tmp_path, "f1/dis-f1-b1.wav", "joy/1.wav", "joy/2.wav")
    with pytest.raises(CorpusError, match=r"of 3 audio files.* folders \(3\), emovo \(1\)"):
        guess_reader(tmp_path)


def test_what_a_corpus_says_of_itself_comes_before_its_layout(tmp_path):
    touch(tmp_path, "f1/dis-f1-b1.wav", "manifest.csv")
    assert guess_reader(tmp_path) == guess_reader(tmp_path / "manifest.csv") == "manifest"
    touch(tmp_path, "db.yaml")
    with pytest.raises(CorpusError, match=r"manifest \(1\), audformat \(1\)"):
        guess_reader(tmp_path)


def test_folders_with_words_that_a_layout_without_speakers_lacks_are_read_as_folders(tmp_path):
    words = ("anger", "fear", "happiness", "neutral", "sadness", "surprise")
    touch(tmp_path, *(f"{word}/000.wav" for word in words))
    assert guess_reader(tmp_path) == "folders"
    assert read_corpus("mine", tmp_path).labels == words


@pytest.mark.parametrize(
    "files",
    [
        ["angry/201.wav", "sad/201.wav", "surprise/201.wav"],
        ["liuchanhg/angry/201.wav", "liuchanhg/sad/201.wav", "liuchanhg/noise.wav"],
        ["angry/201-angry-liuchanhg.wav", "sad/201-sad-liuchanhg.wav", "other/test.wav"],
    ],
)
def test_casia_is_guessed_where_it_reads_all_or_tells_who_speaks(tmp_path, files):
    touch(tmp_path, *files)
    assert guess_reader(tmp_path) == "casia"


def test_audio_beside_a_layout_that_tells_who_speaks_does_not_make_it_folders(tmp_path):
    touch(tmp_path, "f1/dis-f1-b1.wav", "f1/dis-f1-b2.wav", "f1/noise.wav")
    assert guess_reader(tmp_path) == "emovo"


def test_nothing_to_guess_from_is_named(tmp_path):
    with pytest.raises(CorpusError, match="does not exist"):
        guess_reader(tmp_path / "nowhere")
    with pytest.raises(CorpusError, match="the folder is empty"):
        guess_reader(tmp_path)
    touch(tmp_path, "list.txt")
    with pytest.raises(CorpusError, match="is a file, and no manifest"):
        guess_reader(tmp_path / "list.txt")
    with pytest.raises(CorpusError, match=r"found 1 file: list\.txt"):
        guess_reader(tmp_path)


def test_an_option_that_a_reader_does_not_have_is_refused_by_name(tmp_path):
    touch(tmp_path, "f1/dis-f1-b1.wav")
    with pytest.raises(CorpusError, match=r"'iemocap' has no option 'clases'; did you mean 'classes'"):
        read_corpus("iemocap", tmp_path, options={"clases": 4})
    with pytest.raises(CorpusError, match=r"'emovo' has no option 'classes'; it has none"):
        read_corpus("emovo", tmp_path, options={"classes": 4})


@pytest.mark.corpora
@pytest.mark.parametrize("name", ["emovo", "nemo"])
def test_the_reader_of_a_real_corpus_is_guessed(name):
    real(name)
    assert guess_reader(SHELF / name) == name


@pytest.mark.corpora
def test_nemo_is_read_as_it_lies():
    corpus = real("nemo")
    assert len(corpus.table) == 1050
    assert corpus.speakers == ("EB0", "IC0", "KD0", "SM0", "TP0")
    assert Counter(corpus.table["label"]) == dict.fromkeys(
        ("anger", "fear", "happiness", "neutral", "sadness", "surprised"), 175
    )
    assert Counter(corpus.table["sex"]) == {"female": 630, "male": 420}
    assert corpus.table["age"].between(18, 60).all()
    assert corpus.table["text"].str.contains(" ").all()
    assert (corpus.ignored, corpus.missing, corpus.synthetic) == ((), (), None)


@pytest.mark.corpora
def test_emovo_is_read_as_it_lies():
    corpus = real("emovo")
    assert len(corpus.table) == 588
    assert corpus.speakers == ("f1", "f2", "f3", "m1", "m2", "m3")
    words = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
    assert Counter(corpus.table["label"]) == dict.fromkeys(words, 84)
    assert corpus.table["text"].nunique() == 14
    assert corpus.ignored == ()
