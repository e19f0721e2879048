"""VGGish: a patch of a log-mel spectrogram to an embedding. P patches of 96 frames and 64 bands."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

__all__ = ["VGGish"]

FRAMES, BANDS = 96, 64  # 0.96 s at a hop of 10 ms, mel bands


class VGGish(nn.Module):
    """Six 3x3 convolutions with ReLU, four max poolings by 2, three dense layers.

    64, pool, 128, pool, 256, 256, pool, 512, 512, pool -> 6 x 4 x 512 values -> 4096 -> 4096 -> 128; 72 million
    parameters. Names and order are those of torchvggish, whose weights fit.

    Reference: Hershey et al., CNN Architectures for Large-Scale Audio Classification, ICASSP 2017.

    Args:
        channels: of the four stages; the last two have two convolutions each.
        hidden: width of the two hidden dense layers.
        embedding: width of the last layer.

    Shape:
        (P, 96, 64) -> (P, embedding)

    Example:
        >>> import torch
        >>> VGGish(channels=(4, 8, 16, 16), hidden=32)(torch.randn(2, 96, 64)).shape
        torch.Size([2, 128])
    """

    def __init__(
        self, *, channels: Sequence[int] = (64, 128, 256, 512), hidden: int = 4096, embedding: int = 128
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for stage, after in enumerate(channels):
            for _ in range(1 if stage < 2 else 2):
                layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
                before = after
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        size = before * (FRAMES >> len(channels)) * (BANDS >> len(channels))
        self.embeddings = nn.Sequential(
            nn.Linear(size, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, embedding)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Embed patches."""
        x = self.features(x[:, None])  # (P, 512, 6, 4)
        x = x.permute(0, 2, 3, 1).flatten(1)  # channels last, as the published dense layers expect
        embeddings: Tensor = self.embeddings(x)  # (P, embedding)
        return embeddings
