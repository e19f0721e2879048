"""From a recipe to corpora as tensors: read, map labels, slice, split, audit, extract, normalise.

`plan` does all that needs no training data in memory (seconds); `load` extracts features and puts them on the device.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch

from transfer.build import build_front_end, registries
from transfer.data.corpus import Corpus
from transfer.data.domain import Domain, build_domain
from transfer.data.features import extract_features
from transfer.data.labels import map_labels
from transfer.data.leakage import LeakageReport, audit, check_leakage
from transfer.data.normalisation import Normaliser
from transfer.data.readers import corpus_root, read_corpus
from transfer.data.scan import content_hashes, scan_audio, with_durations
from transfer.data.slicing import Slicing, slice_corpus
from transfer.data.split import Split
from transfer.data.splitting import few_shot_split, split_slices
from transfer.errors import AudioError, RecipeError, SplitError, did_you_mean
from transfer.recipe import CorpusSection, Recipe

__all__ = ["Plan", "Prepared", "load", "plan"]


@dataclass(frozen=True)
class Plan:
    """What a run will train and test on.

    Args:
        slices: slice table of all corpora, with columns corpus, part, labelled and visible.
        classes: corpus name -> class names, sources first.
        leakage: the audit's record.
        coverage: what the label rule kept, merged and dropped.
        synthetic: corpus name -> parameters of its generator, for stand-ins.
        skipped: corpus name -> clips left out because their audio cannot be used.
        notes: what the reader of the summary should know.
    """

    slices: pd.DataFrame
    classes: dict[str, tuple[str, ...]]
    leakage: dict[str, Any]
    coverage: dict[str, Any]
    synthetic: dict[str, Any]
    skipped: dict[str, int]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Prepared:
    """Corpora as tensors.

    Args:
        domains: corpus name -> tensors.
        slices: the slices that are in them.
        normaliser: fitted statistics.
        front_end: its exact parameters.
        seconds: time it took.
        skipped: slices left out because their audio turned out unusable.
    """

    domains: dict[str, Domain]
    slices: pd.DataFrame
    normaliser: Normaliser
    front_end: dict[str, Any]
    seconds: float
    skipped: int


def plan(recipe: Recipe, *, decode: bool = False) -> Plan:
    """Read the corpora, cut and part them, and audit the parts.

    Args:
        recipe: the recipe.
        decode: decode every file, and so find silent, cut-off and not finite audio before feature extraction does.

    Raises:
        UserError: a corpus, label set, split or leak that the recipe has to deal with, by name.
    """
    corpora = {section.corpus: _read(section) for section in recipe.corpora}
    renamed = {section.corpus: _relabel(section, corpora[section.corpus].table) for section in recipe.corpora}
    tables, coverage = map_labels(renamed, recipe.labels)
    learns_from = registries()["strategies"][recipe.strategy.name].learns_from
    hashes: dict[str, str] = {}
    skipped, parts, notes = {}, [], []
    for section in recipe.corpora:
        name = section.corpus
        scan = scan_audio(tables[name], decode=decode)
        hashes |= content_hashes(scan)
        table = with_durations(tables[name], scan, problems=recipe.bad_audio)
        skipped[name] = len(tables[name]) - len(table)
        slices = slice_corpus(table, _slicing(section)).reset_index(drop=True)
        split = _split(recipe, section, slices)
        notes += [f"{name}: {note}" for note in split.notes]
        parts.append(_roles(recipe, section, slices, split, learns_from))
    slices = pd.concat(parts, ignore_index=True)
    slices["hash"] = slices["path"].map(hashes)
    roles = {(str(c), str(p)): group for (c, p), group in slices.groupby(["corpus", "part"], sort=False)}
    report = audit(roles, hashes)
    check_leakage(report, recipe.split.accept_leakage)
    notes += [f"leakage accepted by the recipe: {finding.counted()}" for finding in report.found]
    leakage = _leakage(recipe, report)
    classes = {str(name): tuple(sorted(set(group["label"]))) for name, group in slices.groupby("corpus", sort=False)}
    synthetic = {name: corpus.synthetic for name, corpus in corpora.items() if corpus.synthetic}
    return Plan(slices, classes, leakage, coverage, synthetic, skipped, notes)


def load(
    recipe: Recipe, planned: Plan, device: torch.device, progress: Callable[[int, int], None] | None = None
) -> Prepared:
    """Extract the features of a plan and put them on the device.

    Args:
        recipe: the recipe.
        planned: its plan.
        device: where tensors live.
        progress: is told (done, all).

    Raises:
        AudioError: for audio that cannot be used, where the recipe refuses it.
    """
    start = time.perf_counter()
    front_end = build_front_end(recipe)
    store = extract_features(planned.slices, front_end, progress=progress)
    slices = planned.slices.assign(position=np.arange(len(planned.slices)))
    if store.problems:
        if recipe.bad_audio == "refuse" or len(store.problems) == len(store):
            listed = "; ".join(f"{slices['path'].iloc[i]}: {why}" for i, why in list(store.problems.items())[:5])
            raise AudioError(
                f"{len(store.problems)} of {len(store)} slices cannot be used: {listed}; mend or remove the files, or set `bad_audio: skip`"
            )
        slices = slices.drop(slices.index[list(store.problems)])
    normaliser = Normaliser(recipe.normalisation).fit(
        slices.reset_index(drop=True), lambda i: store.clip(int(slices["position"].iloc[i]))
    )
    domains = {
        name: build_domain(
            str(name), planned.classes[str(name)], group.reset_index(drop=True), store, normaliser, device
        )
        for name, group in slices.groupby("corpus", sort=False)
    }
    return Prepared(
        {str(k): v for k, v in domains.items()},
        slices,
        normaliser,
        front_end.record(),
        time.perf_counter() - start,
        len(store.problems),
    )


def _read(section: CorpusSection) -> Corpus:
    """Read a corpus."""
    return read_corpus(section.corpus, corpus_root(section.corpus, section.root), reader=section.reader)


def _slicing(section: CorpusSection) -> Slicing:
    """Return how a corpus is sliced; the overlap matters to V1 alone."""
    rule = section.slices
    return Slicing(rule.version, rule.seconds, rule.overlap if rule.version == "V1" else 0.0, rule.minimum)


def _relabel(section: CorpusSection, table: pd.DataFrame) -> pd.DataFrame:
    """Rename labels as the recipe says, leaving out those that it does not name."""
    if not section.relabel:
        return table
    known = set(table["label"])
    for label in section.relabel:
        if label not in known:
            raise RecipeError(f"relabel: {section.corpus} has no label {label!r}; {did_you_mean(label, known)}")
    kept: pd.DataFrame = table[table["label"].isin(list(section.relabel))].reset_index(drop=True)
    kept["label"] = kept["label"].map(section.relabel)
    return kept


def _split(recipe: Recipe, section: CorpusSection, slices: pd.DataFrame) -> Split:
    """Part a corpus: sources into training and validation, the target into training, validation and test."""
    rule = recipe.split
    seed = recipe.training.seed if rule.seed is None else rule.seed
    if section is not recipe.target:
        return split_slices(
            slices, by=rule.by, valid=rule.valid, test=0.0, seed=seed, accept=rule.accept_leakage, corpus=section.corpus
        )
    labelled = recipe.target.labelled_speakers
    if rule.transductive:
        if labelled == "all":
            raise SplitError(
                "split.transductive leaves nothing to test with target.labelled_speakers: all; give a number, a list, or none"
            )
        return few_shot_split(slices, labelled=0 if labelled == "none" else labelled, seed=seed, corpus=section.corpus)
    return split_slices(
        slices,
        by=rule.by,
        valid=rule.valid,
        test=rule.test,
        seed=seed,
        accept=rule.accept_leakage,
        corpus=section.corpus,
    )


def _leakage(recipe: Recipe, report: LeakageReport) -> dict[str, Any]:
    """Return the audit as the summary keeps it: shares of the target's test slices first, then everything."""
    target = f"{recipe.target.corpus}/test"
    shares = {f.kind: f.share for f in report.findings if f.part == target and f.against == "train"}
    return {
        "accepted": list(recipe.split.accept_leakage),
        "found": sorted({f.kind for f in report.found}),
        "test_in_train": shares,
        "audit": report.record(),
    }


def _roles(
    recipe: Recipe, section: CorpusSection, slices: pd.DataFrame, split: Split, learns_from: Sequence[str]
) -> pd.DataFrame:
    """Add to a slice table its corpus, parts, and what training may use: `labelled` and `visible`."""
    table: pd.DataFrame = slices.copy()
    table["corpus"], table["part"] = section.corpus, split.parts.reindex(slices.index).to_numpy()
    table["visible"] = table["part"] == "train"
    role = "target" if section is recipe.target else "source"
    table["labelled"] = table["visible"] & (role in learns_from)
    if role == "target":
        if recipe.split.transductive:
            table["visible"] |= table["part"] == "test"
        else:
            table["labelled"] &= table["speaker"].isin(_labelled_speakers(recipe, table))
    return table


def _labelled_speakers(recipe: Recipe, table: pd.DataFrame) -> set[str]:
    """Return the training speakers of the target whose labels may be used."""
    rule = recipe.target.labelled_speakers
    speakers = sorted(set(table.loc[table["part"] == "train", "speaker"]))
    if rule == "all":
        return set(speakers)
    if rule == "none":
        return set()
    if isinstance(rule, int):
        if rule > len(speakers):
            raise SplitError(
                f"target.labelled_speakers is {rule}, but the training part has {len(speakers)} speakers; lower it or split.test"
            )
        if rule == len(speakers):
            return set(speakers)
        seed = recipe.training.seed if recipe.split.seed is None else recipe.split.seed
        train = table[table["part"] == "train"]
        return set(few_shot_split(train, labelled=rule, seed=seed, corpus=recipe.target.corpus).speakers("train"))
    return _named_speakers(recipe, rule, speakers, sorted(set(table["speaker"])))


def _named_speakers(recipe: Recipe, rule: Sequence[str], training: Sequence[str], all_: Sequence[str]) -> set[str]:
    """Return the speakers that a recipe names, all of whom must be in the training part."""
    for name in rule:
        if name not in all_:
            raise RecipeError(
                f"target.labelled_speakers: no speaker {name!r} in {recipe.target.corpus}; {did_you_mean(name, all_)}"
            )
        if name not in training:
            raise SplitError(
                f"target.labelled_speakers: {name!r} fell into validation or test by split.seed; name others, or set split.transductive"
            )
    return set(rule)
