"""DAIC-WOZ: the participant's turns, without the interviewer's voice."""

import numpy as np
import pytest
import soundfile

from transfer.data.audio import load_audio
from transfer.data.daic_woz import read_daic_woz
from transfer.data.extents import kept_note, kept_share
from transfer.data.scan import scan_audio
from transfer.data.synthetic import Shift, synthesize
from transfer.data.synthetic.daic_woz import hold_interview
from transfer.data.synthetic.recording import Order
from transfer.errors import CorpusError

HEADER = "start_time\tstop_time\tspeaker\tvalue"
TALK = (
    "0.5\t1.5\tEllie\thi i'm ellie",
    "2\t4\tParticipant\tokay",
    "",
    "3.5\t5\tEllie\thow are you",
    "6\t7.25\tParticipant\tfine",
)
TRAIN = "Participant_ID,PHQ8_Binary,PHQ8_Score,Gender,PHQ8_Sleep\n"


def daic(root, *, numbers=(300,), talk=TALK, train="300,0,3,1,1\n", seconds=8.0):
    for number in numbers:
        folder = root / f"{number}_P"
        folder.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / f"{number}_AUDIO.wav", np.full(int(8000 * seconds), 0.1), 8000)
        (folder / f"{number}_TRANSCRIPT.csv").write_text("\n".join((HEADER, *talk)), encoding="utf-8")
    (root / "train_split_Depression_AVEC2017.csv").write_text(TRAIN + train, encoding="utf-8")
    return root


def extents(corpus):
    return corpus.table[["start", "end"]].values.tolist()


def test_the_clips_are_the_participants_turns_of_one_recording_with_scores_and_split(tmp_path):
    corpus = read_daic_woz("daic", daic(tmp_path))
    assert extents(corpus) == [[2, 3.5], [6, 7.25]]
    first = corpus.table.iloc[0]
    told = first[["speaker", "label", "sex", "split", "phq8", "phq8_sleep", "turn", "recording", "language"]]
    assert told.to_list() == ["300", "not_depressed", "male", "train", 3, 1, 1, "300_P/300_AUDIO.wav", "en"]
    assert corpus.table["recording"].nunique() == 1


def test_what_the_interviewer_says_into_a_turn_is_cut_out_and_told(tmp_path):
    (note,) = read_daic_woz("daic", daic(tmp_path)).notes
    assert note.startswith("0.5 s of the participants' turns were cut off")


def test_every_kept_sample_of_the_stand_in_is_the_participants_alone(tmp_path):
    order = Order("daic_woz", 1, Shift.uniform(0.3), 3, 4)
    root = synthesize("daic_woz", tmp_path / "daic", seed=1, speakers=3, clips=4)
    corpus = read_daic_woz("daic", root)
    assert corpus.notes[0].startswith("0.6 s")  # the second question of each comes 0.2 s too early
    for place, (path, clips) in enumerate(corpus.table.groupby("path")):
        turns = hold_interview(order, place)
        alone = np.zeros(soundfile.info(path).frames)
        voiced = np.zeros(len(alone), dtype=bool)
        for turn in turns:
            at = slice(turn.first, turn.first + len(turn.audio))
            if turn.speaker == "Participant":
                alone[at] = turn.audio
            else:
                voiced[at] = True
        kept = np.zeros(len(alone), dtype=bool)
        for start, end in clips[["start", "end"]].to_numpy():
            first, last = round(start * 16000), round(end * 16000)
            kept[first:last] = True
            np.testing.assert_allclose(load_audio(path, start=start, end=end), alone[first:last], atol=1e-4)
        assert not (kept & voiced).any()
        assert kept.sum() == sum(len(t.audio) for t in turns if t.speaker == "Participant") - 3200
        assert voiced.sum() > 0.2 * len(voiced)


def test_how_much_of_each_recording_was_kept_is_told(tmp_path):
    corpus = read_daic_woz("daic", daic(tmp_path, numbers=(300, 301), train="300,0,3,1,1\n301,1,12,0,2\n"))
    scan = scan_audio(corpus.table)
    share = kept_share(corpus.table, scan)
    assert share["recording"].to_list() == ["300_P/300_AUDIO.wav", "301_P/301_AUDIO.wav"]
    assert share[["clips", "duration", "kept", "share"]].iloc[0].to_list() == [2, 8, 2.75, 2.75 / 8]
    assert kept_note(corpus.table, scan).startswith("clips keep 34% of the audio")


def test_transcripts_known_to_be_out_of_step_are_shifted_and_interruptions_left_out(tmp_path):
    found = read_daic_woz("daic", daic(tmp_path / "a", numbers=(321,), train="321,0,3,1,1\n", seconds=20))
    assert extents(found) == [pytest.approx([5.8379167, 7.3379167]), pytest.approx([9.8379167, 11.0879167])]
    long = ("390\t400\tParticipant\tum", "420\t430\tParticipant\twell")
    found = read_daic_woz("daic", daic(tmp_path / "b", numbers=(373,), talk=long, train="373,0,3,1,1\n"))
    assert extents(found) == [[390, 395], [428, 430]]


def test_marks_of_synchronisation_are_nobodys_speech_and_turns_that_run_backward_are_told(tmp_path):
    talk = (*TALK, "7.5\t7.8\tParticipant\t<sync>", "7.9\t7.9\tParticipant\tum")
    corpus = read_daic_woz("daic", daic(tmp_path, talk=talk))
    assert extents(corpus) == [[2, 3.5], [6, 7.25]]
    assert "1 turns in the transcripts do not end after they begin" in corpus.notes[1]


def test_a_transcript_without_the_interviewer_is_told(tmp_path):
    (note,) = read_daic_woz("daic", daic(tmp_path, talk=("2\t4\tParticipant\tokay",))).notes
    assert note.startswith("1 transcripts have no turn of the interviewer")


def test_a_class_that_its_score_contradicts_is_kept_and_told_without_an_id(tmp_path):
    corpus = read_daic_woz("daic", daic(tmp_path, train="300,0,10,1,1\n"))
    assert corpus.labels == ("not_depressed",)
    assert corpus.notes[-1].startswith("1 participants have a PHQ-8 class that their score contradicts")
    assert not any("300" in note for note in corpus.notes)


def test_the_test_part_has_labels_only_where_its_full_table_is_there(tmp_path):
    daic(tmp_path, numbers=(300, 301))
    (tmp_path / "test_split_Depression_AVEC2017.csv").write_text("participant_ID,Gender\n301,0\n")
    corpus = read_daic_woz("daic", tmp_path)
    assert corpus.speakers == ("300",)
    assert corpus.left_out == {"no PHQ-8 label": ("301_P/301_AUDIO.wav",)}
    (tmp_path / "full_test_split.csv").write_text("Participant_ID,PHQ_Binary,PHQ_Score,Gender\n301,1,15,0\n")
    corpus = read_daic_woz("daic", tmp_path)
    row = corpus.table[corpus.table["speaker"] == "301"].iloc[0]
    assert row[["label", "phq8", "sex", "split"]].to_list() == ["depressed", 15, "female", "test"]
    assert corpus.left_out == {}


def test_the_development_part_is_the_validation_part(tmp_path):
    daic(tmp_path, numbers=(300, 302))
    (tmp_path / "dev_split_Depression_AVEC2017.csv").write_text(TRAIN + "302,1,15,0,1\n")
    table = read_daic_woz("daic", tmp_path).table
    assert table.groupby("speaker")["split"].first().to_dict() == {"300": "train", "302": "valid"}


def test_an_interview_without_a_transcript_or_a_turn_and_a_listed_one_that_is_not_there_are_told(tmp_path):
    train = "300,0,3,1,1\n301,0,3,1,1\n302,0,3,1,1\n303,0,3,1,1\n"
    daic(tmp_path, numbers=(300, 301, 302), train=train)
    (tmp_path / "301_P/301_TRANSCRIPT.csv").unlink()
    (tmp_path / "302_P/302_TRANSCRIPT.csv").write_text(f"{HEADER}\n1\t2\tEllie\thi\n")
    corpus = read_daic_woz("daic", tmp_path)
    assert corpus.left_out == {
        "no transcript": ("301_P/301_AUDIO.wav",),
        "no turn of the participant": ("302_P/302_AUDIO.wav",),
    }
    assert corpus.missing == ("303",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"talk": ("1\t2\tWizard\thi",)}, r"300_TRANSCRIPT\.csv, line 2: speaker is 'Wizard'; expected Participant"),
        ({"talk": ("1\tlater\tEllie\thi",)}, "line 2: the turn lasts from '1' to 'later'"),
        ({"talk": ("nan\t2\tEllie\thi",)}, "line 2: the turn lasts from 'nan'"),
        ({"talk": ("1\t2",)}, "line 2: speaker is ''"),
        ({"talk": ("1\t2\tEllie\thi",)}, "none of 1 interviews .* can be used: 1 have no turn of the participant"),
        ({"train": "300,2,3,1,1\n"}, r"AVEC2017\.csv, line 2: the PHQ-8 class is '2'; expected 0"),
        ({"train": "300,0,3,f,1\n"}, "line 2: gender is 'f'; expected 0"),
        ({"train": "300,0,x,1,1\n"}, "line 2: phq8_score is 'x'; expected a number"),
        ({"train": "P300,0,3,1,1\n"}, "line 2: participant_id is 'P300'"),
        ({"train": "301,0,3,1,1\n"}, "can be used: 1 have no PHQ-8 label"),
    ],
)
def test_faults_are_named_by_file_and_line(change, message, tmp_path):
    with pytest.raises(CorpusError, match=message):
        read_daic_woz("daic", daic(tmp_path, **change))


def test_a_participant_of_two_parts_is_refused(tmp_path):
    (daic(tmp_path) / "dev_split_Depression_AVEC2017.csv").write_text(TRAIN + "300,1,15,0,1\n")
    with pytest.raises(CorpusError, match="participant 300 stands in 'valid' already, here in 'train'"):
        read_daic_woz("daic", tmp_path)


def test_a_transcript_without_its_columns_is_refused(tmp_path):
    (daic(tmp_path) / "300_P/300_TRANSCRIPT.csv").write_text("start,stop\n1,2\n")
    with pytest.raises(CorpusError, match="expected the columns start_time, stop_time, speaker"):
        read_daic_woz("daic", tmp_path)
