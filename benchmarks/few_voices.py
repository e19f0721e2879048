"""How many voices to look for where nobody knows who speaks? Targets of one, two, three and all speakers, one to five voices.

    TRANSFER_CORPORA=... uv run python benchmarks/few_voices.py [--out runs/few_voices] [--page docs/evidence.md]

Each target is a part of a corpus, as a manifest without speakers; the other corpus is the source. What is there is not run again.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
from itertools import combinations
from pathlib import Path

from evidence import DIRECTIONS, SPEAKERS
from marked_part import replace_marked_part

MARK = "<!-- few voices: made by benchmarks/few_voices.py -->"
VOICES = (1, 2, 3, 4, 5)
SHOWN = {1: ((0,), (2,), (-1,)), 2: ((0, 1), (0, -1), (2, 3), (-2, -1)), 3: ((0, 2, -1), (1, 2, 3))}


def parts_of(direction: str) -> list[tuple[str, ...]]:
    """Return the choices of speakers that make a target."""
    names = SPEAKERS[direction]
    chosen = [tuple(names[i] for i in places) for number in SHOWN.values() for places in number]
    assert all(part in set(combinations(names, len(part))) for part in chosen)
    return [*chosen, tuple(names)]


def manifest_of(corpus: str, speakers: tuple[str, ...], folder: Path) -> Path:
    """Write a manifest of some speakers of a corpus beside links to their audio, and return its folder; who speaks is not in it."""
    from transfer.data.readers import corpus_root, read_corpus

    folder.mkdir(parents=True, exist_ok=True)
    table = read_corpus(corpus, corpus_root(corpus)).table
    table = table[table["speaker"].isin(speakers)]
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label"])
        for i, (path, label) in enumerate(zip(table["path"], table["label"], strict=True)):
            link = folder / f"{i:04d}{Path(path).suffix}"
            link.unlink(missing_ok=True)
            link.symlink_to(path)
            writer.writerow([link.name, label])
    return folder


def score(direction: str, folder: Path, out: Path, overrides: list[str]) -> float:
    """Run the recipe for unknown speakers on a target, and return its UAR."""
    from transfer import run

    if not (out / "summary.json").is_file():
        target = [f"target={{corpus: part, root: {folder}, reader: manifest, labelled_speakers: none}}"]
        words = [*target, "tracking.kind=none", "split.near_copies=false", *overrides]
        run(f"best/{direction}_voice", words, out=out)
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    return float(summary["metrics"]["test"]["recording"]["uar"])


def main() -> None:
    """Run and render."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/few_voices"))
    parser.add_argument("--page", type=Path, default=Path("docs/evidence.md"), help="its marked part is replaced")
    given = parser.parse_args()
    ways = {f"{k} voice{'s' * (k > 1)}": [f"voices={k}"] for k in VOICES}
    ways["by corpus"] = ["normalisation=corpus", "warping=false"]
    lines = [f"| target | {' | '.join(ways)} |", "|---" * (len(ways) + 1) + "|"]
    for direction, words in DIRECTIONS.items():
        corpus, found = direction.rpartition("_")[2], {}
        for part in parts_of(direction):
            folder = manifest_of(corpus, part, given.out.resolve() / direction / "-".join(part) / "corpus")
            row = [score(direction, folder, folder.parent / name.replace(" ", "_"), way) for name, way in ways.items()]
            found.setdefault(len(part), []).append(row)
            print(words, part, [round(value, 3) for value in row], flush=True)
        for number, rows in found.items():
            means = " | ".join(f"{statistics.mean(column):.3f}" for column in zip(*rows, strict=True))
            target = words.rpartition(" ")[2]
            many = f"mean of {len(rows)} choices" if len(rows) > 1 else "all"
            lines.append(f"| {target}, {number} speaker{'s' * (number > 1)} ({many}) | {means} |")
    replace_marked_part(given.page, MARK, "\n".join(lines))


if __name__ == "__main__":
    main()
