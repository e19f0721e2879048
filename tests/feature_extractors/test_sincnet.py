"""SincNet: frames, chunks, and what each frame sees."""

import pytest
import torch

from feature_extractors.sincnet import SincNet

SMALL = {"frame": 400, "taps": 51, "filters": 6, "channels": (5, 5), "widths": (12,)}


def test_frames_lie_wholly_inside_the_clip_and_each_sees_its_own_samples():
    extractor = SincNet(in_channels=1, **SMALL).eval()
    x = torch.randn(1, 1, 1000)
    frames = extractor(x)
    assert frames.features.shape == (1, 12, 1 + 600 // 160)
    for t in range(4):
        alone = extractor(x[..., 160 * t : 160 * t + 400]).features
        torch.testing.assert_close(frames.features[..., t : t + 1], alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("training", [True, False])
def test_chunks_change_memory_alone(training):
    x, lengths = torch.randn(2, 1, 1500), torch.tensor([1500, 900])
    results = []
    for chunk in (1000, 3):
        torch.manual_seed(1)
        extractor = SincNet(in_channels=1, chunk=chunk, **SMALL).train(training)
        features = extractor(x, lengths).features
        features.square().sum().backward()
        results.append([features, *(p.grad for p in extractor.parameters())])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


def test_training_keeps_nothing_between_the_ends_of_a_chunk():
    extractor, kept = SincNet(in_channels=1, chunk=8, **SMALL), []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        extractor(torch.randn(1, 1, 400 + 31 * 160))
    assert max(kept) < 8 * 6 * 350  # the rectified sinc outputs of one chunk


def test_layers_have_the_papers_sizes():
    extractor = SincNet(in_channels=1)
    assert [tuple(norm.normalized_shape) for norm in extractor.norms] == [(80, 983), (60, 326), (60, 107)]
    assert extractor.dim == 2048


def test_a_clip_shorter_than_a_frame_is_one_frame_with_zeros():
    extractor = SincNet(in_channels=1, **SMALL).eval()
    x = torch.randn(1, 1, 150)
    filled = torch.nn.functional.pad(x, (0, 250))
    assert torch.equal(extractor(x).features, extractor(filled).features)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="too short for 251 taps"):
        SincNet(in_channels=1, frame=260)
    with pytest.raises(ValueError, match="name: waveform"):
        SincNet(in_channels=39)
