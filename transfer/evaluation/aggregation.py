"""How slices become decisions: about recordings, about subjects; and by which rule, as validation says."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from transfer.errors import UserError, did_you_mean
from transfer.evaluation.metrics import confusion, uar
from transfer.evaluation.predictions import class_names, probabilities, validate_predictions

__all__ = ["Level", "Rule", "aggregate", "choose_rule", "decided_units", "decision_level", "one_truth_per_subject"]

Level = Literal["slice", "recording", "subject"]
Rule = Literal["mean", "vote"]

_GROUPS = {
    "recording": ["corpus", "part", "recording", "subject", "truth"],
    "subject": ["corpus", "part", "subject", "truth"],
}
# A vote is decided by count; among equal counts the mean probability decides, and never more than that.
_TIE_BREAK = 1e-6


def one_truth_per_subject(table: pd.DataFrame) -> bool:
    """Say whether each subject has one true class (clinical corpora) or several (emotion corpora).

    Example:
        >>> one_truth_per_subject(pd.DataFrame({"corpus": "c", "subject": ["s1", "s1"], "truth": ["fear", "anger"]}))
        False
    """
    return bool((table.groupby(["corpus", "subject"])["truth"].nunique() == 1).all())


def decision_level(table: pd.DataFrame) -> Level:
    """Return the level at which a corpus is decided about: subjects where each has one true class, else recordings.

    Example:
        >>> decision_level(pd.DataFrame({"corpus": "c", "subject": ["s1", "s1"], "truth": ["fear", "anger"]}))
        'recording'
    """
    return "subject" if one_truth_per_subject(table) else "recording"


def aggregate(table: pd.DataFrame, level: Level, *, rule: Rule = "mean") -> pd.DataFrame:
    """Put the slices of a recording, or of a subject, together into one decision.

    `mean`: the mean of the slices' probabilities. `vote`: the share of slices that decide for each class; classes with
    equally many votes are ordered by their mean probability (which moves a share by less than 1e-6).

    Args:
        table: a valid prediction table.
        level: 'slice' (the table itself), 'recording' or 'subject'.
        rule: how slices are put together.

    Returns:
        one row a unit: `corpus, part, [recording,] subject, truth, slices` (how many), and the p_ columns; sorted.

    Raises:
        UserError: at subject level where a subject has several truths, as speakers of emotion corpora do. Grouping by
            subject *and* truth would use the answer to make the question (`decided_units` says what is done instead).

    Example:
        >>> row = {"corpus": "c", "part": "test", "recording": "r", "subject": "s", "truth": "a"}
        >>> slices = [{**row, "slice": i, "p_a": p, "p_b": 1 - p} for i, p in enumerate([0.75, 0.25, 0.0])]
        >>> aggregate(pd.DataFrame(slices), "recording")[["slices", "p_a", "p_b"]]
           slices       p_a       p_b
        0       3  0.333333  0.666667
    """
    if level == "slice":
        return table
    if level not in _GROUPS:
        raise UserError(f"no level {level!r}; {did_you_mean(level, ['slice', *_GROUPS])}")
    if rule not in ("mean", "vote"):
        raise UserError(f"no rule {rule!r} for putting slices together; {did_you_mean(rule, ['mean', 'vote'])}")
    if level == "subject" and not one_truth_per_subject(table):
        raise UserError("subjects with several truths have no single decision; aggregate to 'recording' instead")
    columns = [f"p_{name}" for name in class_names(table)]
    values = probabilities(table)
    if rule == "vote":
        votes = np.eye(len(columns))[values.argmax(axis=1)]
        values = (votes + _TIE_BREAK * values) / (1 + _TIE_BREAK)
    keys = _GROUPS[level]
    grouped = table[keys].assign(**{name: values[:, k] for k, name in enumerate(columns)}).groupby(keys, sort=True)
    units: pd.DataFrame = grouped[columns].mean().reset_index()
    units.insert(len(keys), "slices", grouped.size().to_numpy())
    return units


def decided_units(table: pd.DataFrame, level: Level, *, rule: Rule = "mean") -> tuple[pd.DataFrame, bool]:
    """Return the units that are scored at a level, and whether the score is a mean over subjects of their own scores.

    Subject level has two meanings. Where each subject has one true class (clinical corpora): one decision per subject
    from all its slices. Where subjects have several (in emotion corpora every speaker plays every emotion) there is no
    such decision, and grouping slices by subject *and* true class would use the truth to make the groups; there it is
    the mean over subjects of the metric of each subject's recordings, so that every subject counts the same.

    Args:
        table: a valid prediction table.
        level: 'slice', 'recording' or 'subject'.
        rule: how slices are put together, 'mean' or 'vote'.

    Example:
        >>> row = {"corpus": "c", "part": "test", "slice": 0, "subject": "s", "p_a": 0.5, "p_b": 0.5}
        >>> table = pd.DataFrame([{**row, "recording": "1", "truth": "a"}, {**row, "recording": "2", "truth": "b"}])
        >>> units, per_subject = decided_units(table, "subject")
        >>> len(units), per_subject
        (2, True)
    """
    per_subject = level == "subject" and not one_truth_per_subject(table)
    return aggregate(table, "recording" if per_subject else level, rule=rule), per_subject


def choose_rule(valid: pd.DataFrame) -> Rule:
    """Return the rule for putting slices together by which a validation part is decided better: its UAR goes by.

    Scored at the level that is decided about (`decision_level`). Of equals the mean is kept, so that a vote has to show
    that it is worth it. The test part has no say.

    Args:
        valid: the prediction table of the validation part.

    Raises:
        UserError: no prediction table.

    Example:
        >>> row = {"corpus": "c", "part": "valid", "recording": "r"}
        >>> votes = [("s", 0, "a", 0.6), ("s", 1, "a", 0.6), ("s", 2, "a", 0.0), ("t", 0, "b", 0.1)]
        >>> rows = [{**row, "subject": s, "slice": i, "truth": y, "p_a": p, "p_b": 1 - p} for s, i, y, p in votes]
        >>> choose_rule(pd.DataFrame(rows))
        'vote'
    """
    valid = validate_predictions(valid)
    level = decision_level(valid)
    mean, vote = (float(uar(confusion(aggregate(valid, level, rule=rule)))) for rule in ("mean", "vote"))
    return "vote" if vote > mean else "mean"
