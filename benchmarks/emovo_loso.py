"""Every extractor on EMOVO alone, leave one speaker out, beside eGeMAPS functionals with a linear SVM.

    TRANSFER_CORPORA=... uv run python benchmarks/emovo_loso.py [--seeds 1] [--jobs 2] [--out runs/emovo_loso] \
        [--page docs/emovo_loso.md]

One recipe for all (`recipes/_base/emovo_loso.yaml`): seven classes, six folds, each speaker normalised by all of his or her
own clips, the same optimizer and steps, the last epoch taken; only front end, extractor and head differ. A run that is
there already is not run again. UAR is that of all 588 clips, each decided by the model that never heard its speaker; its
interval resamples speakers, and so does that of the difference to the SVM.
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

SPEAKERS = ("f1", "f2", "f3", "m1", "m2", "m3")
MARKS = ("<!-- table: made by benchmarks/emovo_loso.py -->", "<!-- end -->")
CONTROL = "egemaps + linear SVM"
MFCC, LOG_MEL, WAVE = "{name: mfcc, order: 3}", "{name: log_mel, bands: 64, n_fft: 400, hop: 160}", "{name: waveform}"
LINEAR, TEMPORAL = "{name: linear}", "{name: temporal, mode: diff, blocks: 5}"
NETWORKS = {  # name -> extractor, head, front end
    "functionals": ("{name: functionals}", LINEAR, "{name: egemaps}"),
    "multi_tim attention + diff": ("{name: multi_tim, mode: attention}", TEMPORAL, MFCC),
    "multi_tim plain + diff": ("{name: multi_tim, mode: plain}", TEMPORAL, MFCC),
    "multi_tim add + diff": ("{name: multi_tim, mode: add}", TEMPORAL, MFCC),
    "tcn": ("{name: tcn}", TEMPORAL, MFCC),
    "mtcn": ("{name: mtcn}", TEMPORAL, MFCC),
    "tim": ("{name: tim}", LINEAR, MFCC),
    "at_tim": ("{name: at_tim}", LINEAR, MFCC),
    "at_delta_tim": ("{name: at_delta_tim}", LINEAR, MFCC),
    "transformer": ("{name: transformer}", LINEAR, MFCC),
    "set": ("{name: set}", LINEAR, MFCC),
    "set_conv": ("{name: set_conv}", LINEAR, MFCC),
    "cnn_transformer": ("{name: cnn_transformer}", LINEAR, MFCC),
    "cnn_ml_transformer": ("{name: cnn_ml_transformer}", LINEAR, MFCC),
    "transformer_tim": ("{name: transformer_tim}", "{name: mlp}", MFCC),
    "transformer_delta_tim": ("{name: transformer_delta_tim}", "{name: mlp}", MFCC),
    "bert": ("{name: bert}", LINEAR, MFCC),
    "light_sernet": ("{name: light_sernet}", LINEAR, MFCC),
    "cnn_lstm": ("{name: cnn_lstm}", LINEAR, WAVE),
    "cnn_transformer_wave": ("{name: cnn_transformer_wave}", LINEAR, WAVE),
    "sincnet": ("{name: sincnet, shift: 0.1}", LINEAR, WAVE),
    "vggish_lstm": ("{name: vggish_lstm}", LINEAR, LOG_MEL),
}
LEFT_OUT = {
    "frame_mlp": "one label a frame, which EMOVO has not",
    "frame_bilstm": "one label a frame, which EMOVO has not",
    "wav2vec2": "no pretrained weights at hand",
    "hubert": "no pretrained weights at hand",
    "wavlm": "no pretrained weights at hand",
}


def one(job: tuple[Path, str, str, int]) -> str:
    """Train one network without one speaker."""
    os.environ["OMP_NUM_THREADS"] = "1"
    folder, name, speaker, seed = job
    if (folder / "summary.json").is_file():
        return f"{folder}: there already"
    from transfer import run

    extractor, head, front_end = NETWORKS[name]
    overrides = [f"extractor={extractor}", f"head={head}", f"frontend={front_end}", f"split.fold={speaker}"]
    recipe = Path(__file__).parent.parent / "recipes" / "_base" / "emovo_loso.yaml"
    summary = run(recipe, [*overrides, f"training.seed={seed}"], out=folder)
    return f"{folder}: UAR {summary['metrics']['test']['recording']['uar']:.3f} in {summary['train_seconds']:.0f} s"


def decisions(folders: list[Path]):
    """Return the decisions on the clips of all folds and seeds."""
    import pandas as pd

    from transfer.evaluation.aggregation import aggregate
    from transfer.evaluation.predictions import read_predictions

    tables = []
    for i, folder in enumerate(folders):
        table = read_predictions(folder / "predictions.parquet")
        table = table[table["part"] == "test"]
        tables.append(table.assign(recording=table["recording"] + f"/{i}", slice=table["slice"] + 100_000 * i))
    return aggregate(pd.concat(tables, ignore_index=True), "recording")


def control(root: Path):
    """Return the SVM's decisions: C by leave one speaker out within the training speakers, features normalised as above."""
    import numpy as np
    import pandas as pd
    from sklearn.metrics import recall_score
    from sklearn.svm import SVC

    from feature_extractors.frontends import EGeMAPS
    from transfer.data.audio import load_audio
    from transfer.data.readers import read_corpus

    table, front_end = read_corpus("emovo", root).table, EGeMAPS()
    x = np.stack([front_end(load_audio(path)).numpy()[:, 0] for path in table["path"]]).astype(float)
    speakers, labels = table["speaker"].to_numpy(), table["label"].to_numpy()
    for speaker in SPEAKERS:
        own = x[speakers == speaker]
        x[speakers == speaker] = (own - own.mean(0)) / (own.std(0) + 1e-8)

    def decide(train, test, c):
        return SVC(kernel="linear", C=c, class_weight="balanced").fit(x[train], labels[train]).predict(x[test])

    def inner(train, c):
        decided = np.empty(len(labels), object)
        for speaker in sorted(set(speakers[train])):
            own = speakers == speaker
            decided[own] = decide(train & ~own, own, c)
        return recall_score(labels[train], decided[train], average="macro")

    decided = np.empty(len(labels), object)
    for speaker in SPEAKERS:
        own = speakers == speaker
        best = max((0.001, 0.01, 0.1, 1.0), key=lambda c: inner(~own, c))
        decided[own] = decide(~own, own, best)
    rows = pd.DataFrame({"corpus": "emovo", "part": "test", "subject": speakers, "recording": table["recording"]})
    rows["slice"], rows["truth"] = np.arange(len(rows)), labels
    return rows.assign(**{f"p_{k}": (decided == k).astype(float) for k in sorted(set(labels))})


def interval(table, other=None) -> tuple[float, float, float]:
    """Return UAR, or the difference to another table's, with its interval over speakers."""
    import numpy as np

    from transfer.evaluation.bootstrap import cluster_interval
    from transfer.evaluation.weighted import weighted_metric

    a = weighted_metric(table, "uar")
    b = weighted_metric(other, "uar") if other is not None else (lambda w: np.zeros(len(w)))
    n = table["subject"].nunique()
    low, high = cluster_interval(lambda w: a(w) - b(w), np.zeros(n, dtype=int), draws=5000, bounds=(-1.0, 1.0))
    return float((a(np.ones((1, n))) - b(np.ones((1, n))))[0]), low, high


def render(out: Path, names: list[str], seeds: int, root: Path) -> str:
    """Return the table as Markdown."""
    import json

    svm = control(root)
    head = f"| {seeds} seed(s) x 6 folds | UAR | 95% over speakers | minus the SVM | parameters | training a fold, s |"
    lines = [head, "|---" * 6 + "|"]
    lines.append("| **{}** | {:.3f} | [{:.3f}, {:.3f}] | | | |".format(CONTROL, *interval(svm)))
    rows = []
    for name in names:
        folders = [out / f"{name.replace(' ', '_')}-{s}-{seed}" for seed in range(seeds) for s in SPEAKERS]
        summaries = [json.loads((folder / "summary.json").read_text()) for folder in folders]
        table = decisions(folders)
        table["subject"] = (
            table["recording"].str.split("/").str[0] if table["subject"].nunique() != 6 else table["subject"]
        )
        seconds = sum(s["train_seconds"] for s in summaries) / len(summaries)
        rows.append((interval(table), interval(table, svm), name, summaries[0].get("parameters", ""), seconds))
    for (uar, low, high), (gain, worse, better), name, parameters, seconds in sorted(rows, reverse=True):
        lines.append(
            f"| {name} | {uar:.3f} | [{low:.3f}, {high:.3f}] | {gain:+.3f} [{worse:+.3f}, {better:+.3f}] | {parameters} | {seconds:.0f} |"
        )
    return "\n".join([*lines, "", *(f"Left out: `{name}`: {why}." for name, why in LEFT_OUT.items())])


def main() -> None:
    """Run and render."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--networks", default=",".join(NETWORKS), help="comma-separated; default all")
    parser.add_argument("--out", type=Path, default=Path("runs/emovo_loso"))
    parser.add_argument(
        "--page", type=Path, default=Path("docs/emovo_loso.md"), help="page whose marked part is replaced"
    )
    a = parser.parse_args()
    names = a.networks.split(",")
    jobs = [
        (a.out / f"{name.replace(' ', '_')}-{speaker}-{seed}", name, speaker, seed)
        for seed in range(a.seeds)
        for name in names
        for speaker in SPEAKERS
    ]
    with ProcessPoolExecutor(a.jobs, mp_context=get_context("spawn")) as pool:
        for line in pool.map(one, jobs):
            print(line, flush=True)
    table = render(a.out, names, a.seeds, Path(os.environ["TRANSFER_CORPORA"]) / "emovo")
    print(table)
    if names == list(NETWORKS):
        text = a.page.read_text(encoding="utf-8")
        head, tail = text.split(MARKS[0])[0], text.split(MARKS[1], 1)[1]
        a.page.write_text(f"{head}{MARKS[0]}\n{table}\n{MARKS[1]}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
