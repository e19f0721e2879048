"""One speaker's session before one microphone: clips of it on disk, each from its own random stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from transfer.data.synthetic.channel import draw_session, impulse_response, transmit
from transfer.data.synthetic.difficulty import Difficulty
from transfer.data.synthetic.domains import Shift, shifted
from transfer.data.synthetic.factors import BETWEEN_CLIPS, Prosody, Sex, draw_speaker
from transfer.data.synthetic.language import articulate, draw_text
from transfer.data.synthetic.voice import RATE, vocalise

__all__ = ["Order", "Session", "stream", "write_wav"]


@dataclass(frozen=True)
class Order:
    """What `synthesize` was asked for, checked: the sizes are filled in and the shift is a `Shift`."""

    name: str
    seed: int
    shift: Shift
    speakers: int
    clips: int
    difficulty: Difficulty = field(default_factory=Difficulty)
    hop: int = 160  # samples at 16 kHz between two labels, of corpora with labels of frames

    def clips_by_class(self, classes: Sequence[str]) -> dict[str, int]:
        """Return the clips per speaker of each class; which classes are rare is drawn by seed and corpus.

        Example:
            >>> Order("casia", 0, Shift(), 4, 10, Difficulty(prior=1.0)).clips_by_class(["a", "b", "c"])
            {'a': 1, 'b': 10, 'c': 3}
        """
        ranks = stream(self.seed, self.name, "prior").permutation(len(classes))
        shares = self.difficulty.shares(len(classes))
        return {name: max(1, round(self.clips * shares[rank])) for name, rank in zip(classes, ranks, strict=True)}

    def shown(self, label: str, classes: Sequence[str], *clip: str) -> str:
        """Return the class that a clip (or a subject) shows: that of its label, or by label noise any other.

        Example:
            >>> Order("casia", 0, Shift(), 4, 1).shown("sad", ["angry", "sad"], "wangzhe", "201")
            'sad'
        """
        rng = stream(self.seed, self.name, "label", *clip, label)
        others = [name for name in classes if name != label]
        return others[rng.integers(len(others))] if rng.random() < self.difficulty.label_noise else label


def stream(seed: int, *names: str) -> np.random.Generator:
    """Return the random stream of a name: the same whatever else was drawn before it.

    Example:
        >>> bool(stream(0, "casia", "wangzhe").random() == stream(0, "casia", "wangzhe").random())
        True
    """
    return np.random.default_rng([seed, *(crc32(name.encode()) for name in names)])


class Session:
    """A speaker in a corpus; neither shift nor sizes change what is drawn for it.

    Args:
        order: The corpus, its seed and its shift.
        name: The speaker's name.
        sex: `female` or `male`.

    Example:
        >>> session = Session(Order("casia", 0, Shift(), 4, 1), "wangzhe", "male")
        >>> clip = session.record("201", text="201", prosody=Prosody(), syllables=7)
        >>> clip.dtype
        dtype('float32')
    """

    def __init__(self, order: Order, name: str, sex: Sex) -> None:
        self.order, self.name = order, name
        self.speaker = draw_speaker(self._stream("voice"), sex=sex)
        domain = shifted(order.name, order.shift)
        rng = self._stream("room")
        self._language = domain.language
        self._channel = draw_session(domain.channel, rng)
        self._response = impulse_response(self._channel, rng)

    def _stream(self, *names: str) -> np.random.Generator:
        return stream(self.order.seed, self.order.name, self.name, *names)

    def record(
        self, clip: str, *, text: str, prosody: Prosody, syllables: int, seconds: float | None = None
    ) -> NDArray[np.float32]:
        """Return a clip at 16 kHz: what is said, in this voice, through this session's channel.

        Args:
            clip: Name of the clip, which gives its random stream.
            text: Name of the text; every speaker of the corpus says the same under one name.
            prosody: What this clip displaces; the speaker's habit and the moment's variation are added.
            syllables: Length of the text.
            seconds: Cut the text at about this length; all of it when None.
        """
        return self.record_with_phones(clip, text=text, prosody=prosody, syllables=syllables, seconds=seconds)[0]

    def record_with_phones(
        self, clip: str, *, text: str, prosody: Prosody, syllables: int, seconds: float | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the same clip, and the place in `PHONES` of what is said at each of `TICKS` ticks a second.

        Args:
            clip: as `record` takes it.
            text: as well.
            prosody: as well.
            syllables: as well.
            seconds: as well.
        """
        rng = self._stream("clip", clip)
        said = draw_text(stream(self.order.seed, self.order.name, "text", text), syllables=syllables)
        moment = BETWEEN_CLIPS * self.order.difficulty.spread_factor
        total = self.speaker.habit + prosody + moment.draw(rng)
        tracks = articulate(said, self._language, total, rng, seconds=seconds)
        speech = vocalise(tracks, self.speaker, total, rng)
        return transmit(speech, self._channel, self._response, rng), tracks.phones


def write_wav(path: Path, audio: NDArray[np.float32], *, rate: int, stereo: bool = False) -> None:
    """Write 16 kHz audio as a 16-bit wav file at a corpus's own rate, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if rate != RATE:
        audio = soxr.resample(audio, RATE, rate, quality="HQ")
    # Scaled and rounded here: a resampler's overshoot must clip, not wrap.
    samples = np.clip(np.rint(audio * 32767.0), -32768, 32767).astype(np.int16)
    soundfile.write(path, np.stack([samples, samples], axis=1) if stereo else samples, rate, subtype="PCM_16")
