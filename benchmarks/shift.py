"""What a dial of the stand-ins does: the best score that can be had, a plain classifier's score, and the domain gap.

    python benchmarks/shift.py --dial channel
    python benchmarks/shift.py --dial shift channel noise language rhythm spread label_noise prior --steps 2

`shift` turns channel, noise, language and rhythm together. Source and target are stand-ins of nEMO and EMOVO, written at
each setting. The same voices say the same texts at all settings, so that what changes in a column is the dial's doing; those
of the two corpora differ, so that the gap does not begin at 0. The classifier is a logistic regression on means and standard
deviations of MFCC (up to 7 kHz: the corpora's sampling rates differ) and of their differences, trained on the source alone.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import librosa
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from transfer.data.audio import load_audio
from transfer.data.labels import canonical_label
from transfer.data.readers import read_corpus
from transfer.data.synthetic import DIALS, carried_over, order_of, synthesize
from transfer.evaluation.diagnostics import domain_gap

FOUR = ("channel", "noise", "language", "rhythm")
COLUMNS = ("dial", "at", "best in the target", "source's best, unadapted", "classifier, unadapted", "A-distance", "MMD")


def statistics(path: str) -> np.ndarray:
    mfcc = librosa.feature.mfcc(y=load_audio(path), sr=16_000, n_mfcc=13, n_fft=400, hop_length=160, fmax=7000)
    return np.concatenate([mfcc.mean(axis=1), mfcc.std(axis=1), np.diff(mfcc, axis=1).std(axis=1)])


def measure(source: str, target: str, dials: dict[str, float], sizes: dict[str, int]) -> list[float]:
    """Write both corpora, and return the figures of a row."""
    shift = {name: value for name, value in dials.items() if name in FOUR}
    others = {name: value for name, value in dials.items() if name not in FOUR}
    features, labels, speakers, orders = [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for name in (source, target):
            corpus = read_corpus(name, synthesize(name, Path(folder) / name, shift=shift, **others, **sizes))
            features.append(np.array([statistics(path) for path in corpus.table["path"]]))
            labels.append(corpus.table["label"].map(canonical_label).to_numpy())
            speakers.append(corpus.table["speaker"].to_numpy())
            orders.append(order_of(corpus.synthetic))
    score = carried_over(*orders)
    both = [np.isin(own, list(set(labels[0]) & set(labels[1]))) for own in labels]
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    classifier.fit(features[0][both[0]], labels[0][both[0]])
    reached = balanced_accuracy_score(labels[1][both[1]], classifier.predict(features[1][both[1]]))
    scaler = StandardScaler().fit(np.concatenate(features))
    gap = domain_gap(*map(scaler.transform, features), *speakers)
    return [score["uar"], score["uar_unadapted"], reached, gap["a_distance"], gap["mmd"]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dial", nargs="+", choices=["shift", *DIALS], default=["shift"])
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--source", default="nemo")
    parser.add_argument("--target", default="emovo")
    parser.add_argument("--speakers", type=int, default=4)
    parser.add_argument("--clips", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    sizes = {"speakers": given.speakers, "clips": given.clips, "seed": given.seed}
    print("| " + " | ".join(COLUMNS) + " |\n|---" + "|--:" * (len(COLUMNS) - 1) + "|")
    nothing = measure(given.source, given.target, {}, sizes)
    for dial in given.dial:
        for step in range(given.steps + 1):
            turned = dict.fromkeys(FOUR if dial == "shift" else (dial,), DIALS.get(dial, 1.0) * step / given.steps)
            row = measure(given.source, given.target, turned, sizes) if step else nothing
            at = f"{DIALS.get(dial, 1.0) * step / given.steps:g}"
            print("| " + " | ".join((dial, at, *(f"{value:.3f}" for value in row))) + " |", flush=True)


if __name__ == "__main__":
    main()
