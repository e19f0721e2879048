"""A trained model on other audio: files, folders, patterns or a table in, probabilities out.

Front end, slicing and normalisation are those of training, taken from the model file. Nothing of the audio is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

from transfer.checkpoint import Checkpoint, read_checkpoint
from transfer.clips import find_clips
from transfer.data.domain import build_domain
from transfer.data.features import FeatureStore, extract_features
from transfer.data.normalisation import Moments, Normaliser
from transfer.data.scan import clip_problems, scan_audio, with_durations
from transfer.data.slicing import Slicing, slice_corpus
from transfer.data.sound import Sound, density_fault, features_of
from transfer.data.voices import voices_of
from transfer.errors import AudioError, RecipeError, UserError
from transfer.evaluation.calibration import tempered
from transfer.filled_model import filled_model
from transfer.prediction import predict as predict_domain
from transfer.preparation import slicing_of, voice_vectors
from transfer.recipe import Recipe

__all__ = ["Predicted", "Predictor", "predict"]

Level = Literal["slice", "recording", "subject"]

SHORTEST = 0.3  # s; what is shorter holds no word
FEWEST = 5  # clips that a speaker's mean and deviation are measured on, where a clip is one row of functionals
UNNAMED = ", for speakers are not named: a table with `speaker` does better"


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
    paths: str | Path | Sequence[str | Path],
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
        self.model, self.front_end = filled_model(self.recipe, classes, checkpoint)
        self.classes = classes[self.target]
        self.moments, self.within = _moments(checkpoint.normalisation), checkpoint.voices.get("within")
        chosen = record.get("evaluation") or {}
        self.rule, self.temperature = chosen.get("rule", "mean"), float(chosen.get("temperature") or 1.0)

    @property
    def _by_clips(self) -> bool:
        """Tell whether a speaker's statistics are those over clips: of functionals, one frame a clip, there are none within."""
        one_frame = self.front_end.frames(16_000) == self.front_end.frames(160_000) == 1
        return one_frame and self.recipe.normalisation in ("speaker", "voice")

    def refuse_single_clips(self) -> None:
        """Refuse to judge clip by clip, where the model standardises each speaker by all of his or her own clips.

        Raises:
            UserError: which says what to do instead.
        """
        if self._by_clips and slicing_of(self.recipe.target).version == "whole":
            raise UserError(
                f"this model standardises each speaker by all of his or her own clips (normalisation: "
                f"{self.recipe.normalisation}), and what comes one by one has no such company: give files together to `transfer "
                "predict`, or train with normalisation: corpus"
            )

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
        return self._judged(slices, store, problems, level)

    def listen(self, sound: Sound, *, level: Literal["slice", "recording"] = "recording") -> Predicted:
        """Return what the model says of a recording in memory, as it would of the same in a file.

        Args:
            sound: the recording.
            level: of the rows.

        Raises:
            AudioError: where there is nothing to hear in it.
        """
        clip = {
            "path": "",
            "start": 0.0,
            "end": sound.seconds,
            "recording": "",
            "speaker": "",
            "duration": sound.seconds,
        }
        slices = self._cut(pd.DataFrame([clip]))
        store = features_of(sound, slices, self.front_end)
        if len(store.problems) == len(store):
            raise AudioError("; ".join(dict.fromkeys(store.problems.values())))
        problems = {f"{slices['start'].iloc[i]:g} s": why for i, why in store.problems.items()}
        return self._judged(slices, store, problems, level)

    def _judged(self, slices: pd.DataFrame, store: FeatureStore, problems: dict[str, str], level: Level) -> Predicted:
        """Return what the model says of slices whose features are there."""
        slices = slices.assign(position=np.arange(len(slices))).drop(slices.index[list(store.problems)])
        slices = slices.reset_index(drop=True)
        normaliser, notes = self._normaliser(slices, lambda i: store.clip(int(slices["position"].iloc[i])))
        if short := int((slices["end"] - slices["start"] < SHORTEST).sum()):
            notes.append(
                f"{short} of {len(slices)} slices last less than {SHORTEST:g} s, which is no word: what is said of them means "
                "nothing, however certain it looks"
            )
        domain = build_domain(self.target, self.classes, slices, store, normaliser, torch.device("cpu"))
        table = predict_domain(self.model, domain, "test", plain_ids=True)
        table["path"], table["start"], table["end"] = slices["path"], slices["start"], slices["end"]
        if self.temperature != 1.0:
            notes.append(f"probabilities are calibrated (temperature {self.temperature:.3f}, fitted on validation)")
        return Predicted(self._rows(table, level), problems, notes)

    def _slices(self, clips: pd.DataFrame, unreadable: str) -> tuple[pd.DataFrame, dict[str, str]]:
        """Cut the clips that can be read as training cut its own; the others by name."""
        scan = scan_audio(clips)
        dense = [
            density_fault(rate, channels) for rate, channels in zip(scan["sample_rate"], scan["channels"], strict=True)
        ]
        scan["problem"] = [found or fault for found, fault in zip(scan["problem"], dense, strict=True)]
        faults = clip_problems(clips, scan)
        problems = {str(path): str(why) for path, why in zip(clips["path"], faults, strict=True) if why}
        _refuse(problems, unreadable, len(clips))
        return self._cut(with_durations(clips, scan, problems="skip")), problems

    def _cut(self, clips: pd.DataFrame) -> pd.DataFrame:
        """Return the slices of clips whose duration is known; none is joined with another, as training may have (V0)."""
        rule = slicing_of(self.recipe.target)
        rule = Slicing("V1", rule.seconds, 0.0, rule.minimum) if rule.version == "V0" else rule
        slices = slice_corpus(clips.assign(label=self.classes[0]), rule).reset_index(drop=True)
        cut: pd.DataFrame = slices.assign(corpus=self.target, part="test", labelled=False, visible=False)
        return cut

    def _normaliser(self, slices: pd.DataFrame, clip: Callable[[int], np.ndarray]) -> tuple[Normaliser, list[str]]:
        """Return the statistics of training, or those of the clips themselves where training measured them by speaker."""
        kind = self.recipe.normalisation
        if kind not in ("speaker", "voice"):
            return Normaliser(kind, dict(self.moments)), []
        known = (slices["speaker"] != "").all()
        slices["speaker"] = slices["speaker"] if known else slices["recording"]
        if self._by_clips:
            by_ear = not known and self.within is not None and (slices["path"] != "").all()
            slices["voice"] = slices["speaker"] if known else self._voices(slices) if by_ear else "all clips"
            counts = slices["voice"].value_counts()
            if few := [f"{name} ({count})" for name, count in counts.items() if count < FEWEST]:
                raise UserError(
                    "this model standardises each speaker by all of his or her own clips, and a clip is one row of functionals; "
                    f"expected {FEWEST} at least of each, better 20; fewer are there of {', '.join(few[:5])}"
                    f"{f' and {len(few) - 5} more' if len(few) > 5 else ''}: leave them out, or give more of them, together, in a "
                    "table with columns path and speaker"
                )
            found = f"each voice that was found by ear ({len(counts)})" if by_ear else f"all clips together{UNNAMED}"
            whom = "each speaker's clips" if known else found
            return Normaliser("voice", warping=self.recipe.warping).fit(slices, clip), [f"standardised by {whom}"]
        whom = "each speaker's clips" if known else f"each recording{UNNAMED}"
        return Normaliser("speaker", warping=self.recipe.warping).fit(slices, clip), [f"standardised by {whom}"]

    def _voices(self, slices: pd.DataFrame) -> list[str]:
        """Return voices found as training found those of its target."""
        return voices_of(voice_vectors(slices, cached=False), np.asarray(self.within), voices=self.recipe.voices)

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
