"""Time front ends, extraction and the final model beside what the lab used: librosa, and its own network rebuilt.

    python benchmarks/bench_extractors.py --audio <folder> --json extractors.json --markdown docs/extractors_speed.md
    python benchmarks/bench_extractors.py --quick
    python benchmarks/bench_extractors.py --device cuda

Every figure is the median over rounds in which all contenders take turns, in an order that is drawn anew. On one
thread of a CPU it is processor time, which a busy machine hardly changes; where threads or a GPU work, wall time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from final_model import Final, LabModel, answer, step
from torch import Tensor
from traffic import bounds

from feature_extractors.frontends import MFCC
from transfer.data.audio import load_audio
from transfer.data.features import extract_features
from transfer.prediction import AT_ONCE

Row = tuple[str, float, str, float]  # contender, figure, unit, times the first
RATE, SECONDS = 16000, 10
HEAD = [
    "# Speed of the extractors",
    "",
    "    python benchmarks/bench_extractors.py --audio <folder> --rounds {rounds} --batch {batch} --markdown docs/extractors_speed.md",
    "",
    "writes this page. Figures are medians over rounds in which all contenders take turns: of processor time on one thread,",
    "of wall time where a line says so or a GPU works.",
    "",
]


def race(calls: dict[str, Callable[[], Any]], rounds: int, *, clock: Callable[[], float]) -> dict[str, float]:
    """Median seconds of each call, all taking turns; a first call of each is not counted."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name in random.sample(list(calls), len(calls)):
            start = clock()
            calls[name]()
            spent[name].append(clock() - start)
    return {name: statistics.median(times) for name, times in spent.items()}


def rates(seconds: dict[str, float], count: float, unit: str) -> list[Row]:
    """Figures per second, and how many times that of the first contender."""
    first = next(iter(seconds.values()))
    return [(name, count / spent, unit, first / spent) for name, spent in seconds.items()]


def clips(audio: Path | None, count: int) -> list[np.ndarray]:
    """Clips of ten seconds: speech from a folder, or a buzz of falling pitch in noise."""
    if audio is None:
        rng, t = np.random.default_rng(0), np.arange(SECONDS * RATE) / RATE
        buzz = np.sign(np.sin(2 * np.pi * (180 * t - 5 * t**2))) * (np.sin(8 * t) > -0.3)
        return [(0.2 * buzz + 0.01 * rng.standard_normal(len(t))).astype(np.float32) for _ in range(count)]
    speech, found = np.zeros(0, np.float32), sorted(p for p in audio.rglob("*") if p.suffix in (".wav", ".flac"))
    for file in found[:: max(1, len(found) // (8 * count))]:
        speech = np.concatenate([speech, load_audio(file)])
        if len(speech) >= count * SECONDS * RATE:
            break
    cut = [speech[i : i + SECONDS * RATE] for i in range(0, len(speech) - SECONDS * RATE + 1, SECONDS * RATE)]
    if not cut:
        raise SystemExit(f"{audio} holds less than {SECONDS} s of wav or flac files")
    return cut[:count]


def librosa_mfcc(x: np.ndarray) -> np.ndarray:
    """What the lab computed, clip by clip."""
    import librosa

    static = librosa.feature.mfcc(y=x, sr=RATE, n_mfcc=13, n_fft=800)
    slope = librosa.feature.delta(static, width=3)
    return np.concatenate([static, slope, librosa.feature.delta(slope, width=3)])


def front_end(a: argparse.Namespace) -> tuple[list[Row], str]:
    """MFCC with deltas of ten-second clips, on one core."""
    waves, mfcc = clips(a.audio, 6 if a.quick else 12), MFCC()
    batch, lengths = torch.from_numpy(np.stack(waves)), torch.full((len(waves),), SECONDS * RATE)
    with torch.inference_mode():
        error = max(float(np.abs(mfcc(w).numpy() - librosa_mfcc(w)).max()) for w in waves)
        calls = {
            "librosa": lambda: [librosa_mfcc(w) for w in waves],
            "MFCC": lambda: [mfcc(w) for w in waves],
            "MFCC.batch": lambda: mfcc.batch(batch, lengths),
        }
        seconds = race(calls, 3 * a.rounds, clock=time.process_time)
    return rates(seconds, len(waves), "clips/s"), f"Largest difference from librosa: {error:.1e}."


def extraction(a: argparse.Namespace) -> tuple[list[Row], str]:
    """Decoding, resampling and MFCC of FLAC files of 44.1 kHz; what each adds to decoding, on one core."""
    import librosa
    import soundfile
    import soxr

    with tempfile.TemporaryDirectory() as folder:
        waves, files = clips(a.audio, 6 if a.quick else 12), []
        for i, wave in enumerate(waves):
            files.append(str(Path(folder, f"{i}.flac")))
            soundfile.write(files[-1], soxr.resample(wave, RATE, 44100), 44100)
        files *= 4
        table = pd.DataFrame({"path": files, "hash": files, "start": 0.0, "end": np.nan})
        read, _ = soundfile.read(files[0], dtype="float32")
        error = np.abs(load_audio(files[0]) - librosa.resample(read, orig_sr=44100, target_sr=RATE)).max()

        mfcc = MFCC()

        def extract(threads: int) -> None:
            extract_features(table, mfcc, threads=threads, cached=False)

        calls = {
            "decoding": lambda: [soundfile.read(f, dtype="float32") for f in files],
            "decoding, soxr": lambda: [
                soxr.resample(soundfile.read(f, dtype="float32")[0], 44100, RATE) for f in files
            ],
            "decoding, librosa.resample": lambda: [
                librosa.resample(soundfile.read(f, dtype="float32")[0], orig_sr=44100, target_sr=RATE) for f in files
            ],
            "load_audio": lambda: [load_audio(f) for f in files],
            "extract_features": lambda: extract(1),
        }
        found = rates(race(calls, a.rounds, clock=time.process_time), len(files) * SECONDS, "s of audio/s")
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        walls = {f"extract_features, {n} thread{'s' * (n > 1)}": lambda n=n: extract(n) for n in sorted({1, cores})}
        wall = rates(race(walls, a.rounds, clock=time.perf_counter), len(files) * SECONDS, "s of audio/s, wall")
    return found + wall, f"Largest difference of load_audio from librosa.resample: {error:.1e}."


def network(a: argparse.Namespace) -> tuple[list[Row], str]:
    """A training step (forward, backward, AdamW) of the final model at 39 x 313, on the CPU."""
    x, y = data(a)
    calls = {
        "lab, rebuilt": step(LabModel(), x, y),
        "lab without reversed passes": step(LabModel(reverse=False), x, y),
        "ours": step(Final(), x, y),
        "ours, bf16": step(Final(), x, y, half=True),
    }
    seconds = race(calls, a.rounds, clock=time.process_time)
    ours = Final(dropout=0.0)
    lab = LabModel(dropout=0.0).copy_weights(ours.extractor, ours.head)
    losses = [[float(call()) for _ in range(3)] for call in (step(ours, x[:16], y[:16]), step(lab, x[:16], y[:16]))]
    gap = max(abs(p - q) for p, q in zip(*losses, strict=True))
    return rates(seconds, a.batch, "samples/s"), f"Largest difference of the losses of three float32 steps: {gap:.1e}."


def inference(a: argparse.Namespace) -> tuple[list[Row], str]:
    """The final model in evaluation, on the CPU."""
    x, _ = data(a)
    models = {"lab, rebuilt": LabModel(), "lab without reversed passes": LabModel(reverse=False), "ours": Final()}
    calls = {name: answer(model, x) for name, model in models.items()}
    calls["ours, bf16"] = answer(models["ours"], x, half=True)
    parts = [answer(models["ours"], part) for part in x.split(AT_ONCE["cpu"])]
    calls[f"ours, {AT_ONCE['cpu']} at a time as `transfer predict` does"] = lambda: [call() for call in parts]
    return rates(race(calls, a.rounds, clock=time.process_time), a.batch, "samples/s"), ""


def data(a: argparse.Namespace) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(a.batch, 39, 313, generator=generator), torch.arange(a.batch) % 2
    return x.to(a.device), y.to(a.device)


def gpu(a: argparse.Namespace) -> tuple[list[Row], str]:
    """A training step of the final model on the device, and how near it comes to what bounds it."""
    x, y = data(a)
    calls = {
        "eager": step(Final(), x, y),
        "eager, bf16": step(Final(), x, y, half=True),
        "torch.compile, bf16": step(Final(), x, y, half=True, compiled="default"),
        "torch.compile and CUDA graphs, bf16": step(Final(), x, y, half=True, compiled="reduce-overhead"),
    }
    calls = dict(list(calls.items())[: 2 if a.device == "cpu" else None])

    def synchronised(call: Callable[[], Tensor]) -> Callable[[], float]:
        return lambda: call().item()  # the loss on the host: every kernel before it is done

    seconds = race({name: synchronised(call) for name, call in calls.items()}, 3 * a.rounds, clock=time.perf_counter)
    return rates(seconds, a.batch, "samples/s"), bounds(calls["eager, bf16"], min(seconds.values()), x.device)


SECTIONS = {f.__name__: f for f in (front_end, extraction, network, inference, gpu)}


def machine(a: argparse.Namespace) -> list[str]:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    cpu = next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.machine())
    device = torch.cuda.get_device_name() if a.device == "cuda" else "none"
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "librosa", "soxr", "numpy"))
    load = f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    speech = "speech of a corpus" if a.audio else "synthetic"
    return [
        f"- processor: {cpu}",
        f"- GPU: {device}",
        f"- {libraries}",
        f"- load at the start: {load}",
        f"- clips: {speech}",
    ]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sections", nargs="+", choices=list(SECTIONS), help="default: all that suit the device")
    parser.add_argument("--audio", type=Path, help="folder of wav or flac files; default: synthetic clips")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--quick", action="store_true", help="two rounds, fewer clips, a batch of 8")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    parser.add_argument("--markdown", type=Path, help="where to write the page")
    a = parser.parse_args()
    if a.quick:
        a.rounds, a.batch = 2, 8
    return a


def main() -> None:
    a = parse()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    random.seed(0)
    suited = [name for name in SECTIONS if name != "gpu" or a.device == "cuda"]
    report: dict[str, Any] = {"machine": machine(a), "rounds": a.rounds, "batch": a.batch, "sections": {}}
    lines = [*(line.format(**vars(a)) for line in HEAD), *report["machine"]]
    for name in a.sections or suited:
        rows, note = SECTIONS[name](a)
        report["sections"][name] = {"rows": rows, "note": note}
        lines += section(SECTIONS[name].__doc__ or name, rows, note)
        print(*lines[-len(rows) - 7 :], sep="\n", flush=True)
        if a.json:
            a.json.write_text(json.dumps(report, indent=1) + "\n")
        if a.markdown:
            a.markdown.write_text("\n".join(lines) + "\n")


def section(title: str, rows: list[Row], note: str) -> list[str]:
    """Markdown of one section."""
    table = [f"| {name} | {figure:.4g} {unit} | {times:.2f} |" for name, figure, unit, times in rows]
    return ["", f"## {title}", "", "| | | times the first |", "|---|--:|--:|", *table, *(["", note] if note else [])]


if __name__ == "__main__":
    main()
