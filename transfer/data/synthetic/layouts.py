"""The corpora that can be written, each in the layout of the real one: a table name -> layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from transfer.data.synthetic.factors import EMOTIONS, Sex
from transfer.data.synthetic.modma import RECORDINGS, SUBJECTS, write_modma
from transfer.data.synthetic.recording import Order, Session, stream, write_wav

__all__ = ["LAYOUTS", "Acted", "Layout"]


@dataclass(frozen=True)
class Layout:
    """How a corpus is written and how large it can be.

    Args:
        speakers: Speakers of the real corpus, which are also the default.
        clips: Default clips per speaker and class (recordings per subject where a subject has one class).
        most_clips: Clips of the real corpus.
        fewest_speakers: Speakers without which a class would be missing.
        write: Writes the corpus into an existing empty folder.
    """

    speakers: int
    clips: int
    most_clips: int
    fewest_speakers: int
    write: Callable[[Path, Order], None]


@dataclass(frozen=True)
class Acted:
    """A corpus of acted emotions: every speaker says every text in every emotion.

    Args:
        speakers: Speakers in order, with their sex.
        emotions: Emotions as the corpus writes them, and their names here.
        texts: Texts in order, as file names write them.
        path: File of a clip by its `{speaker}`, `{emotion}` and `{text}`.
        rate: Sampling rate, in Hz.
        stereo: Whether files hold two (equal) channels.
        table: Writes what the corpus has beside audio.
    """

    speakers: Mapping[str, Sex]
    emotions: Mapping[str, str]
    texts: tuple[str, ...]
    path: str
    rate: int
    stereo: bool = False
    table: Callable[[Path, Mapping[str, Sex], tuple[str, ...]], None] | None = None

    def write(self, root: Path, order: Order) -> None:
        """Write the first speakers and texts of the corpus, as many as were ordered."""
        speakers = dict(list(self.speakers.items())[: order.speakers])
        texts = self.texts[: order.clips]
        for name, sex in speakers.items():
            session = Session(order, name, sex)
            for written, emotion in self.emotions.items():
                shown = EMOTIONS[emotion] * session.speaker.expressivity
                for text in texts:
                    strength = stream(order.seed, order.name, name, "strength", written, text).normal(1.0, 0.15)
                    length = int(stream(order.seed, order.name, "length", text).integers(7, 9))
                    clip = session.record(f"{written}/{text}", text=text, prosody=shown * strength, syllables=length)
                    path = root / self.path.format(speaker=name, emotion=written, text=text)
                    write_wav(path, clip, rate=self.rate, stereo=self.stereo)
        if self.table is not None:
            self.table(root, speakers, texts)


CASIA = Acted(
    speakers={"liuchanhg": "female", "wangzhe": "male", "zhaoquanyin": "female", "ZhaoZuoxiang": "male"},
    emotions={
        "angry": "anger",
        "fear": "fear",
        "happy": "happiness",
        "neutral": "neutral",
        "sad": "sadness",
        "surprise": "surprise",
    },
    texts=tuple(str(number) for number in range(201, 251)),
    path="{speaker}/{emotion}/{text}.wav",
    rate=16_000,
)

EMOVO = Acted(
    speakers={"f1": "female", "m1": "male", "f2": "female", "m2": "male", "f3": "female", "m3": "male"},
    emotions={
        "dis": "disgust",
        "gio": "happiness",
        "neu": "neutral",
        "pau": "fear",
        "rab": "anger",
        "sor": "surprise",
        "tri": "sadness",
    },
    texts=("b1", "b2", "b3", "d1", "d2", "l1", "l2", "l3", "l4", "n1", "n2", "n3", "n4", "n5"),
    path="{speaker}/{emotion}-{speaker}-{text}.wav",
    rate=48_000,
    stereo=True,
)

_NEMO_EMOTIONS = {
    "anger": "anger",
    "fear": "fear",
    "happiness": "happiness",
    "neutral": "neutral",
    "sadness": "sadness",
    "surprised": "surprise",
}


def _write_nemo_table(root: Path, speakers: Mapping[str, Sex], texts: tuple[str, ...]) -> None:
    """Write nEMO's data.tsv, with the blanks that the real one has before its speaker ids."""
    lines = ["\t".join(("file_id", "emotion", "raw_text", "normalized_text", "speaker_id", "gender", "age"))]
    for order, (speaker, sex) in enumerate(speakers.items()):
        for emotion in _NEMO_EMOTIONS:
            for text in texts:
                said = f"próbne zdanie, część {text}"
                row = (f"{speaker}_{emotion}_{text}.wav", emotion, said.capitalize() + ".", said.replace(",", ""))
                lines.append("\t".join((*row, " " * 8 + speaker, sex, str(24 + order % 5))))
    (root / "data.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


NEMO = Acted(
    speakers={
        "EB0": "female",
        "SM0": "male",
        "IC0": "female",
        "TP0": "male",
        "KD0": "female",
        "KS0": "male",  # the sex of this one and the next three is a guess
        "MK0": "female",
        "MP0": "male",
        "WR0": "male",
    },
    emotions=_NEMO_EMOTIONS,
    texts=tuple(str(number) for number in range(1, 91)),
    path="samples/{speaker}_{emotion}_{text}.wav",
    rate=24_000,
    table=_write_nemo_table,
)


def _acted(corpus: Acted, clips: int) -> Layout:
    """Return the layout of an acted corpus with a default number of clips per speaker and emotion."""
    return Layout(len(corpus.speakers), clips, len(corpus.texts), 1, corpus.write)


LAYOUTS: dict[str, Layout] = {
    "casia": _acted(CASIA, 10),
    "emovo": _acted(EMOVO, 5),
    "modma": Layout(SUBJECTS, 4, RECORDINGS, 2, write_modma),
    "nemo": _acted(NEMO, 5),
}
