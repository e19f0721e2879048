"""From a recipe to corpora as tensors: read, map labels, slice, split, audit, extract, normalise.

`plan` does all that needs no training data in memory (seconds); `load` extracts features and puts them on the device.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from transfer.auditing import audit_parts
from transfer.build import build_component, build_front_end, registries
from transfer.data.corpus import Corpus
from transfer.data.domain import Domain, build_domain
from transfer.data.extents import kept_note
from transfer.data.features import FeatureStore, extract_features
from transfer.data.frames import build_frame_domain, class_names, with_frame_labels
from transfer.data.labels import coverage_lines, map_labels
from transfer.data.leakage import check_leakage
from transfer.data.normalisation import Normaliser
from transfer.data.pieces import slice_hashes
from transfer.data.placement import available_memory, in_memory
from transfer.data.provenance import audit_statistics, check_withheld
from transfer.data.readers import corpus_root, read_corpus
from transfer.data.scan import content_hashes, scan_audio, with_durations
from transfer.data.slicing import Slicing, slice_corpus
from transfer.data.split_file import check_hash, split_hash, split_table
from transfer.data.stored_domain import build_stored_domain
from transfer.data.voices import assign_voices
from transfer.errors import AudioError, RecipeError, did_you_mean
from transfer.parting import assign_roles, columns_apart, part_corpus, read_frozen
from transfer.recipe import Component, CorpusSection, Recipe
from transfer.rehearsal import rehearse
from transfer.standins import best_notes

__all__ = ["Plan", "Prepared", "load", "plan", "read_all", "slicing_of"]


@dataclass(frozen=True)
class Plan:
    """What a run will train and test on.

    Args:
        slices: slice table of all corpora, with columns corpus, part, labelled and visible.
        classes: corpus name -> class names, sources first.
        leakage: the audit's record.
        split: hash of the parts, as `split.hash` demands it.
        coverage: what the label rule kept, merged and dropped.
        synthetic: corpus name -> parameters of its generator, for stand-ins.
        skipped: corpus name -> clips left out because their audio cannot be used.
        notes: what the reader of the summary should know.
        loaded: what the checkpoint that the run begins with gives, weight by weight.
    """

    slices: pd.DataFrame
    classes: dict[str, tuple[str, ...]]
    leakage: dict[str, Any]
    split: str
    coverage: dict[str, Any]
    synthetic: dict[str, Any]
    skipped: dict[str, int]
    notes: list[str] = field(default_factory=list)
    loaded: dict[str, Any] | None = None


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
        leakage: what the audit of statistics and labels counted.
        notes: what the reader of the summary should know.
        voices: how the sources' speakers vary within themselves, where voices were found by ear. Shape: (D, D).
    """

    domains: dict[str, Domain]
    slices: pd.DataFrame
    normaliser: Normaliser
    front_end: dict[str, Any]
    seconds: float
    skipped: int
    leakage: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    voices: np.ndarray | None = None


def plan(recipe: Recipe, *, decode: bool = False) -> Plan:
    """Read the corpora, cut and part them, and audit the parts.

    Args:
        recipe: the recipe.
        decode: try front end and extractor, and decode every file, and so find silent, cut-off and not finite audio
            before feature extraction does.

    Raises:
        UserError: a corpus, label set, split or leak that the recipe has to deal with, by name.
    """
    if decode:
        rehearse(recipe)
    corpora, tables, coverage = read_all(recipe)
    learns_from = registries()["strategies"][recipe.strategy.name].learns_from
    frozen = read_frozen(recipe)
    hashes: dict[str, str] = {}
    skipped, parts, notes = {}, [], coverage_lines(coverage)
    for section in recipe.corpora:
        name = section.corpus
        scan = scan_audio(tables[name], decode=decode)
        hashes |= content_hashes(scan)
        table = with_durations(tables[name], scan, problems=recipe.bad_audio)
        skipped[name] = len(tables[name]) - len(table)
        notes += [f"{name}: {note}" for note in (*corpora[name].notes, kept_note(table, scan)) if note]
        slices = slice_corpus(table, slicing_of(section), apart=columns_apart(recipe, section)).reset_index(drop=True)
        if section.slices.version == "frames":
            slices = with_frame_labels(slices, table, corpora[name].root)
        slices["hash"] = slice_hashes(slices, hashes)
        split = part_corpus(recipe, section, slices, frozen)
        notes += [f"{name}: {note}" for note in split.notes]
        parts.append(assign_roles(recipe, section, slices, split, learns_from))
    slices = pd.concat(parts, ignore_index=True)
    frozen_as = split_hash(split_table(slices))
    check_hash(frozen_as, recipe.split.hash, "of this run")
    leakage, more = audit_parts(recipe, slices, hashes)
    classes = {str(name): class_names(group) for name, group in slices.groupby("corpus", sort=False)}
    synthetic = {name: corpus.synthetic for name, corpus in corpora.items() if corpus.synthetic}
    more += best_notes(synthetic, recipe.target.corpus)
    return Plan(slices, classes, leakage, frozen_as, coverage, synthetic, skipped, notes + more)


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
    rehearse(recipe)
    front_end = build_front_end(recipe)
    store = extract_features(planned.slices, front_end, progress=progress, stored=True)
    slices = planned.slices.assign(position=np.arange(len(planned.slices)))
    if store.problems:
        if recipe.bad_audio == "refuse" or len(store.problems) == len(store):
            listed = "; ".join(f"{slices['path'].iloc[i]}: {why}" for i, why in list(store.problems.items())[:5])
            raise AudioError(
                f"{len(store.problems)} of {len(store)} slices cannot be used: {listed}; mend or remove the files, or set `bad_audio: skip`"
            )
        slices = slices.drop(slices.index[list(store.problems)])
    within = None
    if recipe.normalisation == "voice":
        voices, within = assign_voices(slices, voice_vectors(slices), target=recipe.target.corpus, voices=recipe.voices)
        slices = slices.assign(voice=voices)
    normaliser = Normaliser(recipe.normalisation, warping=recipe.warping).fit(
        slices.reset_index(drop=True), lambda i: store.clip(int(slices["position"].iloc[i]))
    )
    kept, note = _kept_in_memory(recipe, slices, store, device)
    domains = {
        name: _builder(recipe, str(name), kept)(
            str(name), planned.classes[str(name)], group.reset_index(drop=True), store, normaliser, device
        )
        for name, group in slices.groupby("corpus", sort=False)
    }
    statistics = audit_statistics(slices.reset_index(drop=True), normaliser)
    check_leakage(statistics, recipe.split.accept_leakage)
    learns_from = registries()["strategies"][recipe.strategy.name].learns_from
    labels = check_withheld(domains.values(), recipe.target.corpus, learns_from)
    return Prepared(
        {str(k): v for k, v in domains.items()},
        slices,
        normaliser,
        front_end.record(),
        time.perf_counter() - start,
        len(store.problems),
        {"statistics": statistics.record(), "labels": labels},
        [note] if note else [],
        within,
    )


def voice_vectors(slices: pd.DataFrame, *, cached: bool = True) -> np.ndarray:
    """Return what describes the voice of every slice, (N, D).

    Args:
        slices: slice table.
        cached: look into the cache of features, and write into it.

    Raises:
        AudioError: for slices in which no voice is to be heard.
    """
    store = extract_features(
        slices, build_component("normalisation", "frontends", Component(name="voice"), {}), cached=cached
    )
    if store.problems:
        listed = "; ".join(f"{slices['path'].iloc[i]}: {why}" for i, why in list(store.problems.items())[:5])
        raise AudioError(f"normalisation: voice: {len(store.problems)} slices have no voice to be told by: {listed}")
    return np.stack([store.clip(i)[0] for i in range(len(slices))])


def _read(section: CorpusSection) -> Corpus:
    """Read a corpus."""
    root = corpus_root(section.corpus, section.root)
    return read_corpus(section.corpus, root, reader=section.reader, options=section.options)


def read_all(recipe: Recipe) -> tuple[dict[str, Corpus], dict[str, pd.DataFrame], dict[str, Any]]:
    """Return corpora, their tables under the recipe's label rule, and what that rule did."""
    for section in recipe.corpora:
        if section.slices.version == "frames" and (section.relabel or recipe.labels != "as_is"):
            raise RecipeError(
                f"{section.corpus}: relabel and labels: {recipe.labels} are about labels of clips; with slices.version: frames, "
                "rename labels in the label files"
            )
    corpora = {section.corpus: _read(section) for section in recipe.corpora}
    renamed = {section.corpus: _relabel(section, corpora[section.corpus].table) for section in recipe.corpora}
    tables, coverage = map_labels(renamed, recipe.labels)
    for section in (s for s in recipe.corpora if s.relabel):
        counts = corpora[section.corpus].table["label"].value_counts()
        left = {str(k): int(n) for k, n in counts.items() if k not in section.relabel}
        coverage.setdefault("relabelled", {})[section.corpus] = {"as": dict(section.relabel), "left_out": left}
    return corpora, tables, coverage


def _kept_in_memory(
    recipe: Recipe, slices: pd.DataFrame, store: FeatureStore, device: torch.device
) -> tuple[bool, str]:
    """Decide whether features go on the device, padded as they are there, and say so where they do not."""
    framed = {section.corpus for section in recipe.corpora if section.slices.version == "frames"}
    if framed and recipe.compute.features == "disk":
        raise RecipeError(
            f"compute.features: disk, but the frames of {sorted(framed)[0]} are windows of one tensor; choose auto or memory"
        )
    frames = pd.Series(store.lengths[slices["position"]]).groupby(slices["corpus"].to_numpy())
    size = 4 * store.channels * int((frames.max() * frames.size()).sum())
    return (True, "") if framed else in_memory(recipe.compute.features, size, available_memory(device))


def _builder(recipe: Recipe, corpus: str, kept: bool) -> Callable[..., Domain]:
    """Return what makes a corpus available: on the device slice by slice or frame by frame, or from the disk."""
    rule = next(section.slices for section in recipe.corpora if section.corpus == corpus)
    if rule.version == "frames":
        return partial(build_frame_domain, neighbours=rule.neighbours)
    return build_domain if kept else build_stored_domain


def slicing_of(section: CorpusSection) -> Slicing:
    """Return how a corpus is sliced; the overlap matters to V1 alone, and frames are taken from whole clips."""
    rule = section.slices
    if rule.version == "frames":
        return Slicing("whole")
    overlap = rule.overlap if rule.version == "V1" else 0.0
    return Slicing(rule.version, rule.seconds, overlap, rule.minimum, rule.reproduce_notes)


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
