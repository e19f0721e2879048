"""The readable table at the end of a run: what was asked, under which protocol, with which answer, how sure it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from transfer.evaluation.levels import LEVELS
from transfer.evaluation.operating_point import point_in_words
from transfer.evaluation.subgroups import subgroups_in_words

__all__ = ["print_summary", "verdict"]

Row = Mapping[str, Any]

_COUNTS = ("n", "subjects", "positive")
_SCORES = {
    "uar": "UAR",
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "auc": "AUC",
    "pr_auc": "PR-AUC",
    "brier": "Brier",
    "ece": "ECE",
}


def print_summary(summary: Row, console: Console) -> None:
    """Print the summary of a run.

    Args:
        summary: what `summary.json` holds (`transfer.summary`); a summary of another version may lack keys.
        console: where to; colours and width are its own.

    Example:
        >>> import io
        >>> console = Console(width=80, record=True, file=io.StringIO())
        >>> scores = {"n": 4, "subjects": 4, "chance": 0.5, "uar": 0.75, "uar_ci": [0.3, 0.95]}
        >>> print_summary({"name": "a", "metrics": {"test": {"recording": scores}}}, console)
        >>> print(console.export_text().splitlines()[-2].strip())
        UAR by recording: not distinguishable from chance (0.50)
    """
    console.print(_title(summary))
    console.print(_protocol(summary))
    parts = {part: levels for part, levels in (summary.get("metrics") or {}).items() if levels}
    for part, levels in parts.items():
        _heading(console, f"{part}: scores [95% intervals over subjects]")
        console.print(_chosen_by(levels))
        console.print(_scores(levels))
        definition = levels.get("subject", {}).get("definition")
        console.print(f"  subject level: {definition}\n" if definition else "", end="")
        for line in _findings(levels, summary.get("chance")) if part == "test" else ():
            console.print(line)
    test = parts.get("test", {})
    decided = [level for level in LEVELS if "confusion" in test.get(level, {})]
    if decided:
        _heading(console, f"test: decisions by {decided[-1]} (rows: truth, columns: decided)")
        console.print(_confusion(test[decided[-1]]["confusion"]))
    diagnostics = summary.get("diagnostics") or {}
    before, after = diagnostics.get("before") or {}, diagnostics.get("after") or {}
    if before or after:
        _heading(console, "gap between source and target, before -> after")
        console.print(_gap_table(before, after))
    for warning in summary.get("warnings") or []:
        console.print(Text(f"warning: {warning}", style="bold yellow"))
    console.print(_footer(summary))


def verdict(scores: Row, chance: float | None = None) -> str:
    """Say in words how a UAR with its interval stands to chance.

    Args:
        scores: of one level, with `uar_ci` and `chance`.
        chance: where the scores have none.

    Example:
        >>> verdict({"uar_ci": [0.41, 0.72], "chance": 0.5})
        'not distinguishable from chance (0.50)'
        >>> verdict({"uar_ci": [0.55, 0.72], "chance": 0.5})
        'above chance (0.50)'
    """
    chance = scores.get("chance", chance)
    interval = scores.get("uar_ci")
    if chance is None or interval is None:
        return "without an interval, nothing can be said"
    if interval[0] > chance:
        return f"above chance ({chance:.2f})"
    if interval[1] < chance:
        return f"below chance ({chance:.2f}): decisions are systematically wrong"
    return f"not distinguishable from chance ({chance:.2f})"


def _title(summary: Row) -> Text:
    """Return the headline."""
    text = Text(f"\n{summary.get('name', 'run')}", style="bold")
    text.append(f"  strategy {summary.get('strategy', '?')}, seed {summary.get('seed', '?')}", style="not bold")
    if summary.get("synthetic"):
        text.append("  SYNTHETIC DATA", style="bold yellow")
    return text


def _protocol(summary: Row) -> Table:
    """Return what the numbers rest on: data, split, labels, selection, leakage."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column()
    split = summary.get("split") or {}
    sources = summary.get("source") or []
    named = [("source", name) for name in ([sources] if isinstance(sources, str) else sources)]
    for role, name in [*named, ("target", summary.get("target", "?"))]:
        grid.add_row(role, Text(_corpus(name, split.get("parts", {}).get(name, {}))))
    grid.add_row("target labels", Text(_labels(summary.get("target_labels") or {})))
    grid.add_row("split", Text(_split(split)))
    grid.add_row("selection", _selection(summary.get("selection") or {}))
    grid.add_row("aggregation", Text(_aggregation(summary.get("evaluation") or {})))
    grid.add_row("leakage", _leakage(summary.get("leakage")))
    return grid


def _corpus(name: str, parts: Mapping[str, Row]) -> str:
    """Return a corpus with its counts by part."""
    counts = [f"{part} {n.get('speakers')} speakers, {n.get('slices')} slices" for part, n in parts.items()]
    return f"{name}: {'; '.join(counts)}" if counts else name


def _labels(labels: Row) -> str:
    """Return how much of the target's labelling was used."""
    if not labels.get("slices"):
        return "none used"
    return f"{labels['speakers']} speakers, {labels['slices']} slices"


def _split(split: Row) -> str:
    """Return how speakers were parted."""
    words = f"by {split.get('by', '?')}, seed {split.get('seed', '?')}"
    return words + (", transductive (adaptation sees test audio, unlabelled)" if split.get("transductive") else "")


def _selection(selection: Row) -> Text:
    """Return how the weights were chosen, in red where test labels chose them."""
    words = f"{selection.get('by', '?')}, by {selection.get('metric', '?')}"
    for stage, epochs in (selection.get("epochs") or {}).items():
        words += f"; {stage} epoch {epochs['kept']} of {epochs['run']}"
    if selection.get("by") == "oracle":
        return Text(f"{words}: CHOSEN BY TEST LABELS, not a result to report", style="bold red")
    return Text(words)


def _aggregation(evaluation: Row) -> str:
    """Return how slices are put together, and what chose it."""
    chosen = evaluation.get("rule_chosen_on")
    return f"{evaluation.get('rule', '?')} of slices" + (f", chosen on {chosen}" if chosen else "")


def _leakage(leakage: Row | None) -> Text:
    """Return the line on leakage, red where something leaks or a leak was accepted."""
    if leakage is None:
        return Text("not measured", style="yellow")
    accepted, found = leakage.get("accepted") or [], leakage.get("found") or []
    if not accepted and not found:
        return Text("none: no test slice shares its speaker, recording or audio with training", style="green")
    shares = {kind: share for kind, share in (leakage.get("test_in_train") or {}).items() if share > 0}
    words = [f"{share:.0%} of the test slices share their {kind} with training" for kind, share in shares.items()]
    elsewhere = [kind for kind in found if kind not in shares]
    words += [f"{', '.join(elsewhere)} shared between other parts"] if elsewhere else []
    kind = f"ACCEPTED ({', '.join(accepted)}): " if accepted else ""
    return Text(kind + ("; ".join(words) or "nothing leaks"), style="bold red")


def _chosen_by(levels: Mapping[str, Row]) -> Text:
    """Return what chose the weights that these scores are of, in red where test labels did."""
    tag = next((scores["selected_by"] for scores in levels.values() if scores.get("selected_by")), "not recorded")
    if tag == "oracle":
        return Text(
            "  checkpoint chosen by ORACLE: test labels were looked at, not a result to report", style="bold red"
        )
    return Text(f"  checkpoint chosen by: {tag}", style="dim")


def _heading(console: Console, text: str) -> None:
    """Print the heading of a table."""
    console.print(Text(f"\n{text}", style="bold"))


def _scores(levels: Row) -> Table:
    """Return the scores of a part, one column a level, which fits a terminal of 80 columns."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("", no_wrap=True)
    for level in levels:
        table.add_column(level, justify="right", no_wrap=True)
    there = {key for scores in levels.values() for key in scores}
    for key in _COUNTS:
        if key in there:
            table.add_row(key, *(Text(str(scores.get(key, "-"))) for scores in levels.values()))
    for key, name in _SCORES.items():
        if key in there:
            table.add_row(name, *(_score(scores.get(key), scores.get(f"{key}_ci")) for scores in levels.values()))
    return table


def _score(value: float | None, interval: list[float] | None) -> str:
    """Return a score with its interval."""
    if value is None:
        return "-"
    return f"{value:.3f}" + (f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else "")


def _verdict(level: str, scores: Row, chance: float | None) -> Text:
    """Return how a level stands to chance, in words."""
    words = verdict(scores, chance)
    return Text(f"  UAR by {level}: {words}", style="green" if words.startswith("above") else "bold yellow")


def _findings(levels: Mapping[str, Row], chance: float | None) -> Iterator[Text]:
    """Yield in words how each level stands to chance, the operating point of the last one, and the subgroups."""
    yield from (_verdict(level, scores, chance) for level, scores in levels.items())
    points = [(level, scores["operating_point"]) for level, scores in levels.items() if "operating_point" in scores]
    for level, point in points[-1:]:
        yield Text(f"  {point_in_words(point)} ({level})")
    for level, scores in levels.items():
        yield from (Text(f"  UAR by {line} ({level})") for line in subgroups_in_words(scores.get("subgroups") or {}))


def _confusion(confusion: Row) -> Table:
    """Return the confusion counts of a level."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    for label in confusion["labels"]:
        table.add_column(Text(label), justify="right")
    for label, row in zip(confusion["labels"], confusion["counts"], strict=True):
        table.add_row(Text(label), *(str(n) for n in row))
    return table


def _gap_table(before: Mapping[str, Row], after: Mapping[str, Row]) -> Table:
    """Return the domain gap before and after, one row a level of the model."""
    names = {"mmd": "MMD", "a_distance": "A-distance", "domain_accuracy": "domain accuracy"}
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("at")
    for name in names.values():
        table.add_column(name, justify="right")
    for level in {**before, **after}:
        pair = before.get(level, {}), after.get(level, {})
        table.add_row(Text(level), *(" -> ".join(_score(gap.get(key), None) for gap in pair) for key in names))
    return table


def _footer(summary: Row) -> Text:
    """Return what it took, and where it is kept."""
    words = [
        f"{name} {summary[key]:.1f} s"
        for key, name in (("feature_seconds", "features"), ("train_seconds", "training"))
        if summary.get(key) is not None
    ]
    if summary.get("mlflow_run_id"):
        words.append(f"MLflow run {summary['mlflow_run_id']}")
    return Text(", ".join(words), style="dim")
