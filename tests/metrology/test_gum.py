"""The law of propagation of uncertainty against the GUM's own examples, and correlated lines against algebra."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bench.metrology.budget import bounded, component, effective_degrees_of_freedom, measurement
from bench.metrology.coverage import coverage_factor
from bench.metrology.gum import combine, evaluate, uncertain
from bench.results.model import Component, Correlation


def together(first: str, second: str, coefficient: float) -> Correlation:
    return Correlation(first=first, second=second, coefficient=coefficient)


def end_gauge_inputs() -> list[Component]:
    return [
        component("standard", 25.0, "nm", degrees_of_freedom=18, estimate=50_000_623.0),
        component("comparison", 5.8, "nm", degrees_of_freedom=24, estimate=215.0),
        component("random comparator", 3.9, "nm", degrees_of_freedom=5),
        component("systematic comparator", 6.7, "nm", degrees_of_freedom=8),
        bounded("expansion difference", 1e-6, "1/K", degrees_of_freedom=50),
        bounded("temperature difference", 0.05, "K", degrees_of_freedom=2),
        bounded("expansion of the standard", 2e-6, "1/K", estimate=11.5e-6),
        component("mean temperature", 0.2, "K", estimate=-0.1),
        bounded("cyclic temperature", 0.5, "K", distribution="u-shaped"),
    ]


def end_gauge(x: Any) -> Any:
    """GUM H.1, equation H.3."""
    temperature = x["mean temperature"] + x["cyclic temperature"]
    difference = x["comparison"] + x["random comparator"] + x["systematic comparator"]
    thermal = (
        x["expansion difference"] * temperature + x["expansion of the standard"] * x["temperature difference"]
    ) * x["standard"]
    return x["standard"] + difference - thermal


def test_the_gums_end_gauge() -> None:
    """GUM H.1: 50.000 838 mm; 31.66 nm before the GUM rounds it to 32; 16.75 degrees of freedom; k = 2.90 for 99 %."""
    found = evaluate(end_gauge, end_gauge_inputs())
    assert found.estimate == pytest.approx(50_000_838.0, abs=0.5)
    assert found.standard_uncertainty == pytest.approx(31.66, abs=0.01)
    assert found.degrees_of_freedom == pytest.approx(16.75, abs=0.01)


def test_the_gums_resistance_and_reactance() -> None:
    """GUM H.2, table H.4: three measurands of three correlated inputs, five readings each."""
    from GTC import cos, get_correlation, sin  # type: ignore[import-untyped]  # slow

    inputs = [
        component("V", 0.0032094, "V", degrees_of_freedom=4, estimate=4.9990),
        component("I", 0.0094710, "mA", degrees_of_freedom=4, estimate=19.6610),
        component("phi", 0.00075206, "rad", degrees_of_freedom=4, estimate=1.04446),
    ]
    correlated = [together("V", "I", -0.355311), together("V", "phi", 0.857645), together("I", "phi", -0.645127)]
    volt, milliampere, phase = uncertain(inputs, correlated)
    ohm = 1000.0 * volt / milliampere
    resistance, reactance = ohm * cos(phase), ohm * sin(phase)
    for number, estimate, spread in (
        (resistance, 127.732, 0.071),
        (reactance, 219.847, 0.295),
        (ohm, 254.260, 0.236),
    ):
        assert number.x == pytest.approx(estimate, abs=0.0015)
        assert number.u == pytest.approx(spread, abs=0.0007)
        assert number.df == pytest.approx(4.0)
    assert get_correlation(resistance, reactance) == pytest.approx(-0.588, abs=0.001)
    assert get_correlation(resistance, ohm) == pytest.approx(-0.485, abs=0.001)
    assert get_correlation(reactance, ohm) == pytest.approx(0.993, abs=0.001)


@pytest.mark.parametrize(("coefficient", "spread"), [(0.0, 5.0), (1.0, 7.0), (-1.0, 1.0), (0.5, math.sqrt(37.0))])
def test_correlated_lines_add_as_they_should(coefficient: float, spread: float) -> None:
    lines = [component("a", 3.0, "mg"), component("b", 2.0, "mg", 2.0)]
    found = measurement("m", "m", 1.0, "mg", lines, correlations=[together("a", "b", coefficient)])
    assert found.standard_uncertainty == pytest.approx(spread)
    assert found.expanded_uncertainty == pytest.approx(2.0 * spread)
    assert sum(line.share or 0.0 for line in found.budget) == pytest.approx(100.0)
    first = 100.0 * (9.0 + coefficient * 12.0) / spread**2
    assert found.budget[0].share == pytest.approx(first)


def test_the_sign_of_a_sensitivity_counts_where_lines_are_correlated() -> None:
    lines = [component("a", 3.0, "mg"), component("b", 2.0, "mg", -2.0)]
    assert combine(lines, [together("a", "b", 1.0)]).standard_uncertainty == pytest.approx(1.0)


def test_a_correlated_group_is_known_as_its_least_known_input() -> None:
    lines = [
        component("a", 1.0, "mg", degrees_of_freedom=40),
        component("b", 1.0, "mg", degrees_of_freedom=6),
        component("c", 1.0, "mg"),
    ]
    found = combine(lines, [together("a", "b", 0.5)])
    # The two come to variance 3 with 6 degrees of freedom, all three to variance 4.
    assert found.degrees_of_freedom == pytest.approx(4.0**2 / (3.0**2 / 6.0))
    assert coverage_factor(found.degrees_of_freedom) > 2.0


def test_degrees_of_freedom_are_not_truncated() -> None:
    lines = [component("a", 3.0, "mg", degrees_of_freedom=9), component("b", 4.0, "mg")]
    degrees = effective_degrees_of_freedom(lines)
    assert degrees == pytest.approx(9 * 5.0**4 / 3.0**4)
    assert coverage_factor(9) > coverage_factor(9.5) > coverage_factor(10)


@pytest.mark.parametrize(
    ("correlated", "words"),
    [
        ([together("a", "x", 0.5)], "names 'x', of which there are 0 in the budget"),
        ([together("a", "b", 0.5)], "names 'b', of which there are 2"),
        (
            [together("a", "c", 0.9), together("c", "d", 0.9), together("a", "d", -0.9)],
            "no errors can be correlated like that: .* make the coefficients smaller",
        ),
    ],
)
def test_correlations_that_cannot_be_are_refused(correlated: list[Correlation], words: str) -> None:
    lines = [component(name, 1.0, "mg") for name in ("a", "b", "b", "c", "d")]
    with pytest.raises(ValueError, match=words):
        combine(lines, correlated)


def test_a_budget_of_nothing_is_exact() -> None:
    for lines in ([], [component("a", 0.0, "mg", degrees_of_freedom=3)]):
        found = measurement("m", "m", 3.0, "", lines)
        assert (found.expanded_uncertainty, found.coverage_factor, found.degrees_of_freedom) == (0.0, 2.0, None)
