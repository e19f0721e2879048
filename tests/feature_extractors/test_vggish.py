"""VGGish: the published architecture, its weights, and an LSTM over its patches."""

import pytest
import torch
from safetensors.torch import save_file

from feature_extractors.vggish import VGGish
from feature_extractors.vggish_lstm import VGGishLSTM

SMALL = {"channels": (4, 8, 8, 8), "hidden": 12}


def test_layers_and_parameters_are_the_published_ones():
    with torch.device("meta"):
        vggish = VGGish()
    assert sum(p.numel() for p in vggish.parameters()) == 72_141_184
    shapes = {name: tuple(p.shape) for name, p in vggish.named_parameters() if name.endswith("weight")}
    assert shapes == {
        "features.0.weight": (64, 1, 3, 3),
        "features.3.weight": (128, 64, 3, 3),
        "features.6.weight": (256, 128, 3, 3),
        "features.8.weight": (256, 256, 3, 3),
        "features.11.weight": (512, 256, 3, 3),
        "features.13.weight": (512, 512, 3, 3),
        "embeddings.0.weight": (4096, 12288),
        "embeddings.2.weight": (4096, 4096),
        "embeddings.4.weight": (128, 4096),
    }
    x, sizes = torch.zeros(2, 1, 96, 64, device="meta"), []
    for layer in vggish.features:
        x = layer(x)
        if isinstance(layer, torch.nn.MaxPool2d):
            sizes.append(tuple(x.shape[1:]))
    assert sizes == [(64, 48, 32), (128, 24, 16), (256, 12, 8), (512, 6, 4)]


def test_dense_layers_read_time_then_frequency_then_channels():
    vggish = VGGish(**SMALL)
    x = torch.randn(1, 96, 64)
    image = vggish.features(x[:, None])[0]  # (channels, 6, 4)
    flat = torch.stack([image[c, t, f] for t in range(6) for f in range(4) for c in range(8)])
    torch.testing.assert_close(vggish(x)[0], vggish.embeddings(flat))


def test_patches_follow_one_another_and_a_short_clip_is_one_patch_with_zeros():
    extractor = VGGishLSTM(in_channels=64, **SMALL)
    x = torch.randn(1, 64, 250)
    embeddings = torch.stack([extractor.vggish(x[0, :, t : t + 96].T[None])[0] for t in (0, 96)], dim=1)[None]
    torch.testing.assert_close(extractor(x).features, extractor.lstm(embeddings))
    short = extractor(x[..., :30]).features
    torch.testing.assert_close(short, extractor(torch.nn.functional.pad(x[..., :30], (0, 66))).features)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_come_from_a_local_file(tmp_path, suffix):
    donor, path = VGGish(**SMALL), tmp_path / f"vggish{suffix}"
    torch.save(donor.state_dict(), path) if suffix == ".pth" else save_file(donor.state_dict(), path)
    extractor = VGGishLSTM(in_channels=64, weights=str(path), frozen=True, **SMALL)
    for name, weight in donor.state_dict().items():
        assert torch.equal(extractor.vggish.get_parameter(name), weight)
    assert not any(p.requires_grad for p in extractor.vggish.parameters())


def test_what_cannot_be_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no weights at .*; fetch the weights of torchvggish"):
        VGGishLSTM(in_channels=64, weights=str(tmp_path / "absent.pth"), **SMALL)
    torch.save(VGGish(channels=(4, 8, 8, 4), hidden=12).state_dict(), tmp_path / "other.pth")
    with pytest.raises(ValueError, match="does not fit this network, 5 weights"):
        VGGishLSTM(in_channels=64, weights=str(tmp_path / "other.pth"), **SMALL)
    with pytest.raises(ValueError, match="64 mel bands, not 39"):
        VGGishLSTM(in_channels=39)


def test_a_frozen_vggish_takes_no_gradient_whoever_unfreezes_its_parameters():
    model = VGGishLSTM(in_channels=64, frozen=True, weights="random", channels=(4, 4, 4, 4), hidden=8, units=4)
    model.requires_grad_(True)
    model(torch.randn(2, 64, 96)).features.sum().backward()
    assert all(p.grad is None for p in model.vggish.parameters())
    assert all(p.grad is not None for p in model.lstm.parameters())
