"""A head that ends in a softmax is refused."""

import pytest
import torch
from torch import nn

from feature_extractors import HEADS, LinearHead
from feature_extractors.logits import refuse_softmax


class LayerAtTheEnd(LinearHead):
    def __init__(self, **options):
        super().__init__(**options)
        self.classifier = nn.Sequential(self.classifier, nn.Softmax(dim=1))


class CallAtTheEnd(LinearHead):
    def forward(self, frames):
        return super().forward(frames).softmax(1)


@pytest.mark.parametrize("head", [LayerAtTheEnd, CallAtTheEnd])
@pytest.mark.parametrize("classes", [1, 4])
def test_probabilities_are_refused_however_they_came_about(head, classes):
    with pytest.raises(ValueError, match=f"{head.__name__} gives probabilities.*losses take logits"):
        refuse_softmax(head(in_features=9, classes=classes), in_features=9)


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("scales", [0, 2])
def test_the_heads_there_are_pass_and_stay_as_they_were(kind, scales):
    head = HEADS[kind](in_features=9, in_scales=scales, classes=4)
    state = {name: value.clone() for name, value in head.state_dict().items()}
    before = torch.get_rng_state()
    refuse_softmax(head, in_features=9, in_scales=scales)
    assert head.training
    assert torch.equal(torch.get_rng_state(), before)
    for name, value in head.state_dict().items():
        assert torch.equal(value, state[name]), name
