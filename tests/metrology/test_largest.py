"""The largest of several uncertain errors, against draws."""

from __future__ import annotations

import numpy as np
import pytest

from bench.metrology.extremes import largest_uncertainty


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
