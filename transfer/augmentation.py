"""Augmentation of training batches: from the recipe's list to what the loop applies. `docs/augmentation.md` explains it.

Waveform transforms come first, in the order of the recipe; what they give passes through the front end and the fitted
normalisation on the device. Feature transforms follow. Mixup comes last, inside the task loss. Nothing else is touched:
validation, test, selection and diagnostics see the corpora as they are.

Axis letters: n slices, C channels, T frames, S samples.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from feature_extractors.augmentations import Augmentation, Mixup
from feature_extractors.frontends import Waveform
from transfer.build import build_component, build_front_end, registries
from transfer.data.batch_normaliser import BatchNormaliser
from transfer.data.domain import Batch, Domain
from transfer.data.normalisation import Normaliser
from transfer.data.waveforms import Waveforms, load_waveforms
from transfer.errors import UNSUITABLE, RecipeError
from transfer.progress import Reporter
from transfer.recipe import Recipe

__all__ = ["Augmenter", "Hearing", "augmentation_faults", "build_augmenter", "rehearse_augmentations"]

Transform = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Hearing:
    """The way from waveforms of a corpus to what the model sees of them, on the device.

    Args:
        waveforms: of the training slices.
        front_end: in batches.
        normalise: by the fitted statistics.
    """

    waveforms: Waveforms
    front_end: Any
    normalise: BatchNormaliser

    def __call__(self, rows: Tensor, transform: Transform) -> tuple[Tensor, Tensor]:
        """Return features (n, C, T) and lengths (n,) of slices whose waveforms (n, 1, S) were transformed."""
        waves, samples = transform(*self.waveforms.batch(rows))
        features, lengths = self.front_end.batch(waves[:, 0], samples)
        return self.normalise(features, lengths, rows), lengths


class Augmenter:
    """Applies a recipe's transforms to training batches, with a generator for each stream of batches.

    Args:
        augmentations: in the order of the recipe.
        seed: of all generators.
        longest: corpus -> samples of its longest waveform, which a slowed clip is cut to.
        hearings: corpus -> its waveforms; none where the features are the waveforms.

    Example:
        >>> from feature_extractors.augmentations import FrameMask
        >>> batch = Batch(torch.ones(2, 3, 100), torch.tensor([100, 100]), torch.tensor([0, 1]), torch.tensor([0, 1]))
        >>> masked = Augmenter([FrameMask(share=0.5)])(batch, "casia", "labelled")
        >>> bool((masked.features == 0).any()), masked.labels
        (True, tensor([0, 1]))
    """

    def __init__(
        self,
        augmentations: Sequence[Augmentation],
        *,
        seed: int = 0,
        longest: Mapping[str, int] | None = None,
        hearings: Mapping[str, Hearing] | None = None,
    ) -> None:
        self.mixup = next((each for each in augmentations if isinstance(each, Mixup)), None)
        self.of_waveforms = [each for each in augmentations if each.domain == "waveforms"]
        self.of_features = [each for each in augmentations if each.domain == "features" and each is not self.mixup]
        self.seed, self.longest, self.hearings = seed, longest or {}, hearings or {}
        self._generators: dict[str, torch.Generator] = {}

    @torch.no_grad()
    def __call__(self, batch: Batch, corpus: str, pool: str) -> Batch:
        """Return a batch drawn from a pool, transformed; labels and rows stay.

        Args:
            batch: as the corpus holds it.
            corpus: whose.
            pool: `labelled` or `any`.
        """
        generator = self._generator(f"{corpus}/{pool}", batch.features.device)
        with torch.autocast(batch.features.device.type, enabled=False):  # a front end in 16 bits is another front end
            x, lengths = batch.features, batch.lengths
            if self.of_waveforms:
                transform = partial(self._heard, corpus, generator)
                hearing = self.hearings.get(corpus)
                x, lengths = hearing(batch.rows, transform) if hearing else transform(x, lengths)
            for augment in self.of_features:
                x, lengths = augment(x, lengths, generator)
        return batch._replace(features=x, lengths=lengths)

    def mix(self, batch: Batch, corpus: str) -> Batch:
        """Return a labelled batch with its slices mixed, and what the task loss has to know of it."""
        if self.mixup is None:
            return batch
        pairs = self.mixup.pairs(len(batch.labels), self._generator(f"{corpus}/mixup", batch.features.device))
        features, lengths = self.mixup.mix(batch.features, batch.lengths, pairs)
        partners = batch.labels[pairs.partners]
        return batch._replace(features=features, lengths=lengths, partners=partners, shares=pairs.shares)

    def state(self) -> dict[str, Tensor]:
        """Return the state of every generator."""
        return {name: generator.get_state() for name, generator in self._generators.items()}

    def restore(self, state: Mapping[str, Tensor], device: torch.device | None = None) -> None:
        """Put every generator where it was."""
        for name, own in state.items():
            self._generator(name, device or torch.device("cpu")).set_state(own)

    def _heard(self, corpus: str, generator: torch.Generator, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Transform waveforms (n, 1, S), and cut those that grew beyond the longest of their corpus."""
        for augment in self.of_waveforms:
            x, lengths = augment(x, lengths, generator)
        lengths = lengths.clamp(max=self.longest[corpus])
        return x[..., : int(lengths.max())], lengths

    def _generator(self, stream: str, device: torch.device) -> torch.Generator:
        """Return the generator of a stream."""
        if stream not in self._generators:
            seed = self.seed * 1009 + zlib.crc32(stream.encode())
            self._generators[stream] = torch.Generator(device).manual_seed(seed)
        return self._generators[stream]


def build_augmenter(
    recipe: Recipe,
    domains: Mapping[str, Domain],
    normaliser: Normaliser,
    device: torch.device,
    reporter: Reporter | None = None,
) -> Augmenter | None:
    """Return what a recipe does to its training batches, or None where it does nothing.

    Args:
        recipe: the recipe.
        domains: corpora as tensors, with their whole slice tables.
        normaliser: fitted.
        device: where batches are.
        reporter: shows how waveforms are loaded; default none.
    """
    augmentations, front_end = _built(recipe), build_front_end(recipe)
    if not augmentations:
        return None
    longest = {name: domain.features.shape[-1] for name, domain in domains.items()}
    hearings = {}
    if any(each.domain == "waveforms" for each in augmentations) and not isinstance(front_end, Waveform):
        front_end = front_end.to(device)
        for name, domain in domains.items():
            with (reporter or Reporter()).bar(f"{name} waves") as tick:
                waves = load_waveforms(domain, sample_rate=front_end.sample_rate, device=device, progress=tick)
            longest[name] = int(waves.lengths.max())
            hearings[name] = Hearing(waves, front_end, BatchNormaliser(normaliser, domain.table, device))
    return Augmenter(augmentations, seed=recipe.training.seed, longest=longest, hearings=hearings)


def rehearse_augmentations(recipe: Recipe, channels: int) -> None:
    """Try every transform of a recipe on silence, so that a mistake shows before features are extracted.

    Args:
        recipe: the recipe.
        channels: C of its front end.

    Raises:
        RecipeError: for an option whose value does not suit the transform or the front end.
    """
    for i, augment in enumerate(_built(recipe)):
        silence = torch.zeros(2, 1 if augment.domain == "waveforms" else channels, 800)
        try:
            change = augment if isinstance(augment, Mixup) else augment.augment  # of every clip
            change(silence, torch.tensor([800, 400]), torch.Generator())
        except UNSUITABLE as error:
            raise RecipeError(f"training.augment.{i}: {recipe.training.augment[i].name}: {error}") from error


def augmentation_faults(recipe: Recipe) -> dict[str, str]:
    """Return what is wrong with the augmentations of a recipe, by where they stand: text of the errors."""
    tables, found = registries(), dict[str, str]()
    strategy, front_end = tables["strategies"][recipe.strategy.name], tables["frontends"][recipe.frontend.name]
    framed = [section.corpus for section in recipe.corpora if section.slices.version == "frames"]
    mixed = False
    for i, component in enumerate(recipe.training.augment):
        cls, path = tables["augmentations"][component.name], f"training.augment.{i}"
        if not (isinstance(cls, type) and issubclass(cls, Augmentation)):
            found[path] = (
                f"{component.name} is no augmentation; derive it from feature_extractors.augmentations.Augmentation"
            )
        elif issubclass(cls, Mixup):
            if mixed:
                found[path] = "mixup stands in the list twice; the task loss knows one partner, leave one out"
            elif not strategy.mixes:
                apart = ", ".join(name for name, one in tables["strategies"].items() if one.mixes)
                found[path] = (
                    f"mixup mixes labels as well, and strategy {recipe.strategy.name} learns the task and compares the corpora "
                    "on the same batches; leave mixup out, or choose a strategy that learns the task on batches of its own "
                    f"({apart})"
                )
            mixed = True
        elif cls.domain == "waveforms" and not getattr(front_end, "on_device", False):
            found[path] = (
                f"{component.name} changes waveforms, and {recipe.frontend.name} runs clip by clip on the processor, too slow "
                "for every batch; choose another front end, or a transform of features (spec_augment, frame_mask, mixup)"
            )
        elif cls.domain == "waveforms" and framed:
            found[path] = (
                f"{component.name} changes waveforms, and {framed[0]} has a label for every frame of the old ones"
            )
    return found


def _built(recipe: Recipe) -> list[Augmentation]:
    """Build the transforms of a recipe, in its order."""
    return [
        build_component(f"training.augment.{i}", "augmentations", component, {})
        for i, component in enumerate(recipe.training.augment)
    ]
