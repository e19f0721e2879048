"""A trained model on other audio: files, folders, patterns or a table in, probabilities out.

Front end, slicing and normalisation are those of training, taken from the model file. Nothing of the audio is kept.
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

from transfer.build import build_front_end, build_model
from transfer.checkpoint import Checkpoint, fill_model, read_checkpoint
from transfer.data.corpus import is_audio
from transfer.data.domain import build_domain
from transfer.data.features import extract_features
from transfer.data.normalisation import Moments, Normaliser
from transfer.data.scan import clip_problems, scan_audio, with_durations
from transfer.data.slicing import slice_corpus
from transfer.errors import AudioError, RecipeError, UserError
from transfer.evaluation.calibration import tempered
from transfer.model import TransferModel
from transfer.prediction import predict as predict_domain
from transfer.preparation import slicing_of
from transfer.recipe import Recipe

__all__ = ["Predicted", "Predictor", "clips_of_table", "find_clips", "predict"]

Level = Literal["slice", "recording", "subject"]
LARGEST_TABLE = 100_000_000  # bytes of a table of files


@dataclass(frozen=True)
class Predicted:
    """What a model says of clips.

    Args:
        table: one row a slice, recording or subject: who and where, `p_<class>` for each class, `decision`.
        problems: file -> why it cannot be used.
        notes: what the reader should know.
    """

    table: pd.DataFrame
    problems: dict[str, str]
    notes: list[str]


def predict(
    checkpoint: str | Path,
    paths: Sequence[str | Path],
    *,
    level: Level = "recording",
    unreadable: Literal["skip", "refuse"] = "skip",
    progress: Callable[[int, int], None] | None = None,
) -> Predicted:
    """Return what a trained model says of audio that it has never heard.

    Args:
        checkpoint: a run folder, its model file, or a bundle.
        paths: audio files, folders (everything in them that is audio), patterns such as `in/*.wav`, or a CSV table with
            the columns `path` (relative to the table) and, where known, `speaker`, `recording`, `start`, `end` (s).
        level: one row a `slice`, a `recording` (a file, unless a table says other) or a `subject` (needs `speaker`).
        unreadable: `skip` files that cannot be used, and list them in `problems`; or `refuse` to go on.
        progress: is told (done, all).

    Raises:
        UserError: no model, no audio, or audio that cannot be used where that is refused.

    Example:
        >>> predict("nowhere", ["a.wav"])
        Traceback (most recent call last):
        ...
        transfer.errors.RecipeError: no model file at nowhere; expected a run folder that holds model.safetensors, or such a file
    """
    predictor = Predictor(read_checkpoint(checkpoint))
    return predictor(find_clips(paths), level=level, unreadable=unreadable, progress=progress)


def find_clips(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Return one row a clip: `path`, `start`, `end` (s), `recording`, `speaker` ('' where unknown).

    Raises:
        UserError: for a path that is not there, a folder or pattern without audio, or a table without paths.
    """
    tables = [_clips_of(str(path)) for path in paths]
    if not tables:
        raise UserError("no audio to predict on; name files, folders, patterns or a CSV table")
    found = pd.concat(tables, ignore_index=True).drop_duplicates(["path", "start", "end"])
    clips: pd.DataFrame = found.reset_index(drop=True)
    return clips


def _clips_of(path: str) -> pd.DataFrame:
    """Return the clips that one argument means."""
    place = Path(path).expanduser()
    if place.suffix.lower() == ".csv":
        return _listed(place)
    if place.is_dir():
        files = sorted(file for file in place.rglob("*") if file.is_file() and is_audio(file.name))
        missing = f"the folder {path} holds no audio file"
    elif any(mark in path for mark in "*?[") and not place.exists():
        files = sorted(Path(file) for file in glob.glob(str(place), recursive=True) if Path(file).is_file())
        missing = f"the pattern {path} fits no file"
    else:
        files, missing = [place] if place.exists() else [], f"there is no file {path}"
    if not files:
        raise UserError(f"{missing}; expected an audio file, a folder, a pattern in quotes or a CSV table")
    names = [str(file) for file in files]
    clips: pd.DataFrame = pd.DataFrame({"path": names, "start": 0.0, "end": np.nan, "recording": names, "speaker": ""})
    return clips


def _listed(file: Path) -> pd.DataFrame:
    """Return the clips of a table."""
    try:
        if file.stat().st_size > LARGEST_TABLE:
            raise UserError(f"{file} has more than {LARGEST_TABLE} bytes, which no table of files needs; split it")
        table = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read as a CSV table: {error}") from error
    if "path" not in table or table.empty:
        raise UserError(f"{file} needs a column `path` and a row for each clip; it has {', '.join(table.columns)}")
    try:
        return clips_of_table(table, file.parent)
    except ValueError as error:
        raise UserError(f"{file}: start and end are seconds: {error}") from error


def clips_of_table(table: pd.DataFrame, folder: Path = Path()) -> pd.DataFrame:
    """Return the clips of a table, as `find_clips` does; what is empty or missing is not known.

    Args:
        table: the columns `path` and, where known, `recording`, `speaker`, `start`, `end` (s).
        folder: that paths are relative to.
    """
    known = table.astype(object).where(table.notna(), "")
    out: pd.DataFrame = pd.DataFrame({"path": [str((folder / path).absolute()) for path in known["path"]]})
    named = known.get("recording", known["path"])
    out["recording"] = [str(name or path) for name, path in zip(named, known["path"], strict=True)]
    out["speaker"] = [str(v) for v in known.get("speaker", [""] * len(known))]
    out["start"] = [float(v or 0) for v in known.get("start", [0] * len(known))]
    out["end"] = [float(v or "nan") for v in known.get("end", [""] * len(known))]
    return out


class Predictor:
    """A model ready to listen: read once, used for many files.

    Args:
        checkpoint: what `read_checkpoint` returned.

    Attributes:
        classes: of the target, in the order of the probabilities.
        recipe: the recipe of the run.

    Raises:
        RecipeError: where the file was written by another version and its recipe is no longer one, or it judges frames.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        record = checkpoint.record
        try:
            self.recipe = Recipe.model_validate(record["recipe"])
            classes = {name: tuple(names) for name, names in record["classes"].items()}
        except (KeyError, ValueError) as error:
            raise RecipeError(f"the model's record cannot be used by this version: {error}") from error
        self.target = self.recipe.target.corpus
        if self.recipe.target.slices.version == "frames":
            raise RecipeError("this model judges single frames; `predict` judges clips")
        self.classes, self.front_end = classes[self.target], build_front_end(self.recipe)
        self.model: TransferModel = build_model(
            self.recipe, in_channels=int(self.front_end.channels), classes=classes, filled=True
        ).eval()
        fill_model(self.model, checkpoint, self.front_end.record())
        self.moments = _moments(checkpoint.normalisation)
        chosen = record.get("evaluation") or {}
        self.rule, self.temperature = chosen.get("rule", "mean"), float(chosen.get("temperature") or 1.0)

    def __call__(
        self,
        clips: pd.DataFrame,
        *,
        level: Level = "recording",
        unreadable: Literal["skip", "refuse"] = "skip",
        progress: Callable[[int, int], None] | None = None,
    ) -> Predicted:
        """Return what the model says of clips, as `predict` does.

        Args:
            clips: what `find_clips` returned.
            level: of the rows.
            unreadable: what becomes of files that cannot be used.
            progress: is told (done, all).
        """
        if level == "subject" and (clips["speaker"] == "").any():
            raise UserError(
                "level subject needs to know who speaks: give a CSV table with a column `speaker` in every row"
            )
        slices, problems = self._slices(clips, unreadable)
        store = extract_features(slices, self.front_end, progress=progress, cached=False)
        problems |= {str(slices["path"].iloc[i]): why for i, why in store.problems.items()}
        _refuse(problems, unreadable, len(clips))
        slices = slices.assign(position=np.arange(len(slices))).drop(slices.index[list(store.problems)])
        slices = slices.reset_index(drop=True)
        normaliser, notes = self._normaliser(slices, lambda i: store.clip(int(slices["position"].iloc[i])))
        domain = build_domain(self.target, self.classes, slices, store, normaliser, torch.device("cpu"))
        table = predict_domain(self.model, domain, "test", plain_ids=True)
        table["path"], table["start"], table["end"] = slices["path"], slices["start"], slices["end"]
        if self.temperature != 1.0:
            notes.append(f"probabilities are calibrated (temperature {self.temperature:.3f}, fitted on validation)")
        return Predicted(self._rows(table, level), problems, notes)

    def _slices(self, clips: pd.DataFrame, unreadable: str) -> tuple[pd.DataFrame, dict[str, str]]:
        """Cut the clips that can be read as training cut its own; the others by name."""
        scan = scan_audio(clips)
        faults = clip_problems(clips, scan)
        problems = {str(path): str(why) for path, why in zip(clips["path"], faults, strict=True) if why}
        _refuse(problems, unreadable, len(clips))
        labelled = clips.assign(label=self.classes[0])
        kept = with_durations(labelled, scan, problems="skip")
        slices = slice_corpus(kept, slicing_of(self.recipe.target)).reset_index(drop=True)
        return slices.assign(corpus=self.target, part="test", labelled=False, visible=False), problems

    def _normaliser(self, slices: pd.DataFrame, clip: Callable[[int], np.ndarray]) -> tuple[Normaliser, list[str]]:
        """Return the statistics of training, or those of the clips themselves where training measured them by speaker."""
        kind = self.recipe.normalisation
        if kind not in ("speaker", "voice"):
            return Normaliser(kind, dict(self.moments)), []
        known = (slices["speaker"] != "").all()
        slices["speaker"] = slices["speaker"] if known else slices["recording"]
        whom = (
            "each speaker's clips"
            if known
            else "each recording, for speakers are not named: a table with `speaker` does better"
        )
        return Normaliser("speaker").fit(slices, clip), [f"standardised by {whom}"]

    def _rows(self, slices: pd.DataFrame, level: Level) -> pd.DataFrame:
        """Return the rows of a level, with the decision."""
        columns = [f"p_{name}" for name in self.classes]
        if self.temperature != 1.0:
            slices[columns] = tempered(slices[columns].to_numpy(), self.temperature)
        keys = {"slice": ["path", "start", "end", "recording", "subject"], "recording": ["recording", "subject"]}
        if level == "slice":
            out = slices[[*keys["slice"], *columns]].copy()
        else:
            values = slices[columns].to_numpy()
            if self.rule == "vote":
                values = (np.eye(len(columns))[values.argmax(axis=1)] + 1e-6 * values) / (1 + 1e-6)
            by = keys.get(level, ["subject"])
            grouped = slices[by].assign(**dict(zip(columns, values.T, strict=True))).groupby(by, sort=False)
            out = grouped[columns].mean().reset_index()
            out.insert(len(by), "slices", grouped.size().to_numpy())
        out["decision"] = [self.classes[i] for i in out[columns].to_numpy().argmax(axis=1)]
        named: pd.DataFrame = out.rename(columns={"subject": "speaker"})
        return named


def _moments(tensors: Mapping[str, Any]) -> dict[Any, Moments]:
    """Return the statistics of a model file by group."""
    groups = {name.rpartition(".")[0] for name in tensors}
    return {g: Moments(tensors[f"{g}.mean"].numpy(), tensors[f"{g}.std"].numpy()) for g in groups}


def _refuse(problems: Mapping[str, str], unreadable: str, clips: int) -> None:
    """Refuse audio that cannot be used, where that was asked for or nothing else is there."""
    if problems and (unreadable == "refuse" or len(problems) >= clips):
        listed = "; ".join(f"{path}: {why}" for path, why in list(problems.items())[:5])
        raise AudioError(f"{len(problems)} of {clips} clips cannot be used: {listed}")
