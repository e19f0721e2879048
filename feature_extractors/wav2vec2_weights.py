"""Names of wav2vec 2.0, HuBERT and WavLM weights, as torchaudio has them and as transformers has them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

__all__ = ["torchaudio_names"]

PREFIX = re.compile(r"^(wav2vec2|hubert|wavlm)\.")
PARAMETRIZED = ".parametrizations.weight.original"
KEPT = ("feature_extractor.", "feature_projection.", "encoder.")  # not quantizers, masks and heads of the training task


def torchaudio_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights under torchaudio's names, those of pretraining tasks and classifiers left out.

    transformers keeps the feature projection beside the encoder and torchaudio inside it; all else is named alike but
    for the prefix of a whole task's model and WavLM's attention, which torchaudio's own importer converts.

    Args:
        weights: name -> tensor, of torchaudio's Wav2Vec2Model or of any transformers model of the family.

    Example:
        >>> import torch
        >>> list(torchaudio_names({"hubert.feature_projection.projection.bias": torch.zeros(1)}))
        ['encoder.feature_projection.projection.bias']
    """
    short = {_parametrized(PREFIX.sub("", name)): tensor for name, tensor in weights.items()}
    kept = {name: tensor for name, tensor in short.items() if name.startswith(KEPT)}
    if not any(name.startswith("feature_projection.") for name in kept):
        return kept
    encoder = {name.removeprefix("encoder."): t for name, t in kept.items() if name.startswith("encoder.")}
    if any("gru_rel_pos_linear" in name for name in encoder):
        from torchaudio.models.wav2vec2.utils.import_huggingface import transform_wavlm_encoder_state

        transform_wavlm_encoder_state(encoder, sum(name.endswith("gru_rel_pos_linear.bias") for name in encoder))
    named = {f"encoder.transformer.{name}": tensor for name, tensor in encoder.items()}
    rest = {name: tensor for name, tensor in kept.items() if not name.startswith("encoder.")}
    return named | {f"encoder.{n}" if n.startswith("feature_projection.") else n: t for n, t in rest.items()}


def _parametrized(name: str) -> str:
    """Return the name that torch gives since 2.0 to the two factors of a weight under weight normalisation."""
    return name.replace(".weight_g", f"{PARAMETRIZED}0").replace(".weight_v", f"{PARAMETRIZED}1")
