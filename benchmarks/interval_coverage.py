"""How often intervals hold the truth and tests keep their level, by simulated comparisons of two systems.

    uv run python benchmarks/interval_coverage.py [--repeats 400] [--doc docs/statistics.md]

Two classes; subjects differ in how well they are recognised (their share of right slices is beta distributed, sd 0.22),
systems agree about who is easy, and each has subjects that suit it (+-0.1). 12 slices a subject. A comparison is of new
subjects each time; the truth is that of all subjects there could be. "planted": one system is 0.10 better. In the last
rows training too is drawn: each seed of each system is better or worse by a normal draw of sd 0.05 for everybody.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from marked_part import replace_marked_part

from transfer.evaluation.bootstrap import cluster_interval, decision_interval
from transfer.evaluation.metrics import uar
from transfer.evaluation.paired_difference import paired_difference
from transfer.evaluation.pooling import Pool, Scoring, Units, seed_scores

MARK = "<!-- coverage: made by benchmarks/interval_coverage.py -->"
SLICES, SPREAD, GAP = 12, 4.0, 0.10
Case = tuple[int, int, str, float]
CASES: list[Case] = [
    *((n, seeds, level, 0.0) for n in (6, 10, 20, 52) for seeds in (1, 3) for level in ("slice", "subject")),
    *((20, seeds, "slice", 0.05) for seeds in (3, 5)),
]


class Counted(Pool):
    """A system whose decisions are counted already, which spares the making of tables: counts (seeds, S, K, K)."""

    def __init__(self, counts: np.ndarray) -> None:
        n = counts.shape[1]
        truth = np.array(["HC", "MDD"])[np.arange(n) % 2]
        subjects = pd.DataFrame({"subject": [f"s{i:02}" for i in range(n)], "truth": truth, "p_HC": 0.5, "p_MDD": 0.5})
        made = {k: Units(subjects) for k in range(len(counts))}
        for k, units in made.items():
            units.__dict__["counts"] = counts[k]  # where the cached property keeps them
        super().__init__({(k, ""): subjects for k in made}, {(k, ""): "mean" for k in made})
        object.__setattr__(self, "made", made)

    def by_seed(self, scoring: Scoring) -> dict[int, Units]:
        """Return the units as they were made."""
        return self.made

    def shared_with(self, other: Pool) -> Pool:
        """Return all: both are asked about the same subjects."""
        return self

    def units(self, cell: tuple[int, str], scoring: Scoring) -> Units:
        """Return those of a seed."""
        return self.made[cell[0]]


def counts(rng: np.random.Generator, share: np.ndarray, seeds: int, training: float, level: str) -> np.ndarray:
    """Return the decisions of a system of every seed, (seeds, S, K, K); subjects are of the two classes in turn."""
    n = len(share)
    truth = np.arange(n) % 2
    right = rng.binomial(SLICES, np.clip(share + training * rng.normal(size=(seeds, 1)), 0, 1), size=(seeds, n))
    if level == "subject":  # the mean probability decides, and of equals the first class
        right, total = np.where(truth == 0, 2 * right >= SLICES, 2 * right > SLICES).astype(int), 1
    else:
        total = SLICES
    made = np.zeros((seeds, n, 2, 2))
    made[:, np.arange(n), truth, truth] = right
    made[:, np.arange(n), truth, 1 - truth] = total - right
    return made


def shares(rng: np.random.Generator, n: int, gap: float) -> np.ndarray:
    """Return each subject's share of right slices by either system, (2, n)."""
    easy = rng.beta(0.6 * SPREAD, 0.4 * SPREAD, n)
    return easy + 0.1 * rng.choice([-1.0, 1.0], size=(2, n)) + np.array([[gap], [0.0]])


def truths(level: str, gap: float) -> np.ndarray:
    """Return the true UAR of both systems: of slices, or of the majority of a subject's slices (ties: the first class)."""
    from scipy import stats

    share = np.clip(shares(np.random.default_rng(1), 200_000, gap), 0, 1)
    if level == "slice":
        return share.mean(axis=1)
    half = SLICES // 2
    tied = stats.binom.pmf(half, SLICES, share)
    return (stats.binom.sf(half, SLICES, share) + tied / 2).mean(axis=1)  # a tie is right for one class of two


def simulate(case: Case, repeats: int) -> dict[str, float]:
    """Return what was counted in a case."""
    n, seeds, level, training = case
    scoring = Scoring("uar", level, single=True)
    rng = np.random.default_rng([n, seeds, len(level)])
    counted: dict[str, list[bool]] = {}
    for gap in (0.0, GAP):
        true = truths(level, gap)
        for _ in range(repeats):
            of = shares(rng, n, gap)
            made = [counts(rng, own, seeds, training, level) for own in of]
            pools = [Counted(each) for each in made]
            found = paired_difference(*pools, scoring, draws=200)
            low, high = found.interval
            name = "null" if not gap else "planted"
            counted.setdefault("difference", []).append(low <= true[0] - true[1] <= high)
            counted.setdefault(f"{name} interval", []).append(low > 0 or high < 0)
            counted.setdefault(f"{name} permutation", []).append(found.p_permutation <= 0.05)
            if not gap:
                low, high = interval(made[0], pools[0], scoring)
                counted.setdefault("score", []).append(low <= true[0] <= high)
                counted.setdefault("slices", []).append(over_slices(made, true[0] - true[1]))
    return {name: float(np.mean(values)) for name, values in counted.items()}


def interval(made: np.ndarray, pool: Pool, scoring: Scoring) -> tuple[float, float]:
    """Return the interval of a score as `system_scores.score` makes it."""
    every, n = list(pool.by_seed(scoring).values()), made.shape[1]
    if len(made) == 1 and scoring.level == "subject":
        return decision_interval(uar, made[0].sum(axis=0), draws=200)
    statistic = seed_scores([[units] for units in every], every[0].subjects, scoring)
    return cluster_interval(statistic, np.arange(n) % 2, draws=200)


def over_slices(made: list[np.ndarray], true: float) -> bool:
    """Say whether the interval of the difference holds the truth when slices are resampled as if independent."""
    right = [np.trace(each, axis1=-2, axis2=-1) for each in made]
    size = right[0].size * SLICES
    value = (right[0] - right[1]).sum() / size
    # Given its subject, whether a slice is right by either system is independent: slices disagree in so many cases.
    a, b = (each / SLICES for each in right)
    half = 1.96 * ((a + b - 2 * a * b).mean() - value**2) ** 0.5 / size**0.5
    return bool(value - half <= true <= value + half)


def render(a: argparse.Namespace) -> str:
    """Return the table as Markdown."""
    lines = [
        "| subjects | seeds | level | score | difference | slices resampled | false finds: interval | permutation "
        "| true finds: interval | permutation |",
        "|" + "---|" * 10,
    ]
    with ProcessPoolExecutor(a.jobs) as pool:
        for (n, seeds, level, training), found in zip(
            CASES, pool.map(simulate, CASES, [a.repeats] * len(CASES)), strict=True
        ):
            slices = f"{found['slices']:.1%}" if level == "slice" else ""
            columns = ["score", "difference"]
            tests = ["null interval", "null permutation", "planted interval", "planted permutation"]
            cells = [f"{found[c]:.1%}" for c in columns] + [slices] + [f"{found[c]:.1%}" for c in tests]
            words = f"{level}, training drawn" if training else level
            lines.append(f"| {n} | {seeds} | {words} | {' | '.join(cells)} |")
            print(lines[-1], flush=True)
    return "\n".join(lines)


def main() -> None:
    """Simulate and render."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--doc", type=Path, help="file whose marked part is replaced by the table")
    a = parser.parse_args()
    rendered = render(a)
    print(rendered)
    if a.doc:
        replace_marked_part(a.doc, MARK, rendered)


if __name__ == "__main__":
    main()
