"""Pump into a shut line: t = C·P/Q, stored bolus = C·P, in a whole world."""

import math
from pathlib import Path
from typing import Any

import pytest

from bench.twin.settings import Simulation
from bench.twin.truth import read_truth
from bench.twin.world import World
from tests.twin.quiet import quiet

STORED_UL = 0.15 * 100.0
PULSE_UL = 0.5


def occlude_at(simulation: Simulation, rate_u_per_h: float, path: Path | None = None) -> World:
    """Deliver for a while, shut the line at 600 s, and run until an alarm or for 40 h."""
    world = World(simulation, 1, path)
    world.pump.set_basal_rate(rate_u_per_h)
    world.pump.switch_basal(True)
    world.run_until(600.0)
    world.occluder.set(True, 600.0)
    while not world.pump.alarms and world.now_s < 40 * 3600.0:
        world.run_until(world.next_event_s())
    return world


@pytest.mark.parametrize("rate_u_per_h", [0.5, 1.0, 5.0])
def test_time_to_alarm_is_compliance_times_threshold_over_rate(rate_u_per_h: float) -> None:
    world = occlude_at(quiet(), rate_u_per_h)
    rate_ul_per_s = rate_u_per_h * 10.0 / 3600.0
    time_to_alarm_s = world.now_s - 1.0 - 600.0
    assert abs(time_to_alarm_s - STORED_UL / rate_ul_per_s) <= PULSE_UL / rate_ul_per_s + 1e-6


def test_the_stored_volume_leaves_on_release() -> None:
    world = occlude_at(quiet(), 1.0)
    before_ul = world.line.volume_ul(world.now_s)
    released_s = world.now_s + 10.0
    world.run_until(released_s)
    world.occluder.set(False, released_s)
    world.run_until(released_s + 60.0)
    stored_ul = world.line.volume_ul(released_s + 60.0) - before_ul
    assert STORED_UL - 1e-9 <= stored_ul <= STORED_UL + PULSE_UL + 1e-9


def test_an_occlusion_alarm_stops_and_blocks_the_pump() -> None:
    world = occlude_at(quiet(), 1.0)
    sequence, pump_time_s, code, text = world.pump.alarms[0]
    assert (sequence, code, text) == (1, "OCCLUSION", "Occlusion detected")
    assert pump_time_s == pytest.approx(3600.0 + world.now_s)
    delivered_u = world.pump.delivered_u["basal"]
    world.run_until(world.now_s + 7200.0)
    assert world.pump.delivered_u["basal"] == delivered_u
    assert world.pump.state == "ALAR"


@pytest.mark.parametrize(("level", "threshold_kpa"), [("LOW", 60.0), ("MED", 100.0), ("HIGH", 150.0)])
def test_the_threshold_is_the_levels(level: str, threshold_kpa: float) -> None:
    world = World(quiet(), 1)
    world.pump.occlusion_level = level
    world.occluder.set(True, 0.0)
    world.pump.start_bolus(10.0)
    while not world.pump.alarms:
        world.run_until(world.next_event_s())
    pressure_kpa = world.line.pressure_kpa(world.now_s)
    assert threshold_kpa <= pressure_kpa <= threshold_kpa + PULSE_UL / 0.15 + 1e-9
    # 0.25 µL/s against 0.15 µL/kPa, and the latency.
    assert world.now_s == pytest.approx(threshold_kpa * 0.15 / 0.25 + 1.0, abs=2.0)


def test_a_bubble_of_ten_microlitres_makes_an_hour_and_a_half_two() -> None:
    world = occlude_at(quiet({"fault": "bubble", "volume": "10 µL", "ahead": "1 mL"}), 1.0)
    hours = (world.now_s - 600.0) / 3600.0
    assert hours == pytest.approx((15.0 + 10.0 * 100.0 / 201.325) / 10.0, abs=0.06)


def test_missed_volume_is_what_the_line_stores(tmp_path: Path) -> None:
    world = occlude_at(quiet(), 1.0, tmp_path / "truth.jsonl")
    end_s = world.now_s
    world.close()
    truth = read_truth(tmp_path / "truth.jsonl")
    missed_ul = truth.metered_ul(600.0, end_s) - (truth.delivered_ul(end_s) - truth.delivered_ul(600.0))
    # The pulse that falls on the very instant of closing has not left yet.
    assert STORED_UL - PULSE_UL <= missed_ul <= STORED_UL + PULSE_UL
    assert [note["closed"] for note in truth.notes if note["kind"] == "occluder"] == [True]


@pytest.mark.parametrize(
    ("fault", "hours"),
    [
        ({"fault": "weak_stiffness", "factor": 4.0}, 6.0),
        ({"fault": "late_alarm", "delay": "2 h"}, 3.5),
        ({"fault": "no_alarm"}, None),
        ({"fault": "occluder_leaks", "factor": 100.0}, None),
        ({"fault": "slow_leak"}, None),
        ({"fault": "threshold_too_high"}, 3.0),
        ({"fault": "no_alarm_during_bolus"}, 1.5),
        ({"fault": "level_ignored"}, 1.5),
        ({"fault": "stiffness_fades"}, 1.5),
        ({"fault": "valve_stuck_open"}, None),
    ],
)
def test_faults_move_the_time_to_alarm(fault: dict[str, Any], hours: float | None) -> None:
    world = occlude_at(quiet(fault), 1.0)
    if hours is None:
        assert not world.pump.alarms
    else:
        assert (world.now_s - 600.0) / 3600.0 == pytest.approx(hours, abs=0.06)


def test_a_level_that_is_ignored_is_reported_all_the_same() -> None:
    world = World(quiet({"fault": "level_ignored"}), 1)
    world.pump.occlusion_level = "LOW"
    assert world.pump.occlusion_level == "LOW"
    world.occluder.set(True, 0.0)
    world.pump.start_bolus(10.0)
    while not world.pump.alarms:
        world.run_until(world.next_event_s())
    assert 100.0 <= world.line.pressure_kpa(world.now_s) <= 100.0 + PULSE_UL / 0.15 + 1e-9


def test_a_pump_that_is_deaf_during_a_bolus_hears_the_basal_pulse_after_it() -> None:
    world = World(quiet({"fault": "no_alarm_during_bolus"}), 1)
    world.pump.set_basal_rate(1.0)
    world.pump.switch_basal(True)
    world.run_until(185.0)
    world.occluder.set(True, 185.0)
    world.pump.start_bolus(3.0)
    world.run_until(359.0)
    # 3 U, two seconds a pulse: over since 305 s, with twice the threshold in the line, and no alarm.
    assert world.line.pressure_kpa(359.0) == pytest.approx(200.0)
    assert not world.pump.alarms
    world.run_until(362.0)
    assert [alarm[2] for alarm in world.pump.alarms] == ["OCCLUSION"]


def test_stiffness_that_fades_makes_every_occlusion_longer() -> None:
    world = World(quiet({"fault": "stiffness_fades", "growth": "50 %"}), 1)
    lasted = []
    for _ in range(3):
        world.occluder.set(True, world.now_s)
        begin_s = world.now_s
        world.pump.start_bolus(10.0)
        while not world.pump.alarms:
            world.run_until(world.next_event_s())
        lasted.append(world.now_s - 1.0 - begin_s)
        world.pump.alarms.clear()
        world.pump.acknowledge()
        world.occluder.set(False, world.now_s)
        world.run_until(world.now_s + 120.0)
    # 60 s at 0.25 µL/s, by whole pulses of 2 s.
    assert lasted == pytest.approx([60.0, 90.0, 135.0], abs=2.0)


def test_a_clamp_that_is_stuck_says_that_it_is_shut() -> None:
    world = World(quiet({"fault": "valve_stuck_open"}), 1)
    world.occluder.set(True, 0.0)
    world.pump.start_bolus(1.0)
    world.run_until(60.0)
    assert world.occluder.closed
    assert world.line.volume_ul(60.0) == pytest.approx(10.0)


def test_without_an_alarm_the_motor_stalls() -> None:
    world = occlude_at(quiet({"fault": "no_alarm"}), 2.0)
    assert 300.0 <= world.line.pressure_kpa(world.now_s) <= 300.0 + PULSE_UL / 0.15


def test_the_transducer_shows_the_lines_pressure() -> None:
    world = World(quiet(), 1)
    world.occluder.set(True, 0.0)
    world.pump.start_bolus(1.0)
    world.run_until(41.0)
    assert world.transducer.volts(41.0) == pytest.approx(10.0 / 0.15 / 20.0)
    offset = World(quiet({"fault": "sensor_offset", "pressure": "30 kPa"}), 1)
    assert offset.transducer.volts(1.0) == pytest.approx(1.5)


def test_the_clamp_takes_its_time() -> None:
    world = World(quiet(occluder={"closing_time": "500 ms"}), 1)
    world.occluder.set(True, 10.0)
    assert world.occluder.closed
    assert world.next_event_s() == 10.5
    world.line.inject(1.0, 10.0)
    assert world.line.volume_ul(10.1) > 0.0
    world.run_until(10.5)
    assert world.line.volume_ul(60.0) == world.line.volume_ul(10.5) < 1.0


def test_the_clamp_opens_in_its_own_time_and_never_before_it_has_shut() -> None:
    world = World(quiet(occluder={"closing_time": "500 ms", "opening_time": "100 ms"}), 1)
    world.occluder.set(True, 10.0)
    world.run_until(10.4)
    assert (world.occluder.closed, world.occluder.shut) == (True, False)
    world.run_until(10.5)
    assert world.occluder.shut
    world.occluder.set(False, 11.0)
    assert world.next_event_s() == 11.1
    world.run_until(11.1)
    assert not world.occluder.shut
    world.occluder.set(True, 20.0)
    world.occluder.set(False, 20.1)
    world.run_until(21.0)
    assert (world.occluder.closed, world.occluder.shut) == (False, False)
    assert world.occluder.next_event_s == math.inf
