"""Which reader serves which corpus, how it is guessed, and where a corpus is looked for."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from transfer.data.audformat import claims_audformat, read_audformat
from transfer.data.corpus import Corpus, is_audio, list_files
from transfer.data.daic_woz import claims_daic_woz, read_daic_woz
from transfer.data.file_names import claims_layout, nothing_found, read_layout
from transfer.data.iemocap import claims_iemocap, read_iemocap
from transfer.data.layouts import LAYOUTS
from transfer.data.manifest import claims_folders, claims_manifest, find_manifest, read_folders, read_manifest
from transfer.data.modma import claims_modma, read_modma
from transfer.errors import CorpusError, did_you_mean

__all__ = ["READERS", "Reader", "about_readers", "corpus_root", "guess_reader", "read_corpus"]


@dataclass(frozen=True)
class Reader:
    """How a corpus is read, and recognised.

    Args:
        about: one line for listings.
        read: takes the corpus's name, its folder, and options by keyword.
        claims: takes the posix paths of a folder's files, and returns how many recordings of them are its own.
    """

    about: str
    read: Callable[..., Corpus]
    claims: Callable[[Sequence[str]], int]


READERS: dict[str, Reader] = {
    **{
        name: Reader(layout.about, partial(read_layout, layout), partial(claims_layout, layout))
        for name, layout in LAYOUTS.items()
    },
    "iemocap": Reader("IEMOCAP: English, acted dialogues, 10 speakers, 6 or 4 emotions", read_iemocap, claims_iemocap),
    "daic_woz": Reader(
        "DAIC-WOZ: English, clinical interviews (depressed or not), 189 participants, their turns alone",
        read_daic_woz,
        claims_daic_woz,
    ),
    "modma": Reader("MODMA: Mandarin, clinical (MDD, HC), 52 subjects, 29 recordings each", read_modma, claims_modma),
    "manifest": Reader(
        "any corpus listed in manifest.csv, .tsv or .parquet (columns path, label, speaker ...)",
        read_manifest,
        claims_manifest,
    ),
    "audformat": Reader("any corpus in audformat (db.yaml and its tables)", read_audformat, claims_audformat),
    "folders": Reader("any corpus in folders named by label (speakers unknown)", read_folders, claims_folders),
}
_EXPECTED = (
    "those of a corpus that `transfer corpus list` lists, or manifest.csv (columns path, label, speaker), or audio in "
    "folders named by label: angry/1.wav"
)
DECLARED = ("manifest", "audformat")
"""Readers of corpora that say themselves what they are."""


def about_readers() -> dict[str, str]:
    """Return a line about each reader.

    Example:
        >>> about_readers()["emovo"]
        'EMOVO: Italian, acted, 6 speakers, 7 emotions'
    """
    return {name: reader.about for name, reader in READERS.items()}


def corpus_root(name: str, root: str | None = None) -> Path:
    """Return the folder of a corpus: the recipe's `root`, else `$TRANSFER_CORPORA/<name>`.

    Args:
        name: name of the corpus.
        root: what the recipe says.

    Raises:
        CorpusError: if neither is given, or what is given is not there.

    Example:
        >>> corpus_root("emovo", ".") == Path.cwd()
        True
    """
    ways = f"set root: in the recipe to the corpus's folder, or TRANSFER_CORPORA to the folder that holds {name}/"
    if root is not None:
        path = Path(os.path.abspath(Path(root).expanduser()))
        if not path.exists():
            raise CorpusError(f"corpus {name!r}: the folder {path} does not exist; {ways}")
        return path
    shelf = os.environ.get("TRANSFER_CORPORA", "")
    if not shelf:
        raise CorpusError(f"corpus {name!r}: it is not said where it lies; {ways}")
    path = Path(os.path.abspath(Path(shelf).expanduser() / name))
    if not path.exists():
        beside = [folder.name for folder in path.parent.iterdir()] if path.parent.is_dir() else []
        raise CorpusError(
            f"corpus {name!r}: TRANSFER_CORPORA is {shelf}, but {path} does not exist; "
            f"{did_you_mean(name, beside)}; {ways}"
        )
    return path


def guess_reader(root: str | Path) -> str:
    """Return the reader whose layout a folder follows.

    A manifest or an audformat header at the root decides; else the one layout that most of the audio files follow; else,
    where no layout knows a file, folders named by label. A layout that would tell no speaker, and leave out files that lie
    in folders, knows nothing that the folders do not say.

    Args:
        root: folder of the corpus, or a manifest.

    Raises:
        CorpusError: if nothing fits, or more than one reader does; the candidates are listed with their numbers of files.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> (root / "f1").mkdir()
        >>> (root / "f1" / "dis-f1-b1.wav").touch()
        >>> guess_reader(root)
        'emovo'
    """
    path = Path(os.path.abspath(Path(root).expanduser()))
    if not path.exists():
        raise CorpusError(f"the folder {path} does not exist")
    if path.is_file():
        if find_manifest(path) is None:
            raise CorpusError(
                f"{path} is a file, and no manifest; expected the folder of a corpus, or a .csv, .tsv or .parquet file"
            )
        return "manifest"
    files = list_files(path)
    claims = {
        name: found
        for name, reader in READERS.items()
        if (found := reader.claims(files)) and not (found < claims_folders(files) and _tells_no_speaker(name, files))
    }
    declared = {name: found for name, found in claims.items() if name in DECLARED}
    known = {name: found for name, found in claims.items() if name != "folders"}
    candidates = declared or known or claims
    if not candidates:
        raise nothing_found(path.name, path, files, expected=_EXPECTED)
    most = max(candidates.values())
    best = [name for name, found in candidates.items() if found == most]
    audio = sum(map(is_audio, files))
    if len(best) > 1 or 2 * most < audio:
        listed = ", ".join(f"{name} ({found})" for name, found in sorted(claims.items(), key=lambda item: -item[1]))
        raise CorpusError(
            f"{path}: of {audio} audio files, these readers know: {listed}; it is not clear which to use, so name it "
            "(reader: in a recipe, --reader on the command line)"
        )
    return best[0]


def _tells_no_speaker(name: str, files: Sequence[str]) -> bool:
    """Tell whether a layout would say of no file who speaks."""
    if name not in LAYOUTS:
        return False
    telling = tuple(pattern for pattern in LAYOUTS[name].patterns if "(?P<speaker>" in pattern)
    return not claims_layout(replace(LAYOUTS[name], patterns=telling), files)


def read_corpus(
    name: str, root: str | Path, *, reader: str | None = None, options: Mapping[str, Any] | None = None
) -> Corpus:
    """Read a corpus.

    Args:
        name: its name; where it is that of a reader, it picks the reader.
        root: its folder, or its manifest.
        reader: the reader to use instead. Without one, and without one of the corpus's name, it is guessed.
        options: of the reader, such as `classes` of IEMOCAP.

    Raises:
        CorpusError: if the reader or an option is unknown, the reader cannot be guessed, or the folder is missing, empty,
            or holds nothing of the layout.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> (root / "angry").mkdir()
        >>> (root / "angry" / "a.wav").touch()
        >>> read_corpus("own", root).labels
        ('angry',)
    """
    if reader is not None and reader not in READERS:
        raise CorpusError(f"corpus {name!r}: no reader named {reader!r}; {did_you_mean(reader, READERS)}")
    path = Path(os.path.abspath(Path(root).expanduser()))
    if not path.exists():
        raise CorpusError(f"corpus {name!r}: the folder {path} does not exist")
    chosen = reader or (name if name in READERS else guess_reader(path))
    if path.is_file() and chosen != "manifest":
        raise CorpusError(f"corpus {name!r}: {path} is a file; the reader {chosen!r} wants the folder of the corpus")
    _check_options(name, chosen, options or {})
    return READERS[chosen].read(name, path, **(options or {}))


def _check_options(name: str, reader: str, options: Mapping[str, Any]) -> None:
    """Raise for an option that a reader does not have."""
    parameters = inspect.signature(READERS[reader].read).parameters.values()
    known = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    for option in options:
        if option not in known:
            has = did_you_mean(option, known) if known else "it has none"
            raise CorpusError(f"corpus {name!r}: the reader {reader!r} has no option {option!r}; {has}")
