"""The masked LSTM against torch's own, clip by clip without padding."""

import pytest
import torch
from torch import nn

from feature_extractors.frames import valid_frames
from feature_extractors.lstm import MaskedLSTM

LENGTHS = (9, 4, 1)


def torchs(ours, layers):
    """torch's LSTM with the weights of ours."""
    both = ours.backwards is not None
    theirs = nn.LSTM(5, ours.units, num_layers=layers, bidirectional=both, batch_first=True)
    for i in range(layers):
        for lstm, suffix in ((ours.forwards, ""), (ours.backwards, "_reverse")):
            for name, weight in () if lstm is None else lstm[i].named_parameters():
                theirs.get_parameter(name.replace("l0", f"l{i}") + suffix).data.copy_(weight.data)
    return theirs


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_it_is_torchs_lstm_of_each_clip_alone(layers, bidirectional):
    ours = MaskedLSTM(5, 4, layers=layers, bidirectional=bidirectional)
    theirs = torchs(ours, layers)
    x, lengths = torch.randn(3, 5, 9), torch.tensor(LENGTHS)
    y = ours(x, valid_frames(lengths, clips=3, frames=9))
    ends = ours.ends(y, lengths)
    for clip, features, end, length in zip(x, y, ends, LENGTHS, strict=True):
        expected, (state, _) = theirs(clip[None, :, :length].transpose(1, 2))
        torch.testing.assert_close(features[:, :length], expected[0].T)
        torch.testing.assert_close(end, state[-2 if bidirectional else -1 :, 0].flatten())
        assert not features[:, length:].any()


def test_without_a_mask_all_frames_are_real():
    lstm, x = MaskedLSTM(5, 4, bidirectional=True), torch.randn(2, 5, 7)
    torch.testing.assert_close(lstm(x), lstm(x, torch.ones(2, 7, dtype=torch.bool)))


def test_dropout_falls_between_layers_only():
    assert torch.equal((one := MaskedLSTM(5, 4, dropout=0.5))(x := torch.randn(2, 5, 7)), one(x))
    assert not torch.equal((two := MaskedLSTM(5, 4, layers=2, dropout=0.5))(x), two(x))
