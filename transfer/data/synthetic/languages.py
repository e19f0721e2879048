"""Statistics of the languages that stand-ins speak: as they are in kind, not measured on the corpora."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from transfer.data.synthetic.language import Language

__all__ = ["COMMON_LANGUAGE", "LANGUAGES"]


def _vowels(*rows: Iterable[float]) -> np.ndarray:
    """Return formants of a, e, i, o, u and a sixth vowel, in Hz, shape (6, 4)."""
    return np.array([list(row) for row in rows])


LANGUAGES: dict[str, Language] = {
    "common": Language(
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
    "mandarin": Language(
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
    "mandarin_free": Language(
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
    "italian": Language(
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
    "polish": Language(
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
    "english": Language(
        vowels=_vowels(
            (730, 1250, 2450, 3400),
            (550, 1820, 2500, 3500),
            (320, 2250, 2950, 3600),
            (560, 920, 2450, 3400),
            (350, 1050, 2300, 3350),
            (500, 1450, 2450, 3450),  # schwa
        ),
        unvoiced=0.5,
        tone=0.5,
        syllables=4.2,
        variability=0.35,
        onset=0.4,
        phrase=7.0,
        lengthening=1.5,
    ),
    "german": Language(
        vowels=_vowels(
            (760, 1280, 2500, 3450),
            (440, 2050, 2600, 3550),
            (280, 2250, 3050, 3650),
            (440, 820, 2450, 3400),
            (300, 780, 2350, 3350),
            (300, 1700, 2300, 3450),  # y
        ),
        unvoiced=0.58,
        tone=0.5,
        syllables=4.8,
        variability=0.3,
        onset=0.45,
        phrase=7.5,
        lengthening=1.4,
    ),
    "urdu": Language(
        vowels=_vowels(
            (710, 1220, 2550, 3500),
            (450, 2000, 2600, 3550),
            (300, 2300, 2950, 3600),
            (470, 880, 2450, 3400),
            (320, 780, 2350, 3350),
            (620, 1350, 2500, 3450),  # short a
        ),
        unvoiced=0.4,
        tone=0.7,
        syllables=5.3,
        variability=0.25,
        onset=0.36,
        phrase=6.0,
        lengthening=1.4,
    ),
}
LANGUAGES["english_free"] = replace(
    LANGUAGES["english"],
    vowels=0.7 * LANGUAGES["english"].vowels + 0.3 * LANGUAGES["english"].vowels[5],  # towards schwa
    variability=0.42,
    phrase=5.0,
    lengthening=1.7,
)
COMMON_LANGUAGE = LANGUAGES.pop("common")
"""Where all languages meet without a shift."""
