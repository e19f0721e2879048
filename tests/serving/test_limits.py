"""Rates and places, by a clock of their own."""

from hypothesis import given
from hypothesis import strategies as st

from transfer.serving.limits import Places, Rate


@given(st.lists(st.floats(0, 20), min_size=1, max_size=60), st.integers(1, 30))
def test_no_window_lets_more_through_than_a_burst_and_its_rate(pauses, per_minute):
    now = [0.0]
    rate, let = Rate(per_minute, clock=lambda: now[0]), []
    for pause in pauses:
        now[0] += pause
        if rate.wait("a") == 0:
            let.append(now[0])
    for i, first in enumerate(let):
        for j in range(i, len(let)):
            assert j - i + 1 <= per_minute + (let[j] - first) * per_minute / 60 + 1e-6


def test_who_waits_as_long_as_told_is_let_in_and_others_are_not_held_up():
    now = [0.0]
    rate = Rate(3, clock=lambda: now[0])
    assert [rate.wait("a") for _ in range(3)] == [0, 0, 0]
    wait = rate.wait("a")
    assert wait == 20
    assert rate.wait("b") == 0
    now[0] += wait - 0.01
    assert rate.wait("a") > 0
    now[0] += 0.02
    assert rate.wait("a") == 0


def test_addresses_are_forgotten_not_gathered():
    rate = Rate(1, addresses=2, clock=lambda: 0.0)
    for address in "abc":
        assert rate.wait(address) == 0
    assert len(rate._left) == 2
    assert rate.wait("c") > 0
    assert rate.wait("a") == 0, "forgotten, so that it begins anew"


def test_a_place_that_is_left_can_be_taken():
    places = Places(2)
    assert [places.take() for _ in range(3)] == [True, True, False]
    places.leave()
    assert places.take()
