"""Folders of comparisons: the files of runs made up, their comparison computed from them as it always is."""

import numpy as np
import pandas as pd
import pytest

from transfer.evaluation.comparison import FinishedRun, compare_runs
from transfer.evaluation.predictions import write_predictions
from transfer.evaluation.projections import Sample, write_projections
from transfer.output import write_json

EMOTIONS = ("anger", "fear", "happiness", "neutral", "sadness", "surprise")
SYSTEMS = {  # name: skill, what is special about it
    "scratch": (0.9, "control"),
    "source_only": (0.55, "control"),
    "majority": (0.0, "control"),
    "freeze": (0.8, ""),
    "finetune": (1.3, ""),
    "mmd": (1.15, ""),
    "dann": (1.5, "adversarial"),
    "ddg": (1.9, "leaking"),
}
HOSTILE = {
    "system": "<img src=x onerror=alert(1)>",
    "label": '</script><script>alert("2")</script>',
    "formula": "=cmd|' -C calc'!A1",
    "subject": "<b onmouseover=alert(3)>s</b>",
}


def predictions(skill, *, seed, classes=EMOTIONS, subjects=12, recordings=12, prefix="", fold=None):
    """Return a prediction table: a voice of its own for each subject, the same recordings for every system."""
    voices = np.random.default_rng(7).normal(0, 0.6, (subjects, len(classes)))
    rng, rows = np.random.default_rng([seed, int(100 * skill)]), []
    for subject in range(subjects):
        if fold is not None and subject % 2 != int(fold):
            continue
        for recording in range(recordings):
            truth = recording % len(classes)
            for piece in range(2):
                logits = voices[subject] * (0.4 + 0.4 * skill) + rng.normal(0, 1.1, len(classes))
                logits[truth] += skill
                p = np.exp(logits) / np.exp(logits).sum()
                rows.append(
                    {
                        "corpus": "emovo",
                        "part": "test",
                        "slice": 2 * recording + piece,
                        "recording": f"r{subject:02}{recording:03}",
                        "subject": f"{prefix}{subject * 7919 + 1048576:06x}",
                        "truth": classes[truth],
                        "sex": "mf"[subject % 4 < 2] if subject % 6 else "",
                        **{f"p_{name}": float(value) for name, value in zip(classes, p, strict=True)},
                    }
                )
    return pd.DataFrame(rows)


def history(skill, kind, *, seed, epochs=12):
    """Return what a run writes of its stages."""
    rng, stages = np.random.default_rng(seed), []
    for stage, length in (("pretraining", epochs // 2), ("transfer", epochs)):
        values = []
        for i in range(length):
            fade = np.exp(-i / 4) + 0.02 * rng.normal()
            row = {"adapt/task_nemo": 0.7 + fade, "adapt/loss": 1.2 + fade, "lr": 1e-3}
            row["valid/uar"] = 0.2 + 0.2 * skill * (1 - np.exp(-i / 3)) + 0.02 * rng.normal()
            if kind == "adversarial" and stage == "transfer":
                row |= {
                    "adapt/dann": 0.69,
                    "monitor/domain_accuracy": 0.62 - 0.1 * np.exp(-i / 5) + 0.02 * rng.normal(),
                }
                if i % 2 == 0:
                    row |= {"monitor/task_gradient": 0.4 + 0.05 * i, "monitor/alignment_gradient": 0.1 + 0.02 * i}
            values.append(row)
        best = int(np.argmax([v["valid/uar"] for v in values]))
        stages.append({"stage": stage, "epochs": values, "best_epoch": best, "stopped": ""})
    return stages


def summary(name, kind, *, seed, classes):
    """Return what a run says of itself."""
    gap = {"mmd": 0.16, "a_distance": 0.4, "domain_accuracy": 0.81}
    after = {key: value * (0.6 if kind == "adversarial" else 0.9) for key, value in gap.items()}
    levels = ("universal", "specific", "logits")
    return {
        "name": f"nemo_to_emovo_{name}",
        "strategy": name,
        "seed": seed,
        "source": [] if name in ("scratch", "majority") else "nemo",
        "target": "emovo",
        "target_labels": {"labelled_speakers": "none", "speakers": 0, "slices": 0},
        "selection": {"tag": "source_validation", "metric": "uar", "epochs": {"transfer": {"kept": 9, "run": 12}}},
        "selected_by": {"transfer": "source_validation"},
        "split": {
            "by": "speaker",
            "seed": seed,
            "transductive": True,
            "hash": f"sha256:{seed:064x}",
            "parts": {
                "nemo": {"train": {"slices": 840, "speakers": 4}},
                "emovo": {"test": {"slices": 288, "speakers": 12}},
            },
        },
        "leakage": {"accepted": ["speaker"] if kind == "leaking" else [], "found": []},
        "labels": {"rule": "shared"},
        "classes": {"emovo": list(classes)},
        "chance": 1 / len(classes),
        "diagnostics": {"before": dict.fromkeys(levels, gap), "after": dict.fromkeys(levels, after)},
        "warnings": ["the discriminator collapsed"] if kind == "adversarial" and seed == 0 else [],
        "synthetic": None,
        "reported": {"protocol": "clip-level random split", "accuracy": [99.578, 99.297]} if name == "ddg" else {},
        "parameters": 64005,
        "train_seconds": 154.8 + seed,
        "versions": {"python": "3.11.7", "torch": "2.11.0"},
    }


def projections(path, *, classes, seed, slices, width=32):
    """Write made-up embeddings: classes apart, domains apart before and less so after."""
    rng = np.random.default_rng(seed)
    centres, shift = rng.normal(0, 1, (len(classes), width)), rng.normal(0, 1, width)
    samples = []
    for apart, spread in ((1.0, 1.6), (0.25, 0.7)):
        labels = np.tile(np.arange(len(classes)), 2 * slices // len(classes) + 1)[: 2 * slices]
        values = centres[labels] + rng.normal(0, spread, (2 * slices, width))
        values[slices:] += apart * shift
        names = [classes[i] for i in labels]
        samples.append(Sample(values.astype(np.float32), ["nemo"] * slices + ["emovo"] * slices, names, "specific"))
    write_projections(path, *samples)


def write_comparison(
    folder, *, systems=SYSTEMS, seeds=(0, 1, 2), folds=(None,), classes=EMOTIONS, prefix="", draws=10, slices=24
):
    """Write a whole folder, as `transfer compare` does."""
    runs = []
    for name, (skill, kind) in systems.items():
        for seed in seeds:
            for fold in folds:
                table = predictions(skill, seed=seed, classes=classes, prefix=prefix, fold=fold)
                role = "control" if kind == "control" else "system"
                said = summary(name, kind, seed=seed, classes=classes)
                runs.append(FinishedRun(name, seed, fold, role, said, table))
                if name == "majority":  # it is computed, and has no run
                    continue
                own = folder / "runs" / name / (f"seed{seed}" + (f"-fold{fold}" if fold is not None else ""))
                write_predictions(table, own / "predictions.parquet")
                write_json(own / "summary.json", said)
                write_json(own / "history.json", history(skill, kind, seed=seed))
                projections(own / "projections.npz", classes=classes, seed=int(10 * skill), slices=slices)
    result = compare_runs(runs, draws=draws)
    result["failures"] = [{"system": "ae", "seed": 1, "fold": None, "reason": "adapt: loss is nan at epoch 3"}]
    write_json(folder / "comparison.json", result)
    return folder


@pytest.fixture(scope="session")
def comparison_folder(tmp_path_factory):
    """Return the folder of a comparison of five systems in three seeds of two folds."""
    systems = {name: SYSTEMS[name] for name in ("scratch", "majority", "mmd", "dann", "ddg")}
    return write_comparison(tmp_path_factory.mktemp("comparison"), systems=systems, folds=("0", "1"))


@pytest.fixture(scope="session")
def hostile_folder(tmp_path_factory):
    """Return the folder of a comparison whose names try to be scripts and formulas."""
    systems = {
        "scratch": (0.8, "control"),
        HOSTILE["system"]: (1.5, "adversarial"),
        HOSTILE["formula"]: (1.0, "leaking"),
    }
    folder = tmp_path_factory.mktemp("hostile")
    return write_comparison(
        folder,
        systems=systems,
        seeds=(0,),
        classes=(HOSTILE["label"], HOSTILE["formula"], "c"),
        prefix=HOSTILE["subject"],
    )
