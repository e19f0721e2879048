"""Corpora as users bring them: a manifest, a database in audformat, folders named by label."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from transfer.data.synthetic.acted import Acted, same
from transfer.data.synthetic.factors import Sex

__all__ = ["OWN"]

_ABC = {
    "aggressive": "anger",
    "cheerful": "happiness",
    "intoxicated": "intoxication",
    "nervous": "nervousness",
    "neutral": "neutral",
    "tired": "tiredness",
}
_FOUR = same("anger", "happiness", "neutral", "sadness")
_SPLITS = ("train", "valid", "test")
_SEXES: dict[str, Sex] = {f"{number:02d}": "female" if number % 2 else "male" for number in range(1, 9)}


def _write(path: Path, lines: list[str]) -> None:
    """Write lines of text."""
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def _abc_path(speaker: str, emotion: str, text: str) -> str:
    """Return a file of the copy of ABC that the documentation's example describes."""
    return f"session{int(speaker)}/{speaker}_{emotion}_{text}.wav"


def _write_manifest(root: Path, speakers: Mapping[str, Sex], texts: Mapping[str, tuple[str, ...]]) -> None:
    """Write the manifest of the documentation's example."""
    lines = ["path,label,speaker,sex,session,split"]
    for order, (speaker, sex) in enumerate(speakers.items()):
        split = _SPLITS[order % len(_SPLITS)]
        lines += [
            f"{_abc_path(speaker, emotion, text)},{emotion},{speaker},{sex},session{int(speaker)},{split}"
            for emotion in _ABC
            for text in texts[emotion]
        ]
    _write(root / "manifest.csv", lines)


def _audformat_path(speaker: str, emotion: str, text: str) -> str:
    """Return a file of the database."""
    return f"audio/{speaker}-{emotion}-{text}.wav"


def _write_database(root: Path, speakers: Mapping[str, Sex], texts: Mapping[str, tuple[str, ...]]) -> None:
    """Write an audformat header with the speakers in a scheme, and two tables."""
    files = {_audformat_path(s, e, t): (s, e) for s in speakers for e in _FOUR for t in texts[e]}
    header = {
        "name": "standin",
        "source": "synthetic",
        "usage": "unrestricted",
        "languages": ["deu"],
        "schemes": {
            "emotion": {"dtype": "str", "labels": list(_FOUR)},
            "speaker": {
                "dtype": "str",
                "labels": {name: {"gender": sex, "age": 30 + int(name)} for name, sex in speakers.items()},
            },
        },
        "tables": {
            "emotion": {"type": "filewise", "columns": {"emotion": {"scheme_id": "emotion"}}},
            "files": {"type": "filewise", "columns": {"speaker": {"scheme_id": "speaker"}}},
        },
    }
    (root / "db.yaml").write_text(yaml.safe_dump(header, sort_keys=False), encoding="utf-8", newline="\n")
    _write(root / "db.emotion.csv", ["file,emotion", *(f"{file},{emotion}" for file, (_, emotion) in files.items())])
    _write(root / "db.files.csv", ["file,speaker", *(f"{file},{speaker}" for file, (speaker, _) in files.items())])


OWN: dict[str, Acted] = {
    "manifest": Acted(
        speakers=_SEXES,
        emotions=_ABC,
        texts=tuple(str(number) for number in range(1, 10)),
        path=_abc_path,
        rate=16_000,
        table=_write_manifest,
    ),
    "audformat": Acted(
        speakers=_SEXES,
        emotions=_FOUR,
        texts=tuple(str(number) for number in range(1, 10)),
        path=_audformat_path,
        rate=16_000,
        table=_write_database,
    ),
    "folders": Acted(
        speakers=_SEXES,
        emotions=_FOUR,
        texts=tuple(str(number) for number in range(1, 10)),
        path="{emotion}/take {text} of {speaker}.wav".format,
        rate=22_050,
    ),
}
