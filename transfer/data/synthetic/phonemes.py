"""A corpus with one label a frame: a manifest whose column `frame_labels` names a file for each clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from transfer.data.synthetic.factors import Prosody, Sex
from transfer.data.synthetic.language import PHONES, TICKS
from transfer.data.synthetic.recording import Order, Session, write_wav
from transfer.data.synthetic.voice import RATE
from transfer.errors import UserError

__all__ = ["PHONEME_CLIPS", "PHONEME_SPEAKERS", "frame_labels", "write_phonemes"]

PHONEME_SPEAKERS: dict[str, Sex] = {f"{n:02d}": "female" if n % 2 else "male" for n in range(1, 21)}
PHONEME_CLIPS = 40
_SYLLABLES = 12


def frame_labels(phones: NDArray[np.int64], *, samples: int, hop: int) -> list[str]:
    """Return the label at the centre of every frame, of frames that are centred on every `hop`-th sample.

    Args:
        phones: places in `PHONES`, one a tick.
        samples: of the clip, at 16 kHz.
        hop: from one frame to the next, in samples at 16 kHz.

    Example:
        >>> frame_labels(np.array([0, 0, 3, 3]), samples=320, hop=160)
        ['sil', 'a', 'a']
    """
    centres = np.arange(1 + samples // hop) * hop
    ticks = np.minimum(centres * TICKS // RATE, len(phones) - 1)
    return [PHONES[phone] for phone in phones[ticks]]


def write_phonemes(root: Path, order: Order) -> dict[str, str]:
    """Write what the first speakers read aloud, and what they say in each frame.

    Raises:
        UserError: for a skewed prior or wrong labels, which are about classes of clips.
    """
    if order.difficulty.prior or order.difficulty.label_noise:
        raise UserError(
            "prior and label_noise are about labels of clips; phonemes has labels of frames; leave them at 0"
        )
    rows = ["path,label,speaker,sex,text,frame_labels"]
    for name, sex in list(PHONEME_SPEAKERS.items())[: order.speakers]:
        session = Session(order, name, sex)
        for number in range(1, order.clips + 1):
            text = f"{name}/{number}"  # everybody reads other sentences
            audio, phones = session.record_with_phones(text, text=text, prosody=Prosody(), syllables=_SYLLABLES)
            stem = f"{name}/{number:02d}"
            write_wav(root / f"{stem}.wav", audio, rate=RATE)
            labels = frame_labels(phones, samples=len(audio), hop=order.hop)
            (root / f"{stem}.txt").write_text("\n".join(labels) + "\n", encoding="utf-8", newline="\n")
            rows.append(f"{stem}.wav,speech,{name},{sex},{text},{stem}.txt")
    (root / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8", newline="\n")
    return {}
