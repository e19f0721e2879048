"""`transfer corpus`: what corpora there are, what is in one, what is wrong with it, and stand-ins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from transfer.console import console, print_json

if TYPE_CHECKING:
    import pandas as pd

    from transfer.data.corpus import Corpus

__all__ = ["corpus_app"]

corpus_app = typer.Typer(
    help="Corpora: what there is, what is in them, what is wrong with them, and stand-ins in their layout.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Root = Annotated[Path, typer.Argument(help="folder of the corpus, or its manifest")]
ReaderName = Annotated[str | None, typer.Option("--reader", help="reader; guessed from the layout when left out")]
Json = Annotated[bool, typer.Option("--json", help="print JSON alone on stdout, everything else on stderr")]


@corpus_app.command("list")
def list_command(as_json: Json = False) -> None:
    """List the corpora that can be read, and whether $TRANSFER_CORPORA holds them."""
    import os

    from transfer.data.readers import about_readers

    shelf = os.environ.get("TRANSFER_CORPORA", "")
    found = {
        name: {"about": about, "here": bool(shelf) and (Path(shelf) / name).is_dir()}
        for name, about in about_readers().items()
    }
    if as_json:
        print_json(found)
        return
    width = max(map(len, found))
    for name, entry in found.items():
        typer.echo(f"{name:<{width}}  {'here' if entry['here'] else '    '}  {entry['about']}")


@corpus_app.command("describe")
def describe_command(
    root: Root,
    reader: ReaderName = None,
    picture: Annotated[Path | None, typer.Option(help="PNG, SVG or PDF to draw: clips by speaker, durations")] = None,
    as_json: Json = False,
) -> None:
    """Count a corpus by class, speaker and sex; durations, rates, channels; with a picture if wanted."""
    from transfer.data.description import describe_corpus, draw_corpus
    from transfer.errors import UserError

    if picture is not None and picture.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise UserError(
            f"--picture {picture}: cannot draw {picture.suffix or 'without a suffix'}; use .png, .svg or .pdf"
        )
    corpus, scan = _read(root, reader, decode=False)
    description = describe_corpus(corpus, scan)
    if picture is not None:
        draw_corpus(corpus, scan, picture)
        description["picture"] = str(picture)
    if as_json:
        print_json(description)
    else:
        _print_description(description)


@corpus_app.command("check")
def check_command(root: Root, reader: ReaderName = None, as_json: Json = False) -> None:
    """Find files that are unreadable, empty, silent, clipped, there twice, of a wrong rate or length ..."""
    from transfer.data.checkup import check_corpus
    from transfer.data.fingerprint import fingerprints, near_copies
    from transfer.data.measurement import measure_clips

    corpus, scan = _read(root, reader, decode=True)
    with _bar("measuring") as tick:
        measures = measure_clips(corpus.table, progress=tick)
    usable = scan[scan["problem"] == ""]
    files = dict(zip(usable["hash"], usable["path"], strict=True))  # of files of equal content one is enough
    names = dict(zip(corpus.table["path"], corpus.table["recording"], strict=True))
    copies = near_copies(fingerprints(files))
    twins = [(names[files[copy.first]], names[files[copy.second]]) for copy in copies]
    faults = check_corpus(corpus, scan, measures, twins=twins)
    if as_json:
        record = {"corpus": corpus.name, "clips": len(corpus.table), "speakers": len(corpus.speakers)}
        counts = corpus.table["label"].value_counts().sort_index()
        classes = {str(label): int(number) for label, number in counts.items()}
        print_json({**record, "classes": classes, "faults": [fault.record() for fault in faults]})
    else:
        _print_faults(corpus, faults)
    if any(fault.breaks for fault in faults):
        raise typer.Exit(1)


@corpus_app.command("probe")
def probe_command(
    root: Root,
    reader: ReaderName = None,
    permutations: Annotated[int, typer.Option(min=20, help="label permutations to compare with")] = 500,
    seed: Annotated[int, typer.Option(help="of folds and permutations")] = 0,
    as_json: Json = False,
) -> None:
    """Tell how well duration, loudness, noise, session, sex ... predict the label: what a network might learn instead."""
    from transfer.data.confounds import probe_confounds, single_class_speakers
    from transfer.data.description import clip_seconds
    from transfer.data.measurement import measure_clips

    corpus, scan = _read(root, reader, decode=False)
    with _bar("measuring") as tick:
        measures = measure_clips(corpus.table, progress=tick)
    files = scan.set_index("path")[["sample_rate", "channels"]].reindex(corpus.table["path"]).reset_index(drop=True)
    table = corpus.table.assign(duration=clip_seconds(corpus.table, scan), **measures, **files)
    probes = probe_confounds(table, permutations=permutations, seed=seed)
    alone = single_class_speakers(corpus.table)
    if as_json:
        print_json({"corpus": corpus.name, "probes": [p.record() for p in probes], "one_class_speakers": alone})
    else:
        _print_probes(corpus, probes, alone)


@corpus_app.command("synthesize")
def synthesize_command(
    name: Annotated[str, typer.Argument(help="a corpus of `transfer corpus list`, or phonemes (labels of frames)")],
    out: Annotated[Path, typer.Option(help="folder to write; must not exist or be empty")],
    shift: Annotated[float, typer.Option(help="how far this corpus lies from the others, 0 to 1")] = 0.3,
    seed: Annotated[int, typer.Option(help="of everything drawn")] = 0,
    speakers: Annotated[int | None, typer.Option(help="number of speakers; default as in the corpus")] = None,
    clips: Annotated[int | None, typer.Option(help="clips a speaker and class, or recordings a subject")] = None,
    hop: Annotated[int, typer.Option(help="of phonemes: samples at 16 kHz from one label to the next")] = 160,
    dial: Annotated[
        list[str] | None,
        typer.Option(
            help="one dial, such as channel=0.5: channel, noise, language, rhythm (--shift turns these four), "
            "spread, prior, label_noise; can be given again"
        ),
    ] = None,
) -> None:
    """Write a speech-like stand-in of a corpus in its real layout, and tell the best score that it allows."""
    import json

    from transfer.data.synthetic import synthesize
    from transfer.standins import best_notes

    dials = _dials(shift, dial or [])
    root = synthesize(name, out, seed=seed, speakers=speakers, clips=clips, hop=hop, **dials)
    typer.echo(str(root))
    record = json.loads((root / "synthetic.json").read_text(encoding="utf-8"))
    for note in best_notes({name: record}, name):
        console().print(note, highlight=False, soft_wrap=True)


def _dials(shift: float, given: list[str]) -> dict[str, Any]:
    """Return the options of the generator that `--shift` and `--dial name=value` ask for."""
    from transfer.data.synthetic import DIALS
    from transfer.errors import UserError, did_you_mean

    shifts = dict.fromkeys(("channel", "noise", "language", "rhythm"), shift)
    others: dict[str, float] = {}
    for text in given:
        name, _, value = text.partition("=")
        if name not in DIALS:
            raise UserError(f"--dial {text}: no dial {name!r}; {did_you_mean(name, DIALS)}")
        try:
            (shifts if name in shifts else others)[name] = float(value)
        except ValueError:
            raise UserError(f"--dial {text}: expected a number from 0 to {DIALS[name]}, as in {name}=0.5") from None
    return {"shift": shifts, **others}


def _read(root: Path, reader: str | None, *, decode: bool) -> tuple[Corpus, pd.DataFrame]:
    """Read a corpus from a folder alone, and scan its audio."""
    from transfer.data.readers import guess_reader, read_corpus
    from transfer.data.scan import scan_audio

    chosen = reader or guess_reader(root)
    corpus: Corpus = read_corpus(root.resolve().stem, root, reader=chosen)
    console().print(f"{root}: read as {chosen}", style="dim", highlight=False)
    return corpus, scan_audio(corpus.table, decode=decode)


def _bar(title: str) -> Any:
    """Return a progress bar on stderr."""
    from transfer.progress import Reporter

    return Reporter(console()).bar(title)


def _print_description(description: dict[str, Any]) -> None:
    """Print a description for people."""
    from rich.table import Table

    out, seconds = console(stderr=False), description["seconds"]
    print_line = out.print
    print_line(
        f"{description['corpus']}: {description['clips']} clips, {description['files']} files, "
        f"{description['speakers']} speakers" + (" (synthetic stand-in)" if description["synthetic"] else "")
    )
    print_line(
        f"{seconds['total'] / 60:.1f} min in all; clips {seconds['shortest']} to {seconds['longest']} s, "
        f"median {seconds['median']} s"
    )
    for name in ("sex", "language", "session", "split", "sample_rates", "channels"):
        if description.get(name):
            listed = ", ".join(f"{value} {number}" for value, number in description[name].items())
            print_line(f"{name.replace('_', ' ')}: {listed}")
    for name in ("unusable", "ignored", "missing"):
        if description[f"{name}_files"]:
            print_line(f"{name} files: {description[f'{name}_files']}")
    for reason, number in description["left_out_files"].items():
        print_line(f"left out: {number} files ({reason})")
    for note in description["notes"]:
        print_line(note)
    table = Table("speaker", *description["classes"], "all")
    for speaker, counts in description["classes_by_speaker"].items():
        table.add_row(
            speaker,
            *(str(counts[label]) for label in description["classes"]),
            str(sum(counts.values())),
            end_section=False,
        )
    table.add_section()
    table.add_row("all", *map(str, description["classes"].values()), str(description["clips"]))
    out.print(table)


def _print_faults(corpus: Corpus, faults: list[Any]) -> None:
    """Print faults for people."""
    from rich.table import Table

    out = console(stderr=False)
    counts = corpus.table["label"].value_counts().sort_index()
    out.print(f"{corpus.name}: {len(corpus.table)} clips of {len(corpus.speakers)} speakers")
    out.print(", ".join(f"{label} {number}" for label, number in counts.items()))
    if not faults:
        out.print("nothing wrong found")
        return
    table = Table("fault", "number", "breaks training", "what it means", "first of them")
    for fault in faults:
        cells = (fault.kind, str(fault.count), "yes" if fault.breaks else "no", fault.what, "\n".join(fault.examples))
        table.add_row(*cells)
    out.print(table)


def _print_probes(corpus: Corpus, probes: list[Any], alone: list[str]) -> None:
    """Print probes for people."""
    from rich.table import Table

    out = console(stderr=False)
    table = Table("confound", "UAR", "permuted: mean", "95th percentile", "p", "folds keep whole", "")
    for probe in probes:
        figures = (f"{probe.uar:.3f}", f"{probe.chance:.3f}", f"{probe.high:.3f}", f"{probe.p:.3f}", probe.folds)
        table.add_row(probe.confound, *figures, "tells the label" if probe.predicts else "")
    out.print(table)
    if alone:
        out.print(f"{len(alone)} of {len(corpus.speakers)} speakers have clips of one class only: who speaks tells it")
    if telling := [probe.confound for probe in probes if probe.predicts]:
        out.print(f"a network can score above chance by {', '.join(telling)} alone; set its score against these")
