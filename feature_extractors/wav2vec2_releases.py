"""Sizes of wav2vec 2.0, HuBERT and WavLM: what builds them in torchaudio, and where their weights are published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["HUBERT", "WAV2VEC2", "WAVLM", "Release"]


class Release(NamedTuple):
    """A size of a model: torchaudio's function that builds it, its options, and the published weights."""

    build: str
    options: Mapping[str, Any]
    fetch: str


def _release(build: str, file: str, hub: str) -> Release:
    where = f"{file} (https://download.pytorch.org/torchaudio/models/{file})"
    return Release(build, {}, f"{where}, or model.safetensors of {hub} on the Hugging Face hub,")


# The architectures in small, for tests and for trying a recipe: `tiny` is built as base is, `tiny_large` as large is.
TINY: dict[str, Any] = {
    "extractor_mode": "group_norm",
    "extractor_conv_layer_config": [(16, 10, 5), (16, 3, 2), (16, 3, 2), (16, 2, 2)],
    "extractor_conv_bias": False,
    "encoder_embed_dim": 24,
    "encoder_projection_dropout": 0.1,
    "encoder_pos_conv_kernel": 8,
    "encoder_pos_conv_groups": 4,
    "encoder_num_layers": 3,
    "encoder_num_heads": 4,
    "encoder_attention_dropout": 0.1,
    "encoder_ff_interm_features": 48,
    "encoder_ff_interm_dropout": 0.1,
    "encoder_dropout": 0.1,
    "encoder_layer_norm_first": False,
    "encoder_layer_drop": 0.0,
    "aux_num_out": None,
}
TINY_LARGE = {**TINY, "extractor_mode": "layer_norm", "extractor_conv_bias": True, "encoder_layer_norm_first": True}
BUCKETS = {"encoder_num_buckets": 8, "encoder_max_distance": 16}  # of WavLM's relative positions
OWN = "a state dict of your own"

WAV2VEC2: dict[str, Release] = {
    "base": _release("wav2vec2_base", "wav2vec2_fairseq_base_ls960.pth", "facebook/wav2vec2-base"),
    "large": _release("wav2vec2_large", "wav2vec2_fairseq_large_ls960.pth", "facebook/wav2vec2-large"),
    "large_lv60k": _release("wav2vec2_large_lv60k", "wav2vec2_fairseq_large_lv60k.pth", "facebook/wav2vec2-large-lv60"),
    "xlsr_300m": _release("wav2vec2_xlsr_300m", "wav2vec2_xlsr_300m.pth", "facebook/wav2vec2-xls-r-300m"),
    "xlsr_1b": _release("wav2vec2_xlsr_1b", "wav2vec2_xlsr_1b.pth", "facebook/wav2vec2-xls-r-1b"),
    "xlsr_2b": _release("wav2vec2_xlsr_2b", "wav2vec2_xlsr_2b.pth", "facebook/wav2vec2-xls-r-2b"),
    "tiny": Release("wav2vec2_model", TINY, OWN),
    "tiny_large": Release("wav2vec2_model", TINY_LARGE, OWN),
}

HUBERT: dict[str, Release] = {
    "base": _release("hubert_base", "hubert_fairseq_base_ls960.pth", "facebook/hubert-base-ls960"),
    "large": _release("hubert_large", "hubert_fairseq_large_ll60k.pth", "facebook/hubert-large-ll60k"),
    "xlarge": _release("hubert_xlarge", "hubert_fairseq_xlarge_ll60k.pth", "facebook/hubert-xlarge-ll60k"),
    "tiny": Release("wav2vec2_model", TINY, OWN),
    "tiny_large": Release("wav2vec2_model", TINY_LARGE, OWN),
}

WAVLM: dict[str, Release] = {
    "base": _release("wavlm_base", "wavlm_base.pth", "microsoft/wavlm-base"),
    "large": _release("wavlm_large", "wavlm_large.pth", "microsoft/wavlm-large"),
    "tiny": Release("wavlm_model", {**TINY, **BUCKETS}, OWN),
    "tiny_large": Release("wavlm_model", {**TINY_LARGE, **BUCKETS, "extractor_conv_bias": False}, OWN),
}
