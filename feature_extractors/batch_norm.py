"""Batch normalisation that does not see padding. N clips, F filters, H rows, T frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["MaskedBatchNorm1d", "MaskedBatchNorm2d", "summed_over_shares"]

_total: Callable[[Tensor], Tensor] | None = None  # a plain global, which torch.compile can look at


@contextmanager
def summed_over_shares(total: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Let batch statistics be those of a batch of which every process holds a share.

    Args:
        total: the sum over all processes of a tensor, differentiable.

    Example:
        >>> norm = MaskedBatchNorm1d(1, affine=False)
        >>> with summed_over_shares(lambda own: own * 2):  # another process with the same rows
        ...     _ = norm(torch.tensor([[[1.0, 3.0]]]))
        >>> norm.running_var  # 0.9 + 0.1 * 4 / 3: four frames, not two
        tensor([1.0333])
    """
    global _total
    before, _total = _total, total
    try:
        yield
    finally:
        _total = before


class MaskedBatchNorm1d(nn.BatchNorm1d):
    """Batch normalisation over the real frames of a padded batch.

    y = (x - mean) / sqrt(var + eps) * weight + bias, where mean and var are taken per filter over the real frames of
    all clips: what `torch.nn.BatchNorm1d` gives for the clips cut to their lengths and laid end to end. Buffers,
    options and state are those of `torch.nn.BatchNorm1d`, which also does the work where nothing is padded.

    Reference: Ioffe and Szegedy, Batch Normalization, ICML 2015.

    Args:
        num_features: F, the number of filters.
        eps: added to the variance.
        momentum: share of the new batch in the running statistics; None averages over all batches.
        affine: learn a weight and a bias for each filter.
        track_running_stats: keep running statistics for evaluation.

    Shape:
        x (N, F, T), valid (N, T) or None -> (N, F, T)

    Example:
        >>> norm = MaskedBatchNorm1d(1, affine=False)
        >>> norm(torch.tensor([[[1.0, 3.0, 99.0]]]), torch.tensor([[True, True, False]]))[..., :2].round(decimals=3)
        tensor([[[-1.,  1.]]])
    """

    def forward(self, input: Tensor, valid: Tensor | None = None) -> Tensor:  # noqa: A002 (torch's own name)
        """Normalise x; `valid` marks its real frames."""
        batch_statistics, total = self.training or self.running_mean is None, _total
        if not batch_statistics or (valid is None and total is None):
            return self._unpadded(input)
        if input.ndim == 2:
            return self.forward(input[..., None]).squeeze(2)
        if valid is None:  # other shares may be padded
            valid = torch.ones(input.shape[0], input.shape[2], dtype=torch.bool, device=input.device)
        mask = valid[:, None].to(torch.float32)  # (N, 1, T); in single, and so are the sums of half precision values
        total = total or _own
        count = total(mask.sum())
        mean = total((input * mask).sum((0, 2))) / count  # (F,)
        centred = (input - mean[:, None]) * mask  # (N, F, T)
        var = total(centred.square().sum((0, 2))) / count  # (F,)
        self._update_running(mean.detach(), var.detach() * count / (count - 1).clamp(min=1))
        scale = torch.rsqrt(var + self.eps)  # (F,)
        if self.affine:
            scale = scale * self.weight
        y = centred * scale[:, None]  # (N, F, T)
        if self.affine:
            y = y + self.bias[:, None]
        return y.to(input.dtype)

    def _unpadded(self, x: Tensor) -> Tensor:
        """Leave the work to torch, on copies: its backward pass must not miss what a later pass of the step moves."""
        if not self.training or self.running_mean is None or self.running_var is None:
            return super().forward(x)
        self._check_input_dim(x)
        mean, var = self.running_mean.clone(), self.running_var.clone()
        y = functional.batch_norm(x, mean, var, self.weight, self.bias, True, self._share(), self.eps)
        self.running_mean.copy_(mean)
        self.running_var.copy_(var)
        return y

    def _update_running(self, mean: Tensor, var: Tensor) -> None:
        """Move the running statistics towards those of this batch, as torch.nn.BatchNorm1d does."""
        if not self.training or self.running_mean is None or self.running_var is None:
            return
        share = self._share()
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(var.to(self.running_var.dtype), share)

    def _share(self) -> float:
        """Count a batch, and return its share in the running statistics."""
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        return 1.0 / float(self.num_batches_tracked or 1) if self.momentum is None else self.momentum


class MaskedBatchNorm2d(MaskedBatchNorm1d):
    """Batch normalisation over the real frames of padded images, all rows of a frame being real or none.

    What `MaskedBatchNorm1d` does, over rows and frames together; state is that of `torch.nn.BatchNorm2d`.

    Args:
        num_features: F, the number of filters.

    Shape:
        x (N, F, H, T), valid (N, T) or None -> (N, F, H, T)

    Example:
        >>> norm = MaskedBatchNorm2d(1, affine=False)
        >>> norm(torch.tensor([[[[1.0, 99.0], [3.0, 99.0]]]]), torch.tensor([[True, False]]))[..., 0].round(decimals=3)
        tensor([[[-1.,  1.]]])
    """

    def forward(self, input: Tensor, valid: Tensor | None = None) -> Tensor:  # noqa: A002 (torch's own name)
        """Normalise x; `valid` marks its real frames."""
        every = None if valid is None else valid[:, None].expand(-1, input.shape[2], -1).flatten(1)  # (N, H T)
        return super().forward(input.flatten(2), every).reshape(input.shape)


def _own(value: Tensor) -> Tensor:
    """Return the sum over one process."""
    return value
