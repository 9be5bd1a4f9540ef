"""The check for normality, and the interval between order statistics that stands in where it fails."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.metrology.normality import FEWEST, check_normality, checked_interval
from bench.metrology.order_statistics import FreeInterval, free_confidence, free_interval, needed_values
from bench.metrology.tolerance import Interval


def test_needed_values_are_those_of_the_tables() -> None:
    assert [needed_values(coverage, 0.95) for coverage in (0.90, 0.95, 0.99)] == [46, 93, 473]


@settings(max_examples=50)
@given(st.integers(2, 400), st.floats(0.3, 0.99))
def test_confidence_of_least_to_greatest_is_the_closed_form(count: int, coverage: float) -> None:
    closed = 1.0 - count * coverage ** (count - 1) + (count - 1) * coverage**count
    assert free_confidence(count, coverage) == pytest.approx(closed, abs=1e-11)


@pytest.mark.parametrize(("count", "left_out"), [(93, 0), (200, 1), (300, 3)])
def test_confidence_holds_for_a_population_that_is_far_from_normal(count: int, left_out: int) -> None:
    rng, draws = np.random.default_rng(count), 20_000
    # The share below an exponential value is uniform: order statistics of shares tell what an interval holds.
    shares = np.sort(1.0 - np.exp(-rng.exponential(size=(draws, count))), axis=1)
    held = shares[:, count - 1 - left_out] - shares[:, left_out]
    stated = free_confidence(count, 0.95, left_out)
    assert np.mean(held >= 0.95) == pytest.approx(stated, abs=4.0 * math.sqrt(0.25 / draws))


@settings(max_examples=50)
@given(st.integers(2, 600), st.floats(0.5, 0.98), st.floats(0.5, 0.99))
def test_interval_is_the_narrowest_that_does(count: int, coverage: float, confidence: float) -> None:
    found = free_interval([float(value) for value in range(count)], coverage, confidence)
    assert (found.lower, found.upper) == (found.left_out, count - 1 - found.left_out)
    assert found.enough == (count >= found.needed)
    if not found.enough:
        assert found.left_out == 0
        assert f"{found.needed} are needed" in found.method
    elif count - 2 * (found.left_out + 1) >= 2:
        assert free_confidence(count, coverage, found.left_out + 1) < confidence


def test_level_is_as_stated_and_skewed_values_are_found() -> None:
    rng = np.random.default_rng(5)
    normal = [check_normality(rng.normal(size=25)).normal for _ in range(800)]
    skewed = [check_normality(rng.lognormal(0.0, 0.55, size=50)).normal for _ in range(200)]
    assert normal.count(False) / 800 == pytest.approx(0.05, abs=0.025)
    assert skewed.count(False) > 180


def test_few_values_are_not_checked_and_that_is_said() -> None:
    found, check, words = checked_interval([1.0, 2.0, 4.0], 0.95, 0.95)
    assert isinstance(found, Interval)
    assert check.normal is None
    assert f"3 values are too few (at least {FEWEST})" in words
    assert "assumes a normal distribution" in words


def test_normal_values_give_the_exact_factor() -> None:
    found, check, words = checked_interval(np.random.default_rng(0).normal(size=20).tolist(), 0.95, 0.95)
    assert isinstance(found, Interval)
    assert found.factor == pytest.approx(2.7603, abs=1e-4)
    assert check.normal
    assert "Shapiro–Wilk, n = 20" in words


def test_values_that_are_not_normal_give_order_statistics() -> None:
    values = np.random.default_rng(1).lognormal(size=200)
    found, check, words = checked_interval(values.tolist(), 0.95, 0.95)
    assert isinstance(found, FreeInterval)
    assert found.enough
    assert not check.normal
    assert found.left_out == 1
    assert found.lower == np.sort(values)[1]
    assert "distribution-free" in words


def test_too_few_for_any_is_said() -> None:
    values = np.random.default_rng(2).lognormal(0.0, 1.5, size=20)
    found, _, words = checked_interval(values.tolist(), 0.95, 0.95)
    assert isinstance(found, FreeInterval)
    assert not found.enough
    assert (found.lower, found.upper) == (values.min(), values.max())
    assert "20 values are too few for a distribution-free interval: 93 are needed" in words
    assert "26.4 %" in words


def test_many_values_and_values_without_scatter_are_checked_too() -> None:
    rng = np.random.default_rng(3)
    assert check_normality(rng.normal(size=20_000)).normal
    assert not check_normality(rng.lognormal(0.0, 0.2, size=20_000)).normal
    assert check_normality([2.0] * 30).normal is False


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="alpha"):
        check_normality([1.0, 2.0], alpha=5.0)
    with pytest.raises(ValueError, match="not finite"):
        check_normality([1.0, math.inf])
    with pytest.raises(ValueError, match="none are left"):
        free_confidence(4, 0.95, 2)
    with pytest.raises(ValueError, match="coverage"):
        free_interval([1.0, 2.0], 95.0, 0.95)
