"""The ranking of a comparison as Markdown, LaTeX or CSV; what comes from files can do nothing there."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping
from typing import Any

from transfer.evaluation.report.wording import answer, metric_words, p_words, set_apart, with_interval

__all__ = ["FORMATS", "escape_markdown", "to_csv", "to_latex", "to_markdown"]

Result = Mapping[str, Any]


def to_markdown(result: Result) -> str:
    """Return the answer and the ranking as Markdown.

    Args:
        result: what `comparison.json` holds.
    """
    header, rows = _table(result)
    table = ["| " + " | ".join(escape_markdown(cell) for cell in line) + " |" for line in (header, *rows)]
    table.insert(1, "|--:|" + "---|" * (len(header) - 1))
    notes = [f"- {escape_markdown(str(words))}" for words in result.get("warnings") or []]
    return "\n".join([escape_markdown(" ".join(answer(result))), "", *table, *([""] if notes else []), *notes]) + "\n"


def to_latex(result: Result) -> str:
    r"""Return the ranking as a LaTeX table, for which the preamble needs `\usepackage{booktabs}`.

    Args:
        result: what `comparison.json` holds.
    """
    header, rows = _table(result)
    honest = [row for row, system in zip(rows, result["systems"], strict=True) if not set_apart(system)]
    apart = [row for row, system in zip(rows, result["systems"], strict=True) if set_apart(system)]
    lines = [" & ".join(_latex(cell) for cell in row) + r" \\" for row in honest]
    if apart:
        lines += [r"\midrule", *(" & ".join(_latex(cell) for cell in row) + r" \\" for row in apart)]
    return "\n".join(
        [
            r"\begin{tabular}{rl" + "l" * (len(header) - 2) + "}",
            r"\toprule",
            " & ".join(_latex(cell) for cell in header) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            f"% {_one_line(' '.join(answer(result)))}",
            "",
        ]
    )


def to_csv(result: Result) -> str:
    """Return every number of the ranking as CSV, one row a system; a text that a spreadsheet would run begins with '.

    Args:
        result: what `comparison.json` holds.
    """
    rows = [_record(result, system) for system in result["systems"]]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_record(result, {}))
    for row in rows:
        writer.writerow([_csv(value) for value in row.values()])
    return out.getvalue()


FORMATS: dict[str, Callable[[Result], str]] = {"markdown": to_markdown, "latex": to_latex, "csv": to_csv}


def _table(result: Result) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of the ranking for people."""
    baseline = result.get("baseline")
    confidence = f"{1 - float(result.get('alpha') or 0.05):.0%}"
    header = ["rank", "system", f"{metric_words(result['metric'])} by {result['level']} [{confidence}]", "sd of seeds"]
    header += [f"gain over {baseline} [{confidence}]", "p (Holm)", "verdict"] if baseline else []
    return [*header, "marks"], [_row(system, bool(baseline)) for system in result["systems"]]


def _row(system: Mapping[str, Any], gains: bool) -> list[str]:
    """Return a row for people."""
    gain = system.get("gain") or {}
    cells = [
        "–" if set_apart(system) else str(system["rank"]),
        str(system["name"]),
        with_interval(system.get("score"), system.get("interval")),
        "–" if system.get("seed_std") is None else f"{system['seed_std']:.3f}",
    ]
    if gains:
        words = with_interval(gain.get("value"), gain.get("interval"), signed=True)
        cells += [words, p_words(gain.get("p_holm")), str(gain.get("verdict") or "–")]
    return [*cells, ", ".join(map(str, system.get("marks") or [])) or "–"]


def _record(result: Result, system: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row for machines."""
    gain = system.get("gain") or {}
    low, high = system.get("interval") or (None, None)
    gain_low, gain_high = gain.get("interval") or (None, None)
    return {
        **{key: system.get(key) for key in ("rank", "name", "strategy", "role")},
        "marks": "; ".join(map(str, system.get("marks") or [])),
        **{key: result.get(key) for key in ("metric", "level", "subjects", "chance", "baseline")},
        "score": system.get("score"),
        "score_low": low,
        "score_high": high,
        "seed_std": system.get("seed_std"),
        "runs": system.get("runs"),
        "gain": gain.get("value"),
        "gain_low": gain_low,
        "gain_high": gain_high,
        **{key: gain.get(key) for key in ("p", "p_holm", "effect", "verdict")},
        **{key: system.get(key) for key in ("selected_by", "train_seconds", "parameters")},
    }


def _csv(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, (int, float)):
        return value
    words = _one_line(value)
    return f"'{words}" if words.lstrip().startswith(("=", "+", "-", "@")) else words


def escape_markdown(words: str) -> str:
    """Return a text without anything that Markdown or HTML would read."""
    return re.sub(r"([\\`*_{}\[\]<>|#~&$!])", r"\\\1", _one_line(words))


LATEX = {
    "\\": r"\textbackslash{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "–": "--",
    "→": r"$\rightarrow$",
}


def _latex(words: str) -> str:
    """Return a text without anything that LaTeX would run; a bracket at its head is no optional argument."""
    found = "".join(LATEX.get(character, character) for character in _one_line(words))
    return f"{{}}{found}" if found.startswith(("[", "*")) else found


def _one_line(words: object) -> str:
    """Return a text in one line."""
    return " ".join(str(words).split())
