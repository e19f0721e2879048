"""What somebody has: a folder of speech, perhaps other corpora or a bundle, and what of it decides how to transfer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from transfer.data.corpus import Corpus
from transfer.errors import UserError

__all__ = ["Found", "Situation", "find_situation"]


@dataclass(frozen=True)
class Found:
    """A corpus as it was found.

    Args:
        name: of the corpus, as a recipe may write it.
        root: its folder or manifest.
        reader: what reads it.
        table: its clips.
        seconds: duration of each clip, s.
    """

    name: str
    root: Path
    reader: str
    table: pd.DataFrame
    seconds: pd.Series

    @property
    def classes(self) -> list[str]:
        """The labels, sorted."""
        return sorted(self.table["label"].unique())

    @property
    def speakers(self) -> int:
        """How many speakers are known; 0 where a clip's is not."""
        return 0 if (self.table["speaker"] == "").any() else int(self.table["speaker"].nunique())

    @property
    def clips_by_speaker(self) -> int:
        """The median number of clips of a speaker, 0 where speakers are unknown."""
        return int(self.table["speaker"].value_counts().median()) if self.speakers else 0

    @property
    def one_class_speakers(self) -> float:
        """The share of speakers whose clips are all of one class, as where the class is a diagnosis."""
        return float((self.table.groupby("speaker")["label"].nunique() == 1).mean()) if self.speakers else 0.0


@dataclass(frozen=True)
class Situation:
    """What a starter recipe is chosen by.

    Args:
        target: the corpus to serve.
        sources: corpora that may help.
        bundle: a source that stays at home, instead of those.
        shared: canonical classes that target and all sources have; fewer than two are none.
        bundle_classes: the classes of the bundle's heads, by corpus.
    """

    target: Found
    sources: tuple[Found, ...] = ()
    bundle: Path | None = None
    shared: tuple[str, ...] = ()
    bundle_classes: dict[str, tuple[str, ...]] | None = None


def find_situation(folder: Path, sources: Sequence[str] = (), *, reader: str | None = None) -> Situation:
    """Look at a folder of speech and at what else is there.

    Args:
        folder: the target's folder or manifest.
        sources: folders of corpora, names of corpora in $TRANSFER_CORPORA, or one bundle or run folder.
        reader: of the target, where it is not to be guessed.

    Raises:
        UserError: for a folder that no reader knows, a source that is not there, or a bundle beside other sources.
    """
    target = _look(folder, reader)
    bundles = [Path(source) for source in sources if _is_model(Path(source))]
    if bundles and len(sources) > 1:
        raise UserError(f"{bundles[0]} is a trained model; it is a source by itself: leave the others out")
    if bundles:
        from transfer.checkpoint import read_checkpoint

        classes = {name: tuple(found) for name, found in read_checkpoint(bundles[0]).record["classes"].items()}
        return Situation(target, bundle=bundles[0].resolve(), bundle_classes=classes)
    found = tuple(_source(source) for source in sources)
    names = [one.name for one in (target, *found)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"two corpora are called {twice[0]!r}, by their folders; source and target must be different")
    return Situation(target, found, shared=_shared([target, *found]) if found else ())


def _is_model(path: Path) -> bool:
    """Tell whether a path is a bundle or a run folder."""
    return (path.is_file() and path.suffix not in (".csv", ".tsv", ".parquet")) or (path / "summary.json").is_file()


def _source(source: str) -> Found:
    """Look at a source, given by folder or by name."""
    from transfer.data.readers import corpus_root

    return _look(Path(source) if Path(source).exists() else corpus_root(source), None)


def _look(root: Path, reader: str | None) -> Found:
    """Read a corpus without decoding it."""
    from transfer.data.description import clip_seconds
    from transfer.data.readers import guess_reader, read_corpus
    from transfer.data.scan import scan_audio

    chosen = reader or guess_reader(root)
    name = _name(root.resolve().parent.name if root.is_file() else root.resolve().name)
    corpus: Corpus = read_corpus(name, root, reader=chosen)
    return Found(
        name, root.resolve(), chosen, corpus.table, clip_seconds(corpus.table, scan_audio(corpus.table, decode=False))
    )


def _name(folder: str) -> str:
    """Return a folder's name as a recipe may write it.

    Example:
        >>> _name("My audio (2026)")
        'My_audio_2026'
    """
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else " " for c in folder)
    return "_".join(kept.split()).strip("_-") or "mine"


def _shared(corpora: Sequence[Found]) -> tuple[str, ...]:
    """Return the canonical classes that all corpora have; none where a word is not canonical in all of them."""
    from transfer.data.labels import canonical_label

    classes = [{canonical_label(word) for word in corpus.classes} for corpus in corpora]
    if any(None in found for found in classes):
        return ()
    common = set.intersection(*classes)
    return tuple(sorted(str(name) for name in common)) if len(common) > 1 else ()
