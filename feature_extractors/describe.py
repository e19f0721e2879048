"""What an extractor costs and sees: parameters, multiply-adds, receptive field, layers. C channels, T frames."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import ExitStack
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["Description", "Layer", "describe", "multiply_adds", "receptive_field"]

FARTHEST = 2048  # frames up to which a clip is lengthened where every frame still counts
FIRST = 8192  # frames, or samples of a waveform, of which the receptive field is looked for first


class Layer(NamedTuple):
    """One layer of a network.

    Args:
        name: as in the state.
        kind: its class.
        output: shape of what its first call returned for one clip, or None where it was never called by itself.
        parameters: its own, without those of layers inside it.
    """

    name: str
    kind: str
    output: tuple[int, ...] | None
    parameters: int


class Description(NamedTuple):
    """What `describe` found.

    Args:
        parameters: all numbers that were learned, or would be.
        trainable: those that training changes: all but the frozen ones.
        multiply_adds: of one clip.
        output: shape of the features of one clip, (F, T').
        scales: B, 0 where the extractor has none.
        receptive_field: input frames that one output frame depends on, or None for the whole clip.
        layers: in the order in which they are defined.
    """

    parameters: int
    trainable: int
    multiply_adds: int
    output: tuple[int, ...]
    scales: int
    receptive_field: int | None
    layers: tuple[Layer, ...]


def describe(extractor: nn.Module, shape: tuple[int, ...]) -> Description:
    """Count, measure and list an extractor in evaluation.

    Args:
        extractor: maps (N, C, T) to `Frames`.
        shape: of one clip, (C, T).

    Example:
        >>> from feature_extractors import EXTRACTORS
        >>> found = describe(EXTRACTORS["tcn"](in_channels=39, blocks=3), (39, 100))
        >>> found.output, found.receptive_field
        ((39, 100), 15)
    """
    shapes: dict[nn.Module, tuple[int, ...]] = {}

    def note(module: nn.Module, args: Any, output: Any) -> None:
        first = next(_tensors(output), None)
        if first is not None:
            shapes.setdefault(module, tuple(first.shape))

    network, clip = _uncomputed(extractor, shape)
    with ExitStack() as hooks:
        for module in network.modules():
            hooks.callback(module.register_forward_hook(note).remove)
        frames = network(clip)
        layers = tuple(
            Layer(name, type(m).__name__, shapes.get(m), own)
            for name, m in network.named_modules()
            if (own := sum(p.numel() for p in m.parameters(recurse=False))) or not list(m.children())
        )
    return Description(
        parameters=sum(p.numel() for p in extractor.parameters()),
        trainable=sum(p.numel() for p in extractor.parameters() if p.requires_grad),
        multiply_adds=multiply_adds(extractor, shape),
        output=tuple(frames.features.shape[1:]),
        scales=0 if frames.scales is None else frames.scales.shape[-1],
        receptive_field=receptive_field(extractor, shape),
        layers=layers,
    )


def multiply_adds(extractor: nn.Module, shape: tuple[int, ...]) -> int:
    """Count the multiplications with additions of convolutions, linear layers, attention and recurrent layers.

    What works element by element (activations, normalisation, pooling) is not counted, as is custom.

    Args:
        extractor: maps (N, C, T) to `Frames`.
        shape: of one clip, (C, T).

    Example:
        >>> multiply_adds(nn.Conv1d(4, 6, 3, padding=1), (4, 10))  # 4 * 6 * 3 * 10
        720
    """
    aten = torch.ops.aten
    extra = {aten.mv: lambda a, b, *args, **kwargs: 2 * prod(a)}  # a matrix with a vector: torch leaves it out
    counter = FlopCounterMode(display=False, custom_mapping=extra)
    # Without fused kernels (for recurrent layers: in double precision) all are the matrix products they consist of.
    network, clip = _uncomputed(extractor, shape)
    with sdpa_kernel(SDPBackend.MATH), counter:
        network(clip)
    return int(counter.get_total_flops()) // 2


def receptive_field(extractor: nn.Module, shape: tuple[int, ...]) -> int | None:
    """Measure how many input frames the middle output frame depends on, from first to last.

    The gradient of that frame is taken for two random clips in double precision, in evaluation; where it reaches an end
    of the clip, the clip is lengthened; of a long clip a part comes first. None stands for the whole clip: all of T frames
    and, where T is less, all of 2,048.

    Args:
        extractor: maps (N, C, T) to `Frames`.
        shape: of one clip, (C, T).

    Example:
        >>> from feature_extractors import EXTRACTORS
        >>> receptive_field(EXTRACTORS["tim"](in_channels=13, blocks=3), (13, 50))  # both directions
        29
    """
    *channels, whole = shape
    frames = min(whole, FIRST)
    network = _in_evaluation(extractor)
    first, last = _reach(network, (2, *channels, frames))
    if (first, last) == (0, frames - 1):
        farthest = max(whole, FARTHEST)
        if farthest == frames or _reach(network, (1, *channels, farthest)) == (0, farthest - 1):
            return None
    while first == 0 or last == frames - 1:
        if 2 * frames > max(whole, 8 * FARTHEST):
            return None
        frames *= 2
        first, last = _reach(network, (2, *channels, frames))
    return last - first + 1


def _reach(network: nn.Module, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return first and last input frame that the middle output frame of random clips depends on."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(*shape, generator=draw, dtype=torch.float64).requires_grad_()
    features = next(_tensors(network(x)))
    middle = features[..., features.shape[-1] // 2]  # (N, F)
    weights = torch.randn(middle.shape, generator=draw, dtype=torch.float64)  # a plain sum is blind after LayerNorm
    (gradient,) = torch.autograd.grad((middle * weights).sum(), x)
    touched = torch.nonzero(gradient.flatten(0, -2).abs().sum(0)).flatten()
    return int(touched[0]), int(touched[-1])


def _in_evaluation(extractor: nn.Module) -> nn.Module:
    """Return a copy in evaluation and double precision; the extractor itself stays as it is."""
    return copy.deepcopy(extractor).cpu().double().eval().requires_grad_(False)


def _uncomputed(extractor: nn.Module, shape: tuple[int, ...]) -> tuple[nn.Module, Tensor]:
    """Return a copy and a clip without values, which cost no time; with values where the extractor asks for them."""
    network, clip = _in_evaluation(extractor), torch.zeros(1, *shape, dtype=torch.float64, device="meta")
    try:
        shapes = copy.deepcopy(network).to("meta")
        shapes(clip)
    except (NotImplementedError, RuntimeError):
        return network, torch.zeros_like(clip, device="cpu")
    return shapes, clip


def _tensors(output: Any) -> Iterator[Tensor]:
    """Walk through the tensors of what a layer returned."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, (tuple, list)):
        for part in output:
            yield from _tensors(part)
