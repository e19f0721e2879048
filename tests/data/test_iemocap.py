"""IEMOCAP's turns and the files of EmoEvaluation."""

import pytest

from transfer.data.iemocap import read_iemocap
from transfer.data.readers import read_corpus
from transfer.data.synthetic import synthesize
from transfer.errors import CorpusError

TURNS = """% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]
C-E2:\tNeutral;\t()
C-F1:\tNeutral; Anger;\t(curious)
A-E3:\tval 3; act 2; dom  2;\t()

[10.0100 - 11.3925]\tSes01F_impro01_M000\texc\t[4.5000, 4.0000, 3.0000]
[14.8872 - 18.0175]\tSes01F_impro01_F001\txxx\t[2.0000, 3.0000, 3.0000]
[19.0000 - 20.0000]\tSes01F_impro01_F002\tsur\t[3.0000, 3.0000, 3.0000]
"""
NAMES = ("F000", "M000", "F001", "F002")


def iemocap(root, *, turns=TURNS, names=NAMES):
    labels = root / "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"
    single = labels.parent / "Categorical/Ses01F_impro01_e1_cat.txt"
    waves = [root / f"Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_{name}.wav" for name in names]
    dialogue = root / "Session1/dialog/wav/Ses01F_impro01.wav"
    for file in (labels, single, dialogue, *waves):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    labels.write_text(turns, encoding="utf-8")
    single.write_text("Ses01F_impro01_F000 :Anger; ()\n", encoding="utf-8")
    return root


def test_a_turn_belongs_to_who_speaks_and_not_to_who_wears_the_markers(tmp_path):
    table = read_iemocap("iemocap", iemocap(tmp_path)).table
    assert table["speaker"].to_list() == ["Ses01F", "Ses01M"]
    assert table["sex"].to_list() == ["female", "male"]
    assert table["label"].to_list() == ["neu", "exc"]
    assert table["session"].to_list() == ["Ses01"] * 2
    assert table["dialogue"].to_list() == ["Ses01F_impro01"] * 2
    assert table[["valence", "arousal", "dominance"]].values.tolist() == [[2.5, 2.5, 2.5], [4.5, 4, 3]]


def test_what_is_left_out_is_told_with_its_reason_and_what_is_no_turn_is_listed(tmp_path):
    corpus = read_iemocap("iemocap", iemocap(tmp_path, names=(*NAMES, "F099")))
    assert {reason: len(files) for reason, files in corpus.left_out.items()} == {
        "label sur": 1,
        "label xxx": 1,
        "no label": 1,
    }
    assert corpus.ignored == (
        "Session1/dialog/EmoEvaluation/Categorical/Ses01F_impro01_e1_cat.txt",
        "Session1/dialog/wav/Ses01F_impro01.wav",
    )


def test_a_label_without_its_turn_is_told_as_missing(tmp_path):
    assert read_iemocap("iemocap", iemocap(tmp_path, names=("F000",))).missing == (
        "Ses01F_impro01_M000",
        "Ses01F_impro01_F001",
        "Ses01F_impro01_F002",
    )


def test_four_classes_merge_excitement_into_happiness_and_named_ones_are_kept(tmp_path):
    iemocap(tmp_path)
    assert read_iemocap("iemocap", tmp_path, classes=4).labels == ("hap", "neu")
    assert read_iemocap("iemocap", tmp_path, classes=["neu", "sur", "xxx"]).labels == ("neu", "sur", "xxx")
    assert read_corpus("iemocap", tmp_path, options={"classes": 4}).labels == ("hap", "neu")


def test_four_classes_of_the_stand_in_are_its_six_without_frustration(tmp_path):
    root = synthesize("iemocap", tmp_path / "iemocap", speakers=2, clips=1)
    six, four = (read_iemocap("iemocap", root, classes=n).table["label"].value_counts().to_dict() for n in (6, 4))
    assert four == {"ang": six["ang"], "hap": six["hap"] + six["exc"], "neu": six["neu"], "sad": six["sad"]}


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (5, "classes is 5; expected 4, 6 or a list of ang"),
        ("ang", "classes is 'ang'"),
        ([], r"classes is \[\]"),
        (4.5, "classes is 4.5; expected 4, 6 or a list"),
        (["ang", "happ"], "'happ'; did you mean 'hap'"),
        (["sad"], r"none of 4 turns .* has a label of sad; found: label neu, label xxx"),
    ],
)
def test_classes_that_cannot_be_are_refused(classes, message, tmp_path):
    with pytest.raises(CorpusError, match=message):
        read_iemocap("iemocap", iemocap(tmp_path), classes=classes)


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        (TURNS.replace("exc", "joy"), r"Ses01F_impro01\.txt, line 8: unknown label 'joy'; known: ang"),
        (TURNS.replace("4.5000, 4.0000, 3.0000", "4.5, 4.0"), r"line 8: .* is no turn; expected \[start - end\]"),
    ],
)
def test_a_line_that_cannot_be_understood_is_named(turns, message, tmp_path):
    with pytest.raises(CorpusError, match=message):
        read_iemocap("iemocap", iemocap(tmp_path, turns=turns))


def test_turns_without_labels_are_no_corpus(tmp_path):
    (iemocap(tmp_path) / "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt").unlink()
    with pytest.raises(CorpusError, match=r"expected files such as .*EmoEvaluation/Ses01F_impro01\.txt"):
        read_iemocap("iemocap", tmp_path)
