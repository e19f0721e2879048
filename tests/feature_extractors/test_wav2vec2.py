"""wav2vec 2.0, HuBERT and WavLM against torchaudio's models called directly, clip by clip."""

import pytest
import torch
import torchaudio.models
from safetensors.torch import save_file

from feature_extractors.wav2vec2 import HuBERT, Wav2Vec2, WavLM

SIZES = [(cls, size) for cls in (Wav2Vec2, HuBERT, WavLM) for size in ("tiny", "tiny_large")]
each = pytest.mark.parametrize(("cls", "size"), SIZES)


def build(cls, size, **options):
    return cls(in_channels=1, weights="random", size=size, **options).eval()


def torchaudio_of(extractor, cls, size):
    """torchaudio's own model with the weights of the extractor."""
    release = cls.RELEASES[size]
    model = getattr(torchaudio.models, release.build)(**release.options)
    model.load_state_dict(extractor.model.state_dict())
    return model.eval()


@each
def test_layers_are_torchaudios_for_each_clip_alone(cls, size):
    extractor = build(cls, size)
    reference, x, lengths = torchaudio_of(extractor, cls, size), torch.randn(3, 1, 4000) * 2 + 0.5, (4000, 2500, 700)
    outputs, valid = extractor.outputs(x, torch.tensor(lengths))
    for n, length in enumerate(lengths):
        wave = x[n, :, :length]
        if size == "tiny_large":  # as torchaudio's pipelines do for the models of this kind
            wave = torch.nn.functional.layer_norm(wave, wave.shape)
        expected, _ = reference.extract_features(wave)
        last, _ = reference(wave)
        for ours, theirs in zip(outputs[:-1], expected[:-1], strict=True):
            torch.testing.assert_close(ours[n, :, valid[n]].T, theirs[0], atol=2e-5, rtol=1e-4)
        torch.testing.assert_close(outputs[-1][n, :, valid[n]].T, last[0], atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize(("cls", "size"), [(c, s) for c in (Wav2Vec2, HuBERT, WavLM) for s in c.RELEASES])
def test_every_size_is_an_architecture_of_torchaudio(cls, size):
    with torch.device("meta"):
        extractor = build(cls, size)
    assert extractor.dim == extractor.model.encoder.transformer.layers[0].attention.embed_dim
    assert extractor.shortest == (400 if "tiny" not in size else 60)


def test_features_are_the_learned_mixture_or_the_last_layer():
    x = torch.randn(1, 1, 2000)
    mixed, last = build(Wav2Vec2, "tiny"), build(Wav2Vec2, "tiny", layers="last")
    outputs, _ = mixed.outputs(x)
    torch.testing.assert_close(mixed(x).features, torch.stack(outputs).mean(0))
    with torch.no_grad():
        mixed.mixture.weight.copy_(torch.tensor([-50.0, 50.0, -50.0]))
    torch.testing.assert_close(mixed(x).features, outputs[1])
    assert last.mixture is None
    torch.testing.assert_close(last(x).features, last.outputs(x)[0][-1])


@pytest.mark.parametrize("cls", [Wav2Vec2, WavLM])
def test_what_is_frozen_learns_nothing_and_drops_nothing(cls):
    x = torch.randn(2, 1, 2000)
    trained = {}
    for frozen in ("none", "convolutions", "all"):
        extractor = build(cls, "tiny", frozen=frozen).train()
        extractor(x).features.square().mean().backward()
        trained[frozen] = {
            n.split(".")[1] if "." in n else n for n, p in extractor.named_parameters() if p.grad is not None
        }
        for parameter in extractor.parameters():  # a strategy that thaws all cannot thaw this
            parameter.requires_grad_(True)
        same = torch.equal(extractor(x).features, extractor(x).features)
        assert same == (frozen == "all")
        assert extractor(x).features.requires_grad
    assert trained["none"] == {"feature_extractor", "encoder", "weight"}
    assert trained["convolutions"] == {"encoder", "weight"}
    assert trained["all"] == {"weight"}


def huggingface_names(state, prefix):
    """The names and shapes that transformers gives to a model of torchaudio."""
    out = {f"{prefix}masked_spec_embed": torch.zeros(24), "lm_head.weight": torch.zeros(2, 24)}
    for name, tensor in state.items():
        short = name.replace("encoder.transformer.", "encoder.").replace(
            "encoder.feature_projection.", "feature_projection."
        )
        short = short.replace("parametrizations.weight.original0", "weight_g")
        short = short.replace("parametrizations.weight.original1", "weight_v")
        if "attention.attention.in_proj_" in short:
            for part, piece in zip("qkv", tensor.chunk(3), strict=True):
                out[prefix + short.replace("attention.in_proj_", f"{part}_proj.")] = piece.clone()
        else:
            out[prefix + short.replace("attention.attention.out_proj", "attention.out_proj")] = tensor
    return out


@pytest.mark.parametrize(
    ("cls", "prefix"), [(Wav2Vec2, "wav2vec2."), (Wav2Vec2, ""), (HuBERT, "hubert."), (WavLM, "wavlm.")]
)
def test_weights_under_the_names_of_transformers_fit(cls, prefix, tmp_path):
    donor, path = build(cls, "tiny"), tmp_path / "model.safetensors"
    save_file(huggingface_names(donor.model.state_dict(), prefix), path)
    taker = cls(in_channels=1, weights=str(path), size="tiny").eval()
    x = torch.randn(1, 1, 2000)
    assert torch.equal(taker(x).features, donor(x).features)


@pytest.mark.parametrize("cls", [Wav2Vec2, WavLM])
def test_weights_of_torchaudio_fit_without_the_heads_of_other_tasks(cls, tmp_path):
    donor, path = build(cls, "tiny"), tmp_path / "model.pth"
    torch.save({**donor.model.state_dict(), "aux.weight": torch.zeros(2, 24)}, path)
    taker = cls(in_channels=1, weights=str(path), size="tiny").eval()
    x = torch.randn(1, 1, 2000)
    assert torch.equal(taker(x).features, donor(x).features)


def test_a_missing_file_says_what_to_fetch_and_where_to_put_it(tmp_path):
    path = tmp_path / "absent.pth"
    with pytest.raises(ValueError, match=r"absent\.pth; fetch wavlm_base\.pth .* or model\.safetensors of microsoft"):
        WavLM(in_channels=1, weights=str(path))
    torch.save(build(Wav2Vec2, "tiny").model.state_dict(), path)
    with pytest.raises(ValueError, match="does not fit this network"):
        Wav2Vec2(in_channels=1, weights=str(path), size="tiny_large")


def test_a_clip_too_short_for_a_frame_is_filled_with_zeros():
    extractor, x = build(Wav2Vec2, "tiny"), torch.randn(1, 1, 30)
    filled = torch.nn.functional.pad(x, (0, extractor.shortest - 30))
    torch.testing.assert_close(extractor(x).features, extractor(filled).features)


def test_unknown_names_are_refused():
    for options in ({"size": "huge"}, {"layers": "first"}, {"frozen": "some"}):
        ((name, value),) = options.items()
        with pytest.raises(ValueError, match=f"{name} is '{value}'; expected one of"):
            Wav2Vec2(in_channels=1, weights="random", **{"size": "tiny", **options})
    with pytest.raises(TypeError, match="weights"):
        Wav2Vec2(in_channels=1)
