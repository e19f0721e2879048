"""The protocol card: on which data, parted how, chosen by what, with which versions the figures came about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from transfer.evaluation.report.folder import Comparison, RunRecord

__all__ = ["Card", "Fold", "protocol_card"]


class Fold(NamedTuple):
    """A part of the target that was tested: seed, fold, hashes of the split, and the subjects of test and validation."""

    seed: int
    fold: str
    hashes: list[str]
    test: list[str]
    valid: list[str]


class Card(NamedTuple):
    """All of the protocol: facts, corpora, folds, one line a system, fingerprints, versions."""

    facts: list[tuple[str, str]]
    parts: list[tuple[str, str, str, str]]
    folds: list[Fold]
    systems: list[tuple[str, str, str, str, str]]
    fingerprints: list[tuple[str, str]]
    versions: list[tuple[str, str]]


def protocol_card(comparison: Comparison) -> Card:
    """Return the protocol as the summaries and prediction tables of the runs record it."""
    runs = comparison.everything
    return Card(
        _facts(comparison, runs),
        _parts(runs),
        _folds(runs),
        [_system(name, comparison.runs[name]) for name in comparison.names if comparison.runs[name]],
        _pairs(run.summary.get("fingerprints") for run in runs),
        _pairs(run.summary.get("versions") for run in runs),
    )


def _facts(comparison: Comparison, runs: list[RunRecord]) -> list[tuple[str, str]]:
    """Return what is said of the comparison as a whole."""
    summaries = [run.summary for run in runs]
    folds = sorted({run.fold for run in runs if run.fold is not None})
    facts = [
        ("Source", _names(s.get("source") for s in summaries)),
        ("Target", _names(s.get("target") for s in summaries)),
        ("Classes of the target", _names((s.get("classes") or {}).get(s.get("target")) for s in summaries)),
        ("Labels", _names((s.get("labels") or {}).get("rule") for s in summaries)),
        ("Parts by", _names((s.get("split") or {}).get("by") for s in summaries)),
        ("Test audio heard unlabelled", _names(_yes((s.get("split") or {}).get("transductive")) for s in summaries)),
        ("Seeds", ", ".join(map(str, sorted({run.seed for run in runs})))),
        ("Folds", ", ".join(folds) or "none: one part is the test"),
        ("Leaks accepted", _names(_accepted(run) for run in runs) or "none"),
        ("Synthetic stand-ins", _names(_yes(bool(s.get("synthetic"))) for s in summaries)),
        ("Intervals", f"{1 - float(comparison.result.get('alpha') or 0.05):.0%}, bootstrap over subjects"),
    ]
    return [(name, words) for name, words in facts if words]


def _system(name: str, runs: list[RunRecord]) -> tuple[str, str, str, str, str]:
    """Return of a system: strategy, what chose its epoch, the target labels it saw, the epochs it kept."""
    summaries = [run.summary for run in runs]
    kept = [
        f"{stage.get('kept')}/{stage.get('run')}"
        for s in summaries
        for stage in list(((s.get("selection") or {}).get("epochs") or {}).values())[-1:]
    ]
    return (
        name,
        _names(s.get("strategy") for s in summaries),
        _names((s.get("selection") or {}).get("tag") for s in summaries),
        _names(_labels(s.get("target_labels") or {}) for s in summaries),
        "; ".join(words if n == len(kept) else f"{words} ({n} runs)" for words, n in Counter(kept).items()),
    )


def _labels(found: Mapping[str, Any]) -> str:
    """Say which target labels were used."""
    if not found.get("slices") and not found.get("validation_speakers"):
        return str(found.get("labelled_speakers", "not said"))
    words = (
        f"{found.get('labelled_speakers', '?')} ({found.get('speakers', 0)} speakers, {found.get('slices', 0)} slices)"
    )
    seen = found.get("validation_speakers")
    return f"{words} + {seen} speakers to validate" if seen else words


def _parts(runs: list[RunRecord]) -> list[tuple[str, str, str, str]]:
    """Return speakers and slices of each part of each corpus, as a range over runs."""
    found: dict[tuple[str, str], list[Mapping[str, int]]] = {}
    for run in runs:
        for corpus, parts in ((run.summary.get("split") or {}).get("parts") or {}).items():
            for part, counts in parts.items():
                found.setdefault((str(corpus), str(part)), []).append(counts)
    return [
        (corpus, part, *(_range(int(c.get(kind, 0)) for c in counts) for kind in ("speakers", "slices")))  # type: ignore[misc]
        for (corpus, part), counts in sorted(found.items())
    ]


def _folds(runs: list[RunRecord]) -> list[Fold]:
    """Return each tested part once, with the hash of its split (several where systems were not split alike)."""
    groups: dict[tuple[int, str], list[RunRecord]] = {}
    for run in runs:
        groups.setdefault((run.seed, run.fold or ""), []).append(run)
    return [
        Fold(
            seed,
            fold or "–",
            sorted({str(run.summary["split"]["hash"]) for run in own if (run.summary.get("split") or {}).get("hash")}),
            _subjects(own, "test"),
            _subjects(own, "valid"),
        )
        for (seed, fold), own in sorted(groups.items())
    ]


def _subjects(runs: list[RunRecord], part: str) -> list[str]:
    """Return the subjects of a part, by the ids that the prediction tables have."""
    tables = [run.predictions for run in runs if run.predictions is not None]
    return sorted({str(name) for table in tables for name in table.loc[table["part"] == part, "subject"]})


def _pairs(found: Iterable[Mapping[str, Any] | None]) -> list[tuple[str, str]]:
    """Return names and all values that runs have for them."""
    values: dict[str, dict[str, None]] = {}
    for entry in found:
        for name, value in (entry or {}).items():
            values.setdefault(str(name), {})[str(value)] = None
    return [(name, ", ".join(own)) for name, own in values.items()]


def _accepted(run: RunRecord) -> str:
    """Say which leaks a run's recipe accepted."""
    accepted = (run.summary.get("leakage") or {}).get("accepted")
    return f"{run.system}: {', '.join(map(str, accepted))}" if accepted else ""


def _names(values: Iterable[Any]) -> str:
    """Return different values, each once."""
    flat = [", ".join(map(str, v)) if isinstance(v, list) else str(v) for v in values if v not in (None, [], "")]
    return "; ".join(dict.fromkeys(flat))


def _range(values: Iterable[int]) -> str:
    """Return numbers as one or as a range."""
    found = sorted(values)
    return str(found[0]) if found[0] == found[-1] else f"{found[0]}–{found[-1]}"


def _yes(value: Any) -> str | None:
    """Return a truth value as a word."""
    return None if value is None else "yes" if value else "no"
