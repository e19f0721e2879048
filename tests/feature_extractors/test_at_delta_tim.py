"""AT-DeltaTIM in both versions."""

import pytest
import torch

from feature_extractors.at_delta_tim import AttentionDeltaTIM, DifferenceConvStack


def chain(blocks, x):
    outputs = []
    for block in blocks:
        outputs.append(block(outputs[-1] if outputs else x))
    return outputs


def test_version_2_merges_the_differences_of_both_directions_level_by_level():
    stack, x = DifferenceConvStack(6, 6, dilations=[1, 2, 4]).eval(), torch.randn(2, 6, 20)
    f = chain(stack.blocks, x)
    b = [y.flip(-1) for y in chain(stack.blocks, x.flip(-1))]
    pairs = [(f[1] - f[0], b[1] - b[0]), (f[2] - f[1], b[2] - b[1]), (f[2], b[2])]
    for level, merge, pair in zip(stack.levels(x, None), stack.merge, pairs, strict=True):
        weight = merge.conv.weight[..., 0]  # (6, 12)
        expected = torch.einsum("oc,nct->not", weight, torch.cat(pair, 1)) / (1 + merge.norm.eps) ** 0.5
        torch.testing.assert_close(level, expected.relu(), atol=1e-6, rtol=1e-5)


def test_scales_of_version_1_are_causal_and_those_of_version_2_are_not():
    for version in (1, 2):
        extractor = AttentionDeltaTIM(in_channels=6, filters=6, blocks=3, version=version).eval()
        x = torch.randn(1, 6, 30, requires_grad=True)
        level = sum(extractor.stack.levels(extractor.prepare(x), None))
        (gradient,) = torch.autograd.grad((level[:, :, 10] * torch.randn(6)).sum(), x)
        assert bool(gradient[..., 11:].any()) == (version == 2)


def test_version_2_alone_masks_frames_in_training_and_twenty_percent_of_them():
    x = torch.ones(4, 6, 500)
    for version in (1, 2):
        extractor = AttentionDeltaTIM(in_channels=6, filters=6, blocks=2, version=version)
        seen = []
        extractor.prepare.register_forward_hook(lambda module, args, output, seen=seen: seen.append(args[0]))
        extractor(x)
        assert ((seen[0] == 0).float().mean() > 0.1) == (version == 2)
        extractor.eval()(x)
        assert torch.equal(seen[1], x)
    assert extractor.masking.share == 0.2


def test_unknown_versions_are_refused():
    with pytest.raises(ValueError, match="unknown version 3; choose 1 or 2"):
        AttentionDeltaTIM(in_channels=6, version=3)
