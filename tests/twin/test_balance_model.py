"""The balance's own behaviour: lag, dead time, stability, limits, drift."""

import math

import pytest

from bench.twin.settings import Simulation
from bench.twin.world import World
from tests.twin.quiet import quiet


def per_ul_g(world: World) -> float:
    """Return the settled indication of one µL, from the vessel's own conversion (tested apart)."""
    return world.vessel.density_g_per_ul(0.0) * world.vessel.knot(0)[1]


def test_the_lag_answers_a_pulse_as_a_first_order_filter() -> None:
    """Two first-order systems in a row: 1 − (T·e^(−t/T) − τ·e^(−t/τ))/(T − τ), here with T = RC and τ = 1 s."""
    world = World(quiet(balance={"dead_time": "0 s", "output_rate": "10 Hz"}), 1)
    start_g = world.balance.indication_g(10.0)
    world.line.inject(1.0, 10.0)
    scale = per_ul_g(world)
    rc_s, lag_s = 0.225, 1.0
    for tenths in range(1, 80):
        passed_s = tenths / 10.0
        expected = 1.0 - (rc_s * math.exp(-passed_s / rc_s) - lag_s * math.exp(-passed_s / lag_s)) / (rc_s - lag_s)
        shown = (world.balance.indication_g(10.0 + passed_s) - start_g) / scale
        assert shown == pytest.approx(expected, abs=1e-8)


def test_the_filter_follows_a_train_of_pulses_as_the_sum_of_its_answers() -> None:
    world = World(quiet(balance={"dead_time": "0 s"}), 1)
    start_g = world.balance.indication_g(0.0)
    times_s = [1.0, 1.35, 4.0, 4.0, 9.7]
    rc_s, lag_s = 0.225, 1.0
    for time_s in times_s:
        world.line.inject(0.5, time_s)
    for shown_s in (10.0, 11.0, 15.0):
        expected = sum(
            0.5
            * (
                1.0
                - (rc_s * math.exp(-(shown_s - t) / rc_s) - lag_s * math.exp(-(shown_s - t) / lag_s)) / (rc_s - lag_s)
            )
            for t in times_s
        )
        shown = (world.balance.indication_g(shown_s) - start_g) / per_ul_g(world)
        assert shown == pytest.approx(expected, abs=1e-8)


def test_a_line_as_slow_as_the_balance_is_no_trap() -> None:
    """At T = τ the closed form divides by zero; its limit is 1 − (1 + t/τ)·e^(−t/τ)."""
    world = World(quiet(balance={"dead_time": "0 s", "lag": "0.225 s"}), 1)
    start_g = world.balance.indication_g(0.0)
    world.line.inject(1.0, 0.0)
    expected = 1.0 - (1.0 + 0.5 / 0.225) * math.exp(-0.5 / 0.225)
    assert (world.balance.indication_g(0.5) - start_g) / per_ul_g(world) == pytest.approx(expected, abs=1e-5)


def test_nothing_shows_before_the_dead_time() -> None:
    world = World(quiet(balance={"dead_time": "300 ms"}), 1)
    start_g = world.balance.indication_g(5.0)
    world.line.inject(1.0, 5.0)
    assert world.balance.indication_g(5.3) == start_g
    assert world.balance.indication_g(5.5) > start_g


def test_an_indication_holds_until_the_next_output() -> None:
    world = World(Simulation(), 1)
    assert world.balance.indication_g(10.0) == world.balance.indication_g(10.09) != world.balance.indication_g(10.1)


def test_indications_do_not_depend_on_who_asks_when() -> None:
    busy, idle = World(Simulation(), 7), World(Simulation(), 7)
    for world in (busy, idle):
        world.pump.start_bolus(1.0)
    for output in range(1, 3000):
        busy.balance.indication_g(output / 10.0)
        busy.balance.stable(output / 10.0)
    assert busy.balance.indication_g(300.0) == idle.balance.indication_g(300.0)


def test_it_is_unstable_while_liquid_arrives_and_stable_after() -> None:
    world = World(Simulation(), 1)
    assert world.balance.stable(30.0)
    world.run_until(30.0)
    world.line.inject(1.0, 30.0)
    assert not world.balance.stable(31.0)
    assert not world.balance.stable(32.0)
    assert world.balance.stable(45.0)


def test_it_is_stable_most_of_the_time_at_rest() -> None:
    world = World(Simulation(), 2)
    stable = [world.balance.stable(20.0 + output / 10.0) for output in range(3000)]
    assert sum(stable) > 2850


def test_it_is_not_stable_before_it_has_seen_enough() -> None:
    assert not World(quiet(), 1).balance.stable(0.5)


@pytest.mark.parametrize(("vessel", "overload"), [("119 g", False), ("121 g", True)])
def test_overload_is_beyond_the_maximum(vessel: str, overload: bool) -> None:
    balance = World(quiet(plant={"vessel_mass": vessel}), 1).balance
    balance.indication_g(1.0)
    assert balance.overload is overload
    assert not balance.underload


def test_drift_scale_error_and_warmth_change_the_indication() -> None:
    drifting = World(quiet(balance={"drift": "1.5 mg/h"}), 1).balance
    assert drifting.indication_g(7200.0) - drifting_start(drifting) == pytest.approx(3.0e-3, rel=1e-6)
    scaled, true = World(quiet(balance={"scale_error": "0.1 %"}), 1), World(quiet(), 1)
    assert scaled.balance.indication_g(1.0) == pytest.approx(1.001 * true.balance.indication_g(1.0))
    warm = World(quiet(balance={"zero_per_kelvin": "1 mg"}, climate={"temperature_wander": "2 K"}), 1)
    still = World(quiet(climate={"temperature_wander": "2 K"}), 1)
    for time_s in (0.0, 3600.0, 7200.0):
        difference_g = warm.balance.indication_g(time_s) - still.balance.indication_g(time_s)
        change_k = warm.climate.read(time_s)[0] - warm.climate.read(0.0)[0]
        assert difference_g == pytest.approx(1e-3 * change_k, abs=1e-12)


def drifting_start(balance: object) -> float:
    """Return what a balance like it showed at first."""
    return World(quiet(balance={"drift": "1.5 mg/h"}), 1).balance.indication_g(0.0)
