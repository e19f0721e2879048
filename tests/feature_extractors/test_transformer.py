"""The Transformer extractor against its definition."""

import torch

from feature_extractors.transformer import Transformer


def test_prepare_widens_in_two_steps_and_the_encoder_follows():
    extractor = Transformer(in_channels=13, width=32, heads=4, feedforward=48, layers=2).eval()
    x, seen = torch.randn(2, 13, 20), []
    extractor.encoder.register_forward_hook(lambda module, args, output: seen.append((args[0], output)))
    frames = extractor(x)
    hidden = extractor.narrow.norm(extractor.narrow.conv(x)).relu()
    assert hidden.shape == (2, 128, 20)
    torch.testing.assert_close(seen[0][0], extractor.widen.norm(extractor.widen.conv(hidden)).relu())
    assert torch.equal(frames.features, seen[0][1])


def test_it_has_no_positions_unless_asked():
    order = torch.randperm(20)
    x = torch.randn(1, 13, 20)
    for positions in (False, True):
        extractor = Transformer(in_channels=13, width=32, heads=4, layers=1, positions=positions).eval()
        moved = (extractor(x[..., order]).features - extractor(x).features[..., order]).abs().max()
        assert (moved > 1e-2) == positions


def test_parameters_of_the_published_size_are_counted_by_hand():
    prepare = 39 * 128 + 2 * 128 + 128 * 256 + 2 * 256
    layer = 4 * 256 * 256 + 4 * 256 + 2 * 256 * 1024 + 1024 + 256 + 4 * 256
    assert sum(p.numel() for p in Transformer(in_channels=39).parameters()) == prepare + 3 * layer
