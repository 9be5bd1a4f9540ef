"""What is taken for a cumulative volume and what is refused; bounds against a look at every stamp."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.metrology.cumulative import Cumulative

Floats = NDArray[np.float64]


def record(time_s: list[float], longest_step_s: float = 2.0) -> Cumulative:
    stamps = np.array(time_s)
    return Cumulative(stamps, 3.0 * stamps, longest_step_s)


@pytest.mark.parametrize(
    ("time_s", "volume_ul", "said"),
    [
        ([0.0, 2.0, 1.0], [0.0, 1.0, 2.0], "from sample 1 .2.000000 s. to sample 2"),
        ([0.0, 1.0, 1.0], [0.0, 1.0, 2.0], "stamps that occur twice"),
        ([0.0, np.nan, 1.0], [0.0, 1.0, 2.0], "does not increase"),
        ([0.0, 1.0, 2.0], [0.0, np.nan, 2.0], "no finite numbers"),
        ([0.0, 1.0, 2.0], [0.0, np.inf, 2.0], "no finite numbers"),
        ([0.0, 1.0], [0.0, 1.0, 2.0], "two columns of one length"),
        ([0.0], [0.0], "at least two"),
        ([], [], "at least two"),
    ],
)
def test_what_is_no_record_is_refused(time_s: list[float], volume_ul: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Cumulative(np.array(time_s, dtype=np.float64), np.array(volume_ul, dtype=np.float64))


def test_single_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="double precision"):
        Cumulative(np.array([0.0, 1.0]), np.array([0.0, 1.0], dtype=np.float32))


def test_instants_in_gaps_and_beyond_the_ends_are_not_known() -> None:
    made = record([0.0, 1.0, 5.0, 6.0, 8.5, 9.0])
    instants = np.array([-0.1, 0.0, 0.5, 1.0, 1.1, 4.9, 5.0, 5.5, 6.0, 7.0, 8.5, 9.0, 9.1])
    assert made.known(instants).tolist() == [bool(c == "x") for c in ".xxx..xxx.xx."]
    assert made.at(np.array([0.5, 5.5])).tolist() == [1.5, 16.5]
    held = made.gaps_within(np.array([0.0, 1.0, 1.0, 2.0, 0.0]), np.array([9.0, 9.0, 5.0, 9.0, 4.0]))
    assert held.tolist() == [2, 2, 1, 1, 0]


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=400), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_bounds_hold_all_between(volumes: list[float], one: float, other: float) -> None:
    made = Cumulative(np.arange(len(volumes), dtype=np.float64), np.array(volumes))
    low, high = sorted((one * (len(volumes) - 1), other * (len(volumes) - 1)))
    least, greatest = made.bounds(np.array([low]), np.array([high]))
    within: Floats = np.concatenate((np.linspace(low, high, 50), np.arange(np.ceil(low), high)))
    assert np.all(made.at(within) >= least - 1e-9)
    assert np.all(made.at(within) <= greatest + 1e-9)
