"""`make bench`: all benchmarks of speed and memory in their quick mode, their ratios side by side, and beside the baseline.

    python benchmarks/performance.py                          # prints; writes performance.json
    python benchmarks/performance.py --page --baseline        # writes docs/performance.md and benchmarks/baseline.json too
    python benchmarks/performance.py --only loop size         # some of them; the others keep what they had

Ratios are compared, not seconds: two contenders took turns on the same machine, so that another machine or a busy one
changes little. A figure that is worse than the baseline's by more than a quarter is marked; with `--strict` that fails.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from marked_part import replace_marked_part

HERE = Path(__file__).resolve().parent
PAGE, BASELINE = HERE.parent / "docs" / "performance.md", HERE / "baseline.json"
MARK = "<!-- performance: made by benchmarks/performance.py -->"
SLACK = 1.25
PREDICTING = "ours, 8 at a time as `transfer predict` does"


class Row(NamedTuple):
    """A figure: what it is, its value, and whether more of it is better."""

    name: str
    value: float
    more_is_better: bool = True
    note: str = ""


def loop(found: dict[str, Any]) -> list[Row]:
    """Training by `transfer run` and by a bare loop."""
    rows = []
    for name, figures in found["loop"].items():
        note = f"{figures['engine_ms']:.1f} ms a step beside {figures['bare_ms']:.1f}; monitor {figures['monitor_share']:.1%}"
        rows.append(Row(f"{name}: `transfer run` / bare loop, time", figures["ratio"], False, note))
    return rows


def compute(found: dict[str, Any]) -> list[Row]:
    """Precision and memory that is used again, by the final model."""
    settings = found["settings"]
    default, rows = settings["32 bits"], []
    for name, figures in settings.items():
        note = f"{figures['ms']:.0f} ms a step of {found['batch']}, peak {figures['peak_mb']:.0f} MB, loss {figures['loss']:.4f}"
        note += f", compiled in {figures['compile_s']:.0f} s" if figures["compile_s"] else ""
        rows.append(Row(f"{name} / 32 bits, speed", default["ms"] / figures["ms"], True, note))
    return rows


def cache(found: dict[str, Any]) -> list[Row]:
    """Features the first time and the second."""
    rows, second = [], found["second"]
    for name in ("mfcc", "prosody"):
        figures = found[f"first, {name}"]
        cores = {key: value for key, value in figures.items() if key.endswith("threads")}
        one, all_ = (value for _, value in sorted(cores.items(), key=lambda item: int(item[0].split()[0])))
        note = f"{one:.0f} and {all_:.0f} s of audio a second"
        rows.append(Row(f"{name}: extraction on all cores / on one, speed", all_ / one, True, note))
    note = f"{second['cache_mb_s']:.0f} MB/s beside {second['plain_mb_s']:.0f}, both from the system's memory"
    return [*rows, Row("cached features / plain read, speed", second["cache_mb_s"] / second["plain_mb_s"], True, note)]


def size(found: dict[str, Any]) -> list[Row]:
    """Growth of cost: exponents, 1 is linear."""
    rows = []
    for place, exponents in found["exponents"].items():
        last = found["corpora"][place][-1]
        features = f"{last['features_mb']:.0f} MB of features"
        notes = {
            "load": f"{last['load_s']:.1f} s for {last['slices']:.0f} slices",
            "epoch": f"{last['epoch_s']:.1f} s for {last['slices']:.0f} slices",
            "memory": f"peak {last['peak_mb']:.0f} MB, {last['before_mb']:.0f} of them before loading {features}",
        }
        rows += [
            Row(f"from {place}: {name} by slices, exponent", exponents[name], False, notes[name]) for name in notes
        ]
    law = found["mmd_law"]
    note = f"{law['ns_per_pair']:.1f} ns x n^2 at n = {found['mmd'][-1]['n']}, {found['width']} numbers a row"
    return [*rows, Row("MMD by batch, 256 to 1024, exponent", law["exponent"], False, note)]


def losses(found: dict[str, Any]) -> list[Row]:
    """Losses beside the fastest of the other libraries."""
    rows = []
    for title, cells in found["milliseconds"].items():
        ratios = []
        for cell in cells:
            times = {name: value for name, value in cell["milliseconds"].items() if isinstance(value, float)}
            others = [value for name, value in times.items() if not name.startswith("losses")]
            ratios += [min(others) / times["losses"]] if others else []
        if ratios:
            mean = math.exp(statistics.fmean(map(math.log, ratios)))
            rows.append(
                Row(f"{title}: ours / fastest other, speed", mean, True, f"geometric mean of {len(ratios)} sizes")
            )
    return rows


def extractors(found: dict[str, Any]) -> list[Row]:
    """Front end and network beside what the lab used."""
    wanted = {
        "front_end": ("MFCC", "librosa"),
        "network": ("ours", "the lab's"),
        "inference": (PREDICTING, "the lab's"),
    }
    rows = []
    for section, (ours, other) in wanted.items():
        for name, figure, unit, times in found["sections"][section]["rows"]:
            if name == ours:
                rows.append(Row(f"{section}: ours / {other}, speed", times, True, f"{figure:.3g} {unit}"))
    return rows


def tracking(found: dict[str, Any]) -> list[Row]:
    """Training with MLflow beside training without."""
    more = {part: figures["share"] for part, figures in found["run"].items()}
    return [
        Row(
            "with MLflow / without, time of the training path",
            1 + more["path"],
            False,
            f"whole run {more['whole']:+.1%}",
        )
    ]


JOBS: dict[str, tuple[list[str], Callable[[dict[str, Any]], list[Row]]]] = {
    "loop": (["bench_loop.py", "--quick"], loop),
    "compute": (["bench_compute.py", "--quick"], compute),
    "cache": (["bench_cache.py", "--quick"], cache),
    "size": (["bench_size.py", "--quick"], size),
    "losses": (["bench_losses.py", "--quick"], losses),
    "extractors": (["bench_extractors.py", "--quick", "--device", "cpu"], extractors),
    "tracking": (["bench_tracking.py", "--rounds", "3"], tracking),
}


def measure(names: list[str]) -> dict[str, Any]:
    """Run benchmarks, one after another, and return what each wrote with its seconds; of one that fails, why."""
    found: dict[str, Any] = {}
    for name in names:
        command, _ = JOBS[name]
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "found.json")
            arguments = [sys.executable, str(HERE / command[0]), *command[1:], "--json", str(file)]
            environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
            done = subprocess.run(arguments, env=environment, capture_output=True, text=True)
            read = json.loads(file.read_text()) if file.is_file() and not done.returncode else None
        found[name] = {
            "seconds": round(time.perf_counter() - start, 1),
            "load": round(os.getloadavg()[0], 1),
            **({"found": read} if read is not None else {"failed": done.stderr[-2000:]}),
        }
        print(f"{name}: {found[name]['seconds']:.0f} s{'' if read is not None else ', FAILED'}", flush=True)
    return found


def table(report: dict[str, Any], baseline: dict[str, dict[str, float]]) -> tuple[list[str], list[str]]:
    """Return the tables in Markdown, and the names of the figures that are worse than the baseline's."""
    lines, worse = [], []
    for name, (_, rows_of) in JOBS.items():
        if "found" not in report.get(name, {}):
            continue
        lines += ["", f"**{(rows_of.__doc__ or name).rstrip('.')}**", "", "| | now | baseline | |", "|---|--:|--:|---|"]
        for row in rows_of(report[name]["found"]):
            before = baseline.get(name, {}).get(row.name)
            low, high = (row.value, before) if row.more_is_better else (before, row.value)
            mark = ""
            if low is not None and high is not None and high > SLACK * max(low, 0.2):
                worse.append(row.name)
                mark = " WORSE"
            shown = "" if before is None else f"{before:.2f}"
            lines.append(f"| {row.name} | {row.value:.3g}{mark} | {shown} | {row.note} |")
    return lines, worse


def machine(report: dict[str, Any]) -> list[str]:
    """Say what was measured on."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    cpu = next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.machine())
    loads = [entry["load"] for entry in report.values()]
    seconds = sum(entry["seconds"] for entry in report.values())
    return [
        f"{cpu}, {os.cpu_count()} cores, load {min(loads)} to {max(loads)}; torch {version('torch')};",
        f"{', '.join(report)}: {seconds:.0f} s together.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=list(JOBS), default=list(JOBS), help="none: those kept")
    parser.add_argument(
        "--json", type=Path, default=Path("performance.json"), help="what was measured, kept and added to"
    )
    parser.add_argument("--page", action="store_true", help="write the tables into docs/performance.md")
    parser.add_argument("--baseline", action="store_true", help="make these figures the baseline")
    parser.add_argument("--strict", action="store_true", help="fail where a figure is worse than the baseline's")
    given = parser.parse_args()
    report = json.loads(given.json.read_text()) if given.json.is_file() else {}
    report |= measure(given.only)
    given.json.write_text(json.dumps(report, indent=1) + "\n")
    baseline = json.loads(BASELINE.read_text()) if BASELINE.is_file() else {}
    lines, worse = table(report, baseline)
    print(*lines, sep="\n")
    if given.page:
        replace_marked_part(PAGE, MARK, "\n".join([*machine(report), *lines]))
    if given.baseline:
        kept = {
            name: {row.name: row.value for row in JOBS[name][1](entry["found"])}
            for name, entry in report.items()
            if "found" in entry
        }
        BASELINE.write_text(json.dumps(baseline | kept, indent=1) + "\n")
    failed = [name for name, entry in report.items() if "failed" in entry]
    for name in failed:
        print(f"{name} failed:\n{report[name]['failed']}", file=sys.stderr)
    if failed or (given.strict and worse):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
