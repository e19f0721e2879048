"""What somebody has: a folder of speech, perhaps other corpora or a bundle, and what of it decides how to transfer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from transfer.data.corpus import Corpus, is_audio
from transfer.data.labels import canonical_label
from transfer.errors import CorpusError, UserError

__all__ = ["Found", "Labelled", "Situation", "find_situation"]

Labelled = Literal["none", "all"] | int
NO_LABEL = (
    "for a clip whose class is not known write any of the source's classes, each of them somewhere, and run `transfer init "
    "--labelled none`: then no label is learnt from, and scores mean nothing"
)


@dataclass(frozen=True)
class Found:
    """A corpus as it was found.

    Args:
        name: of the corpus, as a recipe may write it.
        root: its folder or manifest.
        reader: what reads it.
        table: its clips.
        seconds: duration of each clip, s.
        left_out: audio files below the root that are no clips.
    """

    name: str
    root: Path
    reader: str
    table: pd.DataFrame
    seconds: pd.Series
    left_out: tuple[str, ...] = ()

    @property
    def classes(self) -> list[str]:
        """The labels, sorted."""
        return sorted(self.table["label"].unique())

    @property
    def strange(self) -> list[str]:
        """The labels that the registry of classes does not know."""
        return [word for word in self.classes if canonical_label(word) is None]

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
        labelled: how many of the target's speakers have labels to be learnt from; none where it is not known who speaks.
    """

    target: Found
    sources: tuple[Found, ...] = ()
    bundle: Path | None = None
    shared: tuple[str, ...] = ()
    bundle_classes: dict[str, tuple[str, ...]] | None = None
    labelled: Labelled = "all"


def find_situation(
    folder: Path, sources: Sequence[str] = (), *, reader: str | None = None, labelled: Labelled = "all"
) -> Situation:
    """Look at a folder of speech and at what else is there.

    Args:
        folder: the target's folder or manifest.
        sources: folders of corpora, names of corpora in $TRANSFER_CORPORA, or one bundle or run folder.
        reader: of the target, where it is not to be guessed.
        labelled: how many of the target's speakers have labels to be learnt from.

    Raises:
        UserError: for a folder that no reader knows, a source that is not there, a bundle beside other sources, or more
            labelled speakers than leave one to be tested.
    """
    try:
        target = _look(folder, reader)
    except CorpusError as error:
        raise CorpusError(f"{error}; {NO_LABEL}" if "empty label" in str(error) else str(error)) from None
    labelled = _checked(labelled, target)
    bundles = [Path(source) for source in sources if _is_model(Path(source))]
    if bundles and len(sources) > 1:
        raise UserError(f"{bundles[0]} is a trained model; it is a source by itself: leave the others out")
    if bundles:
        from transfer.checkpoint import read_checkpoint

        classes = {name: tuple(found) for name, found in read_checkpoint(bundles[0]).record["classes"].items()}
        return Situation(target, bundle=bundles[0].resolve(), bundle_classes=classes, labelled=labelled)
    found = tuple(_source(source) for source in sources)
    names = [one.name for one in (target, *found)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"two corpora are called {twice[0]!r}, by their folders; source and target must be different")
    return Situation(target, found, shared=_shared([target, *found]) if found else (), labelled=labelled)


def _checked(labelled: Labelled, target: Found) -> Labelled:
    """Return how many speakers have labels to be learnt from, given who is there."""
    if isinstance(labelled, int) and not 1 <= labelled < target.speakers:
        who = f"{target.root} has {target.speakers} speakers" if target.speakers else "it is not known who speaks"
        raise UserError(
            f"{labelled} labelled speakers, and {who}; expected at least 1, and fewer than there are, so that somebody is left "
            "to be tested: name another number, none or all (--labelled)"
        )
    return labelled if target.speakers else "none"


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
    seconds = clip_seconds(corpus.table, scan_audio(corpus.table, decode=False))
    return Found(name, root.resolve(), chosen, corpus.table, seconds, tuple(filter(is_audio, corpus.ignored)))


def _name(folder: str) -> str:
    """Return a folder's name as a recipe may write it.

    Example:
        >>> _name("My audio (2026)")
        'My_audio_2026'
    """
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else " " for c in folder)
    return "_".join(kept.split()).strip("_-") or "mine"


def _shared(corpora: Sequence[Found]) -> tuple[str, ...]:
    """Return the canonical classes that all corpora have, whatever other words they use; one alone is none."""
    common = set.intersection(*({canonical_label(word) for word in corpus.classes} for corpus in corpora))
    shared = sorted(name for name in common if name is not None)
    return tuple(shared) if len(shared) > 1 else ()
