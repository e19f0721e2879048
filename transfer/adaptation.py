"""What an adaptation did to the model: the gap between the domains at each level, and warnings in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from transfer.data.domain import Domain
from transfer.evaluation.alignment_warnings import alignment_warnings, prior_warning
from transfer.evaluation.diagnostics import domain_gap
from transfer.evaluation.monitor import Monitor
from transfer.evidence import unlabelled_rows
from transfer.keeper import Record
from transfer.model import TransferModel
from transfer.prediction import embeddings
from transfer.strategies import Strategy

__all__ = ["gaps_by_level", "warnings_of"]


def gaps_by_level(strategy: Strategy) -> dict[str, dict[str, float]] | None:
    """Return the gap between the first source and the target at each level, over slices that training may see.

    Levels: `universal`, `specific`, and `logits` where both have the same classes.
    """
    s = strategy.setting
    if not s.sources:
        return None
    pair = [s.domains[s.sources[0]], s.domains[s.target]]
    if any(len(domain.pools["any"]) < 2 for domain in pair):
        return None
    levels = [embeddings(s.model, domain, domain.pools["any"]) for domain in pair]
    groups = [_speakers(domain) for domain in pair]
    alike = pair[0].classes == pair[1].classes
    return {
        level: domain_gap(levels[0][level].numpy(), levels[1][level].numpy(), groups[0], groups[1])
        for level in levels[0]
        if alike or level != "logits"
    }


def warnings_of(strategy: Strategy, record: Record, gaps: Mapping[str, Any], monitor: Monitor) -> list[str]:
    """Return what went wrong in the transfer stage, in words.

    Args:
        strategy: with the model as it was kept.
        record: of the transfer stage.
        gaps: `before` and `after` training -> what `gaps_by_level` gave.
        monitor: that watched the stage.
    """
    found = alignment_warnings(record.epochs, gaps, monitor.negative)
    aligned = any("monitor/alignment_gradient" in values for values in record.epochs)
    return found + _priors(strategy) if aligned else found


def _priors(strategy: Strategy) -> list[str]:
    """Compare the class priors of the sources that have the target's classes with the target's."""
    s = strategy.setting
    target = s.domains[s.target]
    sources = [d for name in s.sources if (d := s.domains[name]).classes == target.classes]
    if not sources:
        return []

    def predicted() -> tuple[Tensor, Tensor]:
        own = [_decided(s.model, domain, domain.pools["labelled"]) for domain in sources]
        return torch.cat(own), _decided(s.model, target, unlabelled_rows(target))

    used = torch.cat([_labels(domain) for domain in sources]), _labels(target)
    return prior_warning(used, predicted, len(target.classes))


def _decided(model: TransferModel, domain: Domain, rows: Tensor) -> Tensor:
    """Return the predicted classes of rows."""
    return embeddings(model, domain, rows)["logits"].argmax(1) if len(rows) else rows


def _labels(domain: Domain) -> Tensor:
    """Return the labels that training used."""
    return domain.labels[domain.pools["labelled"].to(domain.labels.device)]


def _speakers(domain: Domain) -> list[str]:
    """Return the speaker of each slice that training may see."""
    return list(domain.table["speaker"].iloc[domain.pools["any"].numpy()])
