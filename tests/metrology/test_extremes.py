"""What errors do to the greatest of many values, against draws."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.metrology.budget import combined, component
from bench.metrology.extremes import drawn_together, greatest_by_noise, greatest_seen, largest_uncertainty
from bench.procedures.shared.largest import largest_by_size, lines_of_largest

Floats = NDArray[np.float64]
ERRORS = [np.zeros(2), np.zeros(96), np.linspace(-5.0, 5.0, 21), np.array([9.0, -1.0, 2.0]), np.array([-4.0])]


@pytest.mark.parametrize("by_size", [True, False])
@pytest.mark.parametrize("errors", ERRORS)
def test_the_mean_of_the_greatest_is_that_of_many_draws(errors: Floats, by_size: bool) -> None:
    own = np.linspace(1.0, 1.3, len(errors))
    drawn = errors + own * np.random.default_rng(5).standard_normal((40_000, len(errors)))
    if by_size:
        drawn, errors_now = np.abs(drawn), np.abs(errors)
    else:
        errors_now = errors
    greatest = drawn.max(axis=1) - errors_now.max()
    found = greatest_by_noise(errors, own, by_size=by_size)
    assert found == pytest.approx(max(0.0, float(greatest.mean())), abs=0.02)


def test_without_error_nothing_is_too_great() -> None:
    assert greatest_by_noise(ERRORS[2], 0.0) == 0.0
    assert greatest_by_noise(ERRORS[4], 1.3, by_size=True) == 0.0


@pytest.mark.parametrize("scatter", [0.0, 1.0, 5.0])
def test_what_is_taken_off_the_greatest_makes_it_right_on_average(scatter: float) -> None:
    """Twenty values whose errors are 1: whether they themselves scatter not at all, as much, or by far more."""
    rng = np.random.default_rng(3)
    errors = []
    for _ in range(400):
        true = rng.normal(7.0, scatter, 20)
        seen = true + rng.standard_normal(20)
        errors.append(float(seen.max()) - greatest_seen(seen, 1.0) - true.max())
    uncorrected = {0.0: 1.87, 1.0: 0.79, 5.0: 0.15}[scatter]
    assert abs(np.mean(errors)) < 0.25 * uncorrected + 0.1


def test_values_that_scatter_by_their_errors_alone_are_one() -> None:
    seen = np.array([1.0, -1.0, 0.5, -0.5])
    np.testing.assert_allclose(drawn_together(seen, 2.0), np.zeros(4))
    np.testing.assert_allclose(drawn_together(seen, 0.0), seen)
    half = drawn_together(seen, float(np.sqrt(0.5 * np.var(seen, ddof=1))))
    assert np.var(half, ddof=1) == pytest.approx(0.5 * np.var(seen, ddof=1))


def test_values_that_all_are_alike_are_not_too_great() -> None:
    """Errors that one certificate allows, and that do not show: they are common."""
    assert greatest_seen(np.full(20, 3.0), 2.0) == pytest.approx(0.0)


def test_the_greatest_does_not_fall_below_the_mean() -> None:
    seen = np.array([1.0, -1.0, 0.5, -0.5])
    assert greatest_seen(seen, 10.0) == pytest.approx(1.03 * np.std(seen, ddof=1), abs=0.01)


def test_one_error_alone_has_its_own_uncertainty() -> None:
    assert largest_uncertainty([5.0], [0.3]) == pytest.approx(0.3, rel=1e-3)
    assert largest_uncertainty([5.0, 0.1, -0.2], [0.3, 0.2, 0.1]) == pytest.approx(0.3, rel=1e-3)


@pytest.mark.parametrize(
    ("errors", "standard"), [([-1.29, -0.07, -1.17], [0.15, 0.42, 0.94]), ([1.0, 1.0, -1.0], [0.5, 0.5, 0.5])]
)
def test_where_another_may_be_the_largest_it_is_as_draws_have_it(errors: list[float], standard: list[float]) -> None:
    drawn = np.abs(np.random.default_rng(1).normal(errors, standard, (200_000, 3))).max(axis=1)
    expected = float(np.sqrt(np.mean((drawn - max(map(abs, errors))) ** 2)))
    assert largest_uncertainty(errors, standard) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("best", [1.0, 0.15])
@pytest.mark.parametrize("number", [3, 20])
@pytest.mark.parametrize("scatter", [0.0, 1.0])
def test_the_largest_by_size_covers_as_a_profile_states_it(scatter: float, number: int, best: float) -> None:
    """Whether the pump's own errors are nothing beside the noise or rule, and whether some are known far better."""
    rng = np.random.default_rng(number)
    own = np.where(np.arange(number) % 2, best, 1.0)
    inside = []
    for _ in range(200):
        true = scatter * rng.standard_normal(number)
        seen = true + own * rng.standard_normal(number)
        worst = int(np.argmax(np.abs(seen)))
        found = largest_by_size(seen.tolist(), own.tolist())
        lines = lines_of_largest([component("own", float(own[worst]), "%")], found, "%", "draws")
        stated = abs(float(seen[worst])) - found.excess
        inside.append(abs(stated - np.abs(true).max()) <= 2.0 * combined(lines))
    assert float(np.mean(inside)) > 0.9
