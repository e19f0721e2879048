"""Where the corpora lie, and the dials that bring them together: 0 is a common ground, 1 each corpus's own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np

from transfer.data.synthetic.channel import Channel
from transfer.data.synthetic.language import Language
from transfer.errors import UserError

__all__ = ["COMMON", "DOMAINS", "Domain", "Shift", "shifted"]


@dataclass(frozen=True)
class Domain:
    """What a corpus has of its own, whoever speaks and whatever they feel."""

    channel: Channel
    language: Language


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
    def uniform(cls, shift: float) -> Shift:
        """Turn all dials alike."""
        return cls(*(shift for _ in fields(cls)))


_DIALS = {
    "channel": ("low_cut", "high_cut", "slope", "rt60", "wet", "gain"),
    "noise": ("snr", "noise_pole"),
    "language": ("vowels", "unvoiced", "tone"),
    "rhythm": ("syllables", "variability", "onset", "phrase", "lengthening"),
}


def _vowels(*rows: Iterable[float]) -> np.ndarray:
    """Return formants of a, e, i, o, u and a sixth vowel, in Hz, shape (6, 4)."""
    return np.array([list(row) for row in rows])


COMMON = Domain(
    Channel(low_cut=70, high_cut=7000, slope=0.0, rt60=0.25, wet=-14, gain=0.0, snr=35, noise_pole=0.6),
    Language(
        vowels=_vowels(
            (720, 1300, 2500, 3500),
            (500, 1800, 2550, 3550),
            (290, 2200, 2900, 3600),
            (480, 900, 2500, 3400),
            (310, 800, 2400, 3400),
            (450, 1400, 2500, 3500),
        ),
        unvoiced=0.45,
        tone=1.2,
        syllables=4.6,
        variability=0.22,
        onset=0.35,
        phrase=7.0,
        lengthening=1.3,
    ),
)

# The corpora as they are in kind (Mandarin read in a studio; Mandarin answered freely in a clinic's room; Italian;
# Polish), not measured on them, and further apart than the recordings of careful laboratories.
DOMAINS: dict[str, Domain] = {
    "casia": Domain(
        Channel(low_cut=50, high_cut=7800, slope=1.0, rt60=0.12, wet=-24, gain=1.0, snr=48, noise_pole=0.2),
        Language(
            vowels=_vowels(
                (850, 1250, 2600, 3600),
                (530, 1950, 2650, 3650),
                (270, 2400, 3100, 3700),
                (520, 820, 2600, 3400),
                (310, 700, 2500, 3400),
                (280, 2050, 2350, 3500),  # y
            ),
            unvoiced=0.55,
            tone=2.2,
            syllables=4.4,
            variability=0.15,
            onset=0.38,
            phrase=9.0,
            lengthening=1.2,
        ),
    ),
    "modma": Domain(
        Channel(low_cut=140, high_cut=4800, slope=-2.0, rt60=0.55, wet=-5, gain=-12.0, snr=20, noise_pole=0.93),
        Language(
            vowels=_vowels(  # free speech is centralised
                (640, 1350, 2450, 3450),
                (500, 1600, 2450, 3450),
                (350, 1950, 2650, 3500),
                (500, 1050, 2400, 3350),
                (380, 1000, 2350, 3350),
                (500, 1450, 2450, 3450),
            ),
            unvoiced=0.4,
            tone=1.2,
            syllables=5.2,
            variability=0.35,
            onset=0.3,
            phrase=5.0,
            lengthening=1.6,
        ),
    ),
    "emovo": Domain(
        Channel(low_cut=60, high_cut=7600, slope=0.3, rt60=0.35, wet=-10, gain=-4.0, snr=38, noise_pole=0.8),
        Language(
            vowels=_vowels(
                (780, 1350, 2550, 3500),
                (480, 1950, 2600, 3550),
                (290, 2300, 3000, 3650),
                (480, 850, 2500, 3400),
                (310, 750, 2350, 3350),
                (600, 1750, 2550, 3500),  # open e
            ),
            unvoiced=0.35,
            tone=0.6,
            syllables=5.6,
            variability=0.2,
            onset=0.35,
            phrase=8.0,
            lengthening=1.5,
        ),
    ),
    "nemo": Domain(
        Channel(low_cut=90, high_cut=7200, slope=-0.5, rt60=0.15, wet=-20, gain=5.0, snr=42, noise_pole=0.4),
        Language(
            vowels=_vowels(
                (720, 1300, 2450, 3500),
                (560, 1700, 2500, 3550),
                (280, 2250, 2950, 3600),
                (560, 950, 2450, 3400),
                (320, 700, 2300, 3350),
                (380, 1850, 2550, 3550),  # close central
            ),
            unvoiced=0.6,
            tone=0.4,
            syllables=5.0,
            variability=0.3,
            onset=0.5,
            phrase=7.0,
            lengthening=1.4,
        ),
    ),
}

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
