"""Finished runs with predictions of a known skill, for tests of comparisons."""

import numpy as np
import pandas as pd

from transfer.evaluation.comparison import FinishedRun, compare_runs


def table(skill, seed, *, subjects=16, slices=6, classes=("HC", "MDD"), several=False):
    """Return a random prediction table, the better the greater the skill; subjects are easy or hard for everybody."""
    rng = np.random.default_rng(seed)
    n, k = subjects * slices, len(classes)
    subject, piece = np.divmod(np.arange(n), slices)
    truth = (piece if several else subject) % k
    easy = np.random.default_rng(99).normal(size=subjects)
    logits = rng.normal(size=(n, k)) + (skill + easy[subject])[:, None] * np.eye(k)[truth]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    columns = {"corpus": "c", "part": "test", "slice": piece, "recording": [f"r{i // 2}" for i in piece]}
    if several:
        columns["recording"] = [f"r{i}" for i in piece]
    frame = pd.DataFrame(p, columns=[f"p_{name}" for name in classes])
    return frame.assign(**columns, subject=[f"s{i:02}" for i in subject], truth=np.array(classes)[truth])


def compare(runs, **options):
    """Compare with fewer draws."""
    return compare_runs(runs, **{"draws": 100, **options})


def run(system, seed=0, skill=1.0, *, fold=None, predictions=None, **summary):
    """Return a finished run."""
    said = {"target": "c", "split": {"parts": {"c": {"train": {"slices": 200}, "test": {"slices": 100}}}}, **summary}
    predictions = table(skill, 10 * seed + len(system)) if predictions is None else predictions
    return FinishedRun(system, seed, fold, "control" if system == "scratch" else "system", said, predictions)


def three(seeds=2, **marks):
    """Return runs of a baseline, a better and a hardly better system; `marks` are summaries by system."""
    skills = {"scratch": 0.2, "mmd": 0.1, "better": 2.5}
    return [run(name, seed, skill, **marks.get(name, {})) for name, skill in skills.items() for seed in range(seeds)]


def rows(result):
    """Return the rows by name."""
    return {row["name"]: row for row in result["systems"]}
