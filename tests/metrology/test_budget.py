"""Budgets against GTC, an independent implementation of the GUM, and against the GUM's own example."""

import math

import pytest

from bench.metrology.budget import (
    bounded,
    combined,
    component,
    effective_degrees_of_freedom,
    expanded,
    kept_possible,
    measurement,
    undetermined,
)
from bench.metrology.coverage import coverage_factor


def test_the_gums_end_gauge() -> None:
    """GUM H.1: u = 31.66 nm and 16.75 effective degrees of freedom."""
    lines = [
        component("standard", 25.0, "nm", degrees_of_freedom=18),
        component("repeated comparison", 5.8, "nm", degrees_of_freedom=24),
        component("random comparator", 3.9, "nm", degrees_of_freedom=5),
        component("systematic comparator", 6.7, "nm", degrees_of_freedom=8),
        component("expansion", 0.58e-6, "1/K", 0.1 * 50e6, degrees_of_freedom=50),
        component("temperature", 0.0289, "K", 11.5e-6 * 50e6, degrees_of_freedom=2),
    ]
    assert combined(lines) == pytest.approx(31.66, abs=0.05)
    assert effective_degrees_of_freedom(lines) == pytest.approx(16.75, abs=0.15)


def test_against_gtc() -> None:
    from GTC import ureal  # type: ignore[import-untyped]  # slow
    from GTC.reporting import u_component  # type: ignore[import-untyped]

    mass, factor = ureal(10.0, 0.02, 7), ureal(1.003, 0.0004, 30)
    volume = mass * factor
    lines = [
        component("mass", 0.02, "mg", 1.003, degrees_of_freedom=7),
        component("factor", 0.0004, "µL/mg", 10.0, degrees_of_freedom=30),
    ]
    assert combined(lines) == pytest.approx(volume.u, rel=1e-12)
    assert effective_degrees_of_freedom(lines) == pytest.approx(volume.df, rel=1e-12)
    assert lines[0].contribution == pytest.approx(abs(u_component(volume, mass)), rel=1e-12)


@pytest.mark.parametrize(("degrees", "factor"), [(1, 13.97), (2, 4.53), (5, 2.65), (10, 2.28), (50, 2.05), (1e9, 2.0)])
def test_coverage_factor_of_the_gums_table(degrees: float, factor: float) -> None:
    """GUM table G.2, column 95.45 %."""
    assert coverage_factor(degrees) == pytest.approx(factor, abs=0.006)


def test_bounds_divide_by_their_distribution() -> None:
    assert bounded("readability", 0.005, "mg").contribution == pytest.approx(0.005 / math.sqrt(3))
    assert bounded("t", 1.0, "K", distribution="triangular").contribution == pytest.approx(1 / math.sqrt(6))
    assert bounded("t", 1.0, "K", -2.0, distribution="u-shaped").contribution == pytest.approx(math.sqrt(2))


def test_measurement_carries_its_budget() -> None:
    lines = [component("noise", 0.3, "mg", degrees_of_freedom=9), component("slope", 0.4, "mg")]
    found = measurement("volume", "Volume", 5.0, "mg", lines)
    assert (found.expanded_uncertainty, found.coverage_factor) == expanded(lines)
    assert found.expanded_uncertainty == pytest.approx(0.5 * coverage_factor(9 * 0.5**4 / 0.3**4))
    assert [line.name for line in found.budget] == ["noise", "slope"]
    nothing = undetermined("volume", "Volume", "mg", "no reading")
    assert (nothing.value, nothing.expanded_uncertainty, nothing.note) == (None, None, "no reading")


@pytest.mark.parametrize(
    ("value", "standard", "natural", "stated"),
    [
        (60.0, 54.0, (0.0, 100.0), 60.0),
        (30.0, 54.0, (0.0, 100.0), 70.0),
        (100.0, 54.0, (0.0, 100.0), 100.0),
        (100.0, 5.0, (0.0, 100.0), 10.0),
        (60.0, 20.0, (0.0, 100.0), 40.0),
        (60.0, 54.0, (0.0, None), 108.0),
        (60.0, 54.0, (None, None), 108.0),
    ],
)
def test_an_interval_ends_where_values_do(
    value: float, standard: float, natural: tuple[float | None, float | None], stated: float
) -> None:
    found = kept_possible(measurement("n", "t", value, "%", [component("c", standard, "%")]), natural)
    assert found.expanded_uncertainty == pytest.approx(stated)
    assert ("the budget comes to 1.1e+02 %" in found.note) == (stated < 2.0 * standard)
