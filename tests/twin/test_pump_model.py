"""What the pump does when it is told: states, refusals, reservoir, alarms."""

from collections.abc import Callable
from typing import Any

import pytest

from bench.twin.pump_model import PumpModel
from bench.twin.refusal import PumpRefusal
from bench.twin.world import World
from tests.twin.quiet import quiet


def world_of(*faults: dict[str, Any], **pump: Any) -> World:
    return World(quiet(*faults, pump=pump), 1)


def refusal(act: Callable[[], None]) -> str:
    with pytest.raises(PumpRefusal) as caught:
        act()
    return caught.value.reason


def test_a_bolus_takes_two_seconds_a_pulse_and_tells_how_far_it_is() -> None:
    world = world_of()
    world.pump.start_bolus(1.0)
    assert world.pump.bolus == ("NORM", 1.0, 0.0)
    assert world.pump.state == "BOL"
    world.run_until(20.0)
    assert world.pump.bolus == ("NORM", 1.0, 0.5)
    world.run_until(39.99)
    assert world.pump.state == "BOL"
    world.run_until(40.0)
    assert world.pump.bolus == ("IDLE", 1.0, 1.0)
    assert world.pump.state == "STOP"
    assert world.pump.delivered_u == {"basal": 0.0, "bolus": 1.0, "prime": 0.0}
    assert world.line.volume_ul(100.0) == pytest.approx(10.0)
    assert world.pump.bolus_speed_u_per_min == pytest.approx(1.5)


def test_a_cancelled_bolus_keeps_what_it_gave() -> None:
    world = world_of()
    world.pump.start_bolus(1.0)
    world.run_until(10.0)
    world.pump.cancel_bolus()
    world.run_until(100.0)
    assert world.pump.bolus == ("IDLE", 1.0, 0.25)
    world.pump.cancel_bolus()


def test_an_extended_bolus_is_spread_evenly() -> None:
    world = world_of()
    world.pump.start_extended(1.0, 3600.0)
    world.run_until(1800.0)
    assert world.pump.bolus == ("EXT", 1.0, 0.5)
    world.run_until(3600.0)
    assert world.pump.bolus == ("IDLE", 1.0, 1.0)


def test_a_dual_bolus_gives_its_spread_part_after_the_part_at_once() -> None:
    world = world_of()
    world.pump.start_dual(1.0, 0.5, 1000.0)
    world.run_until(40.0)
    assert world.pump.bolus == ("DUAL", 1.5, 1.0)
    world.run_until(139.9)
    assert world.pump.bolus[2] == pytest.approx(1.0)
    world.run_until(1040.0)
    assert world.pump.bolus == ("IDLE", 1.5, 1.5)


def test_suspension_holds_basal_and_bolus_and_resuming_goes_on() -> None:
    world = world_of()
    pump = world.pump
    pump.set_basal_rate(1.0)
    pump.switch_basal(True)
    pump.start_bolus(1.0)
    world.run_until(20.0)
    pump.suspend()
    assert pump.state == "SUSP"
    world.run_until(1000.0)
    assert sum(pump.delivered_u.values()) == pytest.approx(0.5)
    assert refusal(lambda: pump.start_bolus(0.1)) == "conflict"
    pump.resume()
    assert pump.state == "BOL"
    world.run_until(1020.0)
    assert pump.bolus == ("IDLE", 1.0, 1.0)
    world.run_until(1180.0)
    assert pump.delivered_u["basal"] == pytest.approx(0.05)
    assert refusal(pump.resume) == "conflict"


def test_stop_ends_everything_in_every_state() -> None:
    world = world_of()
    pump = world.pump
    pump.set_basal_rate(1.0)
    pump.switch_basal(True)
    pump.set_temporary("PERC", 200.0, 600.0)
    pump.start_bolus(1.0)
    pump.suspend()
    pump.stop()
    assert (pump.state, pump.basal_on, pump.temporary[0], pump.bolus[0]) == ("STOP", False, "NONE", "IDLE")
    world.run_until(7200.0)
    assert sum(pump.delivered_u.values()) == 0.0
    assert pump.basal_rate_u_per_h == 1.0


def test_refusals_name_their_reason_and_change_nothing() -> None:
    world = world_of(reservoir="5 U", low_reservoir="1 U")
    pump = world.pump
    assert refusal(lambda: pump.start_bolus(0.12)) == "step"
    assert refusal(lambda: pump.start_bolus(30.05)) == "range"
    assert refusal(lambda: pump.start_bolus(0.0)) == "range"
    assert refusal(lambda: pump.start_bolus(6.0)) == "empty"
    assert refusal(lambda: pump.start_extended(1.0, 10.0)) == "range"
    assert refusal(lambda: pump.set_basal_rate(0.01)) == "range"
    assert refusal(lambda: pump.set_basal_rate(31.0)) == "range"
    assert refusal(lambda: pump.set_temporary("PERC", 100.0, 600.0)) == "conflict"
    assert refusal(lambda: pump.set_profile([(60.0, 1.0)])) == "step"
    assert refusal(lambda: pump.set_profile([(0.0, 1.0), (86400.0, 1.0)])) == "range"
    assert refusal(lambda: pump.prime(0.01)) == "step"
    assert (pump.state, pump.bolus) == ("STOP", ("IDLE", 0.0, 0.0))
    pump.start_bolus(1.0)
    assert refusal(lambda: pump.start_bolus(1.0)) == "conflict"
    assert refusal(lambda: pump.prime(1.0)) == "conflict"
    assert refusal(lambda: pump.fill(100.0)) == "conflict"
    assert pump.bolus == ("NORM", 1.0, 0.0)


def test_a_prime_is_counted_apart_and_runs_alone() -> None:
    world = world_of()
    world.pump.prime(1.0)
    assert world.pump.state == "PRIM"
    assert refusal(lambda: world.pump.switch_basal(True)) == "conflict"
    world.run_until(20.0)
    assert world.pump.state == "STOP"
    assert world.pump.delivered_u["prime"] == pytest.approx(1.0)


def test_the_reservoir_runs_low_and_then_empty() -> None:
    world = world_of(reservoir="2 U", low_reservoir="1 U")
    pump = world.pump
    pump.start_bolus(1.5)
    world.run_until(38.0)
    assert not pump.alarms
    world.run_until(40.0)
    assert pump.alarms[0][2] == "LOWRES"
    assert pump.state == "BOL"
    world.run_until(60.0)
    pump.set_basal_rate(1.0)
    pump.switch_basal(True)
    world.run_until(7200.0)
    assert [code for _, _, code, _ in pump.alarms] == ["LOWRES", "EMPTY"]
    assert pump.state == "ALAR"
    assert pump.reservoir_u == pytest.approx(0.0, abs=1e-9)
    assert pump.active_alarms == ["LOWRES", "EMPTY"]
    pump.acknowledge()
    assert "EMPTY" in pump.active_alarms
    assert refusal(lambda: pump.start_bolus(0.05)) == "empty"
    pump.fill(200.0)
    assert pump.active_alarms == []
    pump.start_bolus(0.05)


def test_an_alarm_blocks_until_it_is_acknowledged_and_a_warning_does_not() -> None:
    world = world_of()
    pump = world.pump
    pump.set_basal_rate(1.0)
    pump.switch_basal(True)
    world.run_until(100.0)
    pump.raise_alarm("LOWBATT")
    assert pump.state == "BAS"
    pump.raise_alarm("WATCHDOG")
    assert pump.state == "ALAR"
    assert refusal(lambda: pump.switch_basal(True)) == "conflict"
    assert refusal(lambda: pump.start_bolus(1.0)) == "conflict"
    assert refusal(pump.suspend) == "conflict"
    pump.acknowledge()
    assert pump.state == "STOP"
    assert pump.active_alarms == []
    pump.switch_basal(True)
    assert [(sequence, code) for sequence, _, code, _ in pump.alarms] == [(1, "LOWBATT"), (2, "WATCHDOG")]


def test_the_battery_runs_down_with_a_warning_and_an_alarm() -> None:
    world = world_of(battery_life="10 h")
    world.pump.set_basal_rate(1.0)
    world.pump.switch_basal(True)
    world.run_until(5 * 3600.0)
    assert world.pump.battery_pct == pytest.approx(50.0)
    world.run_until(9 * 3600.0)
    assert [alarm[2] for alarm in world.pump.alarms] == ["LOWBATT"]
    world.run_until(11 * 3600.0)
    assert [alarm[2] for alarm in world.pump.alarms] == ["LOWBATT", "BATTERY"]
    assert world.pump.state == "ALAR"


def test_the_pumps_clock_is_its_own() -> None:
    world = world_of(clock_offset="100 s", clock_drift="50 ppm")
    assert world.pump.clock_s(0.0) == 100.0
    assert world.pump.clock_s(10_000.0) == pytest.approx(10_100.5)


def test_the_pump_counts_what_it_meant_not_what_it_moved() -> None:
    world = world_of({"fault": "dose_scale_error", "factor": 2.0})
    world.pump.start_bolus(1.0)
    world.run_until(100.0)
    assert world.pump.delivered_u["bolus"] == pytest.approx(1.0)
    assert world.line.volume_ul(100.0) == pytest.approx(20.0)


def test_another_concentration_moves_another_volume() -> None:
    world = world_of(insulin="U-200")
    pump: PumpModel = world.pump
    pump.start_bolus(1.0)
    world.run_until(100.0)
    assert pump.concentration_u_per_ml == 200.0
    assert world.line.volume_ul(100.0) == pytest.approx(5.0)
