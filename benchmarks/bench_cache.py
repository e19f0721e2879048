"""Features the first time and the second: extraction on one core and on all, and the cache beside a plain read of its bytes.

    python benchmarks/bench_cache.py --json cache.json

`first` extracts noise of ten seconds in flac of 44.1 kHz (decoding, resampling, front end), wall time: what a busy machine gives.
`second` reads features that are in the cache, checksums compared, into memory, beside a plain read of the same files; both
find them in the system's memory, so that it is the code that is compared and not the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from bench_size import fill_cache, slice_table


def first(name: str, clips: int, folder: Path) -> dict[str, float]:
    """Return seconds of audio a second that a front end extracts on one core and on all."""
    import soundfile

    from feature_extractors.frontends import FRONTENDS
    from transfer.data.features import extract_features

    rng, files = np.random.default_rng(0), [folder / f"{i}.flac" for i in range(clips)]
    for file in files:
        soundfile.write(file, 0.1 * rng.standard_normal(441_000), 44100)
    table = pd.DataFrame({"path": list(map(str, files)), "hash": [f.name for f in files], "start": 0.0, "end": 10.0})
    found, cores = {}, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    extract_features(table.iloc[:1], FRONTENDS[name](), cached=False)  # imports
    for threads in (1, cores):
        start, processor = time.perf_counter(), time.process_time()
        extract_features(table, FRONTENDS[name](), threads=threads, folder=folder / f"{name}{threads}")
        found[f"{threads} threads"] = 10 * clips / (time.perf_counter() - start)
        found[f"{threads} threads, a processor second"] = 10 * clips / (time.process_time() - processor)
    return found


def second(slices: int, rounds: int) -> dict[str, float]:
    """Return MB/s of features from the cache, and of a plain read of its files."""
    from transfer.build import build_front_end
    from transfer.data.cache import cache_folder
    from transfer.data.features import extract_features
    from transfer.loading import load_recipe

    fill_cache(slices)
    table, front_end = slice_table(slices), build_front_end(load_recipe("casia_to_modma_scratch"))
    files = list(cache_folder("features").glob("*.safetensors"))
    size = sum(file.stat().st_size for file in files) / 1e6
    spent: dict[str, list[float]] = {"cache": [], "plain": []}
    for _ in range(rounds):
        start = time.process_time()
        store = extract_features(table, front_end)
        middle = time.process_time()
        for file in files:
            np.fromfile(file, np.uint8)
        spent["cache"].append(middle - start)
        spent["plain"].append(time.process_time() - middle)
        assert store.cached
    return {f"{name}_mb_s": size / statistics.median(times) for name, times in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=120)
    parser.add_argument("--slices", type=int, default=3549)
    parser.add_argument("--quick", action="store_true", help="12 clips, 1,000 slices")
    parser.add_argument("--json", type=Path, help="file to write")
    given = parser.parse_args()
    clips, slices = (12, 1000) if given.quick else (given.clips, given.slices)
    report: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRANSFER_CACHE"] = folder
        for name in ("mfcc", "prosody"):
            report[f"first, {name}"] = first(name, clips, Path(folder))
        report["second"] = second(slices, 5)
    for name, figures in report.items():
        print(name, {key: round(value, 1) for key, value in figures.items()})
    if given.json:
        given.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
