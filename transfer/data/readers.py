"""Which reader serves which corpus, and where a corpus is looked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from transfer.data.corpus import Corpus
from transfer.data.file_names import read_layout
from transfer.data.layouts import LAYOUTS
from transfer.data.manifest import find_manifest, read_folders, read_manifest
from transfer.data.modma import read_modma
from transfer.errors import CorpusError, did_you_mean

__all__ = ["READERS", "about_readers", "corpus_root", "read_corpus"]

Reader = Callable[[str, Path], Corpus]

READERS: dict[str, Reader] = {
    **{name: partial(read_layout, layout) for name, layout in LAYOUTS.items()},
    "modma": read_modma,
    "manifest": read_manifest,
    "folders": read_folders,
}

_ABOUT = {
    "modma": "MODMA: Mandarin, clinical (MDD, HC), 52 subjects, 29 recordings each",
    "manifest": "any corpus listed in manifest.csv, .tsv or .parquet (columns path, label, speaker ...)",
    "folders": "any corpus in folders named by label (speakers unknown)",
}


def about_readers() -> dict[str, str]:
    """Return a line about each reader.

    Example:
        >>> about_readers()["emovo"]
        'EMOVO: Italian, acted, 6 speakers, 7 emotions'
    """
    return {name: LAYOUTS[name].about if name in LAYOUTS else _ABOUT[name] for name in READERS}


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


def read_corpus(name: str, root: str | Path, *, reader: str | None = None) -> Corpus:
    """Read a corpus.

    Args:
        name: its name; where it is that of a reader, it picks the reader.
        root: its folder, or its manifest.
        reader: the reader to use instead. Without a reader of the name, a manifest is looked for, then folders named
            by label.

    Raises:
        CorpusError: if the reader is unknown, or the folder is missing, empty, or holds nothing of the layout.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> (root / "angry").mkdir()
        >>> (root / "angry" / "1.wav").touch()
        >>> read_corpus("own", root).labels
        ('angry',)
    """
    if reader is not None and reader not in READERS:
        raise CorpusError(f"corpus {name!r}: no reader named {reader!r}; {did_you_mean(reader, READERS)}")
    path = Path(os.path.abspath(Path(root).expanduser()))
    if not path.exists():
        raise CorpusError(f"corpus {name!r}: the folder {path} does not exist")
    chosen = reader or (name if name in READERS else "manifest" if find_manifest(path) else "folders")
    if path.is_file() and chosen != "manifest":
        raise CorpusError(f"corpus {name!r}: {path} is a file; the reader {chosen!r} wants the folder of the corpus")
    return READERS[chosen](name, path)
