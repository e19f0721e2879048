"""A comparison as a table to read: the rows ranked, how sure each is, and what it gained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from transfer.evaluation.report.wording import metric_words
from transfer.evaluation.subgroups import subgroups_in_words

__all__ = ["print_comparison"]

_COLOURS = {"positive": "green", "negative": "red"}
_SIGNS = {"unequal budget": "†", "leaking": "‡", "oracle-selected": "§", "synthetic": "°"}


def print_comparison(comparison: Mapping[str, Any], console: Console) -> None:
    """Print what `comparison.json` holds.

    Args:
        comparison: what `transfer.evaluation.comparison.compare_runs` returned, with `failures`.
        console: where to; colours and width are its own.

    Example:
        >>> import io
        >>> console = Console(width=80, record=True, file=io.StringIO())
        >>> row = {"name": "ddg", "role": "system", "rank": 1, "marks": [], "runs": 3, "score": 0.62}
        >>> row |= {"interval": [0.5, 0.74], "gain": None, "sentence": "ddg is the only row."}
        >>> said = {"metric": "uar", "level": "subject", "subjects": 16, "chance": 0.5, "baseline": None}
        >>> print_comparison({**said, "systems": [row], "warnings": [], "failures": []}, console)
        >>> print(console.export_text().splitlines()[0])
        UAR by subject, 16 test subjects, chance 0.500
    """
    console.print(Text(_title(comparison), "bold"))
    console.print(_ranking(comparison))
    for row in comparison["systems"]:
        if row["sentence"] and row["role"] == "system":
            verdict = (row["gain"] or {}).get("verdict", "")
            console.print(Text(f"  {row['sentence']}", _COLOURS.get(verdict, "")))
    for line in _subgroups(comparison):
        console.print(Text(f"  {line}", "dim"))
    for warning in comparison["warnings"]:
        console.print(Text(f"note: {warning}", "yellow"))
    for failure in comparison["failures"]:
        fold = "" if failure["fold"] is None else f", fold {failure['fold']}"
        where = f"{failure['system']}, seed {failure['seed']}{fold}"
        console.print(Text(f"failed: {where}: {failure['reason']}", "red"))


def _subgroups(comparison: Mapping[str, Any]) -> Iterator[str]:
    """Yield the subgroups of each system where two or more were scored; the page has all, with who was not and why."""
    for row in comparison["systems"]:
        found = row.get("subgroups") or {}
        told = {name: {**one, "not_scored": {}} for name, one in found.items() if len(one["groups"]) > 1}
        if row["role"] == "system":
            yield from (f"{row['name']}: UAR by {line}" for line in subgroups_in_words(told))


def _title(comparison: Mapping[str, Any]) -> str:
    """Say what was measured, of whom, and what holds for all rows."""
    chance = f", chance {comparison['chance']:.3f}" if comparison.get("chance") else ""
    of_all = _marks_of_all(comparison)
    marked = f" ({', '.join(of_all)})" if of_all else ""
    return f"{metric_words(comparison['metric'])} by {comparison['level']}, {comparison['subjects']} test subjects{chance}{marked}"


def _marks_of_all(comparison: Mapping[str, Any]) -> list[str]:
    """Return the marks that every row bears."""
    rows = [set(row["marks"]) for row in comparison["systems"]]
    return sorted(set.intersection(*rows)) if rows else []


def _ranking(comparison: Mapping[str, Any]) -> Table:
    """Return the rows: honest ones by score, then those that may not be ranked."""
    of_all = _marks_of_all(comparison)
    signs = {
        mark: _SIGNS.get(mark, "!") for row in comparison["systems"] for mark in row["marks"] if mark not in of_all
    }
    notes = ["* control", *(f"{sign} {mark}" for mark, sign in sorted(signs.items()))]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, caption_justify="left")
    table.caption = "   ".join(notes)
    table.add_column("", min_width=2, justify="right")
    table.add_column("row", no_wrap=True)
    gain_over = f"gain over {comparison['baseline']}" if comparison["baseline"] else "gain"
    for name in ("score [95%]", gain_over, "p (Holm)", "runs"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in comparison["systems"]:
        gain = row["gain"]
        name = row["name"] + "*" * (row["role"] == "control") + "".join(signs.get(mark, "") for mark in row["marks"])
        said = (
            Text(_with_interval(gain["value"], gain["interval"], "+"), _COLOURS.get(gain["verdict"], ""))
            if gain
            else ""
        )
        cells = [str(row["rank"] or "-"), name, _with_interval(row["score"], row["interval"]), said]
        cells += [f"{gain['p_holm']:.3f}" if gain and gain["p_holm"] is not None else "", str(row["runs"])]
        table.add_row(*cells)
    return table


def _with_interval(value: float | None, ends: list[float] | None, sign: str = "") -> str:
    """Return a number with three digits, and its interval with two.

    Example:
        >>> _with_interval(0.25, [-0.125, 0.5], "+")
        '+0.250 [-0.12, +0.50]'
    """
    if value is None:
        return ""
    return f"{value:{sign}.3f}" + (f" [{ends[0]:{sign}.2f}, {ends[1]:{sign}.2f}]" if ends else "")
