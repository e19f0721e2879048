"""Attention over time. N clips, T frames, D width, H heads; every kind maps (N, T, D) to (N, T, D)."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_extractors.pooling import masked_max, masked_mean

__all__ = [
    "AttentionFreeLocal",
    "AttentionFreeSimple",
    "AttentionKind",
    "MultiHeadAttention",
    "SqueezeExcitation",
    "aft_local",
    "aft_simple",
    "build_attention",
]

AttentionKind = Literal["multi_head", "aft_local", "aft_simple", "se"]


class MultiHeadAttention(nn.Module):
    """Multi-head self-attention with residual and layer normalisation.

    y = LayerNorm(x + W_o concat_h softmax(Q_h K_h^T / sqrt(W)) V_h), with Q, K and V from one fused projection to H W.
    Padded frames are attended by none. Dropout, where there is any, falls on the softmax and on what is added to x.

    Reference: Vaswani et al., Attention Is All You Need, NeurIPS 2017.

    Args:
        dim: D.
        heads: H; divides D unless their width is given.
        dropout: probability that a value is dropped.
        head_width: W, channels of a head; None stands for D/H.

    Shape:
        x (N, T, D), valid (N, T) or None -> (N, T, D)

    Raises:
        ValueError: where `heads` does not divide `dim` and there is no width, or there is less than one head or channel.

    Example:
        >>> MultiHeadAttention(128, heads=4)(torch.randn(2, 50, 128)).shape
        torch.Size([2, 50, 128])
    """

    def __init__(self, dim: int, *, heads: int = 4, dropout: float = 0.0, head_width: int | None = None) -> None:
        super().__init__()
        if heads < 1 or (head_width is not None and head_width < 1):
            raise ValueError(f"heads is {heads} and head_width {head_width}; expected at least one head of one channel")
        if head_width is None and dim % heads:
            raise ValueError(f"{heads} heads cannot share a width of {dim}; choose a number of heads that divides it")
        inner = heads * (head_width or dim // heads)  # H W
        self.heads = heads
        self.dropout = dropout
        self.qkv = nn.Linear(dim, 3 * inner)
        self.out = nn.Linear(inner, dim)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Attend; `valid` marks the real frames."""
        n, t, _ = x.shape
        x = x.contiguous()  # often a transposed view; one copy here saves several below
        q, k, v = (part.view(n, t, self.heads, -1).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1))
        mask = None if valid is None else valid[:, None, None, :]  # (N, 1, 1, T)
        dropout = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)  # (N, H, T, W)
        y = self.out(y.transpose(1, 2).flatten(2))  # (N, T, D)
        normed: Tensor = self.norm(x + F.dropout(y, dropout, self.training))
        return normed


def _exp_keys(k: Tensor, valid: Tensor | None) -> Tensor:
    """Return exp(k - max over time), zero at padded frames."""
    # With the running maximum half precision cannot overflow, and the ratios stay the same.
    if valid is not None:
        k = k.masked_fill(~valid[..., None], -torch.inf)
    return torch.exp(k - k.detach().amax(1, keepdim=True))  # (N, T, D)


def aft_simple(q: Tensor, k: Tensor, v: Tensor, valid: Tensor | None = None) -> Tensor:
    """Attend without queries meeting keys: one global context, gated per frame (AFT-simple).

    y_t = sigmoid(q_t) * sum_s softmax_s(k)_s * v_s, every product element by element.

    Reference: Zhai et al., An Attention Free Transformer, 2021.

    Args:
        q: queries. Shape: (N, T, D).
        k: keys. Shape: (N, T, D).
        v: values. Shape: (N, T, D).
        valid: mask of real frames, or None where nothing is padded. Shape: (N, T).

    Shape:
        (N, T, D)

    Example:
        >>> v = torch.tensor([[[1.0], [3.0]]])
        >>> aft_simple(torch.zeros(1, 2, 1), torch.zeros(1, 2, 1), v)
        tensor([[[1.],
                 [1.]]])
    """
    weights = _exp_keys(k, valid)  # (N, T, D)
    context = (weights * v).sum(1, keepdim=True) / weights.sum(1, keepdim=True)  # (N, 1, D)
    return q.sigmoid() * context


def aft_local(q: Tensor, k: Tensor, v: Tensor, bias: Tensor, valid: Tensor | None = None) -> Tensor:
    """Attend without queries meeting keys, with learned pair biases inside a window (AFT-local).

    y_t = sigmoid(q_t) * sum_s exp(k_s + w_ts) v_s / sum_s exp(k_s + w_ts), with w_ts = bias[t - s + S - 1] where
    |t - s| < S and 0 elsewhere. The bias goes by offset, so the weights fit clips of any length.

    Reference: Zhai et al., An Attention Free Transformer, 2021.

    Args:
        q: queries. Shape: (N, T, D).
        k: keys. Shape: (N, T, D).
        v: values. Shape: (N, T, D).
        bias: pair bias by offset, for the window S. Shape: (2 S - 1,).
        valid: mask of real frames, or None where nothing is padded. Shape: (N, T).

    Shape:
        (N, T, D)

    Example:
        >>> q, k, v = torch.randn(3, 2, 10, 4)
        >>> torch.allclose(aft_local(q, k, v, torch.zeros(7)), aft_simple(q, k, v), atol=1e-6)
        True
    """
    window = (bias.numel() + 1) // 2
    time = torch.arange(q.shape[1], device=q.device)
    offset = time[:, None] - time  # (T, T)
    inside = bias[(offset + window - 1).clamp(0, bias.numel() - 1)]  # (T, T)
    w = torch.where(offset.abs() < window, inside, 0.0)
    pairs = torch.exp(w - w.detach().amax())  # (T, T); the running maximum of the pair bias
    weights = _exp_keys(k, valid)  # (N, T, D)
    sums = pairs.to(v.dtype) @ torch.cat([weights * v, weights], dim=-1)  # (N, T, 2 D)
    numerator, denominator = sums.chunk(2, dim=-1)
    return q.sigmoid() * numerator / denominator.clamp_min(torch.finfo(denominator.dtype).tiny)


class AttentionFreeSimple(nn.Module):
    """AFT-simple with residual and layer normalisation: y = LayerNorm(x + W_o aft_simple(Q, K, V)).

    Reference: Zhai et al., An Attention Free Transformer, 2021.

    Args:
        dim: D.

    Shape:
        x (N, T, D), valid (N, T) or None -> (N, T, D)

    Example:
        >>> AttentionFreeSimple(16)(torch.randn(2, 50, 16)).shape
        torch.Size([2, 50, 16])
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Attend; `valid` marks the real frames."""
        q, k, v = self.qkv(x).chunk(3, dim=-1)  # each (N, T, D)
        normed: Tensor = self.norm(x + self.out(self.mix(q, k, v, valid)))
        return normed

    def mix(self, q: Tensor, k: Tensor, v: Tensor, valid: Tensor | None) -> Tensor:
        """Exchange information between frames."""
        return aft_simple(q, k, v, valid)


class AttentionFreeLocal(AttentionFreeSimple):
    """AFT-local with residual and layer normalisation: y = LayerNorm(x + W_o aft_local(Q, K, V, bias)).

    Reference: Zhai et al., An Attention Free Transformer, 2021.

    Args:
        dim: D.
        window: S; pairs fewer than S frames apart have a learned bias.

    Shape:
        x (N, T, D), valid (N, T) or None -> (N, T, D)

    Example:
        >>> AttentionFreeLocal(16, window=8)(torch.randn(2, 50, 16)).shape
        torch.Size([2, 50, 16])
    """

    def __init__(self, dim: int, *, window: int = 64) -> None:
        super().__init__(dim)
        self.pair_bias = nn.Parameter(torch.zeros(2 * window - 1))

    def mix(self, q: Tensor, k: Tensor, v: Tensor, valid: Tensor | None) -> Tensor:
        """Exchange information between frames."""
        return aft_local(q, k, v, self.pair_bias, valid)


class SqueezeExcitation(nn.Module):
    """Channel attention: a gate for each channel from its mean and its maximum over time.

    y = x * sigmoid(W_2 relu(W_1 mean_t x) + W_2 relu(W_1 max_t x)), W_1 and W_2 shared by both.

    Reference: Hu et al., Squeeze-and-Excitation Networks, CVPR 2018; with the maximum: Woo et al., CBAM, ECCV 2018.

    Args:
        dim: D.
        reduction: D over the width between W_1 and W_2 (128 / 8 = 16).

    Shape:
        x (N, T, D), valid (N, T) or None -> (N, T, D)

    Example:
        >>> SqueezeExcitation(128)(torch.randn(2, 50, 128)).shape
        torch.Size([2, 50, 128])
    """

    def __init__(self, dim: int, *, reduction: int = 8) -> None:
        super().__init__()
        hidden = max(1, dim // reduction)
        self.squeeze = nn.Linear(dim, hidden)
        self.excite = nn.Linear(hidden, dim)

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Gate the channels; `valid` marks the real frames."""
        over_time = x.transpose(1, 2)  # (N, D, T)
        pooled = torch.stack([masked_mean(over_time, valid), masked_max(over_time, valid)])  # (2, N, D)
        gate = self.excite(F.relu(self.squeeze(pooled))).sum(0).sigmoid()  # (N, D)
        gated: Tensor = x * gate[:, None]
        return gated


def build_attention(kind: AttentionKind, dim: int, *, heads: int = 4, window: int = 64) -> nn.Module:
    """Build the attention of a name.

    Args:
        kind: `multi_head`, `aft_local`, `aft_simple` or `se`.
        dim: D.
        heads: heads of `multi_head`.
        window: window of `aft_local`, in frames.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> type(build_attention("se", 128)).__name__
        'SqueezeExcitation'
    """
    if kind == "multi_head":
        return MultiHeadAttention(dim, heads=heads)
    if kind == "aft_local":
        return AttentionFreeLocal(dim, window=window)
    if kind == "aft_simple":
        return AttentionFreeSimple(dim)
    if kind == "se":
        return SqueezeExcitation(dim)
    raise ValueError(f"unknown attention {kind!r}; choose one of multi_head, aft_local, aft_simple, se")
