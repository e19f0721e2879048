"""The layout of MODMA's audio: subjects of two groups, their recordings, and a workbook of scales."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from zipfile import ZipFile, ZipInfo

import numpy as np
import openpyxl

from transfer.data.synthetic.difficulty import Difficulty
from transfer.data.synthetic.domains import Shift
from transfer.data.synthetic.factors import DEPRESSION, Prosody, Sex, severity
from transfer.data.synthetic.recording import Order, Session, stream, write_wav

__all__ = ["RECORDINGS", "SUBJECTS", "Subject", "draw_subjects", "write_modma"]

SUBJECTS, RECORDINGS = 52, 29
_MDD = 23
_RATE = 44_100  # Hz
_AUDIO, _WORKBOOK = "audio_lanzhou_2015", "subjects_information_audio_lanzhou_2015.xlsx"
_COLUMNS = ("subject id", "type", "age", "gender", "education（years）")  # the real workbook's wide parentheses
# Mean and standard deviation at severity 0, what severity 1 adds, and the scale's ends; in the spirit of the groups'
# means in Cai et al., A multi-modal open dataset for mental-disorder analysis, Scientific Data, 2022.
_SCALES = {
    "PHQ-9": (2.0, 1.2, 15.5, 0, 27),
    "CTQ-SF": (42.0, 8.0, 8.0, 25, 125),
    "LES": (-8.0, 20.0, -55.0, -250, 60),
    "SSRS": (40.0, 6.0, -6.0, 12, 66),
    "GAD-7": (2.0, 1.5, 11.0, 0, 21),
    "PSQI": (4.0, 2.0, 8.0, 0, 21),
}
# 1-18 answer questions, 19 reads a passage, 20-25 read words, 26-29 describe pictures. A few recordings take from each.
_FIRST = (1, 19, 26, 10, 22, 29, 18, 5)
_ORDER = (*_FIRST, *(number for number in range(1, RECORDINGS + 1) if number not in _FIRST))


@dataclass(frozen=True)
class Subject:
    """A subject: severity is 0 for no symptom and around 1 for a depressed patient, which label noise may hide."""

    id: str
    group: Literal["MDD", "HC"]
    shown: str
    sex: Sex
    severity: float


def draw_subjects(seed: int, number: int = SUBJECTS, *, difficulty: Difficulty | None = None) -> list[Subject]:
    """Draw subjects, keeping the real corpus's share of patients (23 of 52; the prior lowers it) and of women (16 of 52).

    Example:
        >>> [subject.id for subject in draw_subjects(0, 4)]
        ['02010001', '02010002', '02020001', '02020002']
    """
    order = Order("modma", seed, Shift(), number, 1, difficulty or Difficulty())
    patients = min(max(round(number * _MDD / SUBJECTS * order.difficulty.shares(2)[1]), 1), number - 1)
    subjects = []
    for place in range(number):
        group: Literal["MDD", "HC"] = "MDD" if place < patients else "HC"
        index = place if group == "MDD" else place - patients
        identity = f"{'0201' if group == 'MDD' else '0202'}{index + 1:04d}"
        shown = order.shown(group, ("MDD", "HC"), identity)
        spread = stream(seed, "modma", identity, "severity").standard_normal()
        sex: Sex = "female" if index % 10 in (2, 5, 8) else "male"
        severe = float(severity(np.asarray(spread), depressed=shown == "MDD"))
        subjects.append(Subject(identity, group, shown, sex, severe))
    return subjects


def _task(recording: int) -> tuple[Prosody, bool]:
    """Return what a task displaces, and whether every subject says the same text."""
    if recording <= 18:
        return Prosody(pauses=0.3, pitch_range=0.1), False
    if recording <= 25:
        return Prosody(rate=0.05, pauses=-0.3, pitch_range=-0.15), True
    return Prosody(rate=-0.05, pauses=0.2), False


def _row(seed: int, subject: Subject) -> list[int | str]:
    """Return a subject's row of the workbook; as in the real one the id is a number, without its leading 0."""
    rng = stream(seed, "modma", subject.id, "scales")
    age, education = int(rng.integers(18, 53)), int(rng.integers(9, 20))
    row: list[int | str] = [int(subject.id), subject.group, age, "F" if subject.sex == "female" else "M", education]
    for mean, deviation, effect, low, high in _SCALES.values():
        score = mean + effect * subject.severity + deviation * rng.standard_normal()
        row.append(int(np.clip(round(score), low, high)))
    # The real corpus admitted patients by a PHQ-9 of at least 5 and controls below.
    phq = len(_COLUMNS)
    row[phq] = max(int(row[phq]), 5) if subject.group == "MDD" else min(int(row[phq]), 4)
    return row


def _write_workbook(path: Path, rows: list[list[int | str]]) -> None:
    """Write the workbook with fixed dates, so that the same seed gives the same bytes."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Sheet1"
    for row in ([*_COLUMNS, *_SCALES], *rows):
        sheet.append(row)
    book.save(path)
    with ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    date = rb"\g<1>2015-01-01T00:00:00Z"
    parts["docProps/core.xml"] = re.sub(
        rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*", date, parts["docProps/core.xml"]
    )
    with ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(ZipInfo(name), content)


def write_modma(root: Path, order: Order) -> dict[str, str]:
    """Write subjects' recordings under `audio_lanzhou_2015/` and the workbook of their scales beside it.

    Returns:
        subject -> the group that is heard, of subjects with a wrong label.
    """
    subjects = draw_subjects(order.seed, order.speakers, difficulty=order.difficulty)
    for subject in subjects:
        session = Session(order, subject.id, subject.sex)
        for recording in sorted(_ORDER[: order.clips]):
            task, shared = _task(recording)
            clip = f"{recording:02d}"
            seconds = stream(order.seed, "modma", subject.id, "length", clip).uniform(6.5, 13.5)
            audio = session.record(
                clip,
                text=clip if shared else f"{subject.id}/{clip}",
                prosody=DEPRESSION * subject.severity + task,
                syllables=128,  # more than fit
                seconds=float(seconds),
            )
            write_wav(root / _AUDIO / subject.id / f"{clip}.wav", audio, rate=_RATE)
    _write_workbook(root / _WORKBOOK, [_row(order.seed, subject) for subject in subjects])
    return {subject.id: subject.shown for subject in subjects if subject.shown != subject.group}
