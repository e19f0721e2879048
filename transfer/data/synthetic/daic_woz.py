"""The layout of DAIC-WOZ: interviews in which an interviewer is heard too, their transcripts, and the official split."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from transfer.data.synthetic.factors import DEPRESSION, Prosody, Sex, severity
from transfer.data.synthetic.recording import Order, Session, stream, write_wav

__all__ = ["PARTICIPANTS", "Turn", "hold_interview", "write_daic_woz"]

# Not in the corpus, or known for faults of their transcripts and recordings, which stand-ins do not have.
_LEFT_OUT = (318, 321, 341, 342, 362, 373, 394, 398, 444, 460)
PARTICIPANTS = tuple(number for number in range(300, 493) if number not in _LEFT_OUT)
_ITEMS = ("NoInterest", "Depressed", "Sleep", "Tired", "Appetite", "Failure", "Concentrating", "Moving")
_CLASSES = ("not_depressed", "depressed")
_RATE = 16_000  # Hz
_PAUSE, _OVERLAP = 0.3, 0.2  # s between turns, and by which some of the interviewer's begin too early
_SPLITS = ("train", "train", "train", "dev", "test")

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Turn:
    """A turn: its first sample, who speaks, and the audio of that voice alone."""

    first: int
    speaker: str
    audio: Samples


@dataclass(frozen=True)
class _Participant:
    """A participant of one of the parts of the official split, who is heard as depressed, or not, as `shown` says."""

    number: int
    split: str
    sex: Sex
    severity: float
    shown: str
    items: tuple[int, ...]

    @property
    def label(self) -> str:
        """Whether the score is 10 or more."""
        return _CLASSES[sum(self.items) >= 10]


def _participant(order: Order, place: int) -> _Participant:
    """Draw a participant; every third is depressed, and fewer where the prior is skewed, the second always."""
    number, share = PARTICIPANTS[place], order.difficulty.shares(2)[1]
    depressed = place % 3 == 1 and ceil((place // 3 + 1) * share) > ceil(place // 3 * share)
    shown = order.shown(_CLASSES[depressed], _CLASSES, str(number))
    rng = stream(order.seed, "daic_woz", str(number), "scales")
    severe = float(severity(np.asarray(rng.standard_normal()), depressed=shown == _CLASSES[True]))
    score = int(np.clip(round(1.0 + 13.0 * severe), 10 if depressed else 0, 24 if depressed else 9))
    points = rng.permutation(np.repeat(np.arange(len(_ITEMS)), 3))[:score]  # an item has 3 points at most
    items = tuple(int(count) for count in np.bincount(points, minlength=len(_ITEMS)))
    return _Participant(number, _SPLITS[place % 5], "female" if place % 2 else "male", severe, shown, items)


def hold_interview(order: Order, place: int) -> list[Turn]:
    """Return the turns of one interview: a question of the same interviewer before each answer.

    Args:
        order: The corpus.
        place: Which of the participants.

    Example:
        >>> from transfer.data.synthetic.domains import Shift
        >>> [turn.speaker for turn in hold_interview(Order("daic_woz", 0, Shift(), 1, 2), 0)]
        ['Ellie', 'Participant', 'Ellie', 'Participant']
    """
    who = _participant(order, place)
    ellie, answering = Session(order, "Ellie", "female"), Session(order, str(who.number), who.sex)
    turns, now = [], 0.5
    for turn in range(order.clips):
        question = f"{who.number}/{turn}"
        seconds = float(stream(order.seed, "daic_woz", question, "length").uniform(1.5, 3.5))
        asked = ellie.record(question, text=f"question {turn}", prosody=Prosody(), syllables=6)
        said = answering.record(
            str(turn), text=question, prosody=DEPRESSION * who.severity, syllables=40, seconds=seconds
        )
        turns.append(Turn(_sample(now), "Ellie", asked))
        now += len(asked) / _RATE + _PAUSE
        turns.append(Turn(_sample(now), "Participant", said))
        now += len(said) / _RATE + (-_OVERLAP if turn % 3 == 0 else _PAUSE)
    return turns


def _sample(seconds: float) -> int:
    """Return a sample at a whole millisecond, which a transcript can write."""
    return round(seconds * 1000) * _RATE // 1000


def _mix(turns: list[Turn]) -> Samples:
    """Return the recording of an interview."""
    ends = [turn.first + len(turn.audio) for turn in turns]
    heard = np.zeros(max(ends) + _sample(_PAUSE), dtype=np.float32)
    for turn, end in zip(turns, ends, strict=True):
        heard[turn.first : end] += turn.audio
    mixed: Samples = np.clip(heard, -1.0, 1.0)
    return mixed


def _lines(turns: list[Turn]) -> list[str]:
    """Return a transcript."""
    lines = ["start_time\tstop_time\tspeaker\tvalue"]
    for turn in turns:
        start, stop = turn.first / _RATE, (turn.first + len(turn.audio)) / _RATE
        said = "how are you doing today" if turn.speaker == "Ellie" else "um <laughter> i'm okay"
        lines.append(f"{start:.3f}\t{stop:.3f}\t{turn.speaker}\t{said}")
    return lines


def _write(path: Path, lines: list[str]) -> None:
    """Write lines of text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def _write_splits(root: Path, people: list[_Participant]) -> None:
    """Write the tables of the official split; that of the test part comes without labels and, by another name, with."""
    for split in ("train", "dev"):
        items = ",".join(f"PHQ8_{item}" for item in _ITEMS)
        lines = [f"Participant_ID,PHQ8_Binary,PHQ8_Score,Gender,{items}"]
        for who in (who for who in people if who.split == split):
            scores = ",".join(map(str, (sum(who.items), int(who.sex == "male"), *who.items)))
            lines.append(f"{who.number},{_CLASSES.index(who.label)},{scores}")
        _write(root / f"{split}_split_Depression_AVEC2017.csv", lines)
    test = [who for who in people if who.split == "test"]
    unlabelled = [f"{who.number},{int(who.sex == 'male')}" for who in test]
    _write(root / "test_split_Depression_AVEC2017.csv", ["participant_ID,Gender", *unlabelled])
    labelled = [f"{w.number},{_CLASSES.index(w.label)},{sum(w.items)},{int(w.sex == 'male')}" for w in test]
    _write(root / "full_test_split.csv", ["Participant_ID,PHQ_Binary,PHQ_Score,Gender", *labelled])


def write_daic_woz(root: Path, order: Order) -> dict[str, str]:
    """Write the interviews of the first participants, and the tables of the split.

    Returns:
        participant -> the class that is heard, of participants with a wrong label.
    """
    people = [_participant(order, place) for place in range(order.speakers)]
    for place, who in enumerate(people):
        turns = hold_interview(order, place)
        folder = root / f"{who.number}_P"
        write_wav(folder / f"{who.number}_AUDIO.wav", _mix(turns), rate=_RATE)
        _write(folder / f"{who.number}_TRANSCRIPT.csv", _lines(turns))
    _write_splits(root, people)
    return {str(who.number): who.shown for who in people if who.shown != who.label}
