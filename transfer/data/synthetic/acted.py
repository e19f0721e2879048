"""A corpus of acted emotions as a row of a table: who speaks, what, in which emotions, and how files are named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from transfer.data.synthetic.factors import EMOTIONS, STRENGTH, Sex
from transfer.data.synthetic.recording import Order, Session, stream, write_wav

__all__ = ["Acted", "same"]


def same(*emotions: str) -> dict[str, str]:
    """Return emotions that a corpus writes as they are named here."""
    return {emotion: emotion for emotion in emotions}


@dataclass(frozen=True)
class Acted:
    """A corpus of acted emotions: every speaker says every text in every emotion.

    Args:
        speakers: Speakers in order, with their sex.
        emotions: Emotions as the corpus writes them, and their names here.
        texts: Texts in order, as file names write them.
        path: Gives the file of a clip by `speaker`, `emotion` and `text`.
        rate: Sampling rate, in Hz.
        stereo: Whether files hold two (equal) channels.
        table: Writes what the corpus has beside audio, given the speakers and each emotion's texts.
        alone: Speakers who are recorded in one emotion only.
        scripted: Whether all speakers say the same texts.
    """

    speakers: Mapping[str, Sex]
    emotions: Mapping[str, str]
    texts: tuple[str, ...]
    path: Callable[..., str]
    rate: int
    stereo: bool = False
    table: Callable[[Path, Mapping[str, Sex], Mapping[str, tuple[str, ...]]], None] | None = None
    alone: Mapping[str, str] = field(default_factory=dict)
    scripted: bool = True

    def write(self, root: Path, order: Order) -> dict[str, str]:
        """Write the first speakers and texts of the corpus, as many as were ordered.

        Returns:
            file -> the emotion that is heard, of clips with a wrong label.
        """
        speakers = dict(list(self.speakers.items())[: order.speakers])
        texts = {emotion: self.texts[:clips] for emotion, clips in order.clips_by_class(list(self.emotions)).items()}
        mislabelled = {}
        for name, sex in speakers.items():
            session = Session(order, name, sex)
            for written in self.emotions:
                for text in texts[written] if self.alone.get(name, written) == written else ():
                    shown = order.shown(written, list(self.emotions), name, text)
                    prosody = EMOTIONS[self.emotions[shown]] * session.speaker.expressivity
                    said = text if self.scripted else f"{name}/{written}/{text}"
                    strength = stream(order.seed, order.name, name, "strength", written, text).normal(1.0, STRENGTH)
                    length = int(stream(order.seed, order.name, "length", said).integers(7, 9))
                    clip = session.record(f"{written}/{text}", text=said, prosody=prosody * strength, syllables=length)
                    file = self.path(speaker=name, emotion=written, text=text)
                    write_wav(root / file, clip, rate=self.rate, stereo=self.stereo)
                    if shown != written:
                        mislabelled[file] = shown
        if self.table is not None:
            self.table(root, speakers, texts)
        return mislabelled
