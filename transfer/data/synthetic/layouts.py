"""The corpora that can be written, each in the layout of the real one: a table name -> layout.

There is one for every reader, and `phonemes`: a manifest with labels of frames.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from transfer.data.synthetic.acted import Acted
from transfer.data.synthetic.acted_corpora import ACTED
from transfer.data.synthetic.daic_woz import PARTICIPANTS, write_daic_woz
from transfer.data.synthetic.factors import DEPRESSED, NOT_DEPRESSED, Shown, acted
from transfer.data.synthetic.iemocap import IEMOCAP_EMOTIONS, SPEAKERS, write_iemocap
from transfer.data.synthetic.modma import RECORDINGS, SUBJECTS, write_modma
from transfer.data.synthetic.own_corpora import OWN
from transfer.data.synthetic.phonemes import PHONEME_CLIPS, PHONEME_SPEAKERS, write_phonemes
from transfer.data.synthetic.recording import Order

__all__ = ["LAYOUTS", "Layout"]


@dataclass(frozen=True)
class Layout:
    """How a corpus is written and how large it can be.

    Args:
        speakers: Default number of speakers.
        most_speakers: Speakers of the real corpus.
        clips: Default clips per speaker and class (recordings or turns per subject where a subject has one class).
        most_clips: Clips of the real corpus.
        write: Writes the corpus into an existing empty folder, and returns what is heard in clips (or of subjects) with a
            wrong label.
        shows: What each class displaces, by its name in the corpus; nothing where labels are those of frames.
        fewest_speakers: Speakers without which a class would be missing.
    """

    speakers: int
    most_speakers: int
    clips: int
    most_clips: int
    write: Callable[[Path, Order], dict[str, str]]
    shows: Mapping[str, Shown]
    fewest_speakers: int = 1


def _acted(corpus: Acted, clips: int, speakers: int | None = None) -> Layout:
    """Return the layout of an acted corpus with default numbers of clips per speaker and emotion, and of speakers."""
    known = len(corpus.speakers)
    shows = {written: acted(emotion) for written, emotion in corpus.emotions.items()}
    return Layout(speakers or known, known, clips, len(corpus.texts), corpus.write, shows)


_STEADY = {written: acted(emotion, strength=0.0) for written, emotion in IEMOCAP_EMOTIONS.items()}
_CLINICAL = {"not_depressed": NOT_DEPRESSED, "depressed": DEPRESSED}


LAYOUTS: dict[str, Layout] = {
    "audformat": _acted(OWN["audformat"], 3),
    "casia": _acted(ACTED["casia"], 10),
    "crema_d": _acted(ACTED["crema_d"], 3, speakers=12),
    "daic_woz": Layout(15, len(PARTICIPANTS), 4, 40, write_daic_woz, _CLINICAL, fewest_speakers=2),
    "emodb": _acted(ACTED["emodb"], 3),
    "emovo": _acted(ACTED["emovo"], 5),
    "enterface": _acted(ACTED["enterface"], 3, speakers=12),
    "folders": _acted(OWN["folders"], 3),
    "iemocap": Layout(len(SPEAKERS), len(SPEAKERS), 3, 40, write_iemocap, _STEADY),
    "manifest": _acted(OWN["manifest"], 3),
    "modma": Layout(
        SUBJECTS, SUBJECTS, 4, RECORDINGS, write_modma, {"HC": NOT_DEPRESSED, "MDD": DEPRESSED}, fewest_speakers=2
    ),
    "nemo": _acted(ACTED["nemo"], 5),
    "phonemes": Layout(12, len(PHONEME_SPEAKERS), 4, PHONEME_CLIPS, write_phonemes, {}),
    "ravdess": _acted(ACTED["ravdess"], 2, speakers=12),
    "savee": _acted(ACTED["savee"], 5),
    "tess": _acted(ACTED["tess"], 8),
    "urdu": _acted(ACTED["urdu"], 3),
}
