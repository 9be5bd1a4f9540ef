"""The upper limit of a Poisson rate against its own definition, and against tables."""

from __future__ import annotations

import math

import pytest

from bench.metrology.poisson import upper_limit


@pytest.mark.parametrize(("count", "most"), [(0, 2.9957), (1, 4.7439), (2, 6.2958), (5, 10.5130), (10, 16.9622)])
def test_one_sided_95_percent_as_garwood_has_it(count: int, most: float) -> None:
    assert upper_limit(count, 1.0, 0.95) == pytest.approx(most, abs=5e-5)


@pytest.mark.parametrize("count", [0, 1, 7])
def test_so_few_are_seen_only_with_the_rest_of_the_confidence(count: int) -> None:
    rate = upper_limit(count, 8.0, 0.9)
    mean = 8.0 * rate
    seen = sum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(count + 1))
    assert seen == pytest.approx(0.1)


def test_no_time_tells_nothing() -> None:
    assert upper_limit(0, 0.0, 0.95) == math.inf


@pytest.mark.parametrize(("count", "duration", "confidence"), [(-1, 1.0, 0.9), (0, -1.0, 0.9), (0, 1.0, 1.0)])
def test_what_is_impossible_is_refused(count: int, duration: float, confidence: float) -> None:
    with pytest.raises(ValueError, match=r"negative|confidence"):
        upper_limit(count, duration, confidence)
