"""From a model and corpora to what criteria without target labels are handed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor

from transfer.data.domain import Domain
from transfer.evaluation.validators import Evidence, Labelled, Unlabelled
from transfer.model import TransferModel
from transfer.prediction import embeddings

__all__ = ["gather", "unlabelled_rows"]

MOST_ROWS = 1000  # of a part: criteria compare all pairs of slices


def gather(
    model: TransferModel,
    domains: Mapping[str, Domain],
    sources: Sequence[str],
    target: str,
    needs: Collection[str],
) -> Evidence:
    """Return outputs of a model on the parts that criteria need, at most 1000 slices of each, the same at every call.

    Sources whose classes are the target's are pooled; where there are none, the first stands for all.

    Args:
        model: in the state that is to be judged; it is put into eval mode and left as it was.
        domains: corpora as tensors; the sources with their truth, which of the target is never looked at.
        sources: source corpora.
        target: target corpus.
        needs: parts of the evidence: `target`, `source_train`, `source_valid`.
    """
    hidden = domains[target].without_truth()
    alike = [name for name in sources if domains[name].classes == hidden.classes] or list(sources[:1])
    parts: dict[str, Labelled] = {
        f"source_{part}": _pooled([_labelled(model, domains[name], pool) for name in alike])
        for part, pool in (("train", "labelled"), ("valid", "valid"))
        if f"source_{part}" in needs
    }
    return Evidence(_unlabelled(model, hidden, unlabelled_rows(hidden)), **parts)


def unlabelled_rows(target: Domain) -> Tensor:
    """Return the target slices that criteria see: those the recipe lets be heard and whose labels training does not use.

    Training and validation slices, and test slices in a transductive split; never a slice that only the test may see.
    """
    heard, held_out, used = (set(target.pools[name].tolist()) for name in ("any", "valid", "labelled"))
    return torch.tensor(sorted((heard | held_out) - used), dtype=torch.int64)


def _unlabelled(model: TransferModel, domain: Domain, rows: Tensor) -> Unlabelled:
    """Return the outputs on rows."""
    found = embeddings(model, domain, _sample(rows))
    return Unlabelled(found["specific"], found["logits"])


def _labelled(model: TransferModel, domain: Domain, pool: str) -> Labelled:
    """Return the outputs on a pool with its labels, which for validation slices stand in the table alone."""
    rows = _sample(domain.pools[pool])
    index = {c: i for i, c in enumerate(domain.classes)}
    labels = torch.tensor([index[c] for c in domain.table["label"].iloc[rows.numpy()]], dtype=torch.int64)
    return Labelled(*_unlabelled(model, domain, rows), labels)


def _pooled(parts: Sequence[Labelled]) -> Labelled:
    """Join the parts of several sources."""
    return Labelled(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))


def _sample(rows: Tensor) -> Tensor:
    """Return at most 1000 of the rows, always the same."""
    if len(rows) <= MOST_ROWS:
        return rows
    return rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[:MOST_ROWS].sort().values]
