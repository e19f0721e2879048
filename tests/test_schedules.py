"""Schedules against torch's own, and against their formulas."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transfer.recipe import Schedule
from transfer.schedules import learning_rate_factor

S = torch.optim.lr_scheduler


def by_epoch(schedule, epochs):
    return [learning_rate_factor(schedule, epoch=e, progress=e / epochs, epochs=epochs) for e in range(epochs)]


@pytest.mark.parametrize(
    ("schedule", "reference"),
    [
        (Schedule(name="step", step_size=3, gamma=0.3), lambda o: S.StepLR(o, 3, 0.3)),
        (Schedule(name="cosine"), lambda o: S.CosineAnnealingLR(o, 14)),
        (
            Schedule(name="warm_restarts", T_0=2, T_mult=2, minimum=0.1),
            lambda o: S.CosineAnnealingWarmRestarts(o, 2, 2, eta_min=0.1),
        ),
    ],
)
def test_factors_are_those_of_torch_at_the_start_of_each_epoch(schedule, reference):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler, expected = reference(optimizer), []
    for _ in range(14):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert by_epoch(schedule, 14) == pytest.approx(expected)


def test_noam_peaks_at_the_end_of_warm_up_and_falls_as_the_inverse_root():
    def at(p):
        return learning_rate_factor(Schedule(name="noam", warmup=0.1), epoch=0, progress=p, epochs=10)

    assert at(0.05) == pytest.approx(0.5)
    assert at(0.1) == pytest.approx(1)
    assert at(0.4) == pytest.approx(0.5)


@given(st.floats(0, 1))
def test_dann_is_ganins_formula(p):
    factor = learning_rate_factor(Schedule(name="dann"), epoch=0, progress=p, epochs=1)
    assert factor == pytest.approx((1 + 10 * p) ** -0.75)


@given(
    st.sampled_from(["constant", "step", "cosine", "warm_restarts", "noam", "dann"]),
    st.floats(0, 1),
    st.integers(1, 200),
)
def test_every_factor_lies_between_zero_and_one(name, p, epochs):
    assert 0 <= learning_rate_factor(Schedule(name=name), epoch=int(p * epochs), progress=p, epochs=epochs) <= 1
