"""The audit of a plan: who and what stands in more than one part, under the rules that its recipe accepts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from transfer.data.fingerprint import fingerprints, near_copies
from transfer.data.leakage import LeakageReport, audit, check_leakage
from transfer.data.overlaps import Sounds
from transfer.data.pieces import one_row_a_piece
from transfer.recipe import Recipe

__all__ = ["audit_parts"]


def audit_parts(recipe: Recipe, slices: pd.DataFrame, hashes: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Audit the parts; return the record and the notes.

    Args:
        recipe: the recipe.
        slices: slice table with columns corpus and part.
        hashes: path -> content hash.

    Raises:
        LeakageError: for what the recipe did not accept.
    """
    rule = recipe.split
    roles = {(str(c), str(p)): group for (c, p), group in slices.groupby(["corpus", "part"], sort=False)}
    copies = _near_copies(slices, hashes) if rule.near_copies else {}
    report = audit(roles, Sounds(hashes, copies))
    check_leakage(report, rule.accept_leakage, forbid=rule.forbid)
    notes = [f"leakage accepted by the recipe: {finding.counted()}" for finding in report.found]
    notes += [f"reported, and refused only if split.forbid names it: {f.counted()}" for f in report.reported]
    if not rule.near_copies:
        notes.append("near copies between parts were not looked for (split.near_copies: false)")
    if recipe.normalisation == "speaker":
        notes.append("normalisation: speaker: each test speaker is standardised by their own slices, without labels")
    if recipe.normalisation == "voice":
        notes.append(
            f"normalisation: voice: {recipe.voices} voices are found in the target, its speakers not looked at"
        )
    return _leakage(recipe, report), notes


def _near_copies(slices: pd.DataFrame, hashes: Mapping[str, str]) -> dict[str, set[str]]:
    """Return path -> paths of other content that sound alike."""
    paths = sorted(set(one_row_a_piece(slices)["path"]))
    by_content: dict[str, list[str]] = {}
    for path in paths:
        by_content.setdefault(hashes[path], []).append(path)
    words = fingerprints({digest: found[0] for digest, found in by_content.items()})
    copies: dict[str, set[str]] = {}
    for copy in near_copies(words):
        for one, other in ((copy.first, copy.second), (copy.second, copy.first)):
            for path in by_content[one]:
                copies.setdefault(path, set()).update(by_content[other])
    return copies


def _leakage(recipe: Recipe, report: LeakageReport) -> dict[str, Any]:
    """Return the audit as the summary keeps it: shares of the target's test slices first, then everything."""
    target = f"{recipe.target.corpus}/test"
    shares = {f.kind: f.share for f in report.findings if f.part == target and f.against == "train"}
    return {
        "accepted": list(recipe.split.accept_leakage),
        "found": sorted({f.kind for f in report.found}),
        "reported": sorted({f.kind for f in report.reported}),
        "near_copies": recipe.split.near_copies,
        "test_in_train": shares,
        "audit": report.record(),
    }
