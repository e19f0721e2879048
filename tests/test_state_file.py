"""Nested states as a file: what was put in comes out, and damage is seen."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transfer.errors import UserError
from transfer.state_file import read_state, write_state

SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8)
STATES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.integers(0, 9) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(state=STATES)
def test_what_was_written_is_read(state, tmp_path_factory):
    file = tmp_path_factory.mktemp("state") / "a"
    write_state(file, state)
    assert read_state(file) == state


def test_tensors_keep_type_and_value_and_tied_ones_are_written_twice(tmp_path):
    weight = torch.randn(3, 2)
    state = {"a": weight, "b": [weight, torch.tensor([True]), torch.arange(3, dtype=torch.uint8)], "n": math.nan}
    write_state(tmp_path / "a", state)
    found = read_state(tmp_path / "a")
    assert torch.equal(found["a"], weight)
    assert torch.equal(found["b"][0], weight)
    assert [t.dtype for t in found["b"]] == [torch.float32, torch.bool, torch.uint8]
    assert math.isnan(found["n"])


@pytest.mark.parametrize("place", [0, 40, -1, -9])
def test_a_changed_byte_is_refused(place, tmp_path):
    file = tmp_path / "a"
    write_state(file, {"a": torch.arange(16.0), "text": "abc"})
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(UserError, match="cannot be used"):
        read_state(file)


def test_what_is_no_state_is_refused(tmp_path):
    with pytest.raises(TypeError, match="a state holds object"):
        write_state(tmp_path / "a", {"x": object()})
    with pytest.raises(UserError, match="cannot be used"):
        read_state(tmp_path / "missing")
