"""Audio as it comes: files that appear in a folder, and what a microphone hears. For demonstrations."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from transfer.data.corpus import is_audio
from transfer.data.sound import Sound
from transfer.errors import UserError

__all__ = ["hear", "new_audio"]


def new_audio(
    folder: Path, *, ready: Callable[[], None] = lambda: None, pause: Callable[[], None] = lambda: time.sleep(0.5)
) -> Iterator[Path]:
    """Yield, without end, each audio file that appears in a folder or below it, or changes, once it grows no more.

    Args:
        folder: to watch; what is in it at the beginning is passed over.
        ready: is told when that has been looked at.
        pause: between two looks; a file that is the same in both is all there.

    Raises:
        UserError: where there is no such folder, or it goes away.
    """
    told = seen = _stamps(folder)
    ready()
    while True:
        pause()
        before, seen = seen, _stamps(folder)
        whole = [path for path, stamp in seen.items() if before.get(path) == stamp and told.get(path) != stamp]
        for path in whole:
            told = {**told, path: seen[path]}
            yield path


def hear(rate: int, seconds: float) -> Iterator[Sound]:
    """Yield, without end, what the microphone hears, window after window.

    Args:
        rate: Hz.
        seconds: of a window.

    Raises:
        UserError: where sounddevice is not installed, or there is no microphone.
    """
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # OSError: PortAudio is not there
        raise UserError(
            f"the microphone needs sounddevice and PortAudio ({error}); pip install 'transfer-speech[microphone]', and on "
            "Linux the system's package libportaudio2"
        ) from error
    try:
        with sounddevice.InputStream(samplerate=rate, channels=1, dtype="float32") as stream:
            while True:
                samples, _ = stream.read(round(rate * seconds))
                yield Sound(samples[:, 0].copy(), rate)
    except sounddevice.PortAudioError as error:
        raise UserError(f"the microphone cannot be heard: {error}") from error


def _stamps(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return size and time of change of every audio file."""
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder} to watch")
    found = {}
    for path in sorted(folder.rglob("*")):
        if is_audio(path.name):
            try:
                seen = path.stat()
            except OSError:  # gone since
                continue
            found[path] = (seen.st_size, seen.st_mtime_ns)
    return found
