"""The frame classifiers of the phoneme task, and the perceptron over functionals."""

import inspect

import pytest
import torch

from feature_extractors.frame_bilstm import FrameBiLSTM
from feature_extractors.frame_mlp import FrameMLP
from feature_extractors.functionals import Functionals


@pytest.mark.parametrize("neighbours", [11, 17, 81])
def test_a_window_of_n_frames_is_one_frame(neighbours):
    frames = FrameMLP(in_channels=39, neighbours=neighbours, width=8)(torch.randn(4, 39, neighbours))
    assert frames.features.shape == (4, 8, 1)


def test_a_clip_gives_what_its_windows_give():
    network = FrameMLP(in_channels=5, neighbours=3, width=8).eval()
    x = torch.randn(1, 5, 9)
    windows = x.unfold(2, 3, 1)[0].transpose(0, 1)  # (7, C, 3)
    torch.testing.assert_close(network(x).features[0].T, network(windows).features[..., 0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("layers", "width"), [(2, 512), (2, 1750), (6, 1024), (12, 1024)])
def test_blocks_of_the_notes_have_three_linear_layers(layers, width):
    with torch.device("meta"):
        network = FrameMLP(in_channels=39, neighbours=17, layers=layers, width=width)
    sizes = [tuple(linear.weight.shape[:2]) for linear in network.mlp.linears]
    block = [(2 * width, width), (width, 2 * width)]
    assert sizes == [(width, 39), *block, *[(width, width), *block] * layers]
    assert network.mlp.linears[0].kernel_size == (17,)


@pytest.mark.parametrize("neighbours", [0, 10])
def test_a_window_has_a_middle(neighbours):
    with pytest.raises(ValueError, match=f"neighbours is {neighbours}; expected an odd number"):
        FrameMLP(in_channels=39, neighbours=neighbours)


def test_a_window_that_is_too_short_is_refused():
    with pytest.raises(ValueError, match="a window of 9 frames"):
        FrameMLP(in_channels=39)(torch.randn(2, 39, 9))
    with pytest.raises(ValueError, match="a window of 10 frames"):
        FrameMLP(in_channels=39)(torch.randn(2, 39, 11), torch.tensor([11, 10]))


def test_the_bilstm_of_the_notes():
    options = inspect.signature(FrameBiLSTM).parameters
    sizes = {"units": 512, "lstm_layers": 5, "layers": 4, "width": 1024, "dropout": 0.25}
    assert {name: options[name].default for name in sizes} == sizes
    network = FrameBiLSTM(in_channels=39, units=4, width=6)
    assert [lstm.input_size for lstm in network.lstm.backwards] == [39, 8, 8, 8, 8]
    assert [linear.in_channels for linear in network.mlp.linears] == [8, 6, 6, 6, 6]


def test_weights_start_as_xavier_orthogonal_and_zero():
    network = FrameBiLSTM(in_channels=39, units=16, width=8)
    for name, weight in network.lstm.named_parameters():
        if "bias" in name:
            assert not weight.any()
        elif "weight_hh" in name:
            torch.testing.assert_close(weight.T @ weight, torch.eye(16), atol=1e-5, rtol=0)
        else:
            bound = (6 / sum(weight.shape)) ** 0.5
            assert 0.9 * bound < weight.abs().max() <= bound


@pytest.mark.parametrize("read", ["ends", "last"])
def test_the_state_read_is_that_of_the_real_frames(read):
    network = FrameBiLSTM(in_channels=5, units=4, lstm_layers=1, width=6, read=read).eval()
    x, length = torch.randn(1, 5, 9), 6
    y = network.lstm(x[..., :length])[0]
    state = torch.cat([y[:4, -1], y[4:, 0 if read == "ends" else -1]])
    expected = network.mlp(network.norm(state.relu())[None, :, None])
    torch.testing.assert_close(network(x, torch.tensor([length])).features, expected)


def test_the_notes_reading_leaves_the_last_backward_layer_without_memory():
    dead = {}
    for read in ("ends", "last"):
        network = FrameBiLSTM(in_channels=5, units=4, lstm_layers=2, width=6, read=read)
        network(torch.randn(4, 5, 9)).features.square().sum().backward()
        dead[read] = [n for n, p in network.named_parameters() if not p.grad.any()]
    assert dead == {"ends": [], "last": ["lstm.backwards.1.weight_hh_l0"]}


def test_functionals_are_one_vector_a_clip():
    network = Functionals(in_channels=88, widths=(16, 8), norm="batch").eval()
    x = torch.randn(3, 88, 1)
    assert network(x).features.shape == (3, 8, 1)
    assert network(x).lengths.tolist() == [1, 1, 1]


def test_functionals_without_a_layer_pass_as_they_are():
    network, x = Functionals(in_channels=88, widths=()), torch.randn(3, 88, 1)
    assert network.dim == 88
    assert not list(network.parameters())
    assert torch.equal(network(x).features, x)
