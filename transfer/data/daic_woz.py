"""DAIC-WOZ: clinical interviews, cut to the participant's turns; the interviewer's voice is left out.

References: Gratch et al., The Distress Analysis Interview Corpus of human and computer interviews, LREC, 2014; faults
of the transcripts: Bailey and Plumbley, Gender bias in depression detection using audio features, EUSIPCO, 2021.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from transfer.data.corpus import SYNTHETIC_RECORD, Corpus, corpus_table, is_audio, list_files, read_synthetic
from transfer.data.file_names import nothing_found
from transfer.data.tables import read_text_table
from transfer.data.transcript import Interval, Transcript, read_transcript, without
from transfer.errors import CorpusError

__all__ = ["claims_daic_woz", "read_daic_woz"]

EXAMPLE = "300_P/300_AUDIO.wav, 300_P/300_TRANSCRIPT.csv and train_split_Depression_AVEC2017.csv"
LABELS = {"0": "not_depressed", "1": "depressed"}
SEXES = {"0": "female", "1": "male"}
DEPRESSED = 10  # PHQ-8 score from which on the class is depressed
SPLITS = {"train": "train", "dev": "valid", "test": "test", "full_test": "test"}
OUT_OF_STEP = {318: 34.319917, 321: 3.8379167, 341: 6.1892, 362: 16.8582}
"""Interview -> s that its transcript runs ahead of its audio."""
INTERRUPTED = {373: (395.0, 428.0), 444: (286.0, 387.0)}
"""Interview -> stretch, in s, in which somebody else came in."""
SHORTEST = 0.05  # s; what an overlap leaves of a turn must be longer

_RECORDING = re.compile(r"(?:^|/)(?P<id>\d{3})_AUDIO$", re.IGNORECASE)
_TRANSCRIPT = re.compile(r"(?:^|/)(?P<id>\d{3})_TRANSCRIPT\.csv$", re.IGNORECASE)
_SPLIT = re.compile(r"(?:^|/)(?P<part>train|dev|test|full_test)_split[^/]*\.csv$", re.IGNORECASE)

Subject = dict[str, Any]


@dataclass(frozen=True)
class _Interview:
    """What is used of an interview, and what of its transcript was not."""

    turns: list[Interval]
    overlap: float
    unheard: bool
    backward: int


def read_daic_woz(name: str, root: Path) -> Corpus:
    """Read the participant's turns of each interview, a clip a turn, with PHQ-8 scores and the official split.

    What the interviewer says into a turn is cut out of it. Transcripts known to be out of step are shifted, and known
    interruptions left out.

    Args:
        name: name of the corpus.
        root: the folder that holds `300_P`, `301_P` ... and the tables of the split, or one above it.

    Raises:
        CorpusError: if recordings, transcripts or split tables are not there, or a line of them cannot be understood.
    """
    files = list_files(root)
    recordings = {
        int(match["id"]): file for file in files if is_audio(file) and (match := _RECORDING.search(_stem(file)))
    }
    transcripts = {int(match["id"]): file for file in files if (match := _TRANSCRIPT.search(file))}
    splits = tuple(file for file in files if _SPLIT.search(file))
    if not recordings or not transcripts or not splits:
        raise nothing_found(name, root, files, expected=EXAMPLE)
    subjects = _read_subjects(root, splits)
    clips, interviews, left_out = [], [], defaultdict(list)
    for number, file in recordings.items():
        subject = subjects.get(number, {})
        if number not in transcripts or "label" not in subject:
            left_out["no transcript" if number not in transcripts else "no PHQ-8 label"].append(file)
            continue
        interview = _cut(read_transcript(root / transcripts[number]), number)
        interviews.append(interview)
        if not interview.turns:
            left_out["no turn of the participant"].append(file)
        row = {"path": str(root / file), "speaker": str(number), "recording": file, "language": "en", **subject}
        clips += [
            {**row, "start": start, "end": end, "turn": turn} for turn, (start, end) in enumerate(interview.turns, 1)
        ]
    if not clips:
        reasons = ", ".join(f"{len(found)} have {reason}" for reason, found in left_out.items())
        raise CorpusError(f"{name}: none of {len(recordings)} interviews in {root} can be used: {reasons}")
    known = {*recordings.values(), *transcripts.values(), *splits, SYNTHETIC_RECORD}
    return Corpus(
        name,
        root,
        corpus_table(clips),
        ignored=tuple(file for file in files if file not in known),
        missing=tuple(str(number) for number in subjects if number not in recordings),
        synthetic=read_synthetic(root),
        tables=(*transcripts.values(), *splits),
        left_out={reason: tuple(found) for reason, found in sorted(left_out.items())},
        notes=_notes(interviews, [subjects[number] for number in recordings if number in subjects]),
    )


def claims_daic_woz(files: Sequence[str]) -> int:
    """Return how many files are named as DAIC-WOZ's recordings are.

    Args:
        files: posix paths below the root.

    Example:
        >>> claims_daic_woz(["300_P/300_AUDIO.wav", "300_P/300_COVAREP.csv"])
        1
    """
    return sum(is_audio(file) and _RECORDING.search(_stem(file)) is not None for file in files)


def _stem(file: str) -> str:
    """Return a posix path without its extension."""
    return PurePosixPath(file).with_suffix("").as_posix()


def _cut(transcript: Transcript, number: int) -> _Interview:
    """Return a participant's turns, in the time of the audio, without the interviewer and known interruptions."""
    shift = OUT_OF_STEP.get(number, 0.0)
    spoken, others = (
        [(start + shift, end + shift) for start, end in turns] for turns in (transcript.participant, transcript.others)
    )
    heard = without(spoken, others)
    turns = without(heard, [INTERRUPTED[number]] if number in INTERRUPTED else [])
    overlap = sum(end - start for start, end in spoken) - sum(end - start for start, end in heard)
    return _Interview(
        [turn for turn in turns if turn[1] - turn[0] > SHORTEST], overlap, not others, transcript.backward
    )


def _read_subjects(root: Path, splits: tuple[str, ...]) -> dict[int, Subject]:
    """Read the tables of the official split: participant -> split, and label, sex and scores where they are told."""
    subjects: dict[int, Subject] = defaultdict(dict)
    for file in splits:
        match = _SPLIT.search(file)
        part = SPLITS[match["part"].lower()] if match else ""
        for line, row in read_text_table(root / file):
            place = f"{root / file}, line {line}"
            written = row.get("participant_id", "")
            if not written.isdecimal():
                raise CorpusError(f"{place}: participant_id is {written!r}; expected a number such as 300")
            subject = subjects[int(written)]
            if subject.setdefault("split", part) != part:
                raise CorpusError(
                    f"{place}: participant {written} stands in {subject['split']!r} already, here in {part!r}"
                )
            subject.update(_subject(row, place))
    return dict(subjects)


def _subject(row: dict[str, str], place: str) -> Subject:
    """Read a participant's row; the table of the test part without labels has two columns only."""
    subject: Subject = {}
    binary = row.get("phq8_binary", row.get("phq_binary", ""))
    if binary:
        if binary not in LABELS:
            raise CorpusError(f"{place}: the PHQ-8 class is {binary!r}; expected 0 (not depressed) or 1 (depressed)")
        subject["label"] = LABELS[binary]
    if row.get("gender"):
        if row["gender"] not in SEXES:
            raise CorpusError(f"{place}: gender is {row['gender']!r}; expected 0 (female) or 1 (male)")
        subject["sex"] = SEXES[row["gender"]]
    for column, value in row.items():
        if column.startswith(("phq8_", "phq_")) and not column.endswith("_binary"):
            subject[re.sub(r"^phq8?_(score$)?", "phq8_", column).rstrip("_")] = _score(value, column, place)
    return subject


def _score(value: str, column: str, place: str) -> float:
    """Return a score, NaN where none is given."""
    try:
        return float(value) if value else math.nan
    except ValueError:
        raise CorpusError(f"{place}: {column} is {value!r}; expected a number") from None


def _notes(interviews: list[_Interview], subjects: list[Subject]) -> tuple[str, ...]:
    """Say what was cut off, and what contradicts itself."""
    notes = []
    overlap = sum(interview.overlap for interview in interviews)
    if overlap > 0:
        notes.append(f"{overlap:.1f} s of the participants' turns were cut off, because the interviewer speaks in them")
    if backward := sum(interview.backward for interview in interviews):
        notes.append(f"{backward} turns in the transcripts do not end after they begin, and were left out")
    if unheard := sum(interview.unheard for interview in interviews):
        notes.append(f"{unheard} transcripts have no turn of the interviewer, so that none could be cut off there")
    wrong = [
        s for s in subjects if "label" in s and (s.get("phq8", math.nan) >= DEPRESSED) != (s["label"] == "depressed")
    ]
    if contradicted := sum(not math.isnan(subject.get("phq8", math.nan)) for subject in wrong):
        notes.append(
            f"{contradicted} participants have a PHQ-8 class that their score contradicts (depressed from {DEPRESSED} on); "
            "the class was kept as it is written"
        )
    return tuple(notes)
