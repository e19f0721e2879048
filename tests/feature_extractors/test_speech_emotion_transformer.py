"""SET and SET_official against their definitions."""

import torch
from torch import nn

from feature_extractors.positions import sinusoidal_positions
from feature_extractors.speech_emotion_transformer import (
    ImageBlock,
    SpeechEmotionConvTransformer,
    SpeechEmotionTransformer,
)

SMALL = {"width": 16, "heads": 2, "layers": 2, "feedforward": 24}


def test_set_is_projection_normalisation_positions_and_the_mean_of_all_layers():
    extractor, x = SpeechEmotionTransformer(in_channels=13, **SMALL).eval(), torch.randn(2, 13, 20)
    y = extractor.project.norm(extractor.project.conv(x)) + sinusoidal_positions(20, 16)
    first = extractor.encoder.layers[0](y.transpose(1, 2))
    second = extractor.encoder.layers[1](first)
    torch.testing.assert_close(extractor(x).features, ((first + second) / 2).transpose(1, 2), atol=1e-5, rtol=1e-4)


def test_an_image_block_is_torchs_own_layers_where_nothing_is_padded():
    for training in (True, False):
        block, image = ImageBlock(3, 5, pool=3).train(training), torch.randn(2, 3, 7, 10)
        norm = nn.BatchNorm2d(5).train(training)
        expected = nn.functional.max_pool2d(norm(block.conv(image)).relu(), 3, ceil_mode=True)
        y, valid = block(image, None)
        assert valid is None
        torch.testing.assert_close(y, expected, atol=1e-5, rtol=1e-4)


def test_an_image_block_gives_each_padded_image_what_it_gives_the_cut_one():
    block, image, lengths = ImageBlock(3, 5, pool=2).eval(), torch.randn(3, 3, 7, 10), (10, 7, 1)
    nn.init.normal_(block.norm.bias)
    real = torch.arange(10) < torch.tensor(lengths)[:, None]
    image = image.masked_fill(~real[:, None, None], 0)
    y, valid = block(image, real)
    assert valid.sum(1).tolist() == [5, 4, 1]
    for n, length in enumerate(lengths):
        alone, _ = block(image[n : n + 1, ..., :length], None)
        torch.testing.assert_close(y[n : n + 1, ..., : alone.shape[3]], alone)
        assert not y[n, ..., alone.shape[3] :].any()


def test_statistics_of_an_image_block_do_not_see_the_padding():
    block, alone, image = ImageBlock(3, 5, pool=2), ImageBlock(3, 5, pool=2), torch.randn(1, 3, 7, 6)
    alone.load_state_dict(block.state_dict())
    block(nn.functional.pad(image, (0, 4)), torch.arange(10)[None] < 6)
    alone(image, None)
    torch.testing.assert_close(block.norm.running_var, alone.norm.running_var)


def test_set_conv_is_an_image_of_layers_through_four_blocks():
    extractor = SpeechEmotionConvTransformer(in_channels=13, embedding=12, **SMALL).eval()
    x = torch.randn(2, 13, 80)
    layers = extractor.encoder.outputs(extractor.project(x))
    image = torch.stack(layers, 1)  # (2, layers, 16, 80)
    image = image / (1 + extractor.norm.eps) ** 0.5
    sizes = []
    for block, pool in zip(extractor.blocks, (2, 2, 3, 3), strict=True):
        image = nn.functional.max_pool2d((block.conv(image) / (1 + block.norm.eps) ** 0.5).relu(), pool, ceil_mode=True)
        sizes.append(tuple(image.shape[1:]))
    assert sizes == [(16, 8, 40), (32, 4, 20), (64, 2, 7), (128, 1, 3)]
    expected = extractor.linear(image.mean(3).flatten(1)).relu()
    torch.testing.assert_close(extractor(x).features[..., 0], expected, atol=1e-5, rtol=1e-4)


def test_set_conv_has_no_positions_unless_asked():
    assert not SpeechEmotionConvTransformer(in_channels=13, **SMALL).encoder.positions
    assert SpeechEmotionConvTransformer(in_channels=13, positions=True, **SMALL).encoder.positions
