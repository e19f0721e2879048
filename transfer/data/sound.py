"""A recording in memory: decoded from bytes that are written nowhere, or heard by a microphone. T samples, C channels."""

from __future__ import annotations

import io
import math
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import soundfile
import torch

from transfer.data.audio import Waveform, at_rate, mono, waveform_fault
from transfer.data.features import FeatureStore, FrontEnd
from transfer.data.riff import missing_audio
from transfer.errors import AudioError

__all__ = ["DENSEST", "Sound", "decode", "density_fault", "features_of"]

DENSEST = 768_000  # samples a second, of all channels together: eight channels at 96 kHz
BLOCK = 1 << 18  # samples of all channels decoded at a time


@dataclass(frozen=True)
class Sound:
    """A mono recording.

    Args:
        samples: of full scale 1, (T,).
        rate: Hz.

    Example:
        >>> Sound(np.ones(8000, np.float32), 16000).seconds
        0.5
    """

    samples: Waveform
    rate: int

    @property
    def seconds(self) -> float:
        """How long it lasts, s."""
        return len(self.samples) / self.rate

    def stretch(self, start: float, end: float, sample_rate: int) -> Waveform:
        """Return a stretch at another rate, as `load_audio` does of a file.

        Args:
            start: s.
            end: s.
            sample_rate: Hz.

        Raises:
            AudioError: where it is empty, silent or not finite.
        """
        part = self.samples[round(start * self.rate) : round(end * self.rate)]
        if fault := waveform_fault(part):
            raise AudioError(f"{fault} from {start:g} s to {end:g} s")
        return at_rate(part, self.rate, sample_rate)


def density_fault(sample_rate: int, channels: int) -> str:
    """Say why audio of such a rate and so many channels is no recording of speech, or ''.

    Example:
        >>> density_fault(192_000, 8)
        '8 channels at 192000 Hz are 1536000 samples a second, and at most 768000 are taken; resample it, or keep the channels that speak'
        >>> density_fault(96_000, 2)
        ''
    """
    found = sample_rate * channels
    if found <= DENSEST:
        return ""
    return (
        f"{channels} channels at {sample_rate} Hz are {found} samples a second, and at most {DENSEST} are taken; "
        "resample it, or keep the channels that speak"
    )


def decode(data: bytes, *, longest: float = math.inf) -> Sound:
    """Decode a file's bytes, block by block, so that what a header promises takes no memory.

    Args:
        data: of any format that libsndfile reads.
        longest: s; audio that lasts longer is refused.

    Raises:
        AudioError: saying why it cannot be used.

    Example:
        >>> file = io.BytesIO()
        >>> soundfile.write(file, 0.5 * np.ones((800, 2)), 8000, format="WAV")
        >>> decode(file.getvalue()).seconds
        0.1
        >>> decode(b"this is text")
        Traceback (most recent call last):
        ...
        transfer.errors.AudioError: not readable as audio: Format not recognised.
    """
    if not data:
        raise AudioError("empty: there is not a byte of audio")
    if fault := missing_audio(io.BytesIO(data)):
        raise AudioError(f"not readable as audio: {fault}")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            return _decoded(file, longest)
    except (soundfile.SoundFileError, OSError, RuntimeError, TypeError) as error:
        raise AudioError(f"not readable as audio: {re.sub('Error opening <[^>]*>: ', '', str(error))}") from None


def _decoded(file: soundfile.SoundFile, longest: float) -> Sound:
    """Read an open file."""
    rate, frames = int(file.samplerate), int(file.frames)
    if fault := density_fault(rate, file.channels):
        raise AudioError(fault)
    too_long = f"lasts longer than the {longest:g} s that are taken; send a part of it"
    if frames > longest * rate:
        raise AudioError(too_long)
    blocks, heard = list[npt.NDArray[np.float32]](), 0
    while len(block := file.read(max(BLOCK // file.channels, 1), dtype="float32", always_2d=True)):
        heard += len(block)
        if heard > longest * rate:
            raise AudioError(too_long)
        blocks.append(mono(block))
    if heard < frames:
        raise AudioError(f"not readable as audio: cut off ({heard} of {frames} samples)")
    samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    if fault := waveform_fault(samples):
        raise AudioError(f"{fault}: there is nothing to hear")
    return Sound(samples, rate)


def features_of(sound: Sound, slices: pd.DataFrame, front_end: FrontEnd) -> FeatureStore:
    """Return the features of the slices of a recording, kept nowhere.

    Args:
        sound: the recording.
        slices: slice table with columns start and end (s).
        front_end: waveform -> features.
    """
    clips, problems = [], {}
    for i, (start, end) in enumerate(zip(slices["start"], slices["end"], strict=True)):
        clip = np.zeros((0, front_end.channels), np.float32)
        try:
            wave = sound.stretch(start, end, front_end.sample_rate)
            with torch.inference_mode():
                found = front_end(torch.from_numpy(wave)).T.contiguous().numpy()
            clip, problem = (found, "") if np.isfinite(found).all() else (clip, "features are not finite")
        except AudioError as error:
            problem = str(error)
        clips.append(clip)
        if problem:
            problems[i] = problem
    return FeatureStore(np.concatenate(clips), np.array([len(clip) for clip in clips], np.int64), problems)
