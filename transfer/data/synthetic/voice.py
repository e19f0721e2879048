"""Source-filter synthesis of one utterance: glottal pulses and noise through moving formants.

Axis letters: L samples, T ticks, M frames of the overlap-add.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from transfer.data.synthetic.factors import Prosody, Speaker
from transfer.data.synthetic.language import TICKS, Tracks

__all__ = ["LEVEL", "RATE", "rosenberg", "vocalise"]

RATE = 16_000  # Hz
LEVEL = -27.0  # dBFS; root mean square of the voiced parts of a neutral utterance
_HOP = 256  # samples
_FFT = 1024  # a window of 2 hops and room for 32 ms of ringing
_HIGHER = (4500.0, 5500.0)  # Hz; resonances that do not move with the vowel
_BANDWIDTHS = np.array([70.0, 100.0, 140.0, 220.0, 300.0, 350.0])  # Hz
_JITTER = 0.008  # relative standard deviation of a neutral voice's cycle length
_SHIMMER = 0.06
_FRICATION = 0.15  # amplitude of frication against the voiced source, before the tract


def rosenberg(phase: NDArray[np.float64], *, open_quotient: float = 0.6) -> NDArray[np.float64]:
    r"""Return the glottal flow at a phase of the cycle: a smooth opening, a faster closing, then rest.

    $g(p) = \frac12 (1 - \cos(\pi p / p_o))$ up to $p_o = \frac23 q$, then $\cos(\frac\pi2 (p - p_o) / (q - p_o))$ up to
    the open quotient $q$, then 0.

    Reference: Rosenberg, Effect of glottal pulse shape on the quality of natural vowels, JASA, 1971.

    Args:
        phase: Phase within the cycle, in [0, 1).
        open_quotient: Share of the cycle in which the glottis is open, in (0, 1].

    Example:
        >>> rosenberg(np.array([0.0, 0.4, 0.7]))
        array([0., 1., 0.])
    """
    peak = open_quotient * 2.0 / 3.0
    opening = 0.5 * (1.0 - np.cos(np.pi * phase / peak))
    closing = np.cos(0.5 * np.pi * (phase - peak) / (open_quotient - peak))
    return np.where(phase < peak, opening, np.where(phase < open_quotient, closing, 0.0))


def _glottis(
    f0: NDArray[np.float64], *, irregularity: float, open_quotient: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the flow and its derivative (which the lips radiate), with jitter and shimmer cycle by cycle."""
    cycle = (np.cumsum(f0) / RATE).astype(np.int64)
    wobble = np.clip(1.0 + irregularity * _JITTER * rng.standard_normal(cycle[-1] + 1), 0.7, 1.3)
    phase = np.cumsum(f0 * wobble[cycle]) / RATE
    cycle = phase.astype(np.int64)
    strength = np.clip(1.0 + irregularity * _SHIMMER * rng.standard_normal(cycle[-1] + 1), 0.2, 1.8)
    flow = rosenberg(phase - cycle, open_quotient=open_quotient)
    return flow, np.diff(flow, prepend=flow[:1]) * strength[cycle]


def _tract(formants: NDArray[np.float64]) -> NDArray[np.complex64]:
    """Return the frequency response of a cascade of R resonators, of unit gain for white noise: (M, R) to (M, bins).

    Reference: Klatt, Software for a cascade/parallel formant synthesizer, JASA, 1980.
    """
    radius = np.exp(-np.pi * _BANDWIDTHS / RATE)
    linear = -2.0 * radius * np.cos(2.0 * np.pi * np.minimum(formants, 0.47 * RATE) / RATE)  # (M, R)
    denominator = np.zeros((len(formants), 1 + 2 * len(radius)))
    denominator[:, 0] = 1.0
    for k in range(len(radius)):
        previous = denominator.copy()
        denominator[:, 1:] += linear[:, k, None] * previous[:, :-1]
        denominator[:, 2:] += radius[k] ** 2 * previous[:, :-2]
    response: NDArray[np.complex64] = 1.0 / scipy.fft.rfft(denominator.astype(np.float32), _FFT, axis=1)
    power = np.mean(response.real**2 + response.imag**2, axis=1, keepdims=True)
    response /= np.sqrt(power)
    return response


def _resonate(source: NDArray[np.float32], tracks: Tracks, *, tract: float, tilt: float) -> NDArray[np.float32]:
    """Filter frame by frame and overlap-add, so that formants glide and no loop runs over samples."""
    frames = len(source) // _HOP + 2
    padded = np.zeros((frames + 1) * _HOP, dtype=np.float32)
    padded[_HOP : _HOP + len(source)] = source
    window = np.hanning(2 * _HOP + 1)[:-1].astype(np.float32)  # its copies, a hop apart, sum to 1
    blocks = np.lib.stride_tricks.sliding_window_view(padded, 2 * _HOP)[::_HOP] * window  # (M, 2 hops)

    centre = np.arange(len(blocks)) * _HOP * TICKS / RATE
    ticks = np.arange(len(tracks.pitch))
    moving = [np.interp(centre, ticks, track) for track in tracks.formants.T]
    formants = np.stack([*moving, *(np.full(len(centre), f) for f in _HIGHER)], axis=1)  # (M, R)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(_FFT, 1.0 / RATE), 150.0) / 500.0)
    slope = (10.0 ** (-tilt * octaves / 20.0)).astype(np.float32)
    spectrum = scipy.fft.rfft(blocks, _FFT, axis=1) * _tract(tract * formants) * slope
    pieces = scipy.fft.irfft(spectrum, _FFT, axis=1).reshape(len(blocks), -1, _HOP)  # (M, 4, hop)

    out = np.zeros((len(blocks) + pieces.shape[1], _HOP), dtype=np.float32)
    for k in range(pieces.shape[1]):
        out[k : k + len(blocks)] += pieces[:, k]
    return out.ravel()[_HOP : _HOP + len(source)]


def vocalise(tracks: Tracks, speaker: Speaker, prosody: Prosody, rng: np.random.Generator) -> NDArray[np.float32]:
    """Give control tracks a voice.

    Args:
        tracks: What is said, T ticks.
        speaker: Whose voice it is.
        prosody: Displacement of the factors; pitch level, energy, tilt and jitter act here.
        rng: Noise and irregularity.

    Shape:
        Returns L = T / 200 * 16000 samples at 16 kHz, whose voiced parts lie `prosody.energy` dB above `LEVEL`.

    Example:
        >>> from transfer.data.synthetic.factors import draw_speaker
        >>> rng = np.random.default_rng(0)
        >>> vowel = Tracks(np.zeros(50), np.ones(50), np.zeros(50), np.tile([700.0, 1200.0, 2500.0, 3500.0], (50, 1)))
        >>> vocalise(vowel, draw_speaker(rng, sex="male"), Prosody(), rng).shape
        (4000,)
    """
    samples = len(tracks.pitch) * RATE // TICKS
    at, ticks = np.arange(samples) * TICKS / RATE, np.arange(len(tracks.pitch))
    f0 = speaker.f0 * 2.0 ** ((prosody.pitch_level + np.interp(at, ticks, tracks.pitch)) / 12.0)
    voicing = np.interp(at, ticks, tracks.voicing)
    flow, pulses = _glottis(
        np.clip(f0, 50.0, 800.0),
        irregularity=2.0**prosody.jitter,
        open_quotient=float(np.clip(0.6 + 0.03 * prosody.tilt, 0.4, 0.85)),  # a soft voice closes late
        rng=rng,
    )
    noise = rng.standard_normal(samples, dtype=np.float32)
    pulses /= np.sqrt(np.mean(pulses**2))
    breath = 10.0 ** (speaker.breath / 20.0) * (0.3 + 0.7 * flow) * noise
    source = voicing * (pulses + breath) + _FRICATION * np.interp(at, ticks, tracks.frication) * noise
    speech = _resonate(source.astype(np.float32), tracks, tract=speaker.tract, tilt=prosody.tilt)
    loud = speech[voicing > 0.5 * voicing.max()]
    level = float(10.0 ** ((LEVEL + prosody.energy) / 20.0) / np.sqrt(np.mean(loud**2)))
    speech *= np.float32(level)
    return speech
