"""The head with a hidden layer."""

import torch

from feature_extractors import Frames, MLPHead


def test_it_is_mean_linear_relu_linear():
    head = MLPHead(in_features=5, classes=3).eval()
    x = torch.randn(2, 5, 10)
    logits = head(Frames(x, torch.tensor([10, 4])))
    for n, length in enumerate((10, 4)):
        hidden = (head.hidden.weight @ x[n, :, :length].mean(-1) + head.hidden.bias).relu()
        assert hidden.shape == (100,)
        torch.testing.assert_close(logits[n], head.classifier.weight @ hidden + head.classifier.bias)


def test_hidden_units_are_dropped_in_training_alone():
    head, frames = MLPHead(in_features=5, classes=3, dropout=0.5), Frames(torch.randn(2, 5, 10), torch.full((2,), 10))
    assert not torch.equal(head(frames), head(frames))
    head.eval()
    assert torch.equal(head(frames), head(frames))
