"""The final model of the lab's notes (attention + diff, split [3, 5]): ours, and the notes' own way to measure it against.

The notes' way: query, key and value from three layers and the softmax written out; every level in a loop of its own; both directions of
time run through the blocks although no output uses the reversed one; padding on both sides that is cut off again. The
same function as `MultiTIM(mode="attention")` with `TemporalHead(mode="diff", fusion="linear")`, and the same weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_extractors import MultiTIM, TemporalHead


class Block(nn.Module):
    """Temporal-aware block: twice convolution, cut, normalisation, ReLU, dropout; then the gate."""

    def __init__(self, channels: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.dilation = dilation
        self.conv1 = nn.Conv1d(channels, channels, 2, dilation=dilation, padding=dilation)
        self.norm1 = nn.BatchNorm1d(channels)
        self.conv2 = nn.Conv1d(channels, channels, 2, dilation=dilation, padding=dilation)
        self.norm2 = nn.BatchNorm1d(channels)
        self.dropout = nn.Dropout1d(dropout)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(x)[:, :, : -self.dilation].contiguous()
        y = self.dropout(F.relu(self.norm1(y)))
        y = self.conv2(y)[:, :, : -self.dilation].contiguous()
        y = self.dropout(F.relu(self.norm2(y)))
        return torch.mul(torch.sigmoid(y), x)


class Attention(nn.Module):
    """Multi-head attention with residual and layer normalisation, (N, D, T) -> (N, D, T)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(1, 2)
        n, t, d = x.shape
        q, k, v = (layer(x).view(n, t, self.heads, -1).transpose(1, 2) for layer in (self.query, self.key, self.value))
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(d // self.heads)
        mixed = torch.matmul(torch.softmax(scores, dim=-1), v)
        mixed = mixed.transpose(1, 2).contiguous().view(n, t, d)
        return self.norm(x + self.out(mixed)).transpose(1, 2)


class LabModel(nn.Module):
    """Universal extractor with attention and specific head with differences: (N, C, T) -> (N, K).

    `reverse=False` leaves out the reversed passes, which takes that part out of a comparison.
    """

    def __init__(
        self, *, channels: int = 39, width: int = 128, classes: int = 2, dropout: float = 0.1, reverse: bool = True
    ) -> None:
        super().__init__()
        self.reverse = reverse
        self.prepare, self.prepare_norm = nn.Conv1d(channels, channels, 1), nn.BatchNorm1d(channels)
        self.universal = nn.ModuleList(Block(width, 2**i, dropout) for i in range(3))
        self.attention = nn.ModuleList(Attention(width, 4) for _ in range(3))
        self.project_in, self.project_in_norm = nn.Conv1d(channels, width, 1), nn.BatchNorm1d(width)
        self.project_out, self.project_out_norm = nn.Conv1d(width, channels, 1), nn.BatchNorm1d(channels)
        self.classifier = nn.Linear(channels, classes)
        self.specific = nn.ModuleList(Block(channels, 2**i, dropout) for i in range(3, 8))
        self.fusion = nn.Linear(8 * channels, channels)
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.prepare_norm(self.prepare(x)))
        forward = self.project_in_norm(self.project_in(x))
        backward = forward.flip(-1)
        levels = []
        for block, attention in zip(self.universal, self.attention, strict=True):
            forward = attention(block(forward))
            backward = block(backward) if self.reverse else backward
            levels.append(self.project_out(forward))
        scales = list(self.project_out_norm(torch.cat(levels)).chunk(3))
        forward, backward = scales[-1], scales[-1].flip(-1)
        outputs = []
        for block in self.specific:
            forward = block(forward)
            backward = block(backward) if self.reverse else backward
            outputs.append(forward)
        for before, after in pairwise(outputs):
            scales.append(after - before)
        scales.append(outputs[-1])
        stacked = torch.stack(scales, dim=-1)  # (N, F, T, B)
        n, f, t, b = stacked.shape
        fused = self.fusion(stacked.permute(0, 2, 3, 1).reshape(n, t, b * f)).transpose(1, 2)
        return self.classifier(self.norm(fused).mean(-1))

    @torch.no_grad()
    def copy_weights(self, extractor: nn.Module, head: nn.Module) -> LabModel:
        """Take the weights of a `MultiTIM` and a `TemporalHead`; biases that theirs do without become zero."""
        ours = [w for model in (extractor, head) for w in _weights(model)]
        theirs = _weights(self)
        for (weight, bias), layer in zip(ours, theirs, strict=True):
            layer[0].copy_(weight.reshape(layer[0].shape))
            if layer[1] is not None:
                layer[1].zero_() if bias is None else layer[1].copy_(bias)
        return self


def _weights(model: nn.Module) -> list[tuple[Tensor, Tensor | None]]:
    """Weight and bias of every layer in the order of registration; fused projections in three parts."""
    found = []
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv1d | nn.Linear | nn.BatchNorm1d | nn.LayerNorm):
            parts = 3 if name.endswith("qkv") else 1
            biases = [None] if module.bias is None else module.bias.chunk(parts)
            found += zip(module.weight.chunk(parts), biases, strict=True)
    return found


class Final(nn.Module):
    """The final model: attention in the extractor, differences in the head, split [3, 5]."""

    def __init__(self, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.extractor = MultiTIM(in_channels=39, blocks=3, mode="attention", dropout=dropout)
        self.head = TemporalHead(in_features=39, in_scales=3, classes=2, blocks=5, mode="diff", dropout=dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.extractor(x))


def mixed(x: Tensor, half: bool) -> Any:
    return torch.autocast(x.device.type, torch.bfloat16) if half else nullcontext()


def step(model: nn.Module, x: Tensor, y: Tensor, *, half: bool = False, compiled: str = "") -> Callable[[], Tensor]:
    """A training step as a call that gives the loss."""
    model = model.to(x.device)
    run = torch.compile(model, mode=compiled) if compiled else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def call() -> Tensor:
        optimizer.zero_grad()
        with mixed(x, half):
            loss = F.cross_entropy(run(x).float(), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return call


def answer(model: nn.Module, x: Tensor, *, half: bool = False) -> Callable[[], Tensor]:
    """A forward pass in evaluation as a call."""
    model = model.to(x.device).eval()

    def call() -> Tensor:
        with torch.inference_mode(), mixed(x, half):
            return model(x)

    return call
