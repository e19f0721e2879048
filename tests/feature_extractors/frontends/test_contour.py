"""Functionals of a contour against numpy and scipy, and what shifting and mirroring it does to them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.fft import dct
from scipy.stats import skew

from feature_extractors.frontends.contour import FUNCTIONALS, contour_functionals

numbers = st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=40)


def described(x):
    x = torch.tensor(x, dtype=torch.float64)
    return dict(zip(FUNCTIONALS, contour_functionals(x, x.diff()).tolist(), strict=True))


def contour(frames, seed=0):
    return np.random.default_rng(seed).gamma(2.0, size=frames).cumsum() % 7


@pytest.mark.parametrize("frames", [8, 9, 100])
def test_values_are_those_of_numpy_and_scipy(frames):
    x = contour(frames)
    steps, found = np.diff(x), described(x)
    expected = {
        "mean": x.mean(),
        "deviation": x.std(),
        "skewness": skew(x),
        "range": np.subtract(*np.percentile(x, [95, 5])),
        "inner_range": np.subtract(*np.percentile(x, [80, 20])),
        "slope": np.polyfit(np.linspace(-1, 1, frames), x, 1)[0],
        "step_deviation": steps.std(),
        "step_size": np.abs(steps).mean(),
        "step_low": np.percentile(steps, 5),
        "step_high": np.percentile(steps, 95),
        "onset": x[: frames // 4].mean() - np.median(x),
        "end": x[-(frames // 4) :].mean() - np.median(x),
        **{f"quantile_{q}": np.quantile(x, q) for q in (0.05, 0.2, 0.5, 0.8, 0.95)},
        **{f"cosine_{k}": dct(x)[k] / (2 * frames) for k in range(1, 5)},
    }
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)


@given(numbers, st.floats(-20, 20, width=32))
def test_a_shift_moves_the_level_and_nothing_else(x, shift):
    before, after = described(x), described([value + shift for value in x])
    level = {"mean", *(name for name in FUNCTIONALS if name.startswith("quantile"))}
    for name in set(FUNCTIONALS) - {"skewness"}:
        assert after[name] - before[name] == pytest.approx(shift if name in level else 0.0, abs=1e-3), name


@given(numbers)
def test_played_backwards_it_rises_where_it_fell(x):
    forth, back = described(x), described(x[::-1])
    for name in ("slope", "cosine_1", "cosine_3"):
        assert back[name] == pytest.approx(-forth[name], abs=1e-4)
    for name in ("mean", "deviation", "inner_range", "step_size", "cosine_2"):
        assert back[name] == pytest.approx(forth[name], abs=1e-4)
    assert back["end"] == pytest.approx(forth["onset"], abs=1e-4)


@given(numbers)
def test_every_contour_gives_finite_numbers(x):
    assert np.isfinite(list(described(x).values())).all()


def test_a_contour_of_one_frame_has_no_shape():
    found = described([3.0])
    assert found["mean"] == found["quantile_0.5"] == 3.0
    assert found["slope"] == found["step_size"] == found["deviation"] == 0.0
