"""How long a large corpus takes: two scans of many small files, and what it takes to describe it.

    python benchmarks/bench_scan.py --files 50000

The files (0.5 s at 8 kHz, no two alike) are made in a temporary folder, with a cache of their own. Each step runs in a
process of its own, so that its peak of memory is its own; PyTorch, MLflow and pandas are part of that of `describe`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SCAN = """
import json, resource, sys, time
from pathlib import Path
import pandas as pd
from transfer.data.scan import scan_audio
paths = [str(path) for path in Path(sys.argv[1]).rglob("*.wav")]
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
before, start = peak(), time.perf_counter()
scan = scan_audio(pd.DataFrame({"path": paths}), threads=2)
seconds = time.perf_counter() - start
assert len(scan) == len(paths) and scan["problem"].eq("").all() and scan["hash"].is_unique
print(json.dumps({"seconds": round(seconds, 1), "peak_mb": round(peak()), "before_mb": round(before)}))
"""
DESCRIBE = """
import json, resource, sys, time
from transfer.cli import main
start, unit = time.perf_counter(), 1 if sys.platform == "darwin" else 1024
sys.argv = ["transfer", "corpus", "describe", sys.argv[1], "--json"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
print(json.dumps({"seconds": round(time.perf_counter() - start, 1), "peak_mb": round(peak)}))
"""


def write_files(root: Path, number: int) -> None:
    """Write noise in eight folders, by bytes: the header of one file serves all."""
    import soundfile

    rng = np.random.default_rng(0)
    first = root / "first.wav"
    soundfile.write(first, np.zeros(4000), 8000, subtype="PCM_16")
    header = first.read_bytes()[:-8000]
    first.unlink()
    for n in range(number):
        folder = root / f"class {n % 8}"
        folder.mkdir(exist_ok=True)
        (folder / f"{n:06d}.wav").write_bytes(header + rng.integers(-3000, 3000, 4000, dtype=np.int16).tobytes())


def run(program: str, root: Path, cache: Path) -> dict[str, float]:
    environment = {**os.environ, "TRANSFER_CACHE": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", program, str(root)], env=environment, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=50_000)
    number = parser.parse_args().files
    with tempfile.TemporaryDirectory() as folder:
        root, cache = Path(folder) / "corpus", Path(folder) / "cache"
        root.mkdir()
        start = time.perf_counter()
        write_files(root, number)
        print(f"{number} files written in {time.perf_counter() - start:.0f} s; load {os.getloadavg()[0]:.1f}")
        time.sleep(3.0)  # files that have just changed are not cached
        print("| step | s | peak memory, MB |\n|---|--:|--:|")
        for step, program in (("first scan", SCAN), ("second scan", SCAN), ("`transfer corpus describe`", DESCRIBE)):
            took = run(program, root, cache)
            before = f" ({took['before_mb']:.0f} before it began)" if "before_mb" in took else ""
            print(f"| {step} | {took['seconds']:.1f} | {took['peak_mb']:.0f}{before} |", flush=True)


if __name__ == "__main__":
    main()
