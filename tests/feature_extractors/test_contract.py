"""The contract of every registered extractor: one row a name, and a name without a row fails.

A new extractor gets a row in `TABLE`; nothing else is to be written for these checks to run over it.
"""

import inspect
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import load, save
from torch import nn

from feature_extractors import EXTRACTORS, Frames, LinearHead
from feature_extractors.pooling import masked_mean

CLASSES = 3


class Row(NamedTuple):
    """A small configuration of an extractor, and what it promises.

    Args:
        options: of the constructor.
        shape: of one clip: (C, T) for features, (samples,) for waveforms.
        shortest: frames or samples of the shortest clip it takes.
        compiles: one graph under torch.compile.
        exports: torch.export takes it, with lengths.
        unused: names of parameters that can have no gradient (an infinitesimal change of them changes no output).
    """

    options: dict[str, Any]
    shape: tuple[int, ...]
    shortest: int = 1
    compiles: bool = True
    exports: bool = True
    unused: tuple[str, ...] = ()


ENCODER = {"width": 16, "layers": 2, "heads": 2, "feedforward": 24}

SINC = {"first_layer": "sinc"}
CHUNK = {"chunk": 7, "shift": 160}
SPEECH = {"weights": "random", "size": "tiny", "frozen": "none"}
KEY_BIASES = tuple(f"model.encoder.transformer.layers.{i}.attention.k_proj.bias" for i in range(3))

TABLE = {
    "multi_tim": Row({"filters": 9, "blocks": 2, "width": 16}, (13, 24)),
    "tim": Row({"filters": 9, "blocks": 3}, (13, 24)),
    "at_tim": Row({"filters": 9, "blocks": 2, "head_width": 6, "attention": "aft_local", "window": 4}, (13, 24)),
    "at_delta_tim": Row({"filters": 9, "blocks": 2, "head_width": 6, "version": 2}, (13, 24)),
    "tcn": Row({"filters": 9, "blocks": 3}, (13, 24)),
    "mtcn": Row({"filters": 9, "blocks": 2}, (13, 24)),
    "transformer": Row({"hidden": 12, **ENCODER}, (13, 24)),
    "transformer_tim": Row({"filters": 9, "blocks": 2, **ENCODER}, (13, 24)),
    "transformer_delta_tim": Row({"filters": 9, "blocks": 2, **ENCODER}, (13, 24)),
    "cnn_transformer": Row({"filters": 9, "blocks": 2, **ENCODER}, (13, 24)),
    "cnn_ml_transformer": Row({"filters": 9, "blocks": 2, **ENCODER}, (13, 24)),
    "set": Row(ENCODER, (13, 24)),
    "set_conv": Row({**ENCODER, "embedding": 12}, (13, 80)),
    "bert": Row(ENCODER, (13, 24)),
    "cnn_lstm": Row({"channels": 8, "units": 6, "dnn": [8, 8], **SINC}, (1, 6000), compiles=False),
    "cnn_transformer_wave": Row({"channels": 8, **ENCODER}, (1, 6000)),
    "sincnet": Row({"frame": 400, "taps": 51, "filters": 6, "channels": (5, 5), "widths": (12,), **CHUNK}, (1, 1800)),
    "vggish_lstm": Row({"channels": (4, 8, 8, 8), "hidden": 12, "units": 6}, (64, 200), compiles=False),
    "light_sernet": Row({}, (13, 80)),
    "functionals": Row({"widths": (12, 8)}, (88, 1)),
    "frame_mlp": Row({"neighbours": 5, "width": 12}, (13, 12), shortest=5),
    "frame_bilstm": Row({"units": 6, "lstm_layers": 2, "layers": 1, "width": 12}, (13, 11), compiles=False),
    "wav2vec2": Row(SPEECH, (1, 3000), unused=KEY_BIASES),
    "hubert": Row({**SPEECH, "size": "tiny_large"}, (1, 3000), unused=KEY_BIASES),
    "wavlm": Row(SPEECH, (1, 3000)),
}


def test_every_registered_extractor_has_a_row():
    assert set(TABLE) == set(EXTRACTORS)


class Model(nn.Module):
    def __init__(self, name, row):
        super().__init__()
        cls = EXTRACTORS[name]
        channels = {"in_channels": row.shape[0]} if "in_channels" in inspect.signature(cls).parameters else {}
        self.extractor = cls(**channels, **row.options)
        self.head = LinearHead(
            in_features=self.extractor.dim, in_scales=getattr(self.extractor, "num_scales", 0), classes=CLASSES
        )

    def forward(self, x, lengths=None):
        return self.head(self.extractor(x, lengths))


def build(name, seed=0):
    """A model in evaluation whose normalisations are not the identity, as after training."""
    torch.manual_seed(seed)
    model = Model(name, TABLE[name])
    for norm in model.modules():
        if isinstance(norm, nn.modules.batchnorm._BatchNorm):
            nn.init.normal_(norm.running_mean, std=0.3)
            nn.init.uniform_(norm.running_var, 0.5, 2.0)
            nn.init.normal_(norm.bias, std=0.3)
    return model.eval()


def clips(name, n=3):
    """Clips of random length, padded with zeros: the first one fills the batch, the last is the shortest there is."""
    row = TABLE[name]
    longest, shortest = row.shape[-1], row.shortest
    x = torch.randn(n, *row.shape)
    lengths = torch.linspace(longest, shortest, n).long()
    for clip, length in zip(x, lengths, strict=True):
        clip[..., length:] = 0
    return x, lengths


each = pytest.mark.parametrize("name", TABLE)


@each
def test_frames_have_the_promised_shape_and_zero_padding(name):
    model, (x, lengths) = build(name), clips(name)
    frames = model.extractor(x, lengths)
    assert isinstance(frames, Frames)
    n, width, longest = frames.features.shape
    assert (n, width) == (len(x), model.extractor.dim)
    assert frames.lengths.shape == (n,)
    assert 1 <= frames.lengths.min() <= frames.lengths.max() == longest
    for features, length in zip(frames.features, frames.lengths, strict=True):
        assert not features[:, length:].any()
    scales = getattr(model.extractor, "num_scales", 0)
    assert (frames.scales is None) == (scales == 0)
    if scales:
        assert frames.scales.shape == (n, width, longest, scales)
    assert model(x, lengths).shape == (n, CLASSES)


@each
def test_what_is_no_padded_batch_of_these_channels_is_refused_with_words(name):
    extractor, (x, lengths) = build(name).extractor, clips(name)
    channels = x.shape[1]
    for given, error, says in (
        ((x[0], None), ValueError, r"one clip is a batch of one, x\[None\]"),
        ((torch.cat([x, x], 1), lengths), ValueError, rf"expected \(clips, {channels}, frames\)"),
        ((x[..., :0], None), ValueError, rf"expected \(clips, {channels}, frames\)"),
        ((x.long(), lengths), TypeError, "int64; expected a tensor of floating point numbers"),
        ((x.numpy(), lengths), TypeError, "ndarray; expected a tensor"),
        ((x, lengths.tolist()), TypeError, "lengths is list; expected a tensor of integers"),
        ((x, lengths.float()), TypeError, "lengths is torch.float32; expected a tensor of integers"),
        ((x, lengths[:2]), ValueError, "expected one length a clip"),
    ):
        with pytest.raises(error, match=says):
            extractor(*given)


@each
def test_gradient_reaches_every_parameter(name):
    model = build(name).double().train()
    x = torch.randn(6, *TABLE[name].shape, dtype=torch.float64)
    lengths = torch.full((6,), x.shape[-1]).sub(torch.arange(6)).clamp(min=TABLE[name].shortest)
    nn.functional.cross_entropy(model(x, lengths), torch.arange(6) % CLASSES).backward()
    dead = [n for n, p in model.named_parameters() if p.grad is None or p.grad.abs().max() < 1e-9]
    assert dead == [f"extractor.{name}" for name in TABLE[name].unused]


@each
def test_padding_of_a_clip_never_changes_its_logits(name):
    model, (x, lengths) = build(name), clips(name)
    padded = model(x, lengths)
    for n, length in enumerate(lengths):
        torch.testing.assert_close(padded[n : n + 1], model(x[n : n + 1, ..., :length]), atol=5e-5, rtol=1e-4)


@each
@pytest.mark.parametrize("integers", [torch.int16, torch.int32])
def test_lengths_may_be_integers_of_any_kind(name, integers):
    model, (x, lengths) = build(name), clips(name)
    assert torch.equal(model(x, lengths.to(integers)), model(x, lengths))


@each
def test_what_stands_in_the_padding_has_no_say_even_nan(name):
    model, (x, lengths) = build(name), clips(name)
    for training in (False, True):
        outputs = []
        for filling in (0.0, 1e6, float("nan")):
            torch.manual_seed(1)
            for clip, length in zip(x, lengths, strict=True):
                clip[..., length:] = filling
            outputs.append(model.train(training)(x, lengths))
        assert torch.equal(outputs[0], outputs[1])
        assert torch.equal(outputs[0], outputs[2])


@each
def test_batch_order_does_not_matter_and_evaluation_is_deterministic(name):
    model, (x, lengths), order = build(name), clips(name), torch.tensor([2, 0, 1])
    logits = model(x, lengths)
    assert torch.equal(model(x, lengths), logits)
    torch.testing.assert_close(model(x[order], lengths[order]), logits[order], atol=5e-5, rtol=1e-4)


@each
def test_clips_are_told_apart(name):
    model, (x, _) = build(name), clips(name, n=2)
    embeddings = model.head.embed(model.extractor(x.normal_()))
    assert (embeddings[0] - embeddings[1]).abs().max() > 1e-4


@each
def test_the_same_weights_take_shorter_and_longer_clips(name):
    model, (x, _) = build(name), clips(name)
    for factor in (0.5, 1, 2):
        length = max(TABLE[name].shortest, int(factor * x.shape[-1]))
        assert model(torch.randn(2, *x.shape[1:-1], length)).shape == (2, CLASSES)


@each
def test_state_survives_safetensors(name):
    model, other, (x, lengths) = build(name), build(name, seed=1), clips(name)
    assert not torch.equal(model(x, lengths), other(x, lengths))
    other.load_state_dict(load(save(model.state_dict())))
    assert torch.equal(model(x, lengths), other(x, lengths))


@each
def test_bfloat16_stays_near_single_precision(name):
    model, (x, lengths) = build(name), clips(name)
    frames = model.extractor(x, lengths)
    exact = masked_mean(frames.features, frames.valid())
    with torch.autocast("cpu", torch.bfloat16):
        frames = model.extractor(x, lengths)
        rough = masked_mean(frames.features, frames.valid()).float()
    assert rough.isfinite().all()
    assert (rough - exact).norm() < 0.1 * exact.norm()


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.compiles])
def test_it_compiles_to_one_graph(name):
    torch._dynamo.reset()
    model, (x, lengths) = build(name), clips(name)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x, lengths), model(x, lengths))


@pytest.mark.filterwarnings("ignore:The tensor attributes self.*_flat_weights")  # how nn.LSTM keeps its weights
@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.exports])
def test_it_exports(name):
    model, (x, lengths) = build(name), clips(name)
    exported = torch.export.export(model, (x, lengths)).module()
    others = lengths.flip(0)
    torch.testing.assert_close(exported(x, others), model(x, others))
