"""Slices made of several stretches of audio: the pieces of a slice, and what they sound like one after another.

A slice table has a column `pieces` where slices are joined from several recordings (slicing V0); everywhere else a slice
is one stretch of one file. A piece without a path is silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from transfer.data.audio import Waveform, load_audio, waveform_fault
from transfer.data.cache import key
from transfer.errors import AudioError

__all__ = ["Piece", "load_pieces", "one_row_a_piece", "pieces_of", "slice_hashes"]


class Piece(NamedTuple):
    """A stretch of a file, in s, and whose it is; silence of `end` s where the path is empty.

    Example:
        >>> Piece("", 0.0, 0.5).speaker
        ''
    """

    path: str
    start: float
    end: float
    speaker: str = ""
    recording: str = ""
    text: str = ""


def pieces_of(slices: pd.DataFrame) -> list[tuple[Piece, ...]]:
    """Return the pieces of each slice, in order.

    Args:
        slices: slice table.

    Example:
        >>> pieces_of(pd.DataFrame({"path": ["a.wav"], "start": [1.0], "end": [2.0]}))
        [(Piece(path='a.wav', start=1.0, end=2.0, speaker='', recording='', text=''),)]
    """
    if "pieces" not in slices:
        return [(piece,) for piece in _whole(slices)]
    joined = [tuple(found) if isinstance(found, tuple | list) else () for found in slices["pieces"]]
    return [found or (piece,) for found, piece in zip(joined, _whole(slices), strict=True)]


def one_row_a_piece(slices: pd.DataFrame) -> pd.DataFrame:
    """Return a table with a row for each piece that is no silence, indexed by the position of its slice.

    Args:
        slices: slice table.

    Example:
        >>> pieces = (Piece("a.wav", 0.0, 2.0, "f1"), Piece("", 0.0, 0.5), Piece("b.wav", 0.0, 1.0, "f1"))
        >>> one_row_a_piece(pd.DataFrame({"path": ["a.wav"], "start": [0.0], "end": [3.5], "pieces": [pieces]}))["path"]
        0    a.wav
        0    b.wav
        Name: path, dtype: object
    """
    rows = [(at, piece) for at, found in enumerate(pieces_of(slices)) for piece in found if piece.path]
    table = pd.DataFrame([piece for _, piece in rows], columns=list(Piece._fields), index=[at for at, _ in rows])
    typed: pd.DataFrame = table.astype(dict.fromkeys(("path", "speaker", "recording", "text"), object))
    return typed


def slice_hashes(slices: pd.DataFrame, hashes: Mapping[str, str]) -> list[str]:
    """Return what names the audio of each slice in caches: its file's hash, or one of all its pieces.

    Args:
        slices: slice table.
        hashes: path -> content hash.
    """
    if "pieces" not in slices:
        return [hashes[path] for path in slices["path"]]
    return [
        hashes[found[0].path]
        if len(found) == 1 and (found[0].start, found[0].end) == (start, end)  # else times are those of joined audio
        else key(repr([(hashes.get(p.path, ""), round(p.start, 6), round(p.end, 6)) for p in found]))
        for found, start, end in zip(pieces_of(slices), slices["start"], slices["end"], strict=True)
    ]


def load_pieces(pieces: Sequence[Piece], *, sample_rate: int) -> Waveform:
    """Load the pieces of a slice as one mono waveform.

    Args:
        pieces: in their order.
        sample_rate: rate wanted, Hz.

    Raises:
        AudioError: naming the file and the reason; a slice of several pieces is refused if all of it is silent.
    """
    if len(pieces) == 1:
        (piece,) = pieces
        return load_audio(Path(piece.path), start=piece.start, end=piece.end, sample_rate=sample_rate)
    waves = [
        load_audio(Path(p.path), start=p.start, end=p.end, sample_rate=sample_rate, allow_silence=True)
        if p.path
        else np.zeros(round(p.end * sample_rate), np.float32)
        for p in pieces
    ]
    wave = np.concatenate(waves)
    if fault := waveform_fault(wave):
        raise AudioError(f"{pieces[0].path}: {fault} (with the {len(pieces) - 1} pieces after it)")
    return wave


def _whole(slices: pd.DataFrame) -> list[Piece]:
    """Return each slice as one piece."""
    blank = [""] * len(slices)
    columns = [slices.get(name, blank) for name in Piece._fields]
    return [Piece(*row) for row in zip(*columns, strict=True)]
