"""Networks over acoustic features: extractors, heads and front ends, under one contract, usable in any PyTorch code.

An extractor maps features (N, C, T) and lengths (N,) to `Frames`; a head maps `Frames` to logits (N, K). The padding of
a clip never changes its logits.
"""

from __future__ import annotations

from torch import nn

from feature_extractors.at_delta_tim import AttentionDeltaTIM
from feature_extractors.at_tim import AttentionTIM
from feature_extractors.bert import BERT
from feature_extractors.cnn_lstm import CNNLSTM
from feature_extractors.cnn_transformer import CNNMultiLayerTransformer, CNNTransformer
from feature_extractors.cnn_transformer_wave import CNNTransformerWave
from feature_extractors.fitted_heads import LinearSVMHead, LogisticHead
from feature_extractors.frame_bilstm import FrameBiLSTM
from feature_extractors.frame_mlp import FrameMLP
from feature_extractors.frames import Frames
from feature_extractors.functionals import Functionals
from feature_extractors.heads import Head, LinearHead, TemporalHead
from feature_extractors.light_sernet import LightSERNet
from feature_extractors.mlp_head import MLPHead
from feature_extractors.multi_tim import MultiTIM
from feature_extractors.sincnet import SincNet
from feature_extractors.speech_emotion_transformer import SpeechEmotionConvTransformer, SpeechEmotionTransformer
from feature_extractors.tcn import MTCN, TCN
from feature_extractors.tim import TIM
from feature_extractors.transformer import Transformer
from feature_extractors.transformer_tim import TransformerDeltaTIM, TransformerTIM
from feature_extractors.vggish_lstm import VGGishLSTM
from feature_extractors.wav2vec2 import HuBERT, Wav2Vec2, WavLM

__all__ = ["EXTRACTORS", "HEADS", "Frames", "Head", "LinearHead", "MultiTIM", "TemporalHead"]

EXTRACTORS: dict[str, type[nn.Module]] = {
    "multi_tim": MultiTIM,
    "tim": TIM,
    "at_tim": AttentionTIM,
    "at_delta_tim": AttentionDeltaTIM,
    "tcn": TCN,
    "mtcn": MTCN,
    "transformer": Transformer,
    "transformer_tim": TransformerTIM,
    "transformer_delta_tim": TransformerDeltaTIM,
    "cnn_transformer": CNNTransformer,
    "cnn_ml_transformer": CNNMultiLayerTransformer,
    "set": SpeechEmotionTransformer,
    "set_conv": SpeechEmotionConvTransformer,
    "bert": BERT,
    "cnn_lstm": CNNLSTM,
    "cnn_transformer_wave": CNNTransformerWave,
    "sincnet": SincNet,
    "vggish_lstm": VGGishLSTM,
    "light_sernet": LightSERNet,
    "functionals": Functionals,
    "frame_mlp": FrameMLP,
    "frame_bilstm": FrameBiLSTM,
    "wav2vec2": Wav2Vec2,
    "hubert": HuBERT,
    "wavlm": WavLM,
}

HEADS: dict[str, type[Head]] = {
    "linear": LinearHead,
    "linear_svm": LinearSVMHead,
    "logistic": LogisticHead,
    "mlp": MLPHead,
    "temporal": TemporalHead,
}
