"""Every extractor on EMOVO alone, leave one speaker out, beside eGeMAPS functionals with a linear SVM.

    TRANSFER_CORPORA=... uv run python benchmarks/emovo_loso.py [--seeds 1] [--jobs 2] [--out runs/emovo_loso] \
        [--page docs/emovo_loso.md]

One recipe for all (`recipes/_base/emovo_loso.yaml`): seven classes, six folds, each speaker normalised by all of his or her
own clips, the same optimizer and steps, the last epoch taken; only front end, extractor and head differ, and the slow
networks run in bfloat16 (which docs/performance.md finds as accurate). A run that is there already is not run again. UAR is
that of all 588 clips, each decided by the model that never heard its speaker; its interval is over speakers (and seeds, where
there are several), and so is that of the difference to the SVM.
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from marked_part import replace_marked_part

SPEAKERS = ("f1", "f2", "f3", "m1", "m2", "m3")
MARK = "<!-- table: made by benchmarks/emovo_loso.py -->"
CONTROL = "egemaps + linear SVM"
MFCC, LOG_MEL, WAVE = "{name: mfcc, order: 3}", "{name: log_mel, bands: 64, n_fft: 400, hop: 160}", "{name: waveform}"
LINEAR, TEMPORAL = "{name: linear}", "{name: temporal, mode: diff, blocks: 5}"
ALONE = "{name: functionals, widths: []}"
NETWORKS = {  # name -> extractor, head, front end
    CONTROL: (ALONE, "{name: linear_svm, c: [0.001, 0.01, 0.1, 1.0]}", "{name: egemaps}"),
    "prosody + logistic": (ALONE, "{name: logistic, c: [0.001, 0.01, 0.1, 1.0]}", "{name: prosody}"),
    "warped prosody + logistic": (ALONE, "{name: logistic, c: [0.001, 0.01, 0.1, 1.0]}", "{name: prosody}"),
    "functionals": ("{name: functionals}", LINEAR, "{name: egemaps}"),
    "functionals on prosody": ("{name: functionals}", LINEAR, "{name: prosody}"),
    "functionals on warped prosody": ("{name: functionals}", LINEAR, "{name: prosody}"),
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
    "sincnet": ("{name: sincnet, shift: 3200}", LINEAR, WAVE),
    "vggish_lstm": ("{name: vggish_lstm}", LINEAR, LOG_MEL),
}
IN_HALF = (  # computed in bfloat16: half the time
    "transformer_tim",
    "transformer_delta_tim",
    "bert",
    "cnn_lstm",
    "cnn_transformer_wave",
    "sincnet",
    "vggish_lstm",
)
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
    if "functionals" in extractor:  # which are of a whole clip
        overrides.append("target.slices={version: whole}")
    overrides.append(f"compute.precision={'bf16-mixed' if name in IN_HALF else '32-true'}")
    overrides.append(f"warping={str('warped' in name).lower()}")
    recipe = Path(__file__).parent.parent / "recipes" / "_base" / "emovo_loso.yaml"
    summary = run(recipe, [*overrides, f"training.seed={seed}"], out=folder)
    return f"{folder}: UAR {summary['metrics']['test']['recording']['uar']:.3f} in {summary['train_seconds']:.0f} s"


def finished(out: Path, name: str, seeds: int) -> list:
    """Return the runs of a network over folds and seeds."""
    import json

    from transfer.evaluation.finished_run import FinishedRun
    from transfer.evaluation.predictions import read_predictions

    runs = []
    for seed in range(seeds):
        for speaker in SPEAKERS:
            folder = out / f"{name.replace(' ', '_')}-{speaker}-{seed}"
            summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
            table = read_predictions(folder / "predictions.parquet")
            runs.append(FinishedRun(name, seed, speaker, "control" if name == CONTROL else "system", summary, table))
    return runs


def render(out: Path, names: list[str], seeds: int) -> str:
    """Return the table as Markdown."""
    from transfer.evaluation.comparison import compare_runs

    runs = [run for name in names for run in finished(out, name, seeds)]
    result = compare_runs(runs, baseline=CONTROL, level="recording", draws=5000)
    head = f"| {seeds} seed(s) x 6 folds | UAR | 95% | minus the SVM | parameters | training a fold, s |"
    lines = [head, "|---" * 6 + "|"]
    for row in result["systems"]:
        low, high = row["interval"]
        gain, said = row["gain"], ""
        if gain:
            said = f"{gain['value']:+.3f} [{gain['interval'][0]:+.3f}, {gain['interval'][1]:+.3f}]"
        name = f"**{row['name']}**" if row["name"] == CONTROL else row["name"]
        name += " (bf16)" if row["name"] in IN_HALF else ""
        size = "" if row["parameters"] is None else f"{row['parameters']:,}"
        seconds = "" if row["train_seconds"] is None else f"{row['train_seconds']:.0f}"
        lines.append(f"| {name} | {row['score']:.3f} | [{low:.3f}, {high:.3f}] | {said} | {size} | {seconds} |")
    lines += ["", *(f"Left out: `{name}`: {why}." for name, why in LEFT_OUT.items())]
    if waiting := [f"`{name}`" for name in NETWORKS if name not in names]:
        lines += ["", f"Not run yet: {', '.join(waiting)}."]
    return "\n".join(lines)


def main() -> None:
    """Run and render."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--render", action="store_true", help="run nothing; write what is finished into the page")
    parser.add_argument("--networks", help="comma-separated; default: all, into the page")
    parser.add_argument("--out", type=Path, default=Path("runs/emovo_loso"))
    parser.add_argument(
        "--page", type=Path, default=Path("docs/emovo_loso.md"), help="page whose marked part is replaced"
    )
    a = parser.parse_args()
    names = a.networks.split(",") if a.networks else list(NETWORKS)
    jobs = [
        (a.out / f"{name.replace(' ', '_')}-{speaker}-{seed}", name, speaker, seed)
        for seed in range(a.seeds)
        for name in names
        for speaker in SPEAKERS
    ]
    if a.render:
        waiting = {name for folder, name, _, _ in jobs if not (folder / "summary.json").is_file()}
        names = [name for name in names if name not in waiting]
    else:
        with ProcessPoolExecutor(a.jobs, mp_context=get_context("spawn")) as pool:
            for line in pool.map(one, jobs):
                print(line, flush=True)
    table = render(a.out, names, a.seeds)
    print(table)
    if not a.networks:
        replace_marked_part(a.page, MARK, table)


if __name__ == "__main__":
    main()
