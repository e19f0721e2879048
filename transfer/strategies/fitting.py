"""A stage in which a head is fitted at once (`feature_extractors.fitted_heads`), on what the extractor makes of the clips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from feature_extractors.fitted_heads import FittedHead
from transfer.data.domain import Domain
from transfer.errors import RecipeError

if TYPE_CHECKING:
    from transfer.strategies.base import Setting, Strategy

__all__ = ["check_fitting", "fit_heads", "is_fitted"]

CHUNK = 256  # clips of a pass


def is_fitted(setting: Setting) -> bool:
    """Tell whether the target's head is fitted at once."""
    return isinstance(setting.model.head(setting.target), FittedHead)


def check_fitting(strategy: Strategy) -> None:
    """Refuse what cannot be fitted at once.

    Raises:
        RecipeError: for a strategy that needs gradients of the head, pretraining, or corpora with heads of their own.
    """
    s, name = strategy.setting, type(strategy.setting.model.head(strategy.setting.target)).__name__
    if not strategy.fits:
        raise RecipeError(
            f"{name} is fitted at once, and strategy {type(strategy).__name__} trains step by step; choose scratch, "
            "source_only or joint, or another head"
        )
    if s.pretraining.epochs:
        raise RecipeError(f"{name} is fitted at once: there is nothing to pretrain; take `pretraining.epochs` out")
    if len(_corpora(strategy)) > 1 and len({id(s.model.head(corpus)) for corpus in _corpora(strategy)}) > 1:
        raise RecipeError(f"{name} is fitted to all corpora together; set `heads: shared` and `labels: shared`")


def fit_heads(strategy: Strategy) -> float:
    """Fit the head to all labelled clips of the corpora that the strategy learns from; return the c that was taken."""
    s, corpora = strategy.setting, _corpora(strategy)
    head = s.model.head(corpora[0])
    if not isinstance(head, FittedHead):  # `is_fitted` was asked
        raise TypeError(f"{type(head).__name__} is no FittedHead")
    rows = {name: s.domains[name].pools["labelled"] for name in corpora}
    embeddings = torch.cat([_embeddings(s, s.domains[name], rows[name]) for name in corpora])
    labels = torch.cat([s.domains[name].labels[rows[name].to(s.domains[name].labels.device)] for name in corpora])
    groups = [f"{name}/{who}" for name in corpora for who in s.domains[name].table["speaker"].iloc[rows[name].numpy()]]
    try:
        return head.fit(embeddings, labels, groups)
    except ValueError as error:
        raise RecipeError(f"head: {error}") from error


def _corpora(strategy: Strategy) -> Sequence[str]:
    """Return the corpora whose labels are learned."""
    s = strategy.setting
    sources = s.sources if "source" in strategy.learns_from else ()
    return (*sources, s.target) if "target" in strategy.learns_from and s.supervised else sources


@torch.no_grad()
def _embeddings(setting: Setting, domain: Domain, rows: Tensor) -> Tensor:
    """Return what enters the head for some clips of a corpus, (n, F); the model is left in evaluation mode."""
    model = setting.model.eval()
    chunks = []
    for part in torch.split(rows.to(domain.labels.device), CHUNK):
        batch = domain.batch(part)
        chunks.append(model.embed(batch.features, batch.lengths, domain.name)["specific"].float())
    return torch.cat(chunks)
