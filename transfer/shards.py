"""One run on several processes: each computes its share of the rows of every batch, all see the whole of what comes out.

Every process draws the same batches by the same generators. What acts row by row, extractor and heads, is computed on a
process's own rows alone; its outputs are gathered, so that every loss looks at the whole batch and an estimate such as
MMD is that of one process with the same batch, whatever their number. W processes, N rows of a batch, G the loss's gradient
at the gathered rows, which is the same everywhere:

    own rows <- slice -- rows                 backward: (gradients of all shares, put together) / W
    gathered <- all-gather -- own outputs     backward: W times the own rows of G
    sums of BatchNorm <- all-reduce (sum)     backward: all-reduce (sum)
    gradients of parameters                   their mean over processes, before clipping

The factor W within a share lets the mean be right for every parameter: of what was computed in shares W times a part of its
gradient stands on each process, of what all compute alike (losses, discriminators) the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from feature_extractors import Frames
from feature_extractors.batch_norm import MaskedBatchNorm1d, summed_over_shares
from transfer.errors import RecipeError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from transfer.model import TransferModel

__all__ = ["Shards", "average", "share_rows"]


@dataclass(frozen=True)
class Shards:
    """Which rows of a batch this process computes.

    Args:
        rank: of this process.
        world: W, how many there are.

    Example:
        >>> [Shards(rank, 2).own(5) for rank in range(2)]
        [slice(0, 3, None), slice(3, 5, None)]
    """

    rank: int
    world: int

    def own(self, rows: int) -> slice:
        """Return the rows of this process, of so many."""
        share, more = divmod(rows, self.world)
        first = self.rank * share + min(self.rank, more)
        return slice(first, first + share + (self.rank < more))

    def compute(self, function: Callable[..., Any], *tensors: Tensor) -> Any:
        """Return what a function of rows makes of a whole batch, computed in shares.

        Args:
            function: of tensors with N rows each -> a tensor of N rows, `Frames`, or a tuple of them; row by row but for
                `MaskedBatchNorm1d` and `MaskedBatchNorm2d`.
            tensors: (N, ...), the same on every process.
        """
        rows = len(tensors[0])
        if rows < self.world:  # too few to share: every process computes them all
            return function(*tensors)
        own = [_Share.apply(tensor, self) for tensor in tensors]
        devices = [tensors[0].device] if tensors[0].is_cuda else []
        with torch.random.fork_rng(devices), summed_over_shares(_Total.apply):
            torch.manual_seed(int(torch.randint(1 << 62, ())) + self.rank)  # dropout differs from share to share
            before = _generators(devices)
            result = function(*own)
            drew = not all(map(torch.equal, before, _generators(devices)))
        if drew:  # the generator that all have in common moves on, in all alike
            torch.rand(())
        return self._gathered(result, rows)

    def _gathered(self, result: Any, rows: int) -> Any:
        """Return the outputs of all shares in the order of the rows."""
        if isinstance(result, Frames):
            features, lengths, scales, _ = result  # padded: a share may have no padding where another has
            whole = None if scales is None else _Gather.apply(scales, self, rows)
            return Frames(_Gather.apply(features, self, rows), _Gather.apply(lengths, self, rows), whole)
        if isinstance(result, tuple):
            return tuple(self._gathered(each, rows) for each in result)
        return _Gather.apply(result, self, rows)

    def whole(self, own: Tensor, rows: int) -> Tensor:
        """Return the rows of all shares, without gradient."""
        most = -(-rows // self.world)
        padded = torch.cat([own, own.new_zeros(most - len(own), *own.shape[1:])]).contiguous()
        shares = [torch.empty_like(padded) for _ in range(self.world)]
        dist.all_gather(shares, padded)
        sizes = [Shards(rank, self.world).own(rows) for rank in range(self.world)]
        return torch.cat([share[: size.stop - size.start] for share, size in zip(shares, sizes, strict=True)])


class _Share(torch.autograd.Function):
    """The own rows of a batch."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, shards: Shards) -> Tensor:
        ctx.shards, ctx.rows = shards, len(x)
        return x[shards.own(len(x))].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.shards.whole(gradient, ctx.rows) / ctx.shards.world, None


class _Gather(torch.autograd.Function):
    """The rows of all shares."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, shards: Shards, rows: int) -> Tensor:
        ctx.shards, ctx.rows = shards, rows
        whole = shards.whole(own, rows)
        if not own.is_floating_point():
            ctx.mark_non_differentiable(whole)
        return whole

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return gradient[ctx.shards.own(ctx.rows)] * ctx.shards.world, None, None


class _Total(torch.autograd.Function):
    """The sum over all shares."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        return _summed(own)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _summed(gradient)


def _summed(own: Tensor) -> Tensor:
    """Return the sum over processes."""
    total = own.detach().clone().contiguous()
    dist.all_reduce(total)
    return total


def average(gradients: Sequence[Tensor | None]) -> None:
    """Let gradients be their means over all processes, in one message; with one process they stay as they are.

    Example:
        >>> gradient = torch.ones(2)
        >>> average([gradient, None])
        >>> gradient
        tensor([1., 1.])
    """
    there = [gradient for gradient in gradients if gradient is not None]
    if not there or not (dist.is_available() and dist.is_initialized()):
        return
    flat = torch.cat([gradient.flatten() for gradient in there])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for gradient, mean in zip(there, flat.split([gradient.numel() for gradient in there]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def share_rows(model: TransferModel, fabric: Fabric) -> None:
    """Let the processes of a run compute the rows of every batch in shares; one process computes them all.

    Raises:
        RecipeError: for batch normalisation that would see its share alone.
    """
    if fabric.world_size == 1:
        return
    model.shards = Shards(fabric.global_rank, fabric.world_size)
    for name, layer in model.named_modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm) and not isinstance(layer, MaskedBatchNorm1d):
            raise RecipeError(
                f"{name} is {type(layer).__name__}, which would normalise each process's rows alone; with several processes "
                "use MaskedBatchNorm1d or MaskedBatchNorm2d of feature_extractors.batch_norm, or run one process"
            )


def _generators(devices: Sequence[torch.device]) -> list[Tensor]:
    """Return the states of the generators that layers draw from."""
    return [torch.get_rng_state(), *(torch.cuda.get_rng_state(device) for device in devices)]
