"""What lies between mouth and file: room, microphone, noise and gain."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin2, lfilter, oaconvolve

from transfer.data.synthetic.voice import LEVEL, RATE

__all__ = ["Channel", "draw_session", "impulse_response", "transmit"]

_TAPS = 255


@dataclass(frozen=True)
class Channel:
    """A recording channel.

    Args:
        low_cut: Where the response begins, in Hz (-3 dB; 12 dB per octave).
        high_cut: Where the response ends, in Hz (-3 dB; 24 dB per octave).
        slope: Slope of the response in between, in dB per octave.
        rt60: Time in which the reverberation decays by 60 dB, in s.
        wet: Energy of the reverberation against the direct sound, in dB.
        gain: Gain of the recorder, in dB.
        snr: Level of neutral speech above the noise floor, in dB.
        noise_pole: Colour of the noise floor, in [0, 1): 0 is white, near 1 is a rumble.
    """

    low_cut: float
    high_cut: float
    slope: float
    rt60: float
    wet: float
    gain: float
    snr: float
    noise_pole: float


def draw_session(channel: Channel, rng: np.random.Generator) -> Channel:
    """Return the channel of one speaker's session: no two speakers sit alike before a microphone."""
    slope, gain, snr = (float(value) for value in rng.standard_normal(3))
    return replace(
        channel, slope=channel.slope + 0.4 * slope, gain=channel.gain + 1.0 * gain, snr=channel.snr + 2.0 * snr
    )


def impulse_response(channel: Channel, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the response of microphone and room at 16 kHz; the direct sound lies at sample 127.

    The room is noise that decays exponentially behind the direct sound (Moorer, Computer Music Journal, 1979).

    Example:
        >>> near = Channel(60.0, 7500.0, 0.0, 0.2, -20.0, 0.0, 40.0, 0.5)
        >>> response = impulse_response(near, np.random.default_rng(0))
        >>> int(abs(response).argmax())
        127
    """
    frequency = np.linspace(0.0, RATE / 2, 257)
    f = np.maximum(frequency, 20.0)
    response = 1.0 / np.sqrt((1.0 + (channel.low_cut / f) ** 4) * (1.0 + (f / channel.high_cut) ** 8))
    response *= 10.0 ** (channel.slope * np.log2(f / 1000.0) / 20.0)
    microphone = firwin2(_TAPS, frequency, response, fs=RATE)

    time = np.arange(1, int(0.7 * channel.rt60 * RATE) + 1) / RATE  # to -42 dB
    tail = rng.standard_normal(len(time)) * 10.0 ** (-3.0 * time / channel.rt60)
    tail *= 10.0 ** (channel.wet / 20.0) / np.sqrt(np.sum(tail**2))
    both: NDArray[np.float32] = oaconvolve(microphone, np.concatenate([[1.0], tail])).astype(np.float32)
    return both


def transmit(
    speech: NDArray[np.float32], channel: Channel, response: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Send speech through a channel: response, noise floor, gain, and clipping at full scale.

    The noise floor does not follow the speech, so that a soft voice is heard with more noise.

    Args:
        speech: L samples at 16 kHz.
        channel: Noise and gain.
        response: From `impulse_response`.
        rng: The noise.

    Shape:
        (L,) to (L,), in [-1, 1].
    """
    heard = oaconvolve(speech, response)[_TAPS // 2 :][: len(speech)]
    white = rng.standard_normal(len(speech), dtype=np.float32)
    noise = lfilter([np.sqrt(1.0 - channel.noise_pole**2)], [1.0, -channel.noise_pole], white)  # of unit variance
    mixed = heard + 10.0 ** ((LEVEL - channel.snr) / 20.0) * noise
    out: NDArray[np.float32] = np.clip(10.0 ** (channel.gain / 20.0) * mixed, -1.0, 1.0).astype(np.float32)
    return out
