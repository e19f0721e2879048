"""Prosodic factors that emotion, depression, a speaker's habit and the moment displace: all in one small vector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BETWEEN_CLIPS",
    "BETWEEN_SPEAKERS",
    "DEPRESSED",
    "DEPRESSION",
    "EMOTIONS",
    "FACTORS",
    "NOT_DEPRESSED",
    "STRENGTH",
    "Prosody",
    "Sex",
    "Shown",
    "Speaker",
    "acted",
    "draw_speaker",
    "expressivity",
    "severity",
]

Sex = Literal["female", "male"]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Prosody:
    """A displacement of the shared prosodic factors from a neutral voice; displacements add up.

    Args:
        pitch_level: Mean pitch, in semitones.
        pitch_range: Size of pitch movements, as log2 of a factor.
        rate: Syllables per second, as log2 of a factor.
        energy: Vocal intensity, in dB.
        pauses: Frequency of pauses, as log2 of a factor; their length follows by half as much.
        tilt: Fall of the voice's spectrum, in dB per octave; positive is a darker, softer voice.
        jitter: Cycle-to-cycle irregularity of pitch and amplitude, as log2 of a factor.

    Example:
        >>> (Prosody(energy=-4.0) + Prosody(energy=1.0, tilt=2.0)) * 0.5
        Prosody(pitch_level=0.0, pitch_range=0.0, rate=0.0, energy=-1.5, pauses=0.0, tilt=1.0, jitter=0.0)
    """

    pitch_level: float = 0.0
    pitch_range: float = 0.0
    rate: float = 0.0
    energy: float = 0.0
    pauses: float = 0.0
    tilt: float = 0.0
    jitter: float = 0.0

    def __add__(self, other: Prosody) -> Prosody:
        return Prosody(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __mul__(self, by: float) -> Prosody:
        return Prosody(*(by * value for value in astuple(self)))

    def draw(self, rng: np.random.Generator) -> Prosody:
        """Return a random displacement whose standard deviations are this vector's entries."""
        return Prosody(*(float(value) for value in np.array(astuple(self)) * rng.standard_normal(len(FACTORS))))


FACTORS: tuple[str, ...] = tuple(field.name for field in fields(Prosody))

# Directions as reviewed for acted emotions by Juslin and Laukka (Psychological Bulletin, 2003) and by Scherer (Speech
# Communication, 2003); the sizes are ours.
EMOTIONS: dict[str, Prosody] = {
    "anger": Prosody(3.0, 0.6, 0.25, 7.5, -0.5, -2.8, 0.6),
    "boredom": Prosody(-1.6, -0.9, -0.35, -3.0, 0.2, 1.2, -0.4),
    "calm": Prosody(-0.8, -0.3, -0.2, -2.5, 0.1, 1.4, -0.6),
    "disgust": Prosody(-1.0, 0.0, -0.25, -1.0, 0.3, 0.8, 0.8),
    "excitement": Prosody(4.5, 0.8, 0.35, 5.5, -0.7, -1.8, -0.4),
    "fear": Prosody(4.5, -0.5, 0.4, -1.0, 0.4, 0.3, 1.2),
    "frustration": Prosody(1.2, 0.3, 0.05, 3.5, 0.1, -1.4, 0.7),
    "happiness": Prosody(4.0, 0.6, 0.2, 4.0, -0.6, -1.2, -1.0),
    "intoxication": Prosody(-0.5, 0.3, -0.45, 1.5, 0.5, 0.2, 1.2),
    "nervousness": Prosody(2.0, -0.2, 0.3, -0.5, 0.6, 0.2, 0.9),
    "neutral": Prosody(),
    "sadness": Prosody(-1.5, -0.8, -0.35, -6.0, 0.7, 2.4, 0.4),
    "surprise": Prosody(6.5, 1.0, -0.2, 1.5, 0.3, 0.6, 0.0),
    "tiredness": Prosody(-1.0, -0.6, -0.45, -2.5, 0.3, 1.6, -0.3),
}

# Directions as reviewed for depressed speech by Cummins et al. (Speech Communication, 2015): near sadness, not equal to
# it. At severity 1; a subject's severity scales it.
DEPRESSION = Prosody(-0.9, -0.55, -0.25, -2.6, 0.7, 1.1, 0.5)

BETWEEN_SPEAKERS = Prosody(1.8, 0.2, 0.08, 1.0, 0.25, 0.4, 0.3)
BETWEEN_CLIPS = Prosody(0.7, 0.15, 0.06, 0.8, 0.2, 0.3, 0.2)
STRENGTH = 0.15  # standard deviation of the factor by which an actor shows an emotion from clip to clip


def expressivity(spread: Floats) -> Floats:
    """Return the factor by which a speaker shows emotions, of a standard normal draw."""
    return np.clip(1.0 + 0.15 * spread, 0.5, 1.5)


def severity(spread: Floats, *, depressed: bool) -> Floats:
    """Return how much of `DEPRESSION` a subject shows, of a standard normal draw.

    Patients differ in how much shows, and controls are not free of symptoms: the groups overlap.

    Example:
        >>> float(severity(np.array(0.0), depressed=True)), float(severity(np.array(-1.0), depressed=False))
        (1.0, 0.15)
    """
    return np.exp(0.3 * spread) if depressed else 0.15 * np.abs(spread)


@dataclass(frozen=True)
class Shown:
    """What a class displaces: a direction at a random strength.

    Args:
        name: The class, as all corpora name it.
        direction: Displacement at strength 1.
        strength: Gives the strength by a standard normal draw.
        expressed: Whether the speaker's expressivity multiplies it.
    """

    name: str
    direction: Prosody
    strength: Callable[[Floats], Floats]
    expressed: bool


def acted(emotion: str, *, strength: float = STRENGTH) -> Shown:
    """Return how an emotion is shown, at a strength of some standard deviation from clip to clip."""
    return Shown(emotion, EMOTIONS[emotion], lambda spread: 1.0 + strength * spread, expressed=True)


DEPRESSED = Shown("depressed", DEPRESSION, partial(severity, depressed=True), expressed=False)
NOT_DEPRESSED = Shown("not depressed", DEPRESSION, partial(severity, depressed=False), expressed=False)


@dataclass(frozen=True)
class Speaker:
    """What stays with a voice: anatomy, voice quality, prosodic habit and how strongly it shows what it feels.

    Args:
        sex: `female` or `male`.
        f0: Neutral fundamental frequency, in Hz.
        tract: Factor on all formants (1 for a male tract of average length; shorter tracts are above 1).
        breath: Aspiration noise relative to the voiced source, in dB.
        expressivity: Factor on displacements by emotion.
        habit: Lasting displacement of the factors.
    """

    sex: Sex
    f0: float
    tract: float
    breath: float
    expressivity: float
    habit: Prosody


def draw_speaker(rng: np.random.Generator, *, sex: Sex) -> Speaker:
    """Draw a speaker of one sex.

    Example:
        >>> draw_speaker(np.random.default_rng(0), sex="female").tract > 1.0
        True
    """
    female = sex == "female"
    return Speaker(
        sex=sex,
        f0=205.0 if female else 118.0,  # its spread comes with the habit's pitch level
        tract=float((1.16 if female else 1.0) * np.exp(0.04 * rng.standard_normal())),
        breath=float(-24.0 + 2.0 * rng.standard_normal()),
        expressivity=float(expressivity(np.asarray(rng.standard_normal()))),
        habit=BETWEEN_SPEAKERS.draw(rng),
    )
