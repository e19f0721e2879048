"""Fuzz one target by atheris and write down what came of it: `python -m tests.fuzz.campaign reader-emovo --inputs 100000 --out DIR`.

Every exception that is no named refusal is a crash, kept once for each place it comes from, with the input that caused it.
"""

import argparse
import contextlib
import hashlib
import io
import json
import logging
import resource
import sys
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

ROOM = 6 * 2**30  # bytes of address space that an input may not exceed


class Tally:
    """What came of the inputs so far."""

    def __init__(self, target, engine, wanted, folder):
        self.target, self.engine, self.wanted, self.folder = target, engine, wanted, folder
        self.counts, self.crashes, self.slowest, self.start = Counter(), {}, 0.0, time.perf_counter()

    def __call__(self, try_out, data):
        """Try an input and note what came of it."""
        begun = time.perf_counter()
        try:
            taken = try_out(data)
            self.counts["taken" if taken else "refused by name"] += 1
        except Exception as error:
            self.counts["crashed"] += 1
            self._keep(error, data)
        self.slowest = max(self.slowest, time.perf_counter() - begun)
        if sum(self.counts.values()) % 1000 == 0:
            self.write()

    def _keep(self, error, data):
        """Keep the first input that fails at a place."""
        frames = traceback.extract_tb(error.__traceback__)
        own = [f for f in frames if "/transfer/" in f.filename] or frames
        place = f"{type(error).__name__} {Path(own[-1].filename).name}:{own[-1].lineno}"
        if place not in self.crashes:
            name = f"{self.target}-{hashlib.sha256(data).hexdigest()[:12]}"
            (self.folder / name).write_bytes(data)
            self.crashes[place] = {"error": f"{error}"[:300], "input": name}

    def write(self):
        """Write the record."""
        record = {
            "target": self.target,
            "engine": self.engine,
            "inputs": sum(self.counts.values()),
            **self.counts,
            "seconds": round(time.perf_counter() - self.start, 1),
            "slowest_s": round(self.slowest, 2),
            "crashes": self.crashes,
        }
        (self.folder / f"{self.target}.{self.engine}.json").write_text(json.dumps(record, indent=1) + "\n")


def by_atheris(name, tally, seed):
    """Let coverage of the toolkit's own code guide the inputs."""
    import atheris

    with contextlib.redirect_stderr(io.StringIO()), atheris.instrument_imports(include=["transfer"]):
        from tests.fuzz.targets import TARGETS
    target = TARGETS[name]
    corpus = tally.folder / f"corpus-{name}"
    corpus.mkdir(exist_ok=True)
    for number, example in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(example)
    words = tally.folder / f"words-{name}"
    words.write_text("".join('"' + "".join(f"\\x{b:02x}" for b in word) + '"\n' for word in target.words))
    with contextlib.suppress(UserWarning):
        target.try_out(target.seeds()[0])  # what is imported or made once counts as no input
    longest = min(20_000, 6 * max(map(len, target.seeds())))
    settings = [f"-runs={tally.wanted}", f"-seed={seed}", f"-max_len={longest}", "-rss_limit_mb=0", f"-dict={words}"]
    atheris.Setup([sys.argv[0], *settings, "-print_final_stats=1", "-verbosity=0", str(corpus)], _one(target, tally))
    atheris.Fuzz()


def by_hypothesis(name, tally, seed):
    """Let hypothesis change the seeds by the rules of `tests.fuzz.changes`."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded

    from tests.fuzz.changes import changed
    from tests.fuzz.targets import TARGETS

    target, one = TARGETS[name], _one(TARGETS[name], tally)
    strategy = changed(target.seeds(), target.words)
    portion = 10_000  # hypothesis remembers what it has tried
    for start in range(0, tally.wanted, portion):
        limits = settings(
            max_examples=min(portion, tally.wanted - start),
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        seeded(seed + start)(limits(given(strategy)(one)))()


def _one(target, tally):
    """Return the function that a fuzzer calls."""

    def one(data):
        if sum(tally.counts.values()) < tally.wanted:
            tally(target.try_out, bytes(data))
            if sum(tally.counts.values()) == tally.wanted:
                tally.write()

    return one


def main():
    """Run the campaign of one target."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("--engine", choices=["atheris", "hypothesis"], default="atheris")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))
    tally = Tally(asked.target, asked.engine, asked.inputs, asked.out)
    (by_atheris if asked.engine == "atheris" else by_hypothesis)(asked.target, tally, asked.seed)
    tally.write()


if __name__ == "__main__":
    main()
