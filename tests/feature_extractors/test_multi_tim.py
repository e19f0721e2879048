"""The universal extractor alone: shapes, lengths, options."""

import pytest
import torch

from feature_extractors import EXTRACTORS, MultiTIM
from feature_extractors.batch_norm import MaskedBatchNorm1d

MODES = ("plain", "add", "conv", "attention", "add_attention", "se", "diff", "bidiff")


def test_the_registry_knows_it():
    assert EXTRACTORS["multi_tim"] is MultiTIM


@pytest.mark.parametrize("mode", MODES)
def test_features_are_the_last_scale_and_padding_is_zero(mode):
    extractor = MultiTIM(in_channels=13, blocks=2, mode=mode, width=16)
    frames = extractor(torch.randn(3, 13, 20), torch.tensor([20, 7, 1]))
    assert frames.features.shape == (3, extractor.dim, 20)
    assert frames.scales.shape == (3, extractor.dim, 20, extractor.num_scales)
    assert torch.equal(frames.features, frames.scales[..., -1])
    assert frames.lengths.tolist() == [20, 7, 1]
    assert frames.features[1, :, 7:].abs().sum() == 0
    assert frames.scales[2, :, 1:].abs().sum() == 0


def test_what_stands_in_the_padding_has_no_say_even_nan():
    extractor = MultiTIM(in_channels=13, blocks=2, mode="add_attention", width=16)
    x, lengths = torch.randn(2, 13, 20), torch.tensor([20, 9])
    outputs = []
    for filling in (0.0, 1e6, float("nan")):
        torch.manual_seed(1)
        x[1, :, 9:] = filling
        outputs.append(extractor(x, lengths).scales)
    assert torch.equal(outputs[0], outputs[1])
    assert torch.equal(outputs[0], outputs[2])


@pytest.mark.parametrize("mode", MODES)
def test_given_full_lengths_change_nothing(mode):
    extractor = MultiTIM(in_channels=13, blocks=2, mode=mode, width=16).eval()
    x = torch.randn(2, 13, 20)
    given, left_out = extractor(x, torch.tensor([20, 20])), extractor(x)
    assert torch.equal(given.scales, left_out.scales)
    assert torch.equal(given.lengths, left_out.lengths)
    assert not given.padded


@pytest.mark.parametrize("mode", MODES)
def test_masked_paths_agree_with_native_ones_in_training(mode):
    extractor = MultiTIM(in_channels=13, blocks=2, mode=mode, width=16, dropout=0.0)
    x = torch.randn(2, 13, 20)
    native = extractor(x).scales
    padded = extractor(torch.nn.functional.pad(x, (0, 6), value=9.0), torch.tensor([20, 20])).scales
    torch.testing.assert_close(padded[:, :, :20], native, atol=2e-5, rtol=1e-4)


def test_prepare_can_be_left_out_and_its_relu_switched_off():
    x = torch.randn(2, 13, 20)
    assert MultiTIM(in_channels=13, prepare=False, mode="plain").prepare is None
    assert MultiTIM(in_channels=13, prepare=False, mode="plain")(x).features.shape == (2, 39, 20)
    assert MultiTIM(in_channels=13).prepare(x).min() >= 0
    assert MultiTIM(in_channels=13, prepare_relu=False).prepare(x).min() < 0


def test_every_normalisation_is_masked():
    extractor = MultiTIM(in_channels=13, mode="attention", variant="inception")
    norms = [m for m in extractor.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    assert norms
    assert {type(norm) for norm in norms} == {MaskedBatchNorm1d}


def test_options_are_keyword_only_and_lengths_are_checked():
    with pytest.raises(TypeError):
        MultiTIM(13)
    with pytest.raises(ValueError, match="expected 1 to 20"):
        MultiTIM(in_channels=13)(torch.randn(2, 13, 20), torch.tensor([20, 21]))
