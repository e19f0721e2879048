"""Where statistics and labels came from: the parts of the audit that look at what was made, not at what was planned."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pandas as pd

from transfer.data.domain import HIDDEN, Domain
from transfer.data.leakage import Finding, LeakageReport
from transfer.data.normalisation import Normaliser
from transfer.errors import LeakageError

__all__ = ["audit_statistics", "check_withheld"]


def audit_statistics(slices: pd.DataFrame, normaliser: Normaliser) -> LeakageReport:
    """Measure which validation and test slices stand in statistics that another part is standardised by.

    Slices that training may hear (`visible`, such as all of the target where a recipe is transductive) may stand in
    any statistic. A speaker's own statistics are for the speaker's own slices; they leak if those are in two parts.

    Args:
        slices: slice table with columns corpus, speaker, part and visible.
        normaliser: fitted on it.

    Example:
        >>> rows = {"corpus": ["c"] * 2, "speaker": ["a", "b"], "part": ["train", "test"]}
        >>> slices = pd.DataFrame({**rows, "visible": [True, False], "labelled": [True, True]})
        >>> normaliser = Normaliser("train").fit(slices, lambda row: __import__("numpy").ones((3, 1)))
        >>> [finding.counted() for finding in audit_statistics(slices, normaliser).found][0]
        'statistics: 1 of 1 slices (100.0%) of c/test are in the statistics of normalisation, which train is
        standardised by'
    """
    groups = normaliser.groups(slices).to_numpy()
    parts = (slices["corpus"].astype(str) + "/" + slices["part"].astype(str)).to_numpy()
    hidden = (slices["part"].isin(["valid", "test"]) & ~slices["visible"].astype(bool)).to_numpy()
    findings = []
    for part in dict.fromkeys(parts[hidden]):
        for against in ("train", "valid", "test"):
            uses = {group for group, role in zip(groups, slices["part"], strict=True) if role == against}
            fitted = {row for group in uses for row in normaliser.fitted.get(group, ())}
            leaks = [row for row in fitted if hidden[row] and parts[row] == part]
            if not part.endswith(f"/{against}"):
                findings.append(Finding("statistics", part, against, len(leaks), int((parts == part).sum())))
    return LeakageReport(tuple(findings))


def check_withheld(domains: Iterable[Domain], target: str, learns_from: Collection[str]) -> dict[str, dict[str, int]]:
    """Count the labels that a strategy is handed, and refuse those that it may not have.

    Args:
        domains: corpora as tensors.
        target: name of the target corpus.
        learns_from: the roles whose labels the strategy declares to learn from: 'source', 'target'.

    Returns:
        Corpus name -> `handed` and `withheld`, numbers of slices.

    Raises:
        LeakageError: if labels of validation, test, or of a role that is not declared are not masked.

    Example:
        >>> check_withheld([], "emovo", ["source"])
        {}
    """
    counts = {}
    for domain in domains:
        shown = (domain.labels != HIDDEN).cpu().numpy()
        role = "target" if domain.name == target else "source"
        allowed = (domain.table["part"] == "train").to_numpy() & (role in learns_from)
        if (shown & ~allowed).any():
            declared = f"the strategy learns from the labels of: {', '.join(learns_from) or 'no corpus'}"
            raise LeakageError(
                f"{int((shown & ~allowed).sum())} labels of {domain.name} are not masked in what the strategy is handed, "
                f"though they are of its validation or test part, or of a role that is not declared ({declared}); "
                "this is a fault of the data preparation, and cannot be accepted"
            )
        counts[domain.name] = {"handed": int(shown.sum()), "withheld": int((~shown).sum())}
    return counts
