"""What the temporal stacks of all modes share."""

import pytest
import torch

from feature_extractors.temporal_stack import TemporalStack, stack_scales


def test_scales_of_an_earlier_stack_go_first():
    below, levels = torch.randn(2, 6, 24, 3), [torch.randn(2, 6, 24) for _ in range(2)]
    scales = stack_scales(levels, below)
    torch.testing.assert_close(scales, torch.cat([below, torch.stack(levels, -1)], -1))


def test_scales_lie_in_memory_as_the_channels_that_fusions_read():
    scales = stack_scales([torch.randn(2, 6, 24) for _ in range(3)])
    assert scales.movedim(-1, 1).is_contiguous()


def test_only_the_first_block_changes_the_number_of_channels():
    stack = TemporalStack(4, 6, dilations=[1, 2, 4])
    assert [block.shortcut is None for block in stack.blocks] == [False, True, True]
    assert stack(torch.randn(2, 4, 24)).shape == (2, 6, 24, 3)


def test_empty_stack_is_refused():
    with pytest.raises(ValueError, match="at least one block"):
        TemporalStack(6, 6, dilations=[])
