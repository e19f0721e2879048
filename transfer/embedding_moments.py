"""Mean and covariance of what the extractor makes of the training slices: what a source that stays at home is matched by."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from losses.moment_matching import row_covariance
from transfer.data.domain import Domain
from transfer.model import TransferModel
from transfer.prediction import embeddings

__all__ = ["embedding_moments"]


def embedding_moments(model: TransferModel, domains: Mapping[str, Domain]) -> dict[str, Tensor]:
    """Return the moments of the pooled universal features of all slices that training may hear, every slice counting the same.

    They say nothing of a single slice, speaker or label; of very few slices a mean is nearly a slice, and none is given of
    fewer than two.

    Args:
        model: as it is; it is left so.
        domains: corpora as tensors.

    Returns:
        `mean` (F,) and `covariance` (F, F), float32.
    """
    rows = [
        embeddings(model, domain, domain.pools["any"])["universal"].double()
        for domain in domains.values()
        if len(domain.pools["any"])
    ]
    heard = torch.cat(rows) if rows else torch.zeros(0, 1)
    if len(heard) < 2:
        return {}
    return {"mean": heard.mean(0).float(), "covariance": row_covariance(heard).float()}
