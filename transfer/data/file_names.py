"""Reading a corpus whose file names follow a `Layout`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from transfer.data.corpus import SYNTHETIC_RECORD, Corpus, corpus_table, is_audio, list_files, read_synthetic, some
from transfer.data.layouts import Layout, SideTable
from transfer.data.tables import read_text_table
from transfer.errors import CorpusError

__all__ = ["claims_layout", "nothing_found", "read_layout"]

VIDEO_EXTENSIONS = frozenset({".avi", ".mp4", ".mov", ".mkv"})

Clip = dict[str, Any]


def read_layout(layout: Layout, name: str, root: Path) -> Corpus:
    """Read a corpus by its file names.

    Args:
        layout: the row of the table of layouts.
        name: name of the corpus.
        root: its folder, or one that holds it.

    Raises:
        CorpusError: if no file is of the layout, a label code is unknown, the sound is still in videos, or the corpus's
            own table disagrees with a file name.

    Example:
        >>> import tempfile
        >>> from transfer.data.layouts import LAYOUTS
        >>> root = Path(tempfile.mkdtemp())
        >>> for file in ("f1/dis-f1-b1.WAV", "notes.txt"):
        ...     (root / file).parent.mkdir(exist_ok=True)
        ...     (root / file).touch()
        >>> corpus = read_layout(LAYOUTS["emovo"], "emovo", root)
        >>> corpus.table.loc[0, ["label", "speaker", "sex"]].to_list(), corpus.ignored
        (['disgust', 'f1', 'female'], ('notes.txt',))
    """
    files = list_files(root)
    clips: dict[str, Clip] = {}
    strange = defaultdict(list)
    for file in files:
        fields = _fields(layout, file) if is_audio(file) else None
        if fields is None:
            continue
        code = fields["label"].lower()
        if code in layout.labels:
            clips[file] = _clip(layout, file, root, fields)
        else:
            strange[code].append(file)
    _refuse_unknown_labels(layout, name, strange)
    _refuse_videos(layout, name, root, files)
    if not clips:
        raise nothing_found(name, root, files, expected=layout.example)
    missing, tables = _add_side_table(layout.side, root, files, clips) if layout.side else ((), ())
    ignored = [file for file in files if file not in clips and file not in (*tables, SYNTHETIC_RECORD)]
    table = corpus_table(clips.values())
    return Corpus(name, root, table, tuple(ignored), missing, read_synthetic(root), tables)


def claims_layout(layout: Layout, files: Sequence[str]) -> int:
    """Return how many recordings are named as the layout says, with a label that it knows.

    Args:
        layout: the row of the table of layouts.
        files: posix paths below the root.

    Example:
        >>> from transfer.data.layouts import LAYOUTS
        >>> claims_layout(LAYOUTS["emovo"], ["f1/dis-f1-b1.wav", "f1/xyz-f1-b1.wav", "notes.txt"])
        1
    """
    found = (_fields(layout, file) for file in files if is_audio(file) or _is_video(file))
    return sum(fields is not None and fields["label"].lower() in layout.labels for fields in found)


def nothing_found(name: str, root: Path, files: tuple[str, ...], *, expected: str) -> CorpusError:
    """Return the error for a folder that holds nothing of a layout.

    Args:
        name: name of the corpus.
        root: its folder.
        files: what the folder holds.
        expected: what was looked for.

    Example:
        >>> print(nothing_found("emovo", Path("e"), ("a.txt",), expected="f1/dis-f1-b1.wav"))
        emovo: nothing of the layout in e; expected files such as f1/dis-f1-b1.wav, found 1 file: a.txt
    """
    found = (
        f"found {len(files)} file{'s' if len(files) > 1 else ''}: {some(files, most=3)}"
        if files
        else "the folder is empty"
    )
    return CorpusError(f"{name}: nothing of the layout in {root}; expected files such as {expected}, {found}")


def _fields(layout: Layout, file: str) -> dict[str, str] | None:
    """Return the named groups of the first pattern that a file's name fits."""
    stem = PurePosixPath(file).with_suffix("").as_posix()
    found = (re.search(pattern, stem, re.IGNORECASE) for pattern in layout.patterns)
    return next((match.groupdict(default="") for match in found if match), None)


def _is_video(file: str) -> bool:
    """Say whether a name is that of a video."""
    return PurePosixPath(file).suffix.lower() in VIDEO_EXTENSIONS


def _clip(layout: Layout, file: str, root: Path, fields: dict[str, str]) -> Clip:
    """Build the row of a file from the fields of its name."""
    speaker = layout.speaker(fields["speaker"]) if "speaker" in fields else ""
    return {
        **fields,
        "path": str(root / file),
        "label": layout.labels[fields["label"].lower()],
        "speaker": speaker,
        "recording": file,
        "sex": layout.sex(speaker) if speaker else "",
        "language": layout.language,
    }


def _refuse_unknown_labels(layout: Layout, name: str, strange: dict[str, list[str]]) -> None:
    """Raise if files are named as the layout says but with a label code that it does not have."""
    if strange:
        codes = some(f"{code!r} ({len(files)} files, such as {files[0]})" for code, files in strange.items())
        raise CorpusError(
            f"{name}: unknown label {codes}; known: {', '.join(layout.labels)}. Rename or remove the files, or name "
            "their labels in a manifest and set reader: manifest"
        )


def _refuse_videos(layout: Layout, name: str, root: Path, files: tuple[str, ...]) -> None:
    """Raise if videos of the layout have no audio file beside them."""
    heard = {PurePosixPath(file).with_suffix("") for file in files if is_audio(file)}
    videos = [file for file in files if _is_video(file) and PurePosixPath(file).with_suffix("") not in heard]
    silent = [file for file in videos if _fields(layout, file) is not None]
    if silent:
        first = root / silent[0]
        raise CorpusError(
            f"{name}: {len(silent)} video{'s have' if len(silent) > 1 else ' has'} no audio file beside "
            f"{'them' if len(silent) > 1 else 'it'}; take the sound out of each, such as: "
            f'ffmpeg -i "{first}" -vn -ac 1 -ar 16000 "{first.with_suffix(".wav")}"'
        )


def _add_side_table(
    side: SideTable, root: Path, files: tuple[str, ...], clips: dict[str, Clip]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Add the columns of a corpus's own table to its clips; return what it names in vain and the tables' names."""
    tables = tuple(file for file in files if PurePosixPath(file).name.lower() == side.file)
    known: dict[str, list[Clip]] = defaultdict(list)
    for file, clip in clips.items():
        known[(PurePosixPath(file).stem if side.of == "file" else clip["speaker"]).lower()].append(clip)
    missing = []
    for table in tables:
        for line, row in read_text_table(root / table):
            if side.key not in row:
                raise CorpusError(f"{root / table}: no column {side.key!r}; the columns are {', '.join(row)}")
            named = PurePosixPath(row[side.key]).stem if side.of == "file" else row[side.key]
            for clip in known.get(named.lower(), ()):
                _check_agreement(side, clip, row, f"{root / table}, line {line}")
                clip.update({column: row[key] for key, column in side.columns.items() if key in row})
            if named.lower() not in known:
                missing.append(row[side.key])
    return tuple(missing), tables


def _check_agreement(side: SideTable, clip: Clip, row: dict[str, str], place: str) -> None:
    """Raise if a table says otherwise than the name of the file it speaks of."""
    for key, column in side.agrees.items():
        if key in row and row[key].lower() != clip[column].lower():
            raise CorpusError(
                f"{place}: {key} is {row[key]!r}, but the name of {clip['recording']} says {clip[column]!r}; "
                "mend one of them"
            )
