"""The models that pytorch-adapt's hooks see: our extractor as G, the rest of our head as C, and what is built beside them.

Hooks pass plain tensors from one model to the next, so that a batch and its features carry with them whose they are.
None of these owns our extractor or heads. Axis letters: n slices, d width of features, K classes, E embedding.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_extractors import Frames
from transfer.model import TransferModel
from transfer.strategies.levels import Level, Pooling, pooled

__all__ = [
    "Bridged",
    "Carrying",
    "Combined",
    "Combiner",
    "Discriminator",
    "Features",
    "Logits",
    "Pair",
    "Stochastic",
    "second_of",
]


class Carrying(Tensor):
    """A tensor that carries an origin; what is detached from it or added to it keeps that, anything else loses it.

    Example:
        >>> clips = Carrying.of(torch.zeros(2), "emovo")
        >>> clips.detach().origin, (clips + torch.ones(2)).origin, type(clips * 2).__name__
        ('emovo', 'emovo', 'Tensor')
    """

    origin: Any

    @staticmethod
    def of(x: Tensor, origin: Any) -> Carrying:
        """Return the tensor with an origin."""
        carrying = x.as_subclass(Carrying)
        carrying.origin = origin
        return carrying

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compute as for plain tensors, and pass the origin on."""
        with torch._C.DisableTorchFunctionSubclass():
            result = func(*args, **(kwargs or {}))
            if func in (Tensor.detach, Tensor.add, Tensor.__add__):
                return cls.of(result, args[0].origin)
        return result


class Features(nn.Module):
    """G: rows of features (n, d) that carry their corpus and frames.

    Args:
        model: ours.
        level: `universal`, or after the `specific` stack of the corpus's head.
        pooling: of the frames.
        length: frames that flattening pads to.
        extractor: another extractor than the model's, with statistics of its own.
    """

    def __init__(
        self, model: TransferModel, level: Level, pooling: Pooling, length: int, extractor: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.level, self.pooling, self.length = level, pooling, length
        self.extractor = extractor or model.extractor  # a submodule: hooks put G into eval mode
        self.frames: Callable[..., Frames] = (
            model.universal if extractor is None else lambda x, lengths, corpus: extractor(x, lengths)
        )
        self.head = model.head
        self.passed: dict[str, Carrying] = {}  # the last rows of each corpus

    def forward(self, clips: Carrying, *_: Any) -> Carrying:
        """Return the rows of clips (n, C, t); AdaBN names the domain too, which clips carry anyway."""
        corpus, lengths = clips.origin
        frames = self.frames(clips.as_subclass(Tensor), lengths, corpus)
        if self.level == "specific":
            frames = self.head(corpus).specific(frames)  # type: ignore[operator]
        rows = Carrying.of(pooled(frames, self.pooling, self.length), (corpus, frames))
        self.passed[corpus] = rows
        return rows


class Logits(nn.Module):
    """C: the rest of the corpus's own head, from the frames that a row of features carries.

    Args:
        model: ours.
        level: where the frames come from.
    """

    def __init__(self, model: TransferModel, level: Level) -> None:
        super().__init__()
        self.use_statistics, self.head, self.level = model.use_statistics, model.head, level
        self.seen: set[str] = set()  # corpora whose rows came here

    def forward(self, rows: Carrying, *_: Any) -> Any:
        """Return the logits (n, K) of rows (n, d)."""
        corpus, frames = self.origin(rows)
        return self.rest(self.head(corpus), frames)

    def rest(self, head: Any, frames: Frames) -> Tensor:
        """Return the logits of a head."""
        logits: Tensor = head.classify(frames) if self.level == "specific" else head(frames)
        return logits

    def embedding(self, head: Any, frames: Frames) -> Tensor:
        """Return what enters the last linear layer of a head, (n, E)."""
        embedding: Tensor = head.pool(frames) if self.level == "specific" else head.embed(frames)
        return embedding

    def origin(self, rows: Carrying) -> tuple[str, Frames]:
        """Return corpus and frames of rows, the frames cut from the graph where the rows were."""
        corpus, frames = rows.origin
        self.use_statistics(corpus)
        self.seen.add(corpus)
        if not rows.requires_grad:
            scales = None if frames.scales is None else frames.scales.detach()
            frames = frames._replace(features=frames.features.detach(), scales=scales)
        return corpus, frames


class Pair(Logits):
    """Two classifiers: our head, and a second one in the strategy's care.

    Args:
        model: ours.
        level: where the frames come from.
        second: of the shape of our head.
        ours: 0 where our head comes first, 1 where it comes second.
    """

    def __init__(self, model: TransferModel, level: Level, second: nn.Module, ours: int) -> None:
        super().__init__(model, level)
        self.second, self.ours = second, ours

    def forward(self, rows: Carrying, *_: Any) -> list[Tensor]:
        """Return both logits."""
        corpus, frames = self.origin(rows)
        both = [self.rest(self.head(corpus), frames), self.rest(self.second, frames)]
        return both if self.ours == 0 else both[::-1]


class Stochastic(Logits):
    """Two classifiers drawn from a normal distribution whose mean is our last layer (Lu et al., CVPR 2020).

    Args:
        model: ours.
        level: where the frames come from.
        deviation: a linear layer (E to K) that holds the standard deviations.
    """

    def __init__(self, model: TransferModel, level: Level, deviation: nn.Linear) -> None:
        super().__init__(model, level)
        self.deviation = deviation

    def forward(self, rows: Carrying, *_: Any) -> list[Tensor]:
        """Return the logits of two draws."""
        corpus, frames = self.origin(rows)
        head: Any = self.head(corpus)
        embedding = self.embedding(head, frames)
        return [F.linear(embedding, *self._draw(head.classifier)) for _ in range(2)]

    def _draw(self, mean: nn.Linear) -> tuple[Tensor, Tensor]:
        """Return weight and bias of one draw."""
        weight, bias = self.deviation.weight, self.deviation.bias
        return mean.weight + weight * torch.randn_like(weight), mean.bias + bias * torch.randn_like(bias)


class Bridged(Logits):
    """A classifier with its bridge taken off, f(x) - b(x), both linear in the embedding (Cui et al., CVPR 2020).

    f and b are trained beside our model, whose last layer is held at their difference, so that it predicts alone.

    Args:
        model: ours, with one head.
        level: where the frames come from.
        own: f, (E to K).
        bridge: b, (E to K).
    """

    def __init__(self, model: TransferModel, level: Level, own: nn.Linear, bridge: nn.Linear) -> None:
        super().__init__(model, level)
        self.own, self.bridge = own, bridge

    def forward(self, rows: Carrying, return_bridge: bool = False) -> Any:
        """Return the logits, and the bridge's own where they are asked for."""
        corpus, frames = self.origin(rows)
        embedding = self.embedding(self.head(corpus), frames)
        bridge = self.bridge(embedding)
        logits = self.own(embedding) - bridge
        return (logits, bridge) if return_bridge else logits

    @torch.no_grad()
    def start(self, classifier: nn.Linear) -> None:
        """Let f - b be our last layer."""
        for own, bridge, ours in zip(
            self.own.parameters(), self.bridge.parameters(), classifier.parameters(), strict=True
        ):
            own.copy_(ours + bridge)

    @torch.no_grad()
    def fold(self, classifier: nn.Linear) -> None:
        """Let our last layer be f - b."""
        for own, bridge, ours in zip(
            self.own.parameters(), self.bridge.parameters(), classifier.parameters(), strict=True
        ):
            ours.copy_(own - bridge)


class Combined(nn.Module):
    """C after G as one model, which virtual adversarial training perturbs the input of.

    Args:
        model: ours, whose BatchNorm layers and gradients the loss reaches through this module.
        features: G.
        logits: C.
    """

    def __init__(self, model: TransferModel, features: Features, logits: Logits) -> None:
        super().__init__()
        self.model, self.parts = model, (features, logits)

    def forward(self, clips: Carrying) -> Tensor:
        """Return the logits (n, K) of clips (n, C, t)."""
        features, logits = self.parts
        result: Tensor = logits(features(clips))
        return result


class Combiner(nn.Module):
    """Outer product of features and predictions, (n, d) and (n, K) to (n, d K) (Long et al., NeurIPS 2018).

    Example:
        >>> Combiner()(torch.ones(2, 3), torch.ones(2, 4)).shape
        torch.Size([2, 12])
    """

    def forward(self, features: Tensor, predictions: Tensor) -> Tensor:
        """Return the products."""
        return (features[:, :, None] * predictions[:, None, :]).flatten(1)


class Discriminator(nn.Module):
    """D: two hidden layers; one output gives (n,), two give (n, 2).

    Args:
        in_features: width of what it looks at.
        hidden: width of its layers.
        outputs: 1 or 2.
    """

    def __init__(self, in_features: int, hidden: int, outputs: int = 1) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(in_features, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, outputs)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores."""
        scores: Tensor = self.layers(x)
        return scores.squeeze(1)


def second_of(module: nn.Module) -> nn.Module:
    """Return a copy of a module with weights drawn anew wherever its layers know how."""
    fresh = copy.deepcopy(module)
    for layer in fresh.modules():
        if callable(reset := getattr(layer, "reset_parameters", None)):
            reset()
    return fresh
