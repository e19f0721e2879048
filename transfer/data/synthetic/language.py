"""Language-like statistics (vowels, rhythm, tones, phrasing) and the articulation of a text in them.

Axis letters: S syllables, T ticks of `TICKS` per second, V vowels, 4 formants.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

from transfer.data.synthetic.factors import Prosody

__all__ = ["PHONES", "TICKS", "Language", "Text", "Tracks", "articulate", "draw_text"]

Array = NDArray[np.float64]

TICKS = 200  # control ticks per second
PHONES = (
    "sil",
    "s",
    "n",
    "a",
    "e",
    "i",
    "o",
    "u",
    "uh",
)  # silence, the two kinds of consonant, the vowels in their order
_FRICATIVE = np.array([1800.0, 3200.0, 4700.0, 6200.0])  # Hz; the tract's resonances while noise is made at the teeth
_MURMUR = np.array([280.0, 1300.0, 2500.0, 3500.0])  # Hz; nasals and liquids
# Start and end of four contours (level, rising, low, falling), in units of the language's tone depth.
_TONES = np.array([[0.7, 0.7], [-0.8, 0.8], [-0.7, -1.2], [1.2, -1.0]])
_DECLINATION = 3.0  # semitones and, for the level, dB that a phrase loses from its first to its last syllable
_ACCENT = 1.0  # semitones; standard deviation of a syllable's own pitch
_PAUSE = 0.25  # s


@dataclass(frozen=True)
class Language:
    """Statistics of a language as far as a low-level feature hears them.

    Args:
        vowels: Formant frequencies of the vowels of a male tract, in Hz, shape (V, 4).
        unvoiced: Share of syllables that begin with a fricative-like noise.
        tone: Depth of the pitch contours of syllables, in semitones.
        syllables: Syllables per second.
        variability: Standard deviation of the logarithm of syllables' durations.
        onset: Share of a syllable's duration that its consonant takes.
        phrase: Syllables between pauses, on average.
        lengthening: Factor on the last syllable of a phrase.
    """

    vowels: Array
    unvoiced: float
    tone: float
    syllables: float
    variability: float
    onset: float
    phrase: float
    lengthening: float

    @property
    def pitch_movement(self) -> float:
        """Standard deviation of the pitch of a neutral reading around the speaker's level, in semitones."""
        mean = _TONES.mean()
        contours = np.mean(np.sum(_TONES**2, axis=1) + np.prod(_TONES, axis=1)) / 3.0 - mean**2
        return float(np.sqrt(_DECLINATION**2 / 12.0 + _ACCENT**2 + self.tone**2 * contours))


@dataclass(frozen=True)
class Text:
    """A text's S syllables as draws that any language reads in its own statistics; each array has shape (S,)."""

    vowel: Array  # uniform in [0, 1)
    consonant: Array  # uniform in [0, 1)
    boundary: Array  # uniform in [0, 1)
    stretch: Array  # standard normal
    accent: Array  # standard normal
    tone: NDArray[np.int64]  # 0 to 3


@dataclass(frozen=True)
class Tracks:
    """Control tracks of an utterance, one value a tick.

    Shape:
        - pitch: (T,), semitones around the speaker's level.
        - voicing, frication: (T,), linear amplitudes.
        - formants: (T, 4), Hz, of a male tract.
        - phones: (T,), the place in `PHONES` of what is said; empty where nobody asks.
    """

    pitch: Array
    voicing: Array
    frication: Array
    formants: Array
    phones: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


def draw_text(rng: np.random.Generator, *, syllables: int) -> Text:
    """Draw a text of some syllables.

    Example:
        >>> len(draw_text(np.random.default_rng(0), syllables=7).vowel)
        7
    """
    vowel, consonant, boundary = rng.random((3, syllables))
    stretch, accent = rng.standard_normal((2, syllables))
    return Text(vowel, consonant, boundary, stretch, accent, rng.integers(len(_TONES), size=syllables))


def _timing(
    text: Text, language: Language, prosody: Prosody, rng: np.random.Generator, seconds: float | None
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return which syllables end a phrase and the ticks of each one's consonant, vowel and pause, shape (S, 3)."""
    # A text's phrase boundaries are nested: more pauses add boundaries to those that a fluent reading has.
    breaks = text.boundary < min(0.6, 2.0**prosody.pauses / language.phrase)
    duration = 2.0**-prosody.rate / language.syllables * np.exp(language.variability * text.stretch)
    duration *= np.where(breaks, language.lengthening, 1.0)
    pause = breaks * _PAUSE * 2.0 ** (0.5 * prosody.pauses) * np.exp(0.3 * rng.standard_normal(len(breaks)))
    parts = np.stack([language.onset * duration, (1.0 - language.onset) * duration, pause], axis=1)  # (S, 3)
    if seconds is not None:
        kept = max(2, int(np.searchsorted(parts.sum(axis=1).cumsum(), seconds)))
        breaks, parts = breaks[:kept], parts[:kept]
    parts[-1, 2] = 0.0
    return breaks, np.maximum(np.rint(TICKS * parts), [[2.0, 4.0, 0.0]]).astype(np.int64)


def _progress(breaks: NDArray[np.bool_]) -> Array:
    """Return each syllable's place in its phrase, from 0 to 1."""
    phrase = np.concatenate([[0], np.cumsum(breaks[:-1])])
    size = np.bincount(phrase)
    first = np.cumsum(size) - size
    place: Array = (np.arange(len(breaks)) - first[phrase]) / np.maximum(size[phrase] - 1, 1)
    return place


def _smooth(track: Array, ticks: int) -> Array:
    """Smooth along time with a Hann window: articulators do not jump."""
    window = np.hanning(ticks + 2)[1:-1]
    smoothed: Array = convolve1d(track, window / window.sum(), axis=0, mode="nearest")
    return smoothed


def articulate(
    text: Text, language: Language, prosody: Prosody, rng: np.random.Generator, *, seconds: float | None = None
) -> Tracks:
    """Turn a text into control tracks: its timing, pitch contour, voicing and formant movements.

    Args:
        text: The syllables.
        language: The statistics in which they are read.
        prosody: Displacement of the factors; range, rate and pauses act here.
        rng: What differs from one reading to the next.
        seconds: Cut the text at the syllable that reaches this length; all of it when None.

    Example:
        >>> from transfer.data.synthetic.domains import DOMAINS
        >>> rng = np.random.default_rng(0)
        >>> text = draw_text(rng, syllables=8)
        >>> slow, fast = (articulate(text, DOMAINS["casia"].language, Prosody(rate=r), rng) for r in (-0.5, 0.5))
        >>> len(slow.pitch) > len(fast.pitch)
        True
    """
    breaks, ticks = _timing(text, language, prosody, rng, seconds)
    n = len(breaks)
    progress = _progress(breaks)
    unvoiced = text.consonant[:n] < language.unvoiced
    said = (text.vowel[:n] * len(language.vowels)).astype(np.int64)
    vowels = language.vowels[said]  # (S, 4)
    vowels = vowels * np.exp(0.05 * rng.standard_normal((n, 1)))
    consonants = np.where(unvoiced[:, None], _FRICATIVE, _MURMUR)
    level = 10.0 ** ((2.0 * rng.standard_normal(n) - _DECLINATION * progress) / 20.0)
    none = np.zeros(n)

    length = ticks.ravel()  # (3 S,): consonant, vowel, pause, consonant, ...
    start, end = language.tone * _TONES[text.tone[:n]].T
    base = _DECLINATION * (0.5 - progress) + _ACCENT * text.accent[:n]
    within = (np.arange(length.sum()) - np.repeat(length.cumsum() - length, length)) / np.repeat(length, length)
    heads = np.repeat(np.stack([start, start, end], axis=1).ravel(), length)
    tails = np.repeat(np.stack([start, end, end], axis=1).ravel(), length)
    pitch = np.repeat(np.repeat(base, 3), length) + heads + (tails - heads) * within  # (T,)

    voicing = np.stack([level * np.where(unvoiced, 0.0, 0.4), level, none], axis=1).ravel()
    frication = np.stack([level * unvoiced, none, none], axis=1).ravel()
    formants = np.stack([consonants, vowels, vowels], axis=1).reshape(-1, 4)
    phones = np.stack([np.where(unvoiced, 1, 2), 3 + said, np.zeros(n, np.int64)], axis=1).ravel()
    edge = (int(TICKS * rng.uniform(0.05, 0.15)), int(TICKS * rng.uniform(0.05, 0.15)))  # silence around the speech
    return Tracks(
        pitch=np.pad(2.0**prosody.pitch_range * _smooth(pitch, 15), edge, mode="edge"),
        voicing=_smooth(np.pad(np.repeat(voicing, length), edge), 7),
        frication=_smooth(np.pad(np.repeat(frication, length), edge), 7),
        formants=np.pad(_smooth(np.repeat(formants, length, axis=0), 11), (edge, (0, 0)), mode="edge"),
        phones=np.pad(np.repeat(phones, length), edge),
    )
