"""BatchNorm running statistics kept apart for each corpus, its weights shared.

The running mean and variance of one corpus misrepresent another whose channel differs, and a phase that passes source
batches through a shared extractor would move the statistics that the target is evaluated with. Domain-specific batch
normalisation (Chang et al., CVPR 2019) and AdaBN (Li et al., 2016) keep them apart; only statistics are, here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

__all__ = ["BatchStatistics"]


class BatchStatistics(nn.Module):
    """Running statistics of every BatchNorm below some modules, one set for each corpus.

    Args:
        modules: where to look for BatchNorm layers.
        corpora: the names, sources first: a corpus not trained on yet uses the first one that was.

    Example:
        >>> norm = nn.BatchNorm1d(2)
        >>> statistics = BatchStatistics([norm], ["casia", "modma"])
        >>> statistics.use("casia", training=True)
        >>> _ = norm(torch.ones(4, 2, 3))
        >>> statistics.use("modma", training=False)      # never trained on: those of casia
        >>> norm.running_mean
        tensor([0.1000, 0.1000])
    """

    def __init__(self, modules: Iterable[nn.Module], corpora: Sequence[str]) -> None:
        super().__init__()
        found = (m for root in modules for m in root.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm))
        self._layers = tuple(m for m in found if m.running_mean is not None)  # a tuple: they stay the model's own
        self._index = {name: i for i, name in enumerate(corpora)}
        self.trained: Tensor
        self.register_buffer("trained", torch.zeros(len(corpora), dtype=torch.bool))
        for i in range(len(corpora)):
            for j, layer in enumerate(self._layers):
                self.register_buffer(f"mean_{i}_{j}", _value(layer.running_mean))
                self.register_buffer(f"var_{i}_{j}", _value(layer.running_var))

    def use(self, corpus: str, *, training: bool) -> None:
        """Point every layer at the statistics of a corpus.

        Args:
            corpus: one of the names given.
            training: whether the coming pass updates them.
        """
        i = self._index[corpus]
        if not self.trained[i]:
            i = self._untrained(i, training)
        for j, layer in enumerate(self._layers):
            layer._buffers["running_mean"] = self._buffers[f"mean_{i}_{j}"]
            layer._buffers["running_var"] = self._buffers[f"var_{i}_{j}"]

    def adopt(self) -> None:
        """Take the running statistics that the layers hold now (from a loaded checkpoint) as those of every corpus."""
        for i in range(len(self._index)):
            for j, layer in enumerate(self._layers):
                _value(self._buffers[f"mean_{i}_{j}"], layer.running_mean)
                _value(self._buffers[f"var_{i}_{j}"], layer.running_var)

    def _untrained(self, i: int, training: bool) -> int:
        """Return whose statistics a corpus without its own uses; before its first training pass they become its own."""
        others = torch.nonzero(self.trained).flatten().tolist()
        if not training:
            return others[0] if others else i
        if others:
            for j in range(len(self._layers)):
                _value(self._buffers[f"mean_{i}_{j}"], self._buffers[f"mean_{others[0]}_{j}"])
                _value(self._buffers[f"var_{i}_{j}"], self._buffers[f"var_{others[0]}_{j}"])
        self.trained[i] = True
        return i


def _value(tensor: Tensor | None, source: Tensor | None = None) -> Tensor:
    """Clone a buffer, or copy another into it."""
    if tensor is None:
        raise TypeError("a BatchNorm layer without running statistics")
    return tensor.detach().clone() if source is None else tensor.copy_(source)
