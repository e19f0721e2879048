"""wav2vec 2.0, HuBERT and WavLM from torchaudio. N clips, S samples, F features, T frames, J layers."""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_extractors.frames import Frames, real_frames, valid_frames, zero_padding
from feature_extractors.layer_weighted_sum import LayerWeightedSum
from feature_extractors.pretrained import load_weights, read_weights
from feature_extractors.wav2vec2_releases import HUBERT, WAV2VEC2, WAVLM, Release
from feature_extractors.wav2vec2_weights import torchaudio_names
from feature_extractors.waveform_cnn import check_waveform, conv_length

__all__ = ["HuBERT", "Wav2Vec2", "WavLM"]

Frozen = Literal["none", "convolutions", "all"]
Layers = Literal["weighted", "last"]


class _SpeechModel(nn.Module):
    """What the three models share: convolutions over samples, then a Transformer, with padding that is not heard."""

    RELEASES: ClassVar[dict[str, Release]]

    def __init__(
        self,
        *,
        in_channels: int,
        weights: str,
        size: str = "base",
        layers: Layers = "weighted",
        frozen: Frozen = "convolutions",
    ) -> None:
        super().__init__()
        check_waveform(in_channels)
        for name, value, known in (
            ("size", size, tuple(self.RELEASES)),
            ("layers", layers, get_args(Layers)),
            ("frozen", frozen, get_args(Frozen)),
        ):
            if value not in known:
                raise ValueError(f"{name} is {value!r}; expected one of {', '.join(known)}")
        import torchaudio.models

        release = self.RELEASES[size]
        self.model = getattr(torchaudio.models, release.build)(**release.options)
        if weights != "random":
            given = torchaudio_names(read_weights(weights, fetch=release.fetch))
            load_weights(self.model, given, origin=weights)
        self.frozen = frozen
        if frozen != "none":
            (self.model if frozen == "all" else self.model.feature_extractor).requires_grad_(False)
        transformer = self.model.encoder.transformer
        self.dim = int(transformer.layer_norm.normalized_shape[0])
        self.mixture = LayerWeightedSum(len(transformer.layers)) if layers == "weighted" else None
        self.geometry = [(c.kernel_size, c.stride) for c in self.model.feature_extractor.conv_layers]
        self.shortest = 1  # samples that make one frame
        for kernel, stride in reversed(self.geometry):
            self.shortest = (self.shortest - 1) * stride + kernel

    def train(self, mode: bool = True) -> _SpeechModel:
        """Set training mode; what is wholly frozen stays in evaluation, without dropout."""
        super().train(mode)
        if self.frozen == "all":
            self.model.eval()
        return self

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Frames:
        """Extract features; `lengths` counts the real samples of each clip."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and (self.frozen != "all" or x.requires_grad)):
            outputs, valid = self.outputs(x, lengths)
        y = outputs[-1] if self.mixture is None else self.mixture(outputs)
        return Frames.build(y, valid)

    def outputs(self, x: Tensor, lengths: Tensor | None = None) -> tuple[list[Tensor], Tensor | None]:
        """Return the outputs of all Transformer layers, J tensors (N, F, T), and the mask of real frames."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and (self.frozen == "none" or x.requires_grad)):
            x, valid = self._convolve(x, lengths)  # (N, T, channels)
        x = self.model.encoder.feature_projection(x)  # (N, T, F)
        x = x if valid is None else x.masked_fill(~valid[..., None], 0)
        transformer = self.model.encoder.transformer
        x = x + transformer.pos_conv_embed(x)
        first = transformer.layer_norm_first  # the one normalisation outside the layers: before them, or else after
        x = transformer.dropout(transformer.layer_norm(x) if first else x)
        outputs, bias = [], None
        for layer in transformer.layers:  # no layer is left out in training: the mixture needs them all
            x, bias = layer(x, position_bias=bias, **self._mask(valid))
            outputs.append(x)
        if not first:
            outputs[-1] = transformer.layer_norm(outputs[-1])
        return [y.transpose(1, 2) for y in outputs], valid

    def _mask(self, valid: Tensor | None) -> dict[str, Tensor]:
        """Return the mask of real frames as the layers want it."""
        if valid is None:
            return {}
        clips, frames = valid.shape
        return {"attention_mask": valid[:, None, None].expand(clips, 1, frames, frames)}

    def _convolve(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Take the waveform through the convolutions, each normalisation over real samples alone."""
        valid = real_frames(x, lengths, channels=1)
        x = zero_padding(x, valid)
        convs = self.model.feature_extractor.conv_layers
        if not isinstance(convs[0].layer_norm, nn.GroupNorm):  # models whose every layer is normalised
            x = _normalise(x, valid)
        x = F.pad(x, (0, max(self.shortest - x.shape[2], 0)))
        lengths = None if lengths is None else lengths.clamp(min=self.shortest)
        for conv in convs:
            x = conv.conv(x)  # (N, channels, T)
            lengths = None if lengths is None else conv_length(lengths, conv.kernel_size, conv.stride)
            valid = valid_frames(lengths, clips=x.shape[0], frames=x.shape[2])
            if isinstance(norm := conv.layer_norm, nn.GroupNorm):  # a group a channel: over time
                x = _normalise(x, valid, norm.eps) * norm.weight[:, None] + norm.bias[:, None]
            elif norm is not None:
                x = norm(x)
            x = F.gelu(x)
        return x.transpose(1, 2), valid


class Wav2Vec2(_SpeechModel):
    """wav2vec 2.0: seven convolutions over the waveform, one frame for 20 ms, then a Transformer encoder.

    The features are those of the last layer, or a learned weighted sum over the layers. Group normalisation over time
    (the base models) takes its statistics from the real samples of each clip, so that padding changes nothing. Models
    of the large kind get each waveform with mean 0 and variance 1, as they were trained. Layers are never skipped in
    training.

    Reference: Baevski et al., wav2vec 2.0, NeurIPS 2020; weighted sum: Yang et al., SUPERB, Interspeech 2021.

    Args:
        in_channels: 1, the waveform, at 16 kHz.
        weights: a local file (.safetensors, or .pt and .pth with tensors alone) with names of torchaudio or of
            transformers; `random` for random weights.
        size: `base`, `large`, `large_lv60k` (also XLSR-53), `xlsr_300m`, `xlsr_1b`, `xlsr_2b`; `tiny` and `tiny_large` to
            try things.
        layers: `weighted` for the weighted sum over all layers, `last` for the last one.
        frozen: `convolutions`, as in the authors' fine-tuning; `none`; or `all`.

    Attributes:
        dim: F.

    Shape:
        x (N, 1, S), lengths (N,) or None -> Frames of (N, F, T), T = about S / 320

    Raises:
        ValueError: for weights that are not there or do not fit, more than one channel, or an unknown name.

    Example:
        >>> extractor = Wav2Vec2(in_channels=1, weights="random", size="tiny")
        >>> extractor(torch.randn(2, 1, 16000), torch.tensor([16000, 8000])).lengths
        tensor([399, 199])
    """

    RELEASES: ClassVar[dict[str, Release]] = WAV2VEC2


class HuBERT(_SpeechModel):
    """HuBERT: the network of wav2vec 2.0, trained to predict hidden units.

    Options, normalisation and shapes are those of `Wav2Vec2`.

    Reference: Hsu et al., HuBERT, IEEE/ACM TASLP 2021.

    Args:
        in_channels: 1, the waveform, at 16 kHz.
        weights: a local file, or `random`.
        size: `base`, `large`, `xlarge`; `tiny` and `tiny_large` to try things.
        layers: `weighted` for the weighted sum over all layers, `last` for the last one.
        frozen: `convolutions`, `none` or `all`.

    Attributes:
        dim: F.

    Shape:
        x (N, 1, S), lengths (N,) or None -> Frames of (N, F, T), T = about S / 320

    Raises:
        ValueError: as `Wav2Vec2`.

    Example:
        >>> HuBERT(in_channels=1, weights="random", size="tiny")(torch.randn(2, 1, 1600)).features.shape
        torch.Size([2, 24, 39])
    """

    RELEASES: ClassVar[dict[str, Release]] = HUBERT


class WavLM(_SpeechModel):
    """WavLM: HuBERT's network with gated relative positions in the attention, trained on noisy and mixed speech too.

    Options, normalisation and shapes are those of `Wav2Vec2`.

    Reference: Chen et al., WavLM, IEEE JSTSP 2022.

    Args:
        in_channels: 1, the waveform, at 16 kHz.
        weights: a local file, or `random`.
        size: `base` (also base plus), `large`; `tiny` and `tiny_large` to try things.
        layers: `weighted` for the weighted sum over all layers, `last` for the last one.
        frozen: `convolutions`, `none` or `all`.

    Attributes:
        dim: F.

    Shape:
        x (N, 1, S), lengths (N,) or None -> Frames of (N, F, T), T = about S / 320

    Raises:
        ValueError: as `Wav2Vec2`.

    Example:
        >>> WavLM(in_channels=1, weights="random", size="tiny")(torch.randn(2, 1, 1600)).features.shape
        torch.Size([2, 24, 39])
    """

    RELEASES: ClassVar[dict[str, Release]] = WAVLM

    def _mask(self, valid: Tensor | None) -> dict[str, Tensor]:
        if valid is None:
            return {}
        added = torch.zeros_like(valid, dtype=self.model.encoder.transformer.layer_norm.weight.dtype)
        return {"key_padding_mask": added.masked_fill(~valid, -torch.inf)}


def _normalise(x: Tensor, valid: Tensor | None, eps: float = 1e-5) -> Tensor:
    """Give every channel of every clip mean 0 and variance 1 over its real frames, (N, channels, T)."""
    if valid is None:
        var, mean = torch.var_mean(x.float(), dim=-1, keepdim=True, correction=0)
        return ((x - mean) * torch.rsqrt(var + eps)).to(x.dtype)
    mask = valid[:, None].float()  # (N, 1, T)
    count = mask.sum(-1, keepdim=True)
    mean = (x * mask).sum(-1, keepdim=True) / count
    centred = (x - mean) * mask
    var = centred.square().sum(-1, keepdim=True) / count
    return (centred * torch.rsqrt(var + eps)).to(x.dtype)
