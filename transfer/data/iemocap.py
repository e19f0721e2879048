"""IEMOCAP: English dialogues of two actors, cut into turns; labels and ratings in the files of EmoEvaluation.

Reference: Busso et al., IEMOCAP: interactive emotional dyadic motion capture database, Language Resources and
Evaluation, 2008.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from transfer.data.corpus import SYNTHETIC_RECORD, Corpus, corpus_table, is_audio, list_files, read_synthetic, some
from transfer.data.file_names import nothing_found
from transfer.data.tables import decode_text
from transfer.errors import CorpusError, did_you_mean

__all__ = ["CODES", "claims_iemocap", "read_iemocap"]

EXAMPLE = (
    "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav and Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"
)
CODES = ("ang", "dis", "exc", "fea", "fru", "hap", "neu", "oth", "sad", "sur", "xxx")
"""The corpus's words; `xxx` is a turn whose raters did not agree."""
SIX = ("ang", "exc", "fru", "hap", "neu", "sad")
FOUR = {"ang": "ang", "exc": "hap", "hap": "hap", "neu": "neu", "sad": "sad"}

_TURN = re.compile(r"(?:^|/)(?P<dialogue>Ses(?P<session>\d\d)[FM]_(?P<text>\w+))_(?P<sex>[FM])\d+$", re.IGNORECASE)
_EVALUATION = re.compile(r"(?:^|/)EmoEvaluation/Ses[^/]+\.txt$", re.IGNORECASE)
_NUMBER = r"(-?\d+(?:\.\d*)?)"
_LINE = re.compile(rf"\[[\d.]+ - [\d.]+\]\s+(\S+)\s+(\w+)\s+\[{_NUMBER}, {_NUMBER}, {_NUMBER}\]")


def read_iemocap(name: str, root: Path, *, classes: int | Sequence[str] = 6) -> Corpus:
    """Read IEMOCAP's turns; the dimensions are means over raters, from 1 to 5.

    Args:
        name: name of the corpus.
        root: the folder of the sessions, or one that holds it.
        classes: 6 (ang, exc, fru, hap, neu, sad), 4 (ang, hap, neu, sad, with exc merged into hap), or the labels to
            keep. Turns of other labels are left out.

    Raises:
        CorpusError: if there are no turns or no labels, a label or a class is unknown, or no turn is left.
    """
    words = _words(name, classes)
    files = list_files(root)
    turns = {file: match for file in files if is_audio(file) and (match := _TURN.search(_stem(file)))}
    tables = tuple(file for file in files if _EVALUATION.search(file))
    if not turns or not tables:
        raise nothing_found(name, root, files, expected=EXAMPLE)
    rated = dict(rating for table in tables for rating in _read_evaluation(root / table))
    ratings = {turn.lower(): rating for turn, rating in rated.items()}
    clips, left_out = {}, defaultdict(list)
    for file, match in turns.items():
        rating = ratings.get(PurePosixPath(file).stem.lower())
        if rating is None or rating["label"] not in words:
            left_out[f"label {rating['label']}" if rating else "no label"].append(file)
        else:
            clips[file] = _clip(root, file, match) | rating | {"label": words[rating["label"]]}
    if not clips:
        raise CorpusError(
            f"{name}: none of {len(turns)} turns in {root} has a label of {', '.join(words)}; found: {some(left_out)}"
        )
    heard = {PurePosixPath(file).stem.lower() for file in turns}
    known = {*turns, *tables, SYNTHETIC_RECORD}
    return Corpus(
        name,
        root,
        corpus_table(clips.values()),
        ignored=tuple(file for file in files if file not in known),
        missing=tuple(turn for turn in rated if turn.lower() not in heard),
        synthetic=read_synthetic(root),
        tables=tables,
        left_out={reason: tuple(found) for reason, found in sorted(left_out.items())},
    )


def claims_iemocap(files: Sequence[str]) -> int:
    """Return how many files are named as IEMOCAP's turns are.

    Args:
        files: posix paths below the root.

    Example:
        >>> claims_iemocap(["Ses01F_impro01/Ses01F_impro01_M003.wav", "dialog/wav/Ses01F_impro01.wav"])
        1
    """
    return sum(is_audio(file) and _TURN.search(_stem(file)) is not None for file in files)


def _words(name: str, classes: int | Sequence[str]) -> dict[str, str]:
    """Return the labels to keep -> the classes that they become."""
    if classes == 6:
        return {code: code for code in SIX}
    if classes == 4:
        return FOUR
    if not isinstance(classes, list | tuple) or not classes:
        raise CorpusError(f"{name}: classes is {classes!r}; expected 4, 6 or a list of {', '.join(CODES)}")
    for code in classes:
        if code not in CODES:
            raise CorpusError(f"{name}: classes names {code!r}; {did_you_mean(code, CODES)}")
    return {code: code for code in classes}


def _stem(file: str) -> str:
    """Return a posix path without its extension."""
    return PurePosixPath(file).with_suffix("").as_posix()


def _clip(root: Path, file: str, match: re.Match[str]) -> dict[str, Any]:
    """Build the row of a turn. The letter before its number says who speaks; the first one, who wore the markers."""
    sex = match["sex"].upper()
    return {
        "path": str(root / file),
        "speaker": f"Ses{match['session']}{sex}",
        "recording": file,
        "sex": sex,
        "language": "en",
        "session": f"Ses{match['session']}",
        "dialogue": match["dialogue"],
        "text": match["text"],
    }


def _read_evaluation(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Read the turns of a dialogue; the lines of single raters between them begin otherwise."""
    ratings = []
    for number, line in enumerate(decode_text(path).split("\n"), start=1):
        if not line.startswith("["):
            continue
        match = _LINE.match(line)
        if match is None:
            raise CorpusError(
                f"{path}, line {number}: {line!r} is no turn; expected [start - end], the turn's name, its label and "
                "[valence, activation, dominance], separated by tabs"
            )
        turn, label, valence, arousal, dominance = match.groups()
        if label.lower() not in CODES:
            raise CorpusError(f"{path}, line {number}: unknown label {label!r}; known: {', '.join(CODES)}")
        scores = {"valence": float(valence), "arousal": float(arousal), "dominance": float(dominance)}
        ratings.append((turn, {"label": label.lower(), **scores}))
    return ratings
