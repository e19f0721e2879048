"""Masked batch normalisation against torch's own over the clips cut to their lengths and laid end to end."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from feature_extractors.batch_norm import MaskedBatchNorm1d, MaskedBatchNorm2d
from feature_extractors.frames import valid_frames


def batch(lengths, filters=3):
    x = torch.randn(len(lengths), filters, max(lengths)) * 3 + 1
    return x, valid_frames(torch.tensor(lengths), clips=len(lengths), frames=max(lengths))


def end_to_end(x, lengths):
    return torch.cat([clip[:, :length] for clip, length in zip(x, lengths, strict=True)], dim=1)[None]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 12), min_size=2, max_size=5), st.sampled_from([0.1, 0.5, None]), st.booleans())
def test_statistics_are_those_of_the_real_frames_laid_end_to_end(lengths, momentum, affine):
    ours, torchs = (kind(3, momentum=momentum, affine=affine) for kind in (MaskedBatchNorm1d, nn.BatchNorm1d))
    for _ in range(2):
        x, valid = batch(lengths)
        expected = torchs(end_to_end(x, lengths))
        torch.testing.assert_close(end_to_end(ours(x, valid), lengths), expected, atol=2e-5, rtol=1e-4)
    for name, buffer in torchs.named_buffers():
        torch.testing.assert_close(ours.get_buffer(name), buffer, msg=name)


def test_gradients_are_those_of_the_real_frames_laid_end_to_end():
    lengths = [7, 3, 5]
    x, valid = batch(lengths)
    ours, torchs = MaskedBatchNorm1d(3), nn.BatchNorm1d(3)
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    end_to_end(ours(a, valid), lengths).pow(3).sum().backward()
    torchs(end_to_end(b, lengths)).pow(3).sum().backward()
    torch.testing.assert_close(a.grad, b.grad, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(ours.weight.grad, torchs.weight.grad, atol=1e-4, rtol=1e-4)
    assert a.grad[1, :, 3:].abs().sum() == 0


def test_evaluation_uses_the_running_statistics_and_leaves_them():
    x, valid = batch([5, 2])
    norm = MaskedBatchNorm1d(3).eval()
    before = {name: buffer.clone() for name, buffer in norm.named_buffers()}
    torch.testing.assert_close(norm(x, valid), nn.BatchNorm1d(3).eval()(x))
    assert all(torch.equal(buffer, before[name]) for name, buffer in norm.named_buffers())


def test_without_running_statistics_evaluation_is_masked_too():
    lengths = [5, 2]
    x, valid = batch(lengths)
    ours = MaskedBatchNorm1d(3, track_running_stats=False).eval()
    torchs = nn.BatchNorm1d(3, track_running_stats=False).eval()
    expected = torchs(end_to_end(x, lengths))
    torch.testing.assert_close(end_to_end(ours(x, valid), lengths), expected, atol=1e-5, rtol=1e-4)


def test_state_is_exchangeable_with_torchs_own():
    torchs = nn.BatchNorm1d(3)
    torchs(torch.randn(4, 3, 5))
    ours = MaskedBatchNorm1d(3)
    ours.load_state_dict(torchs.state_dict())
    assert isinstance(ours, nn.BatchNorm1d)
    assert list(ours.state_dict()) == list(torchs.state_dict())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_sums_its_statistics_in_single(dtype):
    x = torch.full((2, 1, 3000), 30.0, dtype=dtype)
    x[..., ::2] = 34.0
    valid = torch.ones(2, 3000, dtype=torch.bool)
    valid[1, 1000:] = False
    norm = MaskedBatchNorm1d(1, momentum=1.0)
    y = norm(x, valid)
    assert y.dtype == dtype
    assert norm.running_mean.item() == pytest.approx(32.0, abs=1e-3)
    assert norm.running_var.item() == pytest.approx(4.0, rel=1e-3)


def test_images_are_normalised_over_the_rows_of_their_real_frames():
    ours, torchs = MaskedBatchNorm2d(3), nn.BatchNorm2d(3)
    x, valid = torch.randn(2, 3, 4, 6) * 3 + 1, valid_frames(torch.tensor([6, 2]), clips=2, frames=6)
    real = torch.cat([x[0], x[1, ..., :2]], dim=-1)[None]  # (1, F, H, 8)
    y, expected = ours(x, valid), torchs(real)
    torch.testing.assert_close(torch.cat([y[0], y[1, ..., :2]], dim=-1)[None], expected, atol=1e-5, rtol=1e-4)
    ours.load_state_dict(torchs.state_dict())
    torch.testing.assert_close(ours.eval()(x, valid), torchs.eval()(x))
    torch.testing.assert_close(ours.train()(x), torchs.train()(x))


@pytest.mark.parametrize("momentum", [0.1, None])
def test_a_step_may_pass_whole_clips_and_then_padded_ones_and_has_the_gradient_of_both(momentum):
    norm, torchs = MaskedBatchNorm1d(3, momentum=momentum), nn.BatchNorm1d(3, momentum=momentum)
    x, valid = torch.randn(2, 3, 6), valid_frames(torch.tensor([6, 2]), clips=2, frames=6)
    real = torch.cat([x[0], x[1, :, :2]], dim=-1)[None]
    y = norm(x, valid)
    (norm(x).square().sum() + torch.cat([y[0], y[1, :, :2]], dim=-1).pow(3).sum()).backward()
    (torchs(real).pow(3).sum() + torchs(x).square().sum()).backward()
    torch.testing.assert_close(norm.weight.grad, torchs.weight.grad, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(norm.running_mean, torchs.running_mean)
    torch.testing.assert_close(norm.running_var, torchs.running_var)
    (norm(x).sum() + norm(x, valid).sum()).backward()  # whole first: the order that once ended the backward pass
