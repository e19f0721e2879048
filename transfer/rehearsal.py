"""Front end and extractor tried on a second of noise, so that values that do not suit each other show before any file is read."""

from __future__ import annotations

from typing import Any

import torch

from transfer.build import build_component, build_front_end, without_weights
from transfer.errors import UNSUITABLE, RecipeError
from transfer.recipe import Recipe

__all__ = ["rehearse"]

LONGEST = {"waveform": 16_000, "features": 400}  # of what an extractor is tried on: a second, and thirteen


def rehearse(recipe: Recipe) -> None:
    """Push a clip through the front end, and one of each corpus's nominal length through the extractor.

    The extractor is a new one, in evaluation and without weights of a file; the draws of the run stay what they are.

    Args:
        recipe: the recipe.

    Raises:
        RecipeError: naming the component that cannot be built, or that no clip passes.

    Example:
        >>> section = {"name": "a", "strategy": {"name": "scratch"}, "target": {"corpus": "b"}}
        >>> rehearse(Recipe.model_validate({**section, "extractor": {"name": "frame_mlp", "neighbours": 999}}))
        Traceback (most recent call last):
        ...
        transfer.errors.RecipeError: extractor: frame_mlp: a window of 313 frames was given; this network sees 999 neighbours at once
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        front_end = build_front_end(recipe)
        _hear(recipe, front_end)
        extractor = build_component(
            "extractor", "extractors", without_weights(recipe.extractor), {"in_channels": front_end.channels}
        )
        for frames in sorted({_nominal(section.slices, front_end) for section in recipe.corpora}):
            _extract(recipe, extractor.eval(), front_end.channels, frames)


def _hear(recipe: Recipe, front_end: Any) -> None:
    """Refuse a front end that a second of noise does not pass."""
    name, wave = recipe.frontend.name, 0.1 * torch.randn(front_end.sample_rate)
    try:
        features = front_end(wave)
    except UNSUITABLE as error:
        raise RecipeError(f"frontend: {name}: {error}") from error
    if not features.numel() or not features.isfinite().all():
        what = f"of shape {tuple(features.shape)}" if not features.numel() else "that are not finite"
        raise RecipeError(f"frontend: {name}: a second of noise gives features {what}; change its options")


def _extract(recipe: Recipe, extractor: torch.nn.Module, channels: int, frames: int) -> None:
    """Refuse an extractor that a clip of so many frames does not pass."""
    try:
        with torch.no_grad():
            extractor(torch.randn(1, channels, frames), torch.tensor([frames]))
    except UNSUITABLE as error:
        raise RecipeError(f"extractor: {recipe.extractor.name}: {error}") from error


def _nominal(slices: Any, front_end: Any) -> int:
    """Return the frames of a slice of a corpus, of a long one so many as it is tried on."""
    if slices.version == "frames":
        return int(slices.neighbours)
    longest = LONGEST["waveform" if front_end.channels == 1 else "features"]
    seconds = min(slices.seconds, longest)  # a front end of one frame a second or less has no longer ones
    return max(1, min(int(front_end.frames(round(seconds * front_end.sample_rate))), longest))
