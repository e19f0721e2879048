"""Parameters, multiply-adds and receptive fields against counts by hand."""

import pytest
import torch
from torch import nn

from feature_extractors import EXTRACTORS, Frames
from feature_extractors.describe import describe, multiply_adds, receptive_field
from feature_extractors.transformer_encoder import TransformerEncoder

T = 20


@pytest.mark.parametrize(
    ("layer", "shape", "count"),
    [
        (nn.Conv1d(6, 8, 3, padding=1, groups=2), (6, T), T * 8 * 3 * 3),
        (nn.Conv1d(6, 8, 4, stride=4), (6, T), 5 * 8 * 6 * 4),
        (nn.Conv2d(2, 4, 3), (2, 9, T), 7 * 18 * 4 * 2 * 9),
        (nn.Linear(T, 7), (6, T), 6 * T * 7),
        (nn.LSTM(T, 7, bidirectional=True, batch_first=True), (6, T), 2 * 6 * 4 * 7 * (T + 7)),
        (nn.GRU(T, 7, batch_first=True), (6, T), 6 * 3 * 7 * (T + 7)),
        (
            TransformerEncoder(8, layers=2, heads=2, feedforward=12),
            (8, T),
            2 * (T * 4 * 8 * 8 + 2 * T * T * 8 + 2 * T * 8 * 12),
        ),
        (nn.BatchNorm1d(6), (6, T), 0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)
def test_multiply_adds_are_those_of_the_formula(layer, shape, count):
    assert multiply_adds(layer, shape) == count


def test_multiply_adds_of_tim_are_counted_by_hand():
    f, blocks = 9, 3
    by_hand = 13 * f * T + blocks * 2 * 2 * (2 * f * f * T) + f * T * blocks  # prepare, both directions, weight layer
    assert multiply_adds(EXTRACTORS["tim"](in_channels=13, filters=f, blocks=blocks), (13, T)) == by_hand


@pytest.mark.parametrize(
    ("name", "options", "field"),
    [
        ("tcn", {"blocks": 3}, 1 + 2 * (1 + 2 + 4)),
        ("tcn", {"blocks": 6}, 1 + 2 * 63),  # longer than the clip that is given
        ("mtcn", {"variant": "simple"}, 1 + (1 + 2 + 4)),
        ("tim", {"blocks": 3}, 1 + 2 * 2 * (1 + 2 + 4)),
        ("multi_tim", {"blocks": 2, "mode": "plain"}, 1 + 2 * 3),
        ("set", {"width": 8, "heads": 1, "layers": 2, "feedforward": 8}, None),
        ("multi_tim", {"blocks": 1, "mode": "se", "width": 64}, None),
        ("bert", {"width": 8, "heads": 1, "layers": 1, "feedforward": 8}, None),
    ],
)
def test_the_receptive_field_is_that_of_the_dilations(name, options, field):
    assert receptive_field(EXTRACTORS[name](in_channels=5, **options), (5, T)) == field


def test_strides_widen_the_receptive_field():
    class Strided(nn.Sequential):
        def forward(self, x):
            return Frames(super().forward(x), torch.full((len(x),), T))

    strided = Strided(nn.Conv1d(2, 4, 3, stride=2), nn.Conv1d(4, 4, 3, stride=2))
    assert receptive_field(strided, (2, 40)) == 3 + 2 * 2


def test_a_description_leaves_the_extractor_as_it_was_and_its_layers_hold_all_parameters():
    extractor = EXTRACTORS["at_tim"](in_channels=13, filters=6, blocks=2, attention="aft_local")
    state = {name: value.clone() for name, value in extractor.state_dict().items()}
    found = describe(extractor, (13, T))
    assert extractor.training
    assert all(p.requires_grad and p.dtype == torch.float32 for p in extractor.parameters())
    for name, value in extractor.state_dict().items():
        assert torch.equal(value, state[name]), name
    assert found.parameters == sum(p.numel() for p in extractor.parameters())
    assert sum(layer.parameters for layer in found.layers) == found.parameters
    assert len({layer.name for layer in found.layers}) == len(found.layers)
    assert found.output == (6, T)
    layers = {layer.name: layer for layer in found.layers}
    assert layers["scales.prepare.conv"][1:] == ("CausalConv1d", (1, 6, T), 13 * 6)
    assert layers["fusion.attention"].parameters == 2 * 64 - 1  # what stands in no layer: the pair bias


def test_scales_and_pooled_time_are_told():
    assert describe(EXTRACTORS["mtcn"](in_channels=13, filters=6, blocks=2), (13, T)).scales == 2
    small = {"width": 8, "heads": 1, "layers": 1, "feedforward": 8}
    assert describe(EXTRACTORS["bert"](in_channels=13, **small), (13, T)).output == (8, 1)


def test_counting_computes_nothing():
    assert multiply_adds(nn.Conv1d(4, 6, 3, padding=1), (4, 10**10)) == 4 * 6 * 3 * 10**10  # 320 GB of samples


class AsksForValues(nn.Conv1d):
    def forward(self, x):
        return super().forward(x) if x.sum().item() == 0 else x


def test_an_extractor_that_asks_for_values_is_counted_with_values():
    assert multiply_adds(AsksForValues(4, 6, 3, padding=1), (4, T)) == 4 * 6 * 3 * T


class Noting(nn.Conv1d):
    seen: list[int]

    def forward(self, x):
        self.seen.append(x.shape[-1])
        return super().forward(x)


@pytest.mark.parametrize(("kernel", "longest"), [(3201, 8192), (9001, 40000)])
def test_the_receptive_field_of_a_waveform_is_looked_for_in_a_part_of_it(kernel, longest, monkeypatch):
    seen = []
    monkeypatch.setattr(Noting, "seen", seen, raising=False)
    assert receptive_field(Noting(1, 2, kernel, padding="same"), (1, 40000)) == kernel
    assert max(seen) == longest


def test_a_layer_called_several_times_is_listed_as_called_first():
    sincnet = EXTRACTORS["sincnet"](in_channels=1, shift=1600, chunk=4)  # nine frames: four, four and one
    rows = {layer.name: layer.output for layer in describe(sincnet, (1, 16000)).layers}
    assert rows["convs.0"] == (4, 80, 2950)
