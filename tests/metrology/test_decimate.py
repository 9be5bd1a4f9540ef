"""Down-sampling never loses an extreme, an end or a gap."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.metrology.decimate import min_max, series

values = st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))), min_size=1, max_size=400)


@given(values, st.integers(1, 60))
def test_extremes_ends_and_gaps_are_kept(y: list[float], points: int) -> None:
    x = np.arange(len(y), dtype=float)
    xs, ys = min_max(x, y, points)
    original = np.array(y)
    assert xs[0] == 0.0
    assert xs[-1] == len(y) - 1
    assert np.all(np.diff(xs) > 0)
    np.testing.assert_array_equal(ys, original[xs.astype(int)])
    assert np.isnan(ys).any() == np.isnan(original).any()
    if not np.isnan(original).all():
        assert np.nanmin(ys) == np.nanmin(original)
        assert np.nanmax(ys) == np.nanmax(original)
    assert len(xs) <= max(4, points, len(y) if len(y) <= points else 0, 5 * max(1, points // 4))


def test_one_sample_in_a_million_survives() -> None:
    y = np.zeros(1_000_000)
    y[123_457] = -3.0
    xs, ys = min_max(np.arange(y.size), y, 2000)
    assert len(xs) <= 2500
    assert ys.min() == -3.0
    assert xs[ys.argmin()] == 123_457


def test_series_has_none_where_there_is_a_gap() -> None:
    drawn = series("mass", [0.0, 1.0, 2.0], [1.0, np.nan, np.inf], role="mass")
    assert drawn.y == [1.0, None, None]
    assert drawn.role == "mass"


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="as many x as y"):
        min_max([1.0], [1.0, 2.0], 10)
