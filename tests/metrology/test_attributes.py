"""Attribute plans against published tables, exact fractions and scipy's own exact interval."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest  # type: ignore[import-untyped]

from bench.metrology.attributes import (
    achieved_confidence,
    clopper_pearson,
    demonstrated_reliability,
    needed_count,
)

NEEDED = {
    (0.90, 0.90): [22, 38, 52, 65],
    (0.90, 0.95): [29, 46, 61, 76],
    (0.95, 0.90): [45, 77, 105, 132],
    (0.95, 0.95): [59, 93, 124, 153],
    (0.99, 0.90): [230, 388, 531, 667],
    (0.99, 0.95): [299, 473, 628, 773],
}


@pytest.mark.parametrize("claim", NEEDED)
def test_counts_are_those_of_the_tables(claim: tuple[float, float]) -> None:
    reliability, confidence = claim
    assert [needed_count(reliability, confidence, failures) for failures in range(4)] == NEEDED[claim]


def exact_confidence(count: int, failures: int, reliability: Fraction) -> Fraction:
    return 1 - sum(
        (math.comb(count, k) * (1 - reliability) ** k * reliability ** (count - k) for k in range(failures + 1)),
        Fraction(0),
    )


@settings(max_examples=60)
@given(st.integers(1, 60), st.data())
def test_confidence_is_the_exact_binomial(count: int, data: st.DataObject) -> None:
    failures = data.draw(st.integers(0, count))
    reliability = Fraction(data.draw(st.integers(50, 99)), 100)
    found = achieved_confidence(count, failures, float(reliability))
    assert found == pytest.approx(float(exact_confidence(count, failures, reliability)), abs=1e-12)


@settings(max_examples=40)
@given(st.floats(0.5, 0.995), st.floats(0.5, 0.995), st.integers(0, 5))
def test_needed_count_is_the_least(reliability: float, confidence: float, failures: int) -> None:
    count = needed_count(reliability, confidence, failures)
    assert achieved_confidence(count, failures, reliability) >= confidence
    assert count == failures + 1 or achieved_confidence(count - 1, failures, reliability) < confidence


@pytest.mark.parametrize(("count", "failures"), [(10, 0), (20, 3), (59, 1), (100, 100), (7, 6)])
def test_interval_is_clopper_and_pearson_s(count: int, failures: int) -> None:
    theirs = binomtest(failures, count).proportion_ci(0.95, method="exact")
    assert clopper_pearson(count, failures, 0.95) == pytest.approx((theirs.low, theirs.high), abs=1e-10)


def test_reliability_is_what_the_plan_shows() -> None:
    assert demonstrated_reliability(59, 0, 0.95) == pytest.approx(0.05 ** (1 / 59))
    assert demonstrated_reliability(59, 0, 0.95) > 0.95 > demonstrated_reliability(58, 0, 0.95)
    assert demonstrated_reliability(93, 1, 0.95) > 0.95 > demonstrated_reliability(92, 1, 0.95)
    assert demonstrated_reliability(4, 4, 0.95) == 0.0


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="lies between 0 and 1"):
        needed_count(95.0, 0.95)
    with pytest.raises(ValueError, match="cannot be negative"):
        needed_count(0.95, 0.95, -1)
    with pytest.raises(ValueError, match="failures lie between 0 and the 5 items, not 6"):
        achieved_confidence(5, 6, 0.95)
    with pytest.raises(ValueError, match="at least one item"):
        demonstrated_reliability(0, 0, 0.95)
    with pytest.raises(ValueError, match="needs more than"):
        needed_count(1.0 - 1e-12, 0.95)
