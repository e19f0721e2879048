"""Whether a WAV file is all there: its header says how long the audio is, and decoders read what is left without a word."""

from __future__ import annotations

import struct
from typing import BinaryIO

__all__ = ["missing_audio"]

STREAMED = (0, 0xFFFFFFFF, *range(0x7FFFF000, 0x80000000))
"""Lengths that writers put who cannot go back to the header: nothing is known."""
SLACK = 0.05  # s; some writers count their own header
MOST_SLACK = 1 << 16  # bytes, whatever the header says of the rate
CHUNKS = 1000  # looked at before the audio


def missing_audio(file: BinaryIO) -> str:
    r"""Say what part of a WAV file's audio is missing, or '' (also of what is no WAV file).

    Args:
        file: open, at its beginning; it is left anywhere.

    Example:
        >>> import io
        >>> wav = b"RIFF\x24\x10\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
        >>> missing_audio(io.BytesIO(wav + b"data" + struct.pack("<I", 4096) + bytes(4096)))
        ''
        >>> missing_audio(io.BytesIO(wav + b"data" + struct.pack("<I", 4096) + bytes(96)))
        'cut off (96 of 4096 bytes)'
    """
    head = file.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return ""
    slack = 0
    for _ in range(CHUNKS):
        name, size = _chunk(file.read(8))
        if name == b"data":
            here = file.tell()
            there = file.seek(0, 2) - here
            return "" if size in STREAMED or size - there <= slack else f"cut off ({there} of {size} bytes)"
        if not name:
            return ""
        body = file.read(min(size, 16))
        if name == b"fmt " and len(body) >= 12:
            slack = min(int(SLACK * struct.unpack("<I", body[8:12])[0]), MOST_SLACK)
        file.seek(size + size % 2 - len(body), 1)
    return ""


def _chunk(head: bytes) -> tuple[bytes, int]:
    """Return name and size of a chunk; no name where the file ends."""
    return (head[:4], struct.unpack("<I", head[4:])[0]) if len(head) == 8 else (b"", 0)
