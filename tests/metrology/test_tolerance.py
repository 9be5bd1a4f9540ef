"""Tolerance factors against published tables, an independent package, and simulated confidence."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad  # type: ignore[import-untyped]
from scipy.optimize import brentq  # type: ignore[import-untyped]
from scipy.special import ndtr, ndtri  # type: ignore[import-untyped]
from scipy.stats import chi as chi_density  # type: ignore[import-untyped]

from bench.metrology.tolerance import (
    normal_interval,
    one_sided_factor,
    two_sided_confidence,
    two_sided_factor,
)

# From an independent package, toleranceinterval 1.0.3 (MIT), twoside.normal_factor(n, coverage, confidence,
# method="exact") by Gauss and Kronrod's quadrature. Its wheel puts a package `tests` beside it, so that it is no
# dependency here. (coverage, confidence) are 80/90, 95/95, 99/99 and 99.9/90 %.
INDEPENDENT = {
    2: (12.3331043, 36.5192146, 234.8774598, 29.3617595),
    3: (4.5774473, 9.7887524, 28.5856952, 11.1030498),
    4: (3.2755340, 6.3410826, 14.4053546, 8.0461580),
    7: (2.2819784, 4.0195956, 7.1907013, 5.7200662),
    12: (1.8851736, 3.1746643, 5.0959498, 4.7845263),
    33: (1.5623660, 2.5166525, 3.6637178, 4.0027042),
    101: (1.4197234, 2.2322544, 3.0943930, 3.6443364),
    1000: (1.3203207, 2.0361143, 2.7183046, 3.3900622),
}
# The same package's oneside.normal for 95 % held with 90 % confidence.
INDEPENDENT_ONE_SIDED = {2: 13.0897420, 3: 5.3114784, 8: 2.7542844, 40: 2.0102705}

# n: two-sided k for (coverage, confidence) 90/95, 95/95, 99/95, 95/99, 99/99; one-sided 95/95, 99/95.
TABLE = {
    2: (31.0922, 36.5192, 46.9444, 182.720, 234.877, 26.2597, 37.0936),
    3: (8.3059, 9.7888, 12.6471, 22.1308, 28.5857, 7.6559, 10.5527),
    5: (4.2906, 5.0769, 6.5980, 7.8697, 10.2201, 4.2027, 5.7411),
    10: (2.8563, 3.3934, 4.4369, 4.2942, 5.6102, 2.9110, 3.9811),
    15: (2.4922, 2.9649, 3.8853, 3.5285, 4.6212, 2.5660, 3.5201),
    20: (2.3188, 2.7603, 3.6210, 3.1838, 4.1747, 2.3960, 3.2952),
    30: (2.1451, 2.5549, 3.3546, 2.8509, 3.7425, 2.2198, 3.0639),
    50: (1.9990, 2.3816, 3.1288, 2.5804, 3.3897, 2.0650, 2.8624),
    100: (1.8748, 2.2339, 2.9355, 2.3572, 3.0976, 1.9265, 2.6840),
}
TWO_SIDED = ((0.90, 0.95), (0.95, 0.95), (0.99, 0.95), (0.95, 0.99), (0.99, 0.99))
# n: one-sided for coverage 90, 95, 99 % and two-sided for the same, all with 95 % confidence.
LABELS = {
    5: (3.407, 4.203, 5.741, 4.291, 5.077, 6.598),
    10: (2.355, 2.911, 3.981, 2.856, 3.393, 4.437),
    12: (2.210, 2.736, 3.747, 2.670, 3.175, 4.156),
    15: (2.068, 2.566, 3.520, 2.492, 2.965, 3.885),
    20: (1.926, 2.396, 3.295, 2.319, 2.760, 3.621),
    25: (1.838, 2.292, 3.158, 2.215, 2.638, 3.462),
    30: (1.777, 2.220, 3.064, 2.145, 2.555, 3.355),
    32: (1.758, 2.197, 3.034, 2.123, 2.529, 3.320),
    50: (1.646, 2.065, 2.862, 1.999, 2.382, 3.129),
    60: (1.609, 2.022, 2.807, 1.960, 2.335, 3.068),
    100: (1.527, 1.927, 2.684, 1.875, 2.234, 2.936),
    200: (1.450, 1.837, 2.570, 1.798, 2.143, 2.816),
    300: (1.417, 1.800, 2.522, 1.767, 2.106, 2.767),
}
SHARES = st.floats(0.5, 0.999)


@pytest.mark.parametrize("count", TABLE)
def test_factors_are_those_of_the_tables(count: int) -> None:
    *two_sided, one_95, one_99 = TABLE[count]
    for (coverage, confidence), expected in zip(TWO_SIDED, two_sided, strict=True):
        # Half a unit of the last printed digit.
        assert two_sided_factor(count, coverage, confidence) == pytest.approx(
            expected, abs=5.1e-4 if expected > 99 else 5.1e-5
        )
    assert one_sided_factor(count, 0.95, 0.95) == pytest.approx(one_95, abs=5.1e-5)
    assert one_sided_factor(count, 0.99, 0.95) == pytest.approx(one_99, abs=5.1e-5)


@pytest.mark.parametrize("count", LABELS)
def test_factors_are_those_of_the_shorter_tables(count: int) -> None:
    for place, coverage in enumerate((0.90, 0.95, 0.99)):
        assert one_sided_factor(count, coverage, 0.95) == pytest.approx(LABELS[count][place], abs=5.1e-4)
        assert two_sided_factor(count, coverage, 0.95) == pytest.approx(LABELS[count][3 + place], abs=5.1e-4)


def test_the_engineering_statistics_handbook_s_example() -> None:
    # n = 43, 90 % held with 99 % confidence: exact 2.2228 where Howe's approximation gives 2.2173; one-sided 1.8740.
    assert two_sided_factor(43, 0.90, 0.99) == pytest.approx(2.2228, abs=5.1e-5)
    assert one_sided_factor(43, 0.90, 0.99) == pytest.approx(1.8740, abs=5.1e-5)


@pytest.mark.parametrize("count", INDEPENDENT)
def test_two_sided_factor_agrees_with_an_independent_package(count: int) -> None:
    shares = ((0.8, 0.9), (0.95, 0.95), (0.99, 0.99), (0.999, 0.9))
    for (coverage, confidence), theirs in zip(shares, INDEPENDENT[count], strict=True):
        assert two_sided_factor(count, coverage, confidence) == pytest.approx(theirs, abs=2e-7, rel=1e-8)


@pytest.mark.parametrize("count", INDEPENDENT_ONE_SIDED)
def test_one_sided_factor_agrees_with_an_independent_package(count: int) -> None:
    assert one_sided_factor(count, 0.95, 0.9) == pytest.approx(INDEPENDENT_ONE_SIDED[count], abs=2e-7)


def test_degrees_of_freedom_of_their_own_agree_with_an_independent_package() -> None:
    assert two_sided_factor(8, 0.95, 0.95, 70.0) == pytest.approx(2.4991351, abs=2e-7)


@pytest.mark.parametrize(("count", "coverage", "confidence"), [(2, 0.95, 0.95), (5, 0.9, 0.99), (40, 0.99, 0.9)])
def test_confidence_is_that_of_integrating_over_the_spread_instead_of_the_mean(
    count: int, coverage: float, confidence: float
) -> None:
    """The other way round: for each s, which means hold enough? By scipy's own quadrature and root search."""
    factor, freedom = two_sided_factor(count, coverage, confidence), count - 1

    def at(chi: float) -> float:
        reach = factor * chi / math.sqrt(freedom)
        if 2.0 * ndtr(reach) - 1.0 < coverage:
            return 0.0
        off = brentq(lambda mean: ndtr(mean + reach) - ndtr(mean - reach) - coverage, 0.0, reach + 10.0, xtol=1e-13)
        return float((2.0 * ndtr(off * math.sqrt(count)) - 1.0) * chi_density.pdf(chi, freedom))

    least = math.sqrt(freedom) * float(ndtri(0.5 * (1.0 + coverage))) / factor
    found = quad(at, least, least + 4.0)[0] + quad(at, least + 4.0, least + 60.0)[0]
    assert found == pytest.approx(confidence, abs=1e-7)


@pytest.mark.parametrize("count", [3, 10, 30])
def test_interval_has_the_confidence_that_it_states(count: int) -> None:
    rng, draws = np.random.default_rng(count), 200_000
    means = rng.normal(0.0, 1.0 / math.sqrt(count), draws)
    spreads = np.sqrt(rng.chisquare(count - 1, draws) / (count - 1))
    reach = two_sided_factor(count, 0.95, 0.95) * spreads
    held = ndtr(means + reach) - ndtr(means - reach)
    assert np.mean(held >= 0.95) == pytest.approx(0.95, abs=4.0 * math.sqrt(0.95 * 0.05 / draws))


@settings(max_examples=40)
@given(st.integers(2, 300), SHARES, SHARES)
def test_confidence_undoes_the_factor(count: int, coverage: float, confidence: float) -> None:
    factor = two_sided_factor(count, coverage, confidence)
    assert two_sided_confidence(factor, count, coverage) == pytest.approx(confidence, abs=1e-9)


@settings(max_examples=40)
@given(st.integers(2, 300), SHARES, SHARES)
def test_more_values_less_coverage_and_less_confidence_narrow_the_interval(
    count: int, coverage: float, confidence: float
) -> None:
    for factor in (two_sided_factor, one_sided_factor):
        here = factor(count, coverage, confidence)
        assert factor(count, coverage + 0.0005, confidence) > here
        assert factor(count, coverage, confidence + 0.0005) > here
        if confidence > 0.6 and coverage > 0.6:
            assert factor(count + 1, coverage, confidence) < here


def test_interval_is_mean_and_factor_times_spread() -> None:
    found = normal_interval([1.0, 2.0, 3.0, 4.0, 5.0], 0.95, 0.95)
    half = 5.0769 * math.sqrt(2.5)
    assert (found.lower, found.upper) == pytest.approx((3.0 - half, 3.0 + half), abs=1e-3)
    assert found.within(-6.0, 12.0)
    assert not found.within(-5.0, 12.0)
    assert not found.within(-6.0, 11.0)


@pytest.mark.parametrize(
    ("count", "coverage", "confidence", "words"),
    [
        (1, 0.95, 0.95, "at least 2"),
        (5, 95.0, 0.95, "coverage"),
        (5, 0.95, 1.0, "confidence"),
        (5, math.nan, 0.9, "coverage"),
    ],
)
def test_what_makes_no_sense_is_refused(count: int, coverage: float, confidence: float, words: str) -> None:
    for factor in (two_sided_factor, one_sided_factor):
        with pytest.raises(ValueError, match=words):
            factor(count, coverage, confidence)


def test_values_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 values"):
        normal_interval([1.0], 0.95, 0.95)
    with pytest.raises(ValueError, match="not finite"):
        normal_interval([1.0, math.nan, 2.0], 0.95, 0.95)
    with pytest.raises(ValueError, match="greater than 0"):
        two_sided_confidence(0.0, 5, 0.95)
