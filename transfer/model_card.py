"""The model card of a run: what the model is for, on whom it was trained and tested, how well it does, and its limits.

After Mitchell et al., Model Cards for Model Reporting, FAT* 2019. Everything in it is counted from the summary: a card
names no speaker, no recording and no folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from transfer.data.cache import atomic_write
from transfer.evaluation.levels import LEVELS
from transfer.evaluation.operating_point import point_in_words
from transfer.evaluation.report.formats import escape_markdown
from transfer.evaluation.report.wording import metric_words, with_interval
from transfer.evaluation.table import verdict

__all__ = ["CARD", "model_card", "write_model_card"]

CARD = "model_card.md"
FEW = 20  # test subjects below which a card says that they are few

Tree = Mapping[str, Any]

_SHOWN = ("uar", "accuracy", "macro_f1", "sensitivity", "specificity", "auc", "pr_auc", "brier", "ece")
_USE = (
    "Research on the transfer of speech classifiers between corpora: to repeat the figures below, and to compare "
    "methods on the same parts. The model hears speech of the target's kind and says how likely each of its classes is.",
    "Not for: diagnosis, screening or any other decision about a person; speech recorded, spoken or labelled in another "
    "way than the target's; people of groups that the figures below do not cover. What it says diagnoses nobody.",
)


def write_model_card(folder: Path, summary: Tree, recipe: Tree) -> None:
    """Write the model card of a run into its folder.

    Args:
        folder: of the run.
        summary: what `summary.json` holds.
        recipe: as it may be recorded (`transfer.redaction.public_recipe`).
    """
    text = model_card(summary, recipe)
    atomic_write(folder / CARD, lambda path: path.write_text(text, encoding="utf-8"))


def model_card(summary: Tree, recipe: Tree) -> str:
    """Return the model card of a run as Markdown.

    Args:
        summary: what `summary.json` holds; one of another version may lack keys.
        recipe: as it may be recorded.

    Example:
        >>> scores = {"n": 4, "subjects": 4, "chance": 0.5, "uar": 0.75, "uar_ci": [0.3, 0.95]}
        >>> card = model_card({"name": "a", "target": "modma", "metrics": {"test": {"subject": scores}}}, {})
        >>> print(next(line for line in card.splitlines() if line.startswith("UAR")))
        UAR by subject: not distinguishable from chance (0.50)
    """
    test = (summary.get("metrics") or {}).get("test") or {}
    sections: dict[str, Iterable[str]] = {
        "Intended use": _items(_USE),
        "The model": _model(summary, recipe),
        "Data and subjects": _data(summary),
        "Scores on the test part": _scores(summary, test),
        "Scores by subgroup": _subgroups(test),
        "Leakage": _leakage(summary.get("leakage") or {}),
        "Limits": _items(_limits(summary, recipe, test)),
        "Versions": _table(("package", "version"), (summary.get("versions") or {}).items()),
    }
    title = f"# Model card: {_text(summary.get('name', 'run'))}"
    return "\n\n".join([title, *("\n".join([f"## {name}", "", *lines]) for name, lines in sections.items())]) + "\n"


def _model(summary: Tree, recipe: Tree) -> Iterator[str]:
    """Say what was trained, and how it was chosen."""
    selection = summary.get("selection") or {}
    kept = [
        f"{stage}: {e.get('kept')} of {e.get('run')} epochs" for stage, e in (selection.get("epochs") or {}).items()
    ]
    how = summary.get("evaluation") or {}
    facts = {
        "front end": _component(recipe.get("frontend")),
        "extractor": _component(recipe.get("extractor")),
        "head": _component(recipe.get("head")),
        "standardised by": f"{recipe.get('normalisation')}, warped"
        if recipe.get("warping")
        else recipe.get("normalisation"),
        "strategy": _component(recipe.get("strategy")),
        "parameters": summary.get("parameters"),
        "seed": summary.get("seed"),
        "epoch chosen by": selection.get("tag"),
        "epochs kept": ", ".join(kept),
        "weights begun with": (recipe.get("pretraining") or {}).get("checkpoint") or "drawn by the seed",
        "temperature": how.get("temperature"),
        "slices put together by": how.get("rule"),
    }
    return _table(("", ""), ((name, value) for name, value in facts.items() if value not in (None, "")))


def _data(summary: Tree) -> Iterator[str]:
    """Say which corpora, parted how, with which labels."""
    parts, target = (summary.get("split") or {}).get("parts") or {}, summary.get("target")
    rows = [
        ("target" if corpus == target else "source", corpus, part, counts.get("speakers"), counts.get("slices"))
        for corpus, own in parts.items()
        for part, counts in own.items()
    ]
    yield from _table(("role", "corpus", "part", "speakers", "slices"), rows)
    yield ""
    labels, split = summary.get("target_labels") or {}, summary.get("split") or {}
    lines = [f"classes of {corpus}: {', '.join(map(str, names))}" for corpus, names in _mapping(summary, "classes")]
    lines += [f"audio of {corpus}, as it was cut: {mark}" for corpus, mark in _mapping(summary, "fingerprints")]
    lines.append(
        f"labels of the target that training saw: {labels.get('labelled_speakers', '?')} "
        f"({labels.get('speakers', 0)} speakers, {labels.get('slices', 0)} slices); those that chose the epoch: "
        f"{labels.get('validation_speakers', 0)} speakers"
    )
    lines.append(f"parts by {split.get('by', '?')}, {split.get('hash', 'without a hash')}")
    yield from _items(lines)


def _scores(summary: Tree, test: Tree) -> Iterator[str]:
    """Yield every score with its interval at every level."""
    levels = [level for level in LEVELS if level in test]
    if not levels:
        yield "No test part was scored."
        return
    shown = [name for name in _SHOWN if any(test[level].get(name) is not None for level in levels)]
    rows: list[list[Any]] = [["units (subjects)", *(f"{test[v].get('n')} ({test[v].get('subjects')})" for v in levels)]]
    rows += [
        [metric_words(name), *(with_interval(test[v].get(name), test[v].get(f"{name}_ci")) for v in levels)]
        for name in shown
    ]
    yield from _table(("", *(f"by {level} [95% over subjects]" for level in levels)), rows)
    last = test[levels[-1]]
    yield ""
    yield _text(f"UAR by {levels[-1]}: {verdict(last, summary.get('chance'))}")
    yield from (["", _text(f"Subject level: {last['definition']}.")] if last.get("definition") else [])
    yield from (["", _text(f"Positive class: {last['positive']}.")] if last.get("positive") else [])
    yield from (["", _text(point_in_words(last["operating_point"]))] if last.get("operating_point") else [])


def _subgroups(test: Tree) -> Iterator[str]:
    """Yield the scores of groups of subjects, with who could not be scored and why."""
    found: Tree = next(
        (test[level]["subgroups"] for level in reversed(LEVELS) if (test.get(level) or {}).get("subgroups")), {}
    )
    rows, apart = [], []
    for attribute, one in found.items():
        gap = (one.get("gaps") or {}).get("uar") or {}
        words = with_interval(gap.get("value"), gap.get("interval"))
        rows += [
            (attribute, name, group.get("subjects"), with_interval(group.get("uar"), group.get("uar_ci")), words)
            for name, group in one["groups"].items()
        ]
        apart += [f"{attribute} {name}: not scored, {why}" for name, why in one["not_scored"].items()]
    if rows:
        yield from _table(("attribute", "group", "subjects", "UAR [95%]", "gap [95%]"), rows)
        yield ""
    yield from _items(apart)
    if not found:
        yield "The corpus says nothing of sex, age or language: whether the model serves groups alike is not known."


def _leakage(leakage: Tree) -> Iterator[str]:
    """Say what of the test part training knew."""
    shares = leakage.get("test_in_train") or {}
    rows = ((kind, "not looked for" if share is None else f"{share:.1%}") for kind, share in shares.items())
    yield from _table(("kind", "test slices that share it with training"), rows)
    yield ""
    accepted = ", ".join(map(str, leakage.get("accepted") or [])) or "none"
    yield from _items([f"accepted by the recipe, by name: {accepted}"])


def _limits(summary: Tree, recipe: Tree, test: Tree) -> Iterator[str]:
    """Yield what keeps the figures from meaning more than they do."""
    subjects = max((int(scores.get("subjects") or 0) for scores in test.values()), default=0)
    if summary.get("synthetic"):
        yield "SYNTHETIC: trained and tested on stand-ins that a program wrote; the figures say nothing about people."
    if subjects < FEW:
        yield f"{subjects} test subjects are few: read the intervals, not the numbers."
    yield "One run of one seed: another seed gives other figures; `transfer compare` measures how far they go apart."
    if (summary.get("selection") or {}).get("by") == "oracle":
        yield "The epoch was chosen by test labels (oracle): the scores are an upper bound and no estimate."
    if (summary.get("split") or {}).get("transductive"):
        yield "Transductive: adaptation heard the test audio, unlabelled; on audio that it has not heard it may do worse."
    if (summary.get("leakage") or {}).get("accepted"):
        yield "The recipe accepted leaks (above): the scores do not say how the model does on new people."
    if not (summary.get("evaluation") or {}).get("temperature"):
        yield "Probabilities are not calibrated: no target validation labels were there to do it."
    if recipe.get("normalisation") in ("speaker", "voice"):
        yield "Features are standardised by speaker: some speech of a new speaker is needed before the model can judge."
    yield from map(str, summary.get("warnings") or [])
    yield from map(str, summary.get("notes") or [])


def _component(found: Any) -> str:
    """Say a component of a recipe: its name and options."""
    if not isinstance(found, Mapping):
        return ""
    options = ", ".join(f"{key} {value}" for key, value in found.items() if key != "name" and value is not None)
    return f"{found.get('name')} ({options})" if options else str(found.get("name"))


def _mapping(summary: Tree, key: str) -> list[tuple[str, Any]]:
    """Return the entries of a mapping of the summary."""
    return list((summary.get(key) or {}).items())


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield a table."""
    yield _row(header)
    yield "|" + "---|" * len(header)
    yield from map(_row, rows)


def _row(cells: Sequence[Any]) -> str:
    """Return a row of a table."""
    return "| " + " | ".join(_text(cell) for cell in cells) + " |"


def _items(lines: Iterable[str]) -> Iterator[str]:
    """Yield a list."""
    return (f"- {_text(line)}" for line in lines)


def _text(value: Any) -> str:
    """Return a text without anything that Markdown or HTML would read."""
    return escape_markdown(f"{value:.3f}" if isinstance(value, float) else str(value))
