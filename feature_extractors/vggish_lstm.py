"""VGGish over patches of a log-mel spectrogram, then an LSTM. N clips, T frames, P patches, F features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_extractors.frames import Frames, real_frames, valid_frames, zero_padding
from feature_extractors.lstm import MaskedLSTM
from feature_extractors.pretrained import load_weights, read_weights
from feature_extractors.vggish import BANDS, FRAMES, VGGish

__all__ = ["VGGishLSTM"]

FETCH = "the weights of torchvggish (vggish-10086976.pth in the releases of github.com/harritaylor/torchvggish)"


class VGGishLSTM(nn.Module):
    """Patches of 0.96 s -> VGGish -> (Bi)LSTM over the patches.

    The patches follow one another; what is left of a clip is dropped, and a clip shorter than a patch is one patch with
    zeros after its end. The front end is `log_mel` with 64 bands and a hop of 10 ms. The published weights were trained
    on log(mel + 0.01) of HTK bands from 125 to 7500 Hz, so on this front end they are a start to go on from.

    Reference: Hershey et al., CNN Architectures for Large-Scale Audio Classification, ICASSP 2017.

    Args:
        in_channels: 64, the mel bands.
        weights: a local file of the published weights, or `random`.
        frozen: leave the VGGish weights as they are.
        units: units of the LSTM in each direction.
        layers: layers of the LSTM.
        bidirectional: let the LSTM run both ways.
        channels: of the VGGish stages.
        hidden: width of the VGGish hidden dense layers.

    Attributes:
        dim: F.

    Shape:
        x (N, 64, T), lengths (N,) or None -> Frames of (N, F, P), P = max(T // 96, 1)

    Raises:
        ValueError: for another number of bands, or weights that are not there or do not fit.

    Example:
        >>> import torch
        >>> extractor = VGGishLSTM(in_channels=64, channels=(4, 8, 16, 16), hidden=32)
        >>> extractor(torch.randn(2, 64, 300), torch.tensor([300, 50])).lengths
        tensor([3, 1])
    """

    def __init__(
        self,
        *,
        in_channels: int,
        weights: str = "random",
        frozen: bool = False,
        units: int = 64,
        layers: int = 1,
        bidirectional: bool = True,
        channels: Sequence[int] = (64, 128, 256, 512),
        hidden: int = 4096,
    ) -> None:
        super().__init__()
        if in_channels != BANDS:
            raise ValueError(
                f"VGGish sees {BANDS} mel bands, not {in_channels} channels; "
                "set `frontend: {name: log_mel, bands: 64, n_fft: 400, hop: 160}`"
            )
        self.vggish = VGGish(channels=channels, hidden=hidden)
        if weights != "random":
            load_weights(self.vggish, read_weights(weights, fetch=FETCH), origin=weights)
        self.vggish.requires_grad_(not frozen)
        self.frozen = frozen
        self.lstm = MaskedLSTM(128, units, layers=layers, bidirectional=bidirectional)
        self.dim = self.lstm.dim

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Frames:
        """Extract features; `lengths` counts the real frames of each clip."""
        x = zero_padding(x, real_frames(x, lengths, channels=BANDS))
        x = F.pad(x, (0, max(FRAMES - x.shape[-1], 0)))
        patches = x.unfold(2, FRAMES, FRAMES).permute(0, 2, 3, 1)  # (N, P, 96, 64)
        clips, count = patches.shape[:2]
        with torch.set_grad_enabled(torch.is_grad_enabled() and (not self.frozen or x.requires_grad)):  # whoever thaws
            embeddings = self.vggish(patches.flatten(0, 1)).unflatten(0, (clips, count))  # (N, P, 128)
        if lengths is not None:
            lengths = (lengths // FRAMES).clamp(min=1)
        valid = valid_frames(lengths, clips=clips, frames=count)
        return Frames.build(self.lstm(embeddings.transpose(1, 2), valid), valid)
