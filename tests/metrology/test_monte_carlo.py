"""Propagated distributions against the published examples of JCGM 101, and against what is known in closed form."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm, t  # type: ignore[import-untyped]

from bench.metrology.budget import bounded, component, measurement
from bench.metrology.gum import evaluate
from bench.metrology.monte_carlo import confirm, numerical_tolerance, propagate, shortest_interval
from bench.results.model import Component, Correlation

DRAWS = 400_000


def total(x: Any) -> Any:
    return x["a"] + x["b"] + x["c"] + x["d"]


def four(*lines: Component) -> list[Component]:
    return [line.model_copy(update={"name": name}) for line, name in zip(lines, "abcd", strict=True)]


NORMAL = component("normal", 1.0, "")
RECTANGULAR = bounded("rectangular", math.sqrt(3.0), "")
WIDE = bounded("wide", 10.0 * math.sqrt(3.0), "")


@pytest.mark.parametrize(
    ("inputs", "spread", "reach", "within"),
    [
        (four(NORMAL, NORMAL, NORMAL, NORMAL), 2.0, 3.92, 0.02),
        (four(RECTANGULAR, RECTANGULAR, RECTANGULAR, RECTANGULAR), 2.0, 3.88, 0.02),
        (four(RECTANGULAR, RECTANGULAR, RECTANGULAR, WIDE), 10.1, 17.0, 0.1),
    ],
)
def test_additive_models_of_jcgm_101(inputs: list[Component], spread: float, reach: float, within: float) -> None:
    """JCGM 101, 9.2.2 to 9.2.4."""
    found = propagate(total, inputs, draws=DRAWS, probability=0.95)
    assert found.mean == pytest.approx(0.0, abs=within)
    assert found.standard_uncertainty == pytest.approx(spread, abs=0.05)
    assert found.low == pytest.approx(-reach, abs=within)
    assert found.high == pytest.approx(reach, abs=within)
    assert evaluate(total, inputs).standard_uncertainty == pytest.approx(spread, abs=0.05)


def calibrated_mass(x: Any) -> Any:
    """JCGM 101, 9.3, equation (36): a mass against a reference in air, in mg off the nominal 100 g."""
    buoyancy = (x["air"] - 1.2) * (1.0 / x["weight"] - 1.0 / x["reference"])
    return (x["reference mass"] + x["added mass"]) * (1.0 + buoyancy) - 100_000.0


MASSES = [
    component("reference mass", 0.050, "mg", estimate=100_000.0),
    component("added mass", 0.020, "mg", estimate=1.234),
    bounded("air", 0.10, "kg/m³", estimate=1.20),
    bounded("weight", 1000.0, "kg/m³", estimate=8000.0),
    bounded("reference", 50.0, "kg/m³", estimate=8000.0),
]


def test_mass_calibration_of_jcgm_101() -> None:
    """JCGM 101, table 6: first order 0.0539 mg, propagated 0.0754 mg and a shortest interval of 0.2991 mg."""
    first_order = evaluate(calibrated_mass, MASSES)
    assert first_order.estimate == pytest.approx(1.2340, abs=5e-5)
    assert first_order.standard_uncertainty == pytest.approx(0.0539, abs=5e-5)
    found = propagate(calibrated_mass, MASSES, draws=DRAWS, probability=0.95)
    assert found.mean == pytest.approx(1.2341, abs=5e-4)
    assert found.standard_uncertainty == pytest.approx(0.0754, abs=3e-4)
    assert found.shortest_high - found.shortest_low == pytest.approx(0.2991, abs=2e-3)


def test_a_seed_gives_one_result_and_another_seed_another() -> None:
    first, same, other = (propagate(total, four(*[NORMAL] * 4), draws=2000, seed=seed) for seed in (1, 1, 2))
    assert first == same
    assert first != other


def test_few_degrees_of_freedom_are_drawn_from_t() -> None:
    found = propagate(lambda x: x["m"], [component("m", 1.0, "", degrees_of_freedom=3)], draws=DRAWS, probability=0.95)
    assert found.high == pytest.approx(3.182, abs=0.03)


@pytest.mark.parametrize(
    ("degrees", "share", "by_budget", "drawn"),
    [(3.0, 1.0, 3.31, 3.31), (3.0, 0.5, 2.23, 2.68), (8.0, 0.5, 2.08, 2.18), (20.0, 0.5, 2.03, 2.07)],
)
def test_few_degrees_of_freedom_of_a_part_are_wider_drawn_than_combined(
    degrees: float, share: float, by_budget: float, drawn: float
) -> None:
    """Welch–Satterthwaite beside Student's t added to a normal error, whose distribution is integrated here."""
    lines = [component("noise", math.sqrt(share), "", degrees_of_freedom=degrees)]
    if share < 1.0:
        lines.append(component("rest", math.sqrt(1.0 - share), ""))
    found = confirm(measurement("m", "m", 0.0, "", lines), draws=DRAWS)
    assert found.coverage_factor == pytest.approx(by_budget, abs=0.006)
    check = found.monte_carlo
    assert check is not None
    assert 0.5 * (check.high - check.low) == pytest.approx(drawn, abs=0.03)
    at = np.linspace(-400.0, 400.0, 400_001)
    weight = t.pdf(at, degrees) * (at[1] - at[0])
    rest = math.sqrt(1.0 - share) or 1e-3
    assert float(weight @ norm.cdf((drawn - math.sqrt(share) * at) / rest)) == pytest.approx(0.97725, abs=6e-4)


def test_a_budget_of_few_degrees_of_freedom_holds_the_truth_as_often_as_it_says() -> None:
    """Noise estimated with 3 degrees of freedom, half of the variance: drawn intervals hold it more often."""
    generator = np.random.default_rng(1)
    held = {"budget": 0, "drawn": 0}
    number = 1500
    for error, estimated in zip(generator.standard_normal(number), generator.chisquare(3.0, number) / 3.0, strict=True):
        lines = [
            component("noise", math.sqrt(0.5 * estimated), "", degrees_of_freedom=3.0),
            component("rest", math.sqrt(0.5), ""),
        ]
        found = confirm(measurement("m", "m", 0.0, "", lines), draws=4000)
        assert found.monte_carlo is not None
        held["budget"] += abs(error) <= (found.expanded_uncertainty or 0.0)
        held["drawn"] += found.monte_carlo.low <= error <= found.monte_carlo.high
    assert held["budget"] / number == pytest.approx(0.949, abs=0.012)
    assert held["drawn"] / number == pytest.approx(0.971, abs=0.012)
    assert held["drawn"] > held["budget"]


@pytest.mark.parametrize(
    ("distribution", "reach"), [("rectangular", 0.95), ("triangular", 1.0 - math.sqrt(0.05)), ("u-shaped", 0.9969)]
)
def test_bounded_inputs_have_their_distribution(distribution: Any, reach: float) -> None:
    found = propagate(
        lambda x: x["m"], [bounded("m", 1.0, "", distribution=distribution)], draws=100_000, probability=0.95
    )
    assert found.high == pytest.approx(reach, abs=0.01)
    assert -1.0 <= found.shortest_low < found.shortest_high <= 1.0


def test_a_bound_that_is_itself_uncertain_widens() -> None:
    known, vague = (
        propagate(lambda x: x["m"], [bounded("m", 1.0, "", degrees_of_freedom=degrees)], draws=50_000)
        for degrees in (None, 6.0)
    )
    assert vague.high > known.high
    assert vague.shortest_high <= 1.5


@pytest.mark.parametrize("kind", ["normal", "rectangular"])
@pytest.mark.parametrize(("coefficient", "spread"), [(1.0, 2.0), (-1.0, 0.0), (0.5, math.sqrt(3.0))])
def test_correlated_inputs_are_drawn_jointly(kind: Any, coefficient: float, spread: float) -> None:
    inputs = [component(name, 1.0, "", distribution=kind) for name in "ab"]
    correlated = [Correlation(first="a", second="b", coefficient=coefficient)]
    found = propagate(lambda x: x["a"] + x["b"], inputs, correlated, draws=100_000)
    assert found.standard_uncertainty == pytest.approx(spread, abs=0.02)


def test_it_draws_until_the_digits_stand() -> None:
    # 2.0 to two digits stands within ±0.05, a twentieth of a standard uncertainty of 2: far sooner than 0.10 does.
    rough = propagate(total, four(*[NORMAL] * 4), digits=1)
    fine = propagate(total, four(*[NORMAL] * 4), digits=2)
    assert rough.stable
    assert fine.stable
    assert 50_000 <= rough.draws < fine.draws < 1_000_000
    assert fine.high == pytest.approx(4.0, abs=0.05)


def test_too_few_draws_are_refused() -> None:
    with pytest.raises(ValueError, match="999 draws tell nothing of an interval: ask for 1000 or more"):
        propagate(total, four(*[NORMAL] * 4), draws=999)


def test_the_shortest_interval_leans_to_the_dense_side() -> None:
    ordered = np.sort(-np.log(1.0 - (np.arange(100_000) + 0.5) / 100_000))
    low, high = shortest_interval(ordered, 0.95)
    assert low == pytest.approx(0.0, abs=1e-3)
    assert high == pytest.approx(-math.log(0.05), abs=2e-3)


@pytest.mark.parametrize(
    ("spread", "tolerance"), [(0.0754, 0.0005), (31.66, 0.5), (0.0996, 0.005), (2.0, 0.05), (1e-9, 5e-11)]
)
def test_tolerance_is_half_of_the_last_digit(spread: float, tolerance: float) -> None:
    assert numerical_tolerance(spread) == pytest.approx(tolerance)


def test_a_normal_budget_is_confirmed() -> None:
    lines = [component("noise", 0.3, "mg"), component("scale", 0.004, "1", 100.0, form="factor")]
    check = confirm(measurement("volume", "v", 5.0, "mg", lines)).monte_carlo
    assert check is not None
    assert check.validated
    assert check.stable
    assert (check.gum_low, check.gum_high) == pytest.approx((4.0, 6.0))
    assert (check.low, check.high) == pytest.approx((4.0, 6.0), abs=0.02)


def test_a_rectangular_budget_is_too() -> None:
    # k keeps the shape of the greatest rectangle: the ends are at 0.954 of its half width, and not at 2/√3.
    check = confirm(measurement("m", "m", 0.0, "mg", [bounded("bound", 1.0, "mg")]), draws=400_000).monte_carlo
    assert check is not None
    assert check.validated
    assert check.gum_high == pytest.approx(0.9545, abs=1e-4)
    assert check.high == pytest.approx(0.9545, abs=0.005)


def test_a_budget_of_arcs_is_not() -> None:
    # A u-shaped input is bounded, too, and counts as normal: ±√2 by the GUM, ±0.997 of the half width in truth.
    line = bounded("swing", 1.0, "mg", distribution="u-shaped")
    check = confirm(measurement("m", "m", 0.0, "mg", [line]), draws=100_000).monte_carlo
    assert check is not None
    assert not check.validated
    assert check.gum_high == pytest.approx(math.sqrt(2.0))
    assert check.high == pytest.approx(math.sin(0.5 * math.pi * 0.9545), abs=0.005)


def test_factors_multiply_what_they_act_on() -> None:
    # y = (10 + δ)·(1 + ε) − 7 with δ and ε so large that the product of both counts.
    lines = [component("δ", 2.0, "mg"), component("ε", 0.2, "1", 10.0, form="factor")]
    made = measurement("m", "m", 3.0, "mg", lines)
    assert made.standard_uncertainty == pytest.approx(math.sqrt(8.0))
    check = confirm(made, draws=DRAWS).monte_carlo
    assert check is not None
    assert check.standard_uncertainty == pytest.approx(math.sqrt(8.0 + 0.16), abs=0.01)


def test_factors_of_different_values_add() -> None:
    lines = [
        component("ε", 0.01, "1", 100.0, form="factor"),
        component("η", 0.02, "1", -100.0, form="factor"),
        component("ζ", 0.01, "1", 100.0, form="factor"),
    ]
    check = confirm(measurement("m", "m", 0.0, "mg", lines), draws=DRAWS).monte_carlo
    assert check is not None
    assert check.standard_uncertainty == pytest.approx(math.sqrt(6.0), abs=0.02)


def test_what_has_no_uncertainty_has_no_check() -> None:
    assert confirm(measurement("m", "m", 3.0, "", [])).monte_carlo is None
