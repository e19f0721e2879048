"""Stand-ins for corpora that cannot be had freely: speech-like audio in the layout of the real ones.

A source-filter synthesizer speaks; emotion and depression move the same prosodic factors (`factors`), speakers and
channels differ, and a shift sets how far the corpora lie apart (`domains`), so that a transfer can help or fail.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any
from uuid import uuid4

import soundfile

from transfer.data.synthetic.best import carried_over, known_best
from transfer.data.synthetic.difficulty import Difficulty
from transfer.data.synthetic.domains import Shift
from transfer.data.synthetic.layouts import LAYOUTS
from transfer.data.synthetic.recording import Order
from transfer.errors import UserError, did_you_mean

__all__ = ["DIALS", "LAYOUTS", "VERSION", "Difficulty", "Shift", "carried_over", "known_best", "order_of", "synthesize"]

HOP = Order.hop
VERSION = 1  # counts changes of the generator that change its audio
DIALS = {**dict.fromkeys((field.name for field in fields(Shift)), 1.0), "spread": 1.0, "prior": 1.0, "label_noise": 0.5}
"""How far each dial can be turned."""


def _size(what: str, asked: int | None, *, default: int, least: int, most: int) -> int:
    """Return a number of speakers or clips, checked against the real corpus."""
    if asked is None:
        return default
    if isinstance(asked, bool) or not isinstance(asked, int):
        raise TypeError(f"{what} is {asked!r}; expected a whole number")
    if not least <= asked <= most:
        raise UserError(f"{what} is {asked}; expected {least} to {most}, as many as the real corpus has")
    return asked


def _check(
    name: str,
    seed: int,
    shift: float | Mapping[str, float] | Shift,
    speakers: int | None,
    clips: int | None,
    difficulty: Difficulty,
    hop: int,
) -> Order:
    """Return the order with its sizes filled in."""
    if name not in LAYOUTS:
        raise UserError(f"no stand-in for a corpus named {name!r}; {did_you_mean(name, LAYOUTS)}")
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"seed is {seed!r}; expected a whole number")
    if seed < 0:
        raise UserError(f"seed is {seed}; expected a whole number from 0 on")
    layout = LAYOUTS[name]
    return Order(
        name,
        seed,
        Shift.of(shift),
        _size("speakers", speakers, default=layout.speakers, least=layout.fewest_speakers, most=layout.most_speakers),
        _size("clips", clips, default=layout.clips, least=1, most=layout.most_clips),
        difficulty,
        _hop(name, hop),
    )


def _hop(name: str, hop: int) -> int:
    """Return the step from label to label, checked."""
    if isinstance(hop, bool) or not isinstance(hop, int) or hop < 1:
        raise UserError(f"hop is {hop!r}; expected a number of samples at 16 kHz, from 1 on")
    if hop != HOP and LAYOUTS[name].shows:
        raise UserError(f"hop is about labels of frames, and {name} has labels of clips; leave it out")
    return hop


def order_of(record: Mapping[str, Any]) -> Order:
    """Return what was ordered, from the record that lies in a stand-in.

    Args:
        record: What `synthetic.json` says.

    Example:
        >>> order = Order("casia", 0, Shift(noise=0.5), 4, 1)
        >>> order_of({**asdict(order), "version": VERSION}) == order
        True
    """
    ordered = {field.name: record[field.name] for field in fields(Order) if field.name in record}
    return Order(**{**ordered, "shift": Shift(**record["shift"]), "difficulty": Difficulty(**record["difficulty"])})


def _check_folder(out: Path) -> None:
    """Refuse a place where something lies already."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file; expected a folder that does not exist yet, or an empty one")
    if out.is_dir() and any(out.iterdir()):
        raise UserError(
            f"{out} is not empty; expected a folder that does not exist yet, or an empty one. "
            "Choose another folder, or remove this one first"
        )


def synthesize(
    name: str,
    out: str | Path,
    *,
    seed: int = 0,
    shift: float | Mapping[str, float] | Shift = 0.3,
    speakers: int | None = None,
    clips: int | None = None,
    spread: float = 0.0,
    prior: float = 0.0,
    label_noise: float = 0.0,
    hop: int = HOP,
) -> Path:
    """Write a small speech-like corpus in the layout of a real one, and return its root.

    Every file has its own random stream by seed, corpus, speaker and clip: a smaller order writes a part of the same
    files, and the shift changes how the same speakers, texts and moments sound, not which were drawn. `synthetic.json`
    in the root says what was ordered, which labels are wrong, and the best score that can be had (`best`). Nothing is left
    behind when writing fails.

    Args:
        name: A name of `LAYOUTS`, which has one for every reader, and `phonemes`, a manifest with labels of frames.
        out: A folder that does not exist yet, or is empty.
        seed: Which speakers, texts and moments are drawn.
        shift: How far the corpora lie apart, from 0 (one channel and language for all) to 1; or dial by dial, as a
            mapping or a `Shift`.
        speakers: Number of speakers, all of the real corpus by default (12 of the larger acted ones, 15 of DAIC-WOZ);
            of MODMA the share of patients is kept.
        clips: Clips per speaker and emotion (10 of CASIA, 5 of EMOVO and nEMO by default); of MODMA recordings per
            subject (4 by default, taken from interview, reading and picture description), of DAIC-WOZ turns.
        spread: How much the moment moves the prosodic factors, so that classes overlap, from 0 to 1 (see `Difficulty`).
        prior: Skew of the class prior, from 0 (balanced) to 1; `clips` is the number of the most frequent class. Which
            classes are rare is drawn by seed and corpus; of MODMA and DAIC-WOZ it is the depressed.
        label_noise: Share of clips (of subjects, where a subject has one class) with a wrong label, from 0 to 0.5.
        hop: Of `phonemes`, the samples at 16 kHz from one labelled frame to the next; frames are centred on them.

    Raises:
        UserError: If the name is unknown, a number is out of range, or the folder cannot be used.
        TypeError: If a number is not one.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     root = synthesize("casia", Path(folder) / "casia", speakers=1, clips=1)
        ...     print(*sorted(path.relative_to(root).as_posix() for path in root.rglob("*.wav"))[:2])
        liuchanhg/angry/201.wav liuchanhg/fear/201.wav
    """
    order = _check(name, seed, shift, speakers, clips, Difficulty(spread, prior, label_noise), hop)
    root = Path(out).expanduser().resolve()
    _check_folder(root)
    # A sibling, so that the last step is one rename on one file system.
    unfinished = root.with_name(f".{root.name}.{uuid4().hex[:8]}.unfinished")
    try:
        unfinished.mkdir(parents=True)
        wrong = LAYOUTS[name].write(unfinished, order)
        record = {"generator": __name__, "version": VERSION, **asdict(order), "known_best": known_best(order)}
        if label_noise:
            record["mislabelled"] = wrong
        if LAYOUTS[name].shows:
            del record["hop"]  # of labels of clips there is none
        (unfinished / "synthetic.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        if root.exists():
            root.rmdir()
        unfinished.rename(root)
    except (OSError, soundfile.SoundFileError) as error:
        raise UserError(f"cannot write a corpus to {root}: {error}. Choose a folder that can be written") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return root
