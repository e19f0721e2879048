"""`report.html`: one page that needs nothing else, for a clinician to read and a reviewer to check.

Everything that comes from files is escaped, and the page's own policy (CSP) lets no script run but the page's.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from markupsafe import Markup

from transfer.data.cache import atomic_write
from transfer.errors import UserError, did_you_mean
from transfer.evaluation.report.confusion_plot import confusion_drawings
from transfer.evaluation.report.critical_difference_plot import critical_difference_drawing
from transfer.evaluation.report.folder import Comparison, read_comparison
from transfer.evaluation.report.forest import Forest
from transfer.evaluation.report.formats import FORMATS
from transfer.evaluation.report.gaps_plot import gap_drawings
from transfer.evaluation.report.learning_curves import learning_curves
from transfer.evaluation.report.monitor_plot import monitor_drawings
from transfer.evaluation.report.projections_plot import projection_drawings
from transfer.evaluation.report.protocol import protocol_card
from transfer.evaluation.report.reported import reported_rows
from transfer.evaluation.report.scores import score_rows, subgroup_rows
from transfer.evaluation.report.subjects_plot import subject_drawing, subject_rows
from transfer.evaluation.report.wording import answer, metric_words, p_words, set_apart, tally, with_interval

__all__ = ["render", "write_report"]

MARKS = {
    "leaking": "speakers, recordings or statistics of the test part were also in training",
    "oracle-selected": "the epoch was chosen by the test labels",
    "unequal budget": "trained longer, or with more labels, than the others",
    "synthetic": "computed on synthetic stand-ins, not on people",
}


ROW = ("name", "role", "rank", "marks", "score", "interval", "seed_std", "sentence", "train_seconds", "parameters")
GAIN = ("value", "interval", "p_holm", "verdict")
PAIR = ("a", "b", "difference", "interval", "p_permutation", "p_ttest", "p_wilcoxon", "p_holm", "effect", "n_pairs")


def write_report(folder: Path, *, command: str) -> Path:
    """Write `report.html` into the folder of a comparison, whole or not at all, and return its path.

    Args:
        folder: that `transfer compare` wrote.
        command: that makes the comparison again.

    Raises:
        UserError: where the folder holds no comparison.
    """
    page, path = _page(read_comparison(folder), command), folder / "report.html"
    atomic_write(path, lambda temporary: temporary.write_text(page, encoding="utf-8"))
    return path


def render(folder: Path, format: str, *, command: str | None = None) -> str:  # noqa: A002  (the option's name)
    """Return the report of a comparison as text.

    Args:
        folder: that `transfer compare` wrote.
        format: `html` (the whole page), or the ranking as `markdown`, `latex` or `csv`.
        command: that makes the comparison again, for the page; default: the one that the comparison recorded.

    Raises:
        UserError: for another format, or a folder that holds no comparison.
    """
    if format not in ("html", *FORMATS):
        raise UserError(f"no format {format!r}; {did_you_mean(format, ['html', *FORMATS])}")
    comparison = read_comparison(folder)
    command = command or str(comparison.result.get("command") or "transfer compare suite.yaml")
    return _page(comparison, command) if format == "html" else FORMATS[format](comparison.result)


def _page(comparison: Comparison, command: str) -> str:
    """Fill the template."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("transfer.evaluation.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"p": p_words}
    environment.globals |= {"with_interval": with_interval}
    return environment.get_template("template.html.j2").render(**_context(comparison, command))


def _context(comparison: Comparison, command: str) -> dict[str, Any]:
    """Return what the template shows."""
    result = comparison.result
    systems = [_whole(row, ROW) | {"gain": _whole(row.get("gain"), GAIN)} for row in result["systems"]]
    subjects = subject_rows(comparison)
    projections, legend = projection_drawings(comparison)
    script, style = _asset("page.js"), _asset("style.css")
    return {
        "title": _title(comparison),
        "answer": answer(result),
        "tally": tally(result),
        "result": result,
        "metric": metric_words(result["metric"]),
        "confidence": f"{1 - float(result.get('alpha') or 0.05):.0%}",
        "ranked": [row for row in systems if not set_apart(row)],
        "sizes": {row["name"]: (row["parameters"], row["train_seconds"]) for row in systems},
        "apart": [row for row in systems if set_apart(row)],
        "synthetic": any("synthetic" in (row.get("marks") or []) for row in systems)
        or any(run.summary.get("synthetic") for run in comparison.everything),
        "mark_words": MARKS,
        "forests": _forests(result),
        "pairs": [_whole(pair, PAIR) for pair in result.get("pairs") or []],
        "ranks": critical_difference_drawing(result.get("critical_difference")),
        "confusions": confusion_drawings(comparison),
        "curves": learning_curves(comparison),
        "projections": projections,
        "legend": legend,
        "gaps": gap_drawings(comparison),
        "monitor": monitor_drawings(comparison),
        "subjects": subjects,
        "scores": score_rows(result),
        "subgroups": subgroup_rows(result),
        "judged": [name for name in comparison.names if any(name in subject.right for subject in subjects)],
        "subject_chart": subject_drawing(subjects, result.get("chance")),
        "reported": reported_rows(comparison),
        "warnings": _warnings(comparison),
        "failures": result.get("failures") or [],
        "card": protocol_card(comparison),
        "command": command,
        "style": Markup(style),
        "script": Markup(script),
        "policy": _policy(script),
    }


def _whole(found: Mapping[str, Any] | None, keys: Sequence[str]) -> dict[str, Any]:
    """Return a record with every key that the page asks for, None where it has none: another version may lack some."""
    return {**dict.fromkeys(keys), **(found or {})}


def _title(comparison: Comparison) -> str:
    """Return the question: from which corpora to which."""
    summaries = [run.summary for run in comparison.everything]
    sources = [
        s["source"] if isinstance(s["source"], str) else " + ".join(s["source"]) for s in summaries if s.get("source")
    ]
    targets = [str(s["target"]) for s in summaries if s.get("target")]
    if not targets:
        return "Comparison of strategies"
    return f"{sources[0]} → {targets[0]}" if sources else f"Training on {targets[0]}"


def _forests(result: Mapping[str, Any]) -> dict[str, Forest]:
    """Return the scales of the two forest plots: of scores against chance, of gains against none."""
    scored = [row for row in result["systems"] if row.get("score") is not None]
    gained = [row["gain"] for row in scored if row.get("gain") and row["gain"].get("value") is not None]
    score, gain = metric_words(result["metric"]), f"gain over {result.get('baseline')}"
    return {
        "score": Forest([row["score"] for row in scored], _intervals(scored), mark=result.get("chance"), label=score),
        "gain": Forest([row["value"] for row in gained], _intervals(gained), mark=0.0, label=gain),
    }


def _intervals(rows: list[Any]) -> list[Any]:
    """Return the intervals that rows have."""
    return [row["interval"] for row in rows if row.get("interval") and None not in row["interval"]]


def _warnings(comparison: Comparison) -> list[str]:
    """Return the warnings of the comparison, of its runs (each once, with how many had it), and of what is not there."""
    found = [str(words) for words in comparison.result.get("warnings") or []]
    for name in comparison.names:
        runs = comparison.runs[name]
        words = [str(w) for run in runs for w in run.summary.get("warnings") or []]
        found += [f"{name} ({words.count(w)} of {len(runs)} runs): {w}" for w in dict.fromkeys(words)]
    return found + [f"{path} cannot be read; what it holds is missing here" for path in comparison.unreadable]


def _policy(script: str) -> str:
    """Return the page's policy: nothing is loaded from anywhere, and no script runs but this one."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:"


def _asset(name: str) -> str:
    """Return a file of this package."""
    return (files("transfer.evaluation.report") / name).read_text(encoding="utf-8")
