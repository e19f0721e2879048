"""Audio files to mono waveforms, with every fault named.

Resampling is soxr HQ, and the number of samples is that of librosa's `resample` (rounded up), the reference of the
front ends.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from transfer.errors import AudioError

__all__ = ["SILENCE", "at_rate", "load_audio", "mono", "waveform_fault"]

SILENCE = 1e-4
"""Peak, of full scale, below which audio counts as silent: -80 dB, three steps of 16 bits."""
RATES = (1_000, 768_000)
"""Lowest and highest sample rate of a file, in Hz: speech has some thousand, the fastest converters 768 000."""
MOST_SAMPLES = 2**29
"""Samples of a stretch, before and after resampling: 9 hours at 16 kHz. A small file may claim or unpack to far more."""
SLACK = 0.05
"""How far a clip's end may lie behind the end of its file, in s: label tables are rounded."""

Waveform = npt.NDArray[np.float32]


def load_audio(
    path: str | Path,
    *,
    start: float = 0.0,
    end: float = math.nan,
    sample_rate: int = 16000,
    allow_silence: bool = False,
) -> Waveform:
    """Load a stretch of an audio file as a mono waveform.

    Channels are averaged, then the stretch is resampled (soxr HQ).

    Args:
        path: any file that libsndfile reads.
        start: begin of the stretch, s.
        end: end of the stretch, s; NaN for the end of the file.
        sample_rate: rate wanted, Hz.
        allow_silence: accept a silent stretch, such as a pause inside a longer recording.

    Shape:
        - output: (T,), float32, T = ceil(samples * sample_rate / rate of the file)

    Raises:
        AudioError: naming the file and the reason: unreadable, empty, not finite, silent, or outside of the file.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.wav"
        >>> soundfile.write(path, 0.5 * np.ones((800, 2)), 8000)
        >>> load_audio(path).shape
        (1600,)
    """
    samples, rate = _read(Path(path), start, end)
    waveform = mono(samples)
    fault = waveform_fault(waveform)
    if fault and not (fault == "silent" and allow_silence):
        raise AudioError(f"{path}: {fault}{_stretch(start, end)}; leave it out of the corpus or replace it")
    try:
        return at_rate(waveform, rate, sample_rate)
    except AudioError as error:
        raise AudioError(f"{path}: {error}{_stretch(start, end)}; leave it out of the corpus or replace it") from None


def at_rate(waveform: Waveform, rate: int, sample_rate: int) -> Waveform:
    """Return a waveform at another rate.

    Args:
        waveform: samples.
        rate: what they have, Hz.
        sample_rate: what is wanted, Hz.

    Shape:
        - waveform: (T,)
        - output: (ceil(T * sample_rate / rate),)

    Raises:
        AudioError: where the result is not finite.
    """
    if rate == sample_rate:
        return waveform
    resampled = _fit(
        soxr.resample(waveform, rate, sample_rate, quality="HQ"), math.ceil(len(waveform) * sample_rate / rate)
    )
    if not np.isfinite(resampled).all():
        raise AudioError("samples too loud to be resampled")
    return resampled


def mono(samples: Waveform) -> Waveform:
    """Average the channels: (T, C) -> (T,)."""
    return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float32)


def waveform_fault(waveform: npt.NDArray[np.floating]) -> str:
    """Return what keeps a waveform from being learned from: 'empty', 'not finite', 'silent', or '' for nothing.

    Args:
        waveform: samples of full scale 1.

    Shape:
        - waveform: any

    Example:
        >>> waveform_fault(np.zeros(3)), waveform_fault(np.array([0.1, np.nan])), waveform_fault(np.array([0.1]))
        ('silent', 'not finite', '')
    """
    if waveform.size == 0:
        return "empty"
    if not np.isfinite(waveform).all():
        return "not finite"
    return "silent" if float(np.abs(waveform).max()) < SILENCE else ""


def _read(path: Path, start: float, end: float) -> tuple[Waveform, int]:
    """Read the samples (T, C) of a stretch, and their rate."""
    try:
        with soundfile.SoundFile(path) as file:
            if not RATES[0] <= file.samplerate <= RATES[1]:
                raise RuntimeError(f"its sample rate is {file.samplerate} Hz")
            first, count = _extent(path, start, end, file.frames, file.samplerate)
            if count * max(file.channels, 48_000 / file.samplerate) > MOST_SAMPLES:
                raise RuntimeError(f"it claims {count} samples of {file.channels} channels, too many for one stretch")
            file.seek(first)
            samples: Waveform = file.read(count, dtype="float32", always_2d=True)
            rate = int(file.samplerate)
    except (soundfile.SoundFileError, OSError, RuntimeError) as error:
        raise AudioError(f"{path}: unreadable ({error}); leave it out of the corpus or replace it") from None
    if len(samples) < count:
        raise AudioError(
            f"{path}: unreadable (cut off: {len(samples)} of {count} samples); leave it out of the corpus or replace it"
        )
    return samples, rate


def _extent(path: Path, start: float, end: float, frames: int, rate: int) -> tuple[int, int]:
    """Return the first sample and the number of samples of a stretch."""
    duration = frames / rate
    if frames and (start < 0 or start >= duration or end <= start or end > duration + SLACK):
        raise AudioError(
            f"{path}: the stretch {start:g} to {end:g} s lies outside of the file, which lasts {duration:g} s"
        )
    first = round(start * rate)
    last = frames if math.isnan(end) else min(round(end * rate), frames)
    return first, max(last - first, 0)


def _fit(waveform: Waveform, length: int) -> Waveform:
    """Cut or pad with zeros to a length; the resampler may give a sample more or less."""
    if len(waveform) >= length:
        return waveform[:length]
    return np.pad(waveform, (0, length - len(waveform)))


def _stretch(start: float, end: float) -> str:
    """Say which stretch of a file is meant, where it is not the whole."""
    if start == 0 and math.isnan(end):
        return ""
    return f" from {start:g} s to {'its end' if math.isnan(end) else f'{end:g} s'}"
