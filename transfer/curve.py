"""Comparisons along an axis: how many labelled subjects until transfer stops mattering, or how far a shift carries.

The folder of a curve holds a comparison for each point (`transfer.comparing`), `curve.json`, `curve.csv` and `curve.png`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from transfer.comparing import check_trials, compare_suite
from transfer.data.synthetic import DIALS, Difficulty
from transfer.errors import RecipeError, UserError, did_you_mean
from transfer.execution import Workplace
from transfer.output import default_folder, write_json
from transfer.progress import Reporter
from transfer.suite import Suite, load_suite
from transfer.trials import build_trials

__all__ = ["Axis", "curve", "curve_sentences", "read_axis"]


@dataclass(frozen=True)
class Axis:
    """What changes from point to point.

    Args:
        title: as the picture calls it.
        values: of the points, as they are written.
        overrides: of each point.
        synthetic: whether it needs stand-ins.
    """

    title: str
    values: tuple[str, ...]
    overrides: tuple[Mapping[str, Any], ...]
    synthetic: bool = False


def read_axis(subjects: str | None, dial: str | None) -> Axis:
    """Return the axis that a command line asks for.

    Args:
        subjects: `2,4,8,all`: how many target subjects are labelled.
        dial: `language=0,0.5,1`: a dial of the target's stand-in (`docs/shift.md`).

    Raises:
        RecipeError: for both or neither, an unknown dial, or what is no number.

    Example:
        >>> read_axis("2,all", None).overrides
        ({'target.labelled_speakers': 2}, {'target.labelled_speakers': 'all'})
        >>> read_axis(None, "language=0,1").overrides[1]
        {'synthetic.target.shift': {'language': 1.0}}
    """
    if (subjects is None) == (dial is None):
        raise RecipeError("a curve needs one axis: --subjects 2,4,8,all or --dial language=0,0.5,1")
    if subjects is not None:
        values = tuple(part.strip() for part in subjects.split(","))
        if wrong := [v for v in values if v != "all" and not (v.isdigit() and int(v) > 0)]:
            raise RecipeError(f"--subjects: {wrong[0]!r} is no number of subjects; expected such as 2,4,8,all")
        labelled = tuple({"target.labelled_speakers": v if v == "all" else int(v)} for v in values)
        return Axis("labelled target subjects", values, labelled)
    name, _, rest = str(dial).partition("=")
    known = ("shift", *DIALS)
    if name not in known:
        raise RecipeError(f"--dial: no dial {name!r}; {did_you_mean(name, known)}")
    try:
        numbers = [float(part) for part in rest.split(",")]
    except ValueError as error:
        raise RecipeError(f"--dial {dial}: expected numbers such as {name}=0,0.5,1") from error
    alone = name == "shift" or name in {
        field.name for field in fields(Difficulty)
    }  # shift itself: all its dials at once
    key = f"synthetic.target.{name}" if alone else "synthetic.target.shift"
    settings = tuple({key: number if alone else {name: number}} for number in numbers)
    return Axis(f"dial of the target's stand-in: {name}", tuple(f"{n:g}" for n in numbers), settings, synthetic=True)


def curve(
    recipes: Sequence[str],
    axis: Axis,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    reporter: Reporter | None = None,
    command: str = "",
    **settings: Any,
) -> dict[str, Any]:
    """Compare recipes at every point of an axis, and return what `curve.json` holds, with its `folder`.

    Args:
        recipes: recipes and `dotted.key=value` for all of them, or a suite file.
        axis: what changes.
        out: folder; default `runs/curve-<name>-<time>`.
        resume: go on in `out`; finished trials stay.
        reporter: shows progress.
        command: how it was asked for, for the record.
        settings: fields of `transfer.suite.Suite`.

    Raises:
        UserError: for every mistake in suite and recipes.
    """
    reporter = reporter or Reporter()
    if resume and out is None:
        raise UserError("--resume needs the folder of the curve; name it with --out")
    suite = load_suite(recipes, **{**settings, **({"synthetic": True} if axis.synthetic else {})})
    folder = Path(out or default_folder(f"curve-{suite.name}")).resolve()
    suites = {
        value: suite.model_copy(update={"overrides": {**suite.overrides, **overrides}, "name": f"{suite.name}-{value}"})
        for value, overrides in zip(axis.values, axis.overrides, strict=True)
    }
    _check_points(axis, suites, folder, reporter)
    points = []
    for value, here in suites.items():
        reporter.say(f"{axis.title}: {value}")
        place, going_on = folder / f"point-{value}", resume and (folder / f"point-{value}").is_dir()
        found = compare_suite(here, out=place, resume=going_on, reporter=reporter, command=command, checked=True)
        points.append({"value": value, "best": _known_best(place), **_point(found)})
    result = {"name": suite.name, "axis": axis.title, "command": command, "metric": suite.metric, "points": points}
    result["sentences"] = curve_sentences(result)
    write_json(folder / "curve.json", result)
    rows(result).to_csv(folder / "curve.csv", index=False)
    from transfer.evaluation.curve_plot import plot_curve

    plot_curve(result, folder / "curve.png")
    return {**result, "folder": str(folder)}


def rows(curve: Mapping[str, Any]) -> pd.DataFrame:
    """Return a curve as a table, one row a point and system."""
    table: pd.DataFrame = pd.DataFrame(
        [
            {
                "value": point["value"],
                "system": name,
                "score": row["score"],
                "low": row["interval"][0] if row["interval"] else None,
                "high": row["interval"][1] if row["interval"] else None,
                "gain": row["gain"],
                "gain_low": row["gain_interval"][0] if row["gain_interval"] else None,
                "gain_high": row["gain_interval"][1] if row["gain_interval"] else None,
                "best": point["best"],
            }
            for point in curve["points"]
            for name, row in point["systems"].items()
        ]
    )
    return table


def curve_sentences(curve: Mapping[str, Any]) -> list[str]:
    """Say in words up to which point each system's gain over the baseline is shown.

    Example:
        >>> def point(value, low, high):
        ...     row = {"gain": (low + high) / 2, "gain_interval": [low, high]}
        ...     return {"value": value, "systems": {"ddg": row}}
        >>> curve_sentences({"axis": "labelled target subjects", "points": [point("2", 0.1, 0.2), point("4", -0.1, 0.1)]})
        ['ddg: gain over the baseline shown at 2; not shown at 4']
    """
    sentences = []
    names = dict.fromkeys(name for point in curve["points"] for name in point["systems"])
    for name in names:
        told: dict[str, list[str]] = {"gain over the baseline shown": [], "loss shown": [], "not shown": []}
        for point in curve["points"]:
            interval = point["systems"].get(name, {}).get("gain_interval")
            if interval:
                kind = (
                    "gain over the baseline shown"
                    if interval[0] > 0
                    else "loss shown"
                    if interval[1] < 0
                    else "not shown"
                )
                told[kind].append(point["value"])
        said = [f"{kind} at {', '.join(values)}" for kind, values in told.items() if values]
        if said:
            sentences.append(f"{name}: {'; '.join(said)}")
    return sentences


def _check_points(axis: Axis, suites: Mapping[str, Suite], folder: Path, reporter: Reporter) -> None:
    """Check every point before the first is trained, so that none turns out impossible hours later."""
    for value, suite in suites.items():
        reporter.say(f"{axis.title}: {value}, checked")
        try:
            check_trials(build_trials(suite)[0], Workplace(folder / f"point-{value}", suite.synthetic), reporter)
        except UserError as error:
            raise RecipeError(f"{axis.title}: {value}: {error}") from error


def _point(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a curve keeps of a comparison."""
    systems = {
        row["name"]: {
            "role": row["role"],
            "score": row["score"],
            "interval": row["interval"],
            "gain": row["gain"]["value"] if row["gain"] else None,
            "gain_interval": row["gain"]["interval"] if row["gain"] else None,
            "marks": row["marks"],
        }
        for row in found["systems"]
    }
    return {
        "level": found["level"],
        "subjects": found["subjects"],
        "chance": found["chance"],
        "systems": systems,
        "failures": found["failures"],
    }


def _known_best(folder: Path) -> float | None:
    """Return the best UAR that a clip of the target's stand-in allows, where one was heard."""
    for file in sorted(folder.glob("runs/*/*/summary.json")):
        summary = json.loads(file.read_text(encoding="utf-8"))
        record = (summary.get("synthetic") or {}).get(summary["target"]) or {}
        if best := record.get("known_best"):
            return float(best["uar"])
    return None
