"""The temporal-aware block and its variants. N clips, C input channels, F filters, T frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_extractors.batch_norm import MaskedBatchNorm1d

__all__ = ["CausalConv1d", "ConvNorm", "Residual", "TemporalAwareBlock", "Variant"]

Variant = Literal["plain", "bottleneck", "inception", "simple"]
Residual = Literal["mul", "add", "tcn"]

BOTTLENECK = 13  # channels inside the `bottleneck` variant


class CausalConv1d(nn.Conv1d):
    """Dilated convolution without look-ahead.

    y_t = sum_i W_i x_(t - (k-1-i) d) + b, with zeros before the first frame.

    Args:
        in_channels: C.
        out_channels: F.
        kernel_size: k, in frames.
        dilation: d, in frames.
        bias: learn an offset for each filter.

    Shape:
        (N, C, T) -> (N, F, T)

    Example:
        >>> CausalConv1d(3, 5, kernel_size=2, dilation=4)(torch.randn(2, 3, 10)).shape
        torch.Size([2, 5, 10])
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, kernel_size: int, dilation: int = 1, bias: bool = True
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, dilation=dilation, bias=bias)
        self.look_back = (kernel_size - 1) * dilation

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (torch's own name)
        """Convolve; frame t sees frames <= t."""
        return super().forward(F.pad(input, (self.look_back, 0)) if self.look_back else input)


class ConvNorm(nn.Module):
    """Causal convolution -> batch normalisation -> ReLU -> channel-wise dropout, the unit that all stacks are made of.

    Dropout takes whole channels of a clip (Tompson et al., CVPR 2015: "spatial dropout"), never time steps. The
    convolution has no bias, since the normalisation would take it away again.

    Args:
        in_channels: C.
        out_channels: F.
        kernel_size: in frames.
        dilation: in frames.
        relu: end in a ReLU.
        dropout: probability that a channel is dropped.
        offset: learn the bias of the normalisation; False where a later normalisation takes it away again.

    Raises:
        ValueError: for a dropout outside [0, 1).

    Shape:
        x (N, C, T), valid (N, T) or None -> (N, F, T)

    Example:
        >>> ConvNorm(13, 39)(torch.randn(2, 13, 50)).shape
        torch.Size([2, 39, 50])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int = 1,
        dilation: int = 1,
        relu: bool = True,
        dropout: float = 0.0,
        offset: bool = True,
    ) -> None:
        super().__init__()
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout}; expected a probability of at least 0 and less than 1")
        self.conv = CausalConv1d(in_channels, out_channels, kernel_size=kernel_size, dilation=dilation, bias=False)
        self.norm = MaskedBatchNorm1d(out_channels)
        if not offset:
            del self.norm.bias
            self.norm.register_buffer("bias", torch.zeros(out_channels))
        self.relu = relu
        self.dropout = nn.Dropout1d(dropout) if dropout > 0 else None

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Apply the unit; `valid` marks the real frames."""
        if self._can_fold(x):
            return self._folded(x)
        y: Tensor = self.norm(self.conv(x), valid)  # (N, F, T)
        if self.relu:
            y = F.relu(y)
        return y if self.dropout is None else self.dropout(y)

    def _can_fold(self, x: Tensor) -> bool:
        """Say whether nothing is learned here, on a CPU in full precision: what `_folded` is for."""
        plain = not self.training and not self.norm.training and not torch.is_grad_enabled()
        return (
            plain
            and self.norm.running_var is not None
            and x.dtype == self.conv.weight.dtype == torch.float32
            and x.device.type == "cpu"
            and not torch.is_autocast_enabled("cpu")
            and not torch.compiler.is_compiling()
        )

    def _folded(self, x: Tensor) -> Tensor:
        """The same, with the normalisation in the weights and one matrix product a tap, which beats convolution on a CPU."""
        norm = self.norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)  # (F,)
        shift = (norm.bias - norm.running_mean * scale)[:, None]  # (F, 1)
        taps = (self.conv.weight * scale[:, None, None]).movedim(2, 0).flip(0)  # (k, F, C), that of this frame first
        taps = taps[:, None].expand(-1, len(x), -1, -1)  # (k, N, F, C)
        y = torch.baddbmm(shift, taps[0], x)  # (N, F, T)
        for i, tap in enumerate(taps[1:], 1):
            if (back := i * self.conv.dilation[0]) < x.shape[2]:
                y[:, :, back:].baddbmm_(tap, x[:, :, :-back])
        return y.relu_() if self.relu else y


class _Chain(nn.Sequential):
    """Units in sequence, each given the mask."""

    def forward(self, input: Tensor, valid: Tensor | None = None) -> Tensor:  # noqa: A002 (torch's own name)
        for unit in self:
            input = unit(input, valid)  # noqa: A001
        return input


class _Branches(nn.ModuleList):
    """Units side by side on the same input, their channels concatenated."""

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        return torch.cat([branch(x, valid) for branch in self], dim=1)


def _simple(channels: int, filters: int, dilation: int, dropout: float) -> nn.Module:
    return _Chain(ConvNorm(channels, filters, kernel_size=2, dilation=dilation, dropout=dropout))


def _plain(channels: int, filters: int, dilation: int, dropout: float) -> nn.Module:
    return _Chain(
        ConvNorm(channels, filters, kernel_size=2, dilation=dilation, dropout=dropout),
        ConvNorm(filters, filters, kernel_size=2, dilation=dilation, dropout=dropout),
    )


def _bottleneck(channels: int, filters: int, dilation: int, dropout: float) -> nn.Module:
    return _Chain(
        ConvNorm(channels, BOTTLENECK, dropout=dropout),
        ConvNorm(BOTTLENECK, BOTTLENECK, kernel_size=2, dilation=dilation, dropout=dropout),
        ConvNorm(BOTTLENECK, filters, dropout=dropout),
    )


def _inception(channels: int, filters: int, dilation: int, dropout: float) -> nn.Module:
    # Thirds of F; where F is no multiple of three the first branches are one channel wider.
    first, second, third = ((filters + rest) // 3 for rest in (2, 1, 0))
    return _Branches(
        [
            _plain(channels, first, dilation, dropout),
            ConvNorm(channels, second, dropout=dropout),
            _Chain(
                ConvNorm(channels, third, dropout=dropout),
                ConvNorm(third, third, kernel_size=3, dilation=dilation, dropout=dropout),
            ),
        ]
    )


_BODIES: dict[str, Callable[[int, int, int, float], nn.Module]] = {
    "plain": _plain,
    "bottleneck": _bottleneck,
    "inception": _inception,
    "simple": _simple,
}


class TemporalAwareBlock(nn.Module):
    """Temporal-aware block (TAB): causal dilated convolutions that gate their own input.

    With h the body (two causal convolutions of kernel 2, each with batch normalisation, ReLU and channel-wise dropout)
    and r the input, through a 1x1 convolution where the channel counts differ:

        mul: y = sigmoid(h(x)) * r;   add: y = sigmoid(h(x)) + r;   tcn: y = relu(h(x) + r), no gate

    Reference: Ye et al., Temporal Modeling Matters: A Novel Temporal Emotional Modeling Approach for Speech Emotion
    Recognition (TIM-Net), ICASSP 2023; tcn: Bai et al., An Empirical Evaluation of Generic Convolutional and Recurrent
    Networks for Sequence Modeling, 2018 (with batch in place of weight normalisation).

    Args:
        in_channels: C.
        filters: F.
        dilation: d, in frames.
        variant: body; `plain` two convolutions, `simple` one, `bottleneck` 1x1 to 13 channels, convolution, 1x1 back,
            `inception` three branches of F/3 (two stacked convolutions; 1x1; 1x1 then kernel 3).
        residual: how body and input meet.
        dropout: probability that a channel is dropped.

    Shape:
        x (N, C, T), valid (N, T) or None -> (N, F, T); frame t depends on frames <= t only.

    Raises:
        ValueError: for an unknown variant or residual.

    Example:
        >>> block = TemporalAwareBlock(39, 39, dilation=4)
        >>> block(torch.randn(2, 39, 50)).shape
        torch.Size([2, 39, 50])
    """

    def __init__(
        self,
        in_channels: int,
        filters: int,
        *,
        dilation: int,
        variant: Variant = "plain",
        residual: Residual = "mul",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if variant not in _BODIES:
            raise ValueError(f"unknown block variant {variant!r}; choose one of {', '.join(_BODIES)}")
        if residual not in get_args(Residual):
            raise ValueError(f"unknown residual {residual!r}; choose one of {', '.join(get_args(Residual))}")
        self.residual = residual
        self.body = _BODIES[variant](in_channels, filters, dilation, dropout)
        self.shortcut = None if in_channels == filters else nn.Conv1d(in_channels, filters, 1)

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Apply the block; `valid` marks the real frames."""
        hidden: Tensor = self.body(x, valid)  # (N, F, T)
        r: Tensor = x if self.shortcut is None else self.shortcut(x)  # (N, F, T)
        if self.residual == "mul":
            return hidden.sigmoid() * r
        if self.residual == "add":
            return hidden.sigmoid() + r
        return F.relu(hidden + r)
