"""Embeddings of some slices of source and target, for a picture of what training did to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from transfer.data.domain import Domain
from transfer.evaluation.projections import Sample
from transfer.model import TransferModel
from transfer.prediction import embeddings

__all__ = ["sample_embeddings"]

MOST_SLICES = 120  # of the sources together, and of the target: a picture has room for no more


def sample_embeddings(
    model: TransferModel, domains: Mapping[str, Domain], sources: Sequence[str], target: str
) -> Sample | None:
    """Return embeddings of at most 120 source and 120 target slices, the same slices at every call.

    The source's are slices that training may hear; the target's are those of the test part, on which scores are computed.
    Their labels come from the slice table and are for display alone. The level is what enters the last layer, or the
    universal features where source and target have heads of their own.

    Args:
        model: as it is; it is left so.
        domains: corpora as tensors, with their truth.
        sources: source corpora; none where a strategy has none.
        target: target corpus.

    Returns:
        the sample; None for fewer than three slices, of which there is no picture.
    """
    shared = all(model.head(name) is model.head(target) for name in sources)
    level = "specific" if shared else "universal"
    pools = [(name, "any", MOST_SLICES // len(sources)) for name in sources] + [(target, "test", MOST_SLICES)]
    values, domain, label = [], list[str](), list[str]()
    for name, pool, most in pools:
        rows = _some(domains[name].pools[pool], most)
        if len(rows):
            values.append(embeddings(model, domains[name], rows)[level].float().numpy())
            domain += [name] * len(rows)
            label += [str(words) for words in domains[name].table["label"].iloc[rows.numpy()]]
    return Sample(np.concatenate(values), domain, label, level) if len(label) >= 3 else None


def _some(rows: torch.Tensor, most: int) -> torch.Tensor:
    """Return at most so many rows, always the same."""
    if len(rows) <= most:
        return rows
    return rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[:most].sort().values]
