"""Do the worst to the toolkit and count what it survives: `python -m tests.torture [--short]` prints one table."""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import typer

FUZZED = ("recipe", "audio", "reader-manifest", "reader-audformat", "reader-modma", "reader-emovo", "reader-daic_woz")


class Blow(NamedTuple):
    """Something bad that is done.

    Args:
        what: in words.
        tests: pytest's arguments.
        each: faults that each of the tests injects, at least.
        short: whether it is struck in the short form too.
    """

    what: str
    tests: tuple[str, ...]
    each: int = 1
    short: bool = True


BLOWS = (
    Blow("killed by SIGKILL at a random moment", ("tests/test_resume.py", "-k", "twenty"), each=20, short=False),
    Blow(
        "cut at a step, signalled, damaged",
        ("tests/test_resume.py", "-k", "not twenty and not every_strategy"),
        short=False,
    ),
    Blow(
        "tracking store gone, locked, full, read-only, silent, killed",
        ("tests/test_spool.py", "tests/test_tracking_outage.py", "tests/test_server_outage.py"),
    ),
    Blow("files flipped, cut, full disk, no permission, two writers", ("tests/test_torture.py",)),
    Blow(
        "caches and model files that were damaged",
        (
            "tests/test_checkpoint.py",
            "tests/data/test_scan_cache.py",
            "tests/data/test_feature_cache.py",
            "-k",
            "damage or flipped or tampered or cut",
        ),
    ),
    Blow("numbers at the edge", ("tests/strategies/test_numerics.py",), short=False),
    Blow("bundles that were tampered with", ("tests/test_bundle.py", "-k", "refused or tampered or hostile")),
)


def strike(blow, short):
    """Run the tests of a blow; return faults injected and lost."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("TRANSFER_SLOW", None)
    if not short:
        environment["TRANSFER_SLOW"] = "1"
    command = [sys.executable, "-m", "pytest", "-n", "0", "--no-header", "-v", *blow.tests]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    counted = dict.fromkeys(("passed", "failed", "error"), 0)
    counted |= {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|error)", done.stdout)}
    lost = counted["failed"] + counted["error"] or int(done.returncode != 0)
    if lost:
        sys.stderr.write(done.stdout[-4000:] + done.stderr[-2000:])
    return blow.each * max(sum(counted.values()), 1), blow.each * lost


def fuzz(inputs):
    """Fuzz what takes bytes from strangers; yield name, inputs, crashes and seconds."""
    with tempfile.TemporaryDirectory() as folder:
        for name in FUZZED:
            command = [sys.executable, "-m", "tests.fuzz.campaign", name, "--engine", "hypothesis"]
            command += ["--inputs", str(inputs), "--out", folder]
            subprocess.run(command, capture_output=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"})
            record = Path(folder) / f"{name}.hypothesis.json"
            found = json.loads(record.read_text()) if record.is_file() else {"inputs": 0, "crashed": 1}
            yield name, found["inputs"], found.get("crashed", 0), found.get("seconds", 0.0)


def struck(short):
    """Strike; yield what, faults injected, lost, and seconds."""
    for blow in BLOWS:
        if blow.short or not short:
            start = time.perf_counter()
            yield blow.what, *strike(blow, short), time.perf_counter() - start
    for name, inputs, crashes, seconds in fuzz(100 if short else 4000):
        yield f"fuzzed input: {name}", inputs, crashes, seconds


def main():
    """Strike, and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true", help="what fits into CI")
    short = parser.parse_args().short
    lost = 0
    typer.echo(f"| {'fault':<58} | injected | survived | lost | s |\n|{'-' * 60}|--:|--:|--:|--:|")
    for what, faults, gone, seconds in struck(short):
        lost += gone
        typer.echo(f"| {what:<58} | {faults:>8} | {faults - gone:>8} | {gone:>4} | {seconds:.0f} |")
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
