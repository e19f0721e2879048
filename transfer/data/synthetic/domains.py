"""Where the corpora lie, and the dials that bring them together: 0 is a common ground, 1 each corpus's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np

from transfer.data.synthetic.channel import Channel
from transfer.data.synthetic.factors import Prosody
from transfer.data.synthetic.language import Language
from transfer.data.synthetic.languages import COMMON_LANGUAGE, LANGUAGES
from transfer.errors import UserError, did_you_mean

__all__ = ["COMMON", "DOMAINS", "Domain", "Shift", "shifted"]


@dataclass(frozen=True)
class Domain:
    """What a corpus has of its own, whoever speaks and whatever they feel."""

    channel: Channel
    language: Language

    @property
    def displacement(self) -> Prosody:
        """What a clip's factors seem displaced by to who does not know the domain: gain passes for vocal effort.

        Noise, reverberation and vowels displace none of the factors: they hide them.
        """
        return Prosody(
            pitch_range=float(np.log2(self.language.pitch_movement)),
            rate=float(np.log2(self.language.syllables)),
            energy=self.channel.gain,
            pauses=-float(np.log2(self.language.phrase)),
            tilt=-self.channel.slope,
        )


@dataclass(frozen=True)
class Shift:
    """How far corpora lie apart, one dial a kind of difference, each in [0, 1].

    Args:
        channel: Frequency response, reverberation and gain.
        noise: Level and colour of the noise floor.
        language: Vowels, consonants and tones.
        rhythm: Rate, variability and phrasing of syllables.

    Example:
        >>> Shift.uniform(0.3)
        Shift(channel=0.3, noise=0.3, language=0.3, rhythm=0.3)
        >>> Shift(noise=2.0)
        Traceback (most recent call last):
        ...
        transfer.errors.UserError: shift of noise is 2.0; expected a number from 0 (one common ground) to 1 (each \
corpus as it is)
    """

    channel: float = 0.0
    noise: float = 0.0
    language: float = 0.0
    rhythm: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0.0 <= value <= 1.0:
                raise UserError(
                    f"shift of {field.name} is {value}; expected a number from 0 (one common ground) to 1 "
                    "(each corpus as it is)"
                )

    @classmethod
    def of(cls, shift: float | Mapping[str, float] | Shift) -> Shift:
        """Return a shift as a recipe may write it: one number for all dials, or dial by dial.

        Example:
            >>> Shift.of({"noise": 0.5}) == Shift(noise=0.5)
            True
        """
        if isinstance(shift, Shift):
            return shift
        dials = shift if isinstance(shift, Mapping) else {field.name: shift for field in fields(cls)}
        known = [field.name for field in fields(cls)]
        for name, value in dials.items():
            if name not in known:
                raise UserError(f"shift has no dial {name!r}; {did_you_mean(name, known)}")
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise TypeError(f"shift is {value!r}; expected a number from 0 to 1, or one for each dial")
        return cls(**dials)

    @classmethod
    def uniform(cls, shift: float) -> Shift:
        """Turn all dials alike."""
        return cls(*(shift for _ in fields(cls)))


_DIALS = {
    "channel": ("low_cut", "high_cut", "slope", "rt60", "wet", "gain"),
    "noise": ("snr", "noise_pole"),
    "language": ("vowels", "unvoiced", "tone"),
    "rhythm": ("syllables", "variability", "onset", "phrase", "lengthening"),
}


def _domain(
    language: str,
    *,
    band: tuple[float, float],
    slope: float,
    room: tuple[float, float],
    gain: float,
    noise: tuple[float, float],
) -> Domain:
    """Return a domain by its language, band (Hz), slope (dB an octave), room (s, dB), gain (dB) and noise (dB, pole)."""
    return Domain(Channel(*band, slope, *room, gain, *noise), LANGUAGES[language])


COMMON = Domain(
    Channel(low_cut=70, high_cut=7000, slope=0.0, rt60=0.25, wet=-14, gain=0.0, snr=35, noise_pole=0.6),
    COMMON_LANGUAGE,
)

# The corpora as they are in kind (read in a studio, answered freely in a clinic's room ...), not measured on them, and
# further apart than the recordings of careful laboratories.
# fmt: off
DOMAINS: dict[str, Domain] = {
    "casia": _domain("mandarin", band=(50, 7800), slope=1.0, room=(0.12, -24), gain=1.0, noise=(48, 0.2)),
    "crema_d": _domain("english", band=(100, 6500), slope=-1.0, room=(0.3, -12), gain=-9.0, noise=(30, 0.85)),
    "daic_woz": _domain("english_free", band=(120, 5500), slope=-1.5, room=(0.35, -9), gain=-10.0, noise=(24, 0.9)),
    "emodb": _domain("german", band=(60, 7700), slope=0.8, room=(0.1, -26), gain=3.0, noise=(45, 0.3)),
    "emovo": _domain("italian", band=(60, 7600), slope=0.3, room=(0.35, -10), gain=-4.0, noise=(38, 0.8)),
    "enterface": _domain("english", band=(110, 6000), slope=-0.8, room=(0.5, -7), gain=-2.0, noise=(26, 0.75)),
    "iemocap": _domain("english_free", band=(80, 7000), slope=-0.3, room=(0.4, -9), gain=-8.0, noise=(28, 0.8)),
    "modma": _domain("mandarin_free", band=(140, 4800), slope=-2.0, room=(0.55, -5), gain=-12.0, noise=(20, 0.93)),
    "nemo": _domain("polish", band=(90, 7200), slope=-0.5, room=(0.15, -20), gain=5.0, noise=(42, 0.4)),
    "phonemes": _domain("english", band=(80, 7600), slope=0.3, room=(0.15, -20), gain=-2.0, noise=(40, 0.4)),
    "ravdess": _domain("english", band=(60, 7800), slope=0.5, room=(0.2, -18), gain=-12.0, noise=(40, 0.5)),
    "savee": _domain("english", band=(70, 7500), slope=0.2, room=(0.2, -18), gain=-1.0, noise=(36, 0.6)),
    "tess": _domain("english", band=(80, 7400), slope=0.4, room=(0.12, -24), gain=-3.0, noise=(44, 0.4)),
    "urdu": _domain("urdu", band=(150, 6800), slope=-0.6, room=(0.3, -12), gain=2.0, noise=(25, 0.7)),
    "manifest": _domain("german", band=(130, 5200), slope=-1.2, room=(0.25, -10), gain=-5.0, noise=(22, 0.9)),
    "audformat": _domain("german", band=(60, 7500), slope=0.6, room=(0.15, -22), gain=1.0, noise=(42, 0.4)),
    "folders": _domain("mandarin", band=(60, 7400), slope=0.6, room=(0.2, -18), gain=-2.0, noise=(40, 0.4)),
}
# fmt: on

T = TypeVar("T", Channel, Language)


def _blend(common: T, own: T, shift: Shift) -> T:
    """Interpolate every field by the dial that moves it."""
    weight = {name: getattr(shift, dial) for dial, names in _DIALS.items() for name in names}
    names = [field.name for field in fields(common)]
    values = {n: (1.0 - weight[n]) * getattr(common, n) + weight[n] * getattr(own, n) for n in names}
    return type(common)(**values)


def shifted(name: str, shift: Shift) -> Domain:
    """Return a corpus's domain at a shift from the common ground.

    Example:
        >>> shifted("modma", Shift(noise=1.0)).channel.snr, shifted("modma", Shift(noise=0.5)).channel.snr
        (20.0, 27.5)
    """
    own = DOMAINS[name]
    return Domain(_blend(COMMON.channel, own.channel, shift), _blend(COMMON.language, own.language, shift))
