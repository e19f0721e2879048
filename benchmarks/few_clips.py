"""How many unlabelled clips of a speaker do the statistics of that speaker need, and must they be of all classes?

    TRANSFER_CORPORA=... uv run python benchmarks/few_clips.py [--draws 10] [--page docs/evidence.md]

The features of `recipes/best/` (prosody), logistic regression on the source, no target label used but to make the skew. The
statistics of a target speaker come from some of the speaker's clips, drawn anew; all clips of the speaker are scored. `ranks`
is `warping: true`, `moments` mean and deviation, `shrunk` these with ten clips' worth of the corpus's mixed in.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from marked_part import replace_marked_part
from sklearn.linear_model import LogisticRegression

from transfer.data.normalisation import Moments
from transfer.data.warping import Ranks
from transfer.loading import load_recipe
from transfer.preparation import load, plan

MARK = "<!-- few clips: made by benchmarks/few_clips.py -->"
DIRECTIONS = {"nemo_to_emovo": "nEMO -> EMOVO", "emovo_to_nemo": "EMOVO -> nEMO"}
WORTH, C = 10, 0.003
Apply = Callable[[np.ndarray], np.ndarray]


def moments(own: np.ndarray, corpus: np.ndarray) -> Apply:
    """Mean and deviation of a speaker's own rows (n, C)."""
    return Moments.of([own]).apply


def ranks(own: np.ndarray, corpus: np.ndarray) -> Apply:
    """Ranks among a speaker's own rows."""
    return Ranks.of([own]).apply


def shrunk(own: np.ndarray, corpus: np.ndarray) -> Apply:
    """Mean and variance of a speaker's own rows, with `WORTH` rows of the corpus's mixed in."""
    share = len(own) / (len(own) + WORTH)
    mean = share * own.mean(0) + (1 - share) * corpus.mean(0)
    variance = share * own.var(0) + (1 - share) * corpus.var(0)
    return Moments(mean, np.sqrt(variance)).apply


WAYS = {"moments": moments, "shrunk": shrunk, "ranks": ranks}


def chosen(rule: str, labels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return which of a speaker's clips the statistics are taken from."""
    order = generator.permutation(len(labels))
    if rule == "all":
        return order
    if rule.isdigit():
        return order[: int(rule)]
    if rule == "20 neutral":
        return order[labels[order] == "neutral"][:20]
    one = generator.choice(np.unique(labels))  # rule: 20, of one class 16
    return np.concatenate([order[labels[order] == one][:16], order[labels[order] != one][:4]])


RULES = ("5", "10", "20", "40", "all", "20, of one class 16", "20 neutral")


def measure(direction: str, draws: int) -> dict[tuple[str, str], tuple[float, float]]:
    """Return mean and deviation of the UAR over draws, by rule and way."""
    recipe = load_recipe(f"best/{direction}_speaker", ["normalisation=none", "warping=false"])
    planned = plan(recipe)
    domains = load(recipe, planned, torch.device("cpu")).domains
    source, target = domains[recipe.source[0].corpus], domains[recipe.target.corpus]
    xs, xt = (domain.features[:, :, 0].double().numpy() for domain in (source, target))
    ys, yt = (domain.table["label"].to_numpy() for domain in (source, target))
    ss, st = (domain.table["speaker"].to_numpy() for domain in (source, target))
    found = {}
    for way, fit in WAYS.items():
        train = np.empty_like(xs)
        for who in np.unique(ss):
            train[ss == who] = fit(xs[ss == who], xs)(xs[ss == who])
        model = LogisticRegression(C=C, class_weight="balanced", max_iter=1000).fit(train, ys)
        for rule in RULES:
            scores, generator = [], np.random.default_rng(0)
            for _ in range(draws if rule != "all" else 1):
                test = np.empty_like(xt)
                for who in np.unique(st):
                    own = np.flatnonzero(st == who)
                    test[own] = fit(xt[own[chosen(rule, yt[own], generator)]], xt)(xt[own])
                right = model.predict(test) == yt
                scores.append(float(np.mean([right[yt == c].mean() for c in np.unique(yt)])))
            found[rule, way] = (float(np.mean(scores)), float(np.std(scores)))
    return found


def main() -> None:
    """Measure and render."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--page", type=Path, help="its marked part is replaced")
    given = parser.parse_args()
    lines = ["| clips of a speaker | " + " | ".join(f"{words}, {way}" for words in DIRECTIONS.values() for way in WAYS)]
    lines = [f"{lines[0]} |", "|---" * (1 + len(DIRECTIONS) * len(WAYS)) + "|"]
    found = {direction: measure(direction, given.draws) for direction in DIRECTIONS}
    for rule in RULES:
        cells = [found[direction][rule, way] for direction in DIRECTIONS for way in WAYS]
        lines.append(f"| {rule} | " + " | ".join(f"{mean:.3f} ± {spread:.3f}" for mean, spread in cells) + " |")
    print("\n".join(lines))
    if given.page:
        replace_marked_part(given.page, MARK, "\n".join(lines))


if __name__ == "__main__":
    main()
