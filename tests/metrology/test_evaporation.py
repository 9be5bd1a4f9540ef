"""Evaporation from blanks before and after, from the run's own rests, and when it changes between them."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.metrology.corrections import Step, effects_of
from bench.metrology.coverage import coverage_factor
from bench.metrology.evaporation import Evaporation, evaporation
from bench.metrology.loss_slope import Slope, blank_slope, slope_of_rests
from bench.metrology.noise import Levels, Noise, Part, estimate, white_noise

Floats = NDArray[np.float64]
HOUR_S = 3600.0
RUN_S, BLANK_S = 6.0 * HOUR_S, 1800.0
QUIET = white_noise(1e-9)


def lost_mg(time_s: Floats, first: float, last: float) -> Floats:
    """Return what has evaporated at a rate that goes straight from one value to another over the run, in mg/h."""
    return (first * time_s + 0.5 * (last - first) * time_s**2 / RUN_S) / HOUR_S


def blanks_of(time_s: Floats, mass_mg: Floats, noise: Noise) -> list[Slope | None]:
    count = int(BLANK_S / (time_s[1] - time_s[0]))
    return [blank_slope(time_s[part], mass_mg[part], noise) for part in (slice(0, count), slice(-count, None))]


def made_good(time_s: Floats, mass_mg: Floats, found: Evaporation) -> Floats:
    return mass_mg + found.extra_mg(time_s) + found.mg_per_h * time_s / HOUR_S


@pytest.mark.parametrize(("first", "last"), [(0.05, 0.05), (0.2, 0.8), (3.0, 1.0), (-0.1, 0.1)])
def test_a_rate_that_changes_steadily_is_made_good_all_along(first: float, last: float) -> None:
    """From the middle of the blank before to that of the one after; in their outer halves the rate is taken to stay."""
    time_s = np.arange(0.0, RUN_S + 1.0, 10.0)
    mass_mg = 5.0 - lost_mg(time_s, first, last)
    found = evaporation(blanks_of(time_s, mass_mg, QUIET))
    assert found.mg_per_h == pytest.approx(0.5 * (first + last), abs=1e-3)
    assert found.change_mg_per_h == pytest.approx((last - first) * (1.0 - BLANK_S / RUN_S), rel=2e-3, abs=1e-6)
    level = made_good(time_s, mass_mg, found)[(time_s > 0.5 * BLANK_S) & (time_s < RUN_S - 0.5 * BLANK_S)]
    assert np.ptp(level) < 2e-3 * max(1.0, abs(last - first))


def test_a_steady_mean_would_leave_an_arc() -> None:
    """What the interpolation is for: half-way through, 0.2 mg/h to 0.8 mg/h is 0.45 mg off the straight line."""
    time_s = np.arange(0.0, RUN_S + 1.0, 10.0)
    mass_mg = -lost_mg(time_s, 0.2, 0.8)
    straight = mass_mg + 0.5 * time_s / HOUR_S
    assert np.ptp(straight) == pytest.approx(0.6 * 6.0 / 8.0, rel=1e-3)


@given(st.floats(-2.0, 2.0), st.floats(0.0, RUN_S))
def test_the_extra_is_the_integral_of_the_rate(change: float, at_s: float) -> None:
    found = Evaporation(0.0, 0.0, math.inf, "", change_mg_per_h=change, middle_s=0.5 * RUN_S, span_s=RUN_S - BLANK_S)
    grid = np.linspace(0.5 * RUN_S, at_s, 4001)
    rate = change * np.clip((grid - found.middle_s) / found.span_s, -0.5, 0.5) / HOUR_S
    integral = float(np.sum(0.5 * (rate[1:] + rate[:-1]) * np.diff(grid)))
    assert found.extra_mg(np.array([at_s]))[0] == pytest.approx(integral, abs=1e-6)


def test_uncertainty_is_both_blanks_and_a_twelfth_of_the_change_beyond_noise() -> None:
    found = evaporation([Slope(-1.0, 0.1, 20.0, 0.0), Slope(-2.5, 0.2, 20.0, RUN_S)])
    expected = 0.1**2 / 4.0 + 0.2**2 / 4.0 + (1.5**2 - 0.1**2 - 0.2**2) / 12.0
    assert found.standard_uncertainty == pytest.approx(math.sqrt(expected))
    assert found.unsteady == "The blank before lost 1.00 mg/h, the one after 2.50 mg/h"
    assert found.unsteady_mg_per_h == pytest.approx(1.5)


def test_blanks_of_thousands_of_tests_differ_by_noise_without_a_word() -> None:
    """Slopes as blanks of few degrees of freedom scatter: of 20 000 pairs hardly one is called a change."""
    draws = np.random.default_rng(4)
    degrees = 12.0
    told = 0
    for _ in range(20_000):
        u_first, u_last = np.sqrt(draws.chisquare(degrees, 2) / degrees) * 0.1
        rates = draws.normal(0.0, 0.1, 2)
        slopes = [Slope(rates[0], u_first, degrees, 0.0), Slope(rates[1], u_last, degrees, RUN_S)]
        told += bool(evaporation(slopes, 0.0, 0.0).disagreement or evaporation(slopes).unsteady)
    assert told <= 4


def test_a_change_within_noise_is_not_believed_and_yet_not_forgotten() -> None:
    found = evaporation([Slope(-1.0, 0.1, 20.0, 0.0), Slope(-1.1, 0.1, 20.0, RUN_S)])
    assert (found.change_mg_per_h, found.unsteady) == (0.0, "")
    assert found.seen_change_mg_per_h == pytest.approx(0.1)
    assert found.uncertainty_over(RUN_S) == found.standard_uncertainty
    assert found.uncertainty_over(0.0) == pytest.approx(math.hypot(found.standard_uncertainty, 0.1 * math.sqrt(2 / 12)))


def test_a_declared_rate_holds_the_change_back() -> None:
    slopes = [Slope(-0.0, 0.2, 20.0, 0.0), Slope(-0.3, 0.2, 20.0, RUN_S)]
    free, held = evaporation(slopes), evaporation(slopes, 0.1, 0.05)
    assert abs(held.change_mg_per_h) < 0.1 * free.seen_change_mg_per_h
    assert held.u_change_mg_per_h < 0.05 * math.sqrt(2.0)


def with_rests(make: Callable[..., Floats], seed: int, loss: float) -> tuple[Floats, Floats, list[tuple[float, float]]]:
    """Return six hours of a five-place balance with a pulse of 0.5 mg every half hour, and where it rested."""
    time_s = np.arange(0.0, RUN_S, 1.0)
    mass = make(np.random.default_rng(seed), time_s.size) - loss * time_s / HOUR_S
    instants = np.arange(900.0, RUN_S, 1800.0)
    for instant in instants:
        mass[time_s >= instant] += 0.5
    return time_s, mass, [(at_s + 300.0, at_s + 1785.0) for at_s in instants[:-1]]


def test_the_slope_of_the_rests_covers(balance_noise: Callable[..., Floats]) -> None:
    """Pulses between the rests do no harm; the true rate lies within U for coloured noise, too."""
    within = []
    for seed in range(60):
        time_s, mass, rests = with_rests(balance_noise, seed, 0.4)
        noise = estimate([(time_s[:900], mass[:900]), (time_s[-880:], mass[-880:])], 0.01)
        found = slope_of_rests(time_s, mass, rests, noise)
        assert found is not None
        factor = coverage_factor(found.degrees_of_freedom)
        within.append(abs(found.mg_per_h + 0.4) <= factor * found.standard_uncertainty)
    assert np.mean(within) >= 0.9


def test_rests_of_a_long_recording_cost_no_more_than_blocks() -> None:
    time_s = np.arange(0.0, 72.0 * HOUR_S, 5.0)
    rests = [(at_s, at_s + 1500.0) for at_s in np.arange(0.0, 71.0 * HOUR_S, 1800.0)]
    found = slope_of_rests(time_s, -0.25 * time_s / HOUR_S, rests, QUIET)
    assert found is not None
    assert found.mg_per_h == pytest.approx(-0.25, rel=1e-4)


def test_too_little_rest_tells_nothing() -> None:
    time_s = np.arange(0.0, 600.0, 1.0)
    assert slope_of_rests(time_s, time_s, [], QUIET) is None
    assert slope_of_rests(time_s, time_s, [(10.0, 30.0)], QUIET) is None
    assert slope_of_rests(time_s, time_s, [(900.0, 1200.0)], QUIET) is None


def test_rests_are_compared_with_the_blanks_and_the_difference_is_in_the_budget() -> None:
    blanks = [Slope(-0.50, 0.02, 50.0, 0.0), Slope(-0.50, 0.02, 50.0, RUN_S)]
    agreeing, creeping = (evaporation(blanks, run=Slope(rate, 0.01, 50.0)) for rate in (-0.51, -0.35))
    assert agreeing.mg_per_h == creeping.mg_per_h == pytest.approx(0.5)
    assert agreeing.standard_uncertainty == pytest.approx(0.02 / math.sqrt(2.0))
    assert agreeing.unsteady == ""
    excess = 0.15**2 - 0.02**2 / 2.0 - 0.01**2
    assert creeping.standard_uncertainty == pytest.approx(math.sqrt(0.02**2 / 2.0 + excess / 3.0))
    assert "by the rests between deliveries 0.35 mg/h" in creeping.unsteady
    assert creeping.run is not None


def test_without_both_blanks_the_rests_tell() -> None:
    run = Slope(-0.4, 0.01, 50.0)
    alone = evaporation([None, None], run=run)
    assert alone.mg_per_h == pytest.approx(0.4)
    assert alone.source == "rests between deliveries"
    with_one = evaporation([Slope(-0.5, 0.2, 5.0, 0.0)], run=run)
    assert with_one.mg_per_h == pytest.approx(0.4)
    better = evaporation([Slope(-0.5, 0.001, 50.0, 0.0)], run=run)
    assert better.mg_per_h == pytest.approx(0.5)
    declared = evaporation([], 0.4, 0.01 * math.sqrt(3.0), run=run)
    assert declared.standard_uncertainty == pytest.approx(0.01 / math.sqrt(2.0))
    contradicted = evaporation([], 0.05, 0.01, run=run)
    assert contradicted.mg_per_h == pytest.approx(0.4)


@given(
    st.floats(-1e3, 1e3),
    st.lists(st.tuples(st.booleans(), st.floats(-10.0, 10.0), st.floats(0.9, 1.1), st.booleans()), max_size=6),
)
def test_effects_add_up_to_the_whole(reading: float, drawn: list[tuple[bool, float, float, bool]]) -> None:
    steps = [
        Step("x", applied, "", "", added_mg=added if adds else 0.0, factor=1.0 if adds else factor)
        for applied, added, factor, adds in drawn
    ]
    found = effects_of(reading, steps)
    applied = sum(each.effect_ul for each in found.effects if each.step.applied)
    assert found.reading_ul + applied == pytest.approx(found.volume_ul, abs=1e-9)
    masses = sum(step.added_mg for step in steps if step.applied)
    factor = math.prod(step.factor for step in steps if step.applied)
    assert found.volume_ul == pytest.approx((reading + masses) * factor, abs=1e-9)


WALKING = Noise((Part("walk", 4e-3, 2e-6, (0.0, 0.0, 0.0)),))


@pytest.mark.parametrize("noise", [white_noise(4e-3), WALKING])
def test_levels_beside_the_blanks_err_with_the_loss(noise: Noise) -> None:
    """1500 drawn recordings: the volume's spread, and what the levels tell of the loss, as foretold.

    Taking both for independent would promise a seventh less in white noise.
    """
    generator, step_s, blank_s, level_s, gap_s = np.random.default_rng(11), 2.0, 600.0, 60.0, 1800.0
    time_s = np.arange(0.0, 2.0 * blank_s + gap_s, step_s) + 0.5 * step_s
    part = noise.parts[0]
    before, after = (blank_s - level_s, blank_s), (blank_s + gap_s, blank_s + gap_s + level_s)
    first, last = time_s < blank_s, time_s > blank_s + gap_s
    inside = [(time_s > window[0]) & (time_s < window[1]) for window in (before, after)]
    steps, rates = [], []
    for _ in range(1500):
        white = generator.normal(0.0, math.sqrt(part.white_density / step_s), time_s.size)
        walk = np.cumsum(generator.normal(0.0, math.sqrt(part.slow_density * step_s), time_s.size))
        mass = white + walk
        steps.append(float(mass[inside[1]].mean() - mass[inside[0]].mean()))
        rates.append(evaporation([blank_slope(time_s[each], mass[each], noise) for each in (first, last)]).mg_per_h)
    levels, hours = Levels.difference(before, after), (gap_s + level_s) / HOUR_S
    # Of a pair of blanks that differ by noise more than usual a change would be believed.
    found = evaporation([blank_slope(time_s[each], np.zeros_like(time_s[each]), noise) for each in (first, last)])
    given = found.given_levels(noise, levels, hours * HOUR_S)
    spread = noise.of(levels).standard_uncertainty
    assert given.correlation == pytest.approx(np.corrcoef(steps, rates)[0, 1], abs=0.06)
    told = math.hypot(spread * (1.0 + given.mg_per_h_per_mg * hours), given.standard_uncertainty * hours)
    seen = float(np.std(np.array(steps) + np.array(rates) * hours))
    assert told == pytest.approx(seen, rel=0.04)
    if part.slow_density == 0.0:
        share = level_s / blank_s
        assert given.correlation == pytest.approx(math.sqrt(3.0 * share) * (1.0 - share), rel=0.03)
        assert math.hypot(spread, found.standard_uncertainty * hours) < 0.88 * seen


def test_levels_far_from_the_blanks_tell_nothing_of_the_loss() -> None:
    time_s = np.arange(0.0, 600.0, 2.0)
    found = evaporation([blank_slope(time_s, np.zeros_like(time_s), QUIET)])
    given = found.given_levels(QUIET, Levels.difference((700.0, 710.0), (900.0, 910.0)), 200.0)
    assert (given.mg_per_h_per_mg, given.correlation) == pytest.approx((0.0, 0.0))
    assert given.standard_uncertainty == pytest.approx(found.standard_uncertainty)
    assert not given.told


def test_a_loss_that_is_declared_alone_has_no_noise_in_common_with_levels() -> None:
    found = evaporation([], 0.05, 0.05)
    given = found.given_levels(QUIET, Levels.difference((0.0, 10.0), (60.0, 70.0)), 60.0)
    assert given == (0.0, 0.05 / math.sqrt(3.0), 0.0)
