"""The eight modes of the temporal stack, against the definition of what each level contributes."""

import pytest
import torch

from feature_extractors.attention import AttentionFreeLocal, SqueezeExcitation
from feature_extractors.frames import valid_frames
from feature_extractors.stack_modes import MODES, build_stack

F, T, B = 6, 24, 3
NAMES = ("plain", "add", "conv", "attention", "add_attention", "se", "diff", "bidiff")
CAUSAL = ("plain", "diff")


def stack(mode, **options):
    torch.manual_seed(0)
    built = build_stack(mode, F, F, levels=range(B), **{"width": 16, **options}).eval()
    for norm in built.modules():  # as after training: no normalisation is the identity
        if isinstance(norm, torch.nn.BatchNorm1d):
            torch.nn.init.normal_(norm.running_mean)
            torch.nn.init.uniform_(norm.running_var, 0.5, 2.0)
    return built


def chain(blocks, x):
    outputs = []
    for block in blocks:
        outputs.append(block(x if not outputs else outputs[-1]))
    return outputs


def directions(built, x):
    """Forward outputs f and backward outputs b, the latter turned back so that frame t stands beside frame t."""
    return chain(built.blocks, x), [b.flip(-1) for b in chain(built.blocks, x.flip(-1))]


def expected_levels(mode, built, x):
    if mode in ("attention", "se"):
        y, levels = built.project_in(x), []
        for block, attention in zip(built.blocks, built.attention, strict=True):
            y = attention(block(y).transpose(1, 2)).transpose(1, 2)
            levels.append(built.project_out(y))
        return levels
    if mode == "add_attention":
        f, b = directions(built, built.project_in(x))
        attended = [a((f[j] + b[j]).transpose(1, 2)).transpose(1, 2) for j, a in enumerate(built.attention)]
        return [built.project_out(y) for y in attended]
    f, b = directions(built, x)
    return {
        "plain": f,
        "add": [f[j] + b[j] for j in range(B)],
        "conv": [built.merge[j](torch.cat([f[j], b[j]], 1)) for j in range(B)] if mode == "conv" else None,
        "diff": [f[1] - f[0], f[2] - f[1], f[2]],
        "bidiff": [f[1] - f[0] + b[1] - b[0], f[2] - f[1] + b[2] - b[1], f[2] + b[2]],
    }[mode]


def test_all_eight_modes_are_there():
    assert tuple(MODES) == NAMES


@pytest.mark.parametrize("mode", NAMES)
def test_each_level_contributes_what_its_mode_says(mode):
    built, x = stack(mode), torch.randn(2, F, T)
    scales = built(x)
    assert scales.shape == (2, F, T, B)
    for j, level in enumerate(expected_levels(mode, built, x)):
        torch.testing.assert_close(scales[..., j], level, atol=1e-5, rtol=1e-4, msg=lambda m, j=j: f"level {j}: {m}")


@pytest.mark.parametrize("mode", CAUSAL)
def test_causal_modes_depend_on_no_later_frame(mode):
    built, x = stack(mode), torch.randn(1, F, T, requires_grad=True)
    for t in (0, 9, T - 1):
        (gradient,) = torch.autograd.grad(built(x)[:, :, t].sum(), x)
        assert gradient[..., t + 1 :].abs().sum() == 0


@pytest.mark.parametrize("mode", ["add", "conv", "add_attention", "bidiff"])
def test_backward_pass_brings_later_frames(mode):
    built, x = stack(mode), torch.randn(1, F, T, requires_grad=True)
    (gradient,) = torch.autograd.grad(built(x)[:, :, 0].sum(), x)
    assert gradient[..., 1:].abs().sum() > 0


@pytest.mark.parametrize("mode", NAMES)
def test_blocks_run_backward_only_where_the_mode_uses_it(mode):
    built, clips = stack(mode), []
    built.blocks[0].register_forward_hook(lambda module, args, output: clips.append(len(output)))
    built(torch.randn(2, F, T))
    assert clips == [4 if mode in ("add", "conv", "add_attention", "bidiff") else 2]


@pytest.mark.parametrize("mode", NAMES)
def test_reversed_pass_begins_at_the_clips_own_end(mode):
    built, x = stack(mode), torch.randn(2, F, T)
    alone = built(x[:1, :, :10])
    x[0, :, 10:] = 7.0
    valid = valid_frames(torch.tensor([10, T]), clips=2, frames=T)
    torch.testing.assert_close(built(x, valid)[:1, :, :10], alone, atol=1e-5, rtol=1e-4)


def test_dilations_are_powers_of_two_counted_through():
    built = build_stack("plain", F, F, levels=range(3, 8))
    assert [block.body[0].conv.dilation[0] for block in built.blocks] == [8, 16, 32, 64, 128]


@pytest.mark.parametrize("mode", ["attention", "add_attention", "se"])
def test_attention_modes_run_at_their_own_width(mode):
    built = build_stack(mode, F, F, levels=range(2))
    assert built.blocks[0].body[0].conv.weight.shape[:2] == (128, 128)
    assert built(torch.randn(2, F, T)).shape == (2, F, T, 2)


def test_mode_se_gates_channels_whatever_the_attention_of_the_other_modes():
    for mode, kind in (("se", SqueezeExcitation), ("attention", AttentionFreeLocal)):
        built = build_stack(mode, F, F, levels=range(2), attention="aft_local")
        assert {type(attention) for attention in built.attention} == {kind}


def test_unknown_modes_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown stack mode 'delta'.*choose one of plain, add"):
        build_stack("delta", F, F, levels=range(2))
