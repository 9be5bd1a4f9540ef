"""What a pump does when its voltage falls, is cut and returns, on a world without anything random."""

from __future__ import annotations

from typing import Any

import pytest

from bench.twin.world import World
from tests.twin.quiet import quiet


def world(*faults: dict[str, Any], **pump: Any) -> World:
    made = World(quiet(*faults, pump=pump, supply={"connected": True}), 1)
    made.pump.set_basal_rate(1.0)
    made.pump.switch_basal(True)
    return made


def cut(made: World, lasting_s: float) -> None:
    made.supply.switch(False)
    made.run_until(made.now_s + lasting_s)
    made.supply.switch(True)
    made.run_until(made.now_s + 2.0)


def test_a_low_voltage_warns_once_and_the_pump_goes_on() -> None:
    made = world()
    for volts in (1.3, 1.2, 1.19, 1.1, 0.95):
        made.supply.set_voltage(volts)
        assert [alarm[2] for alarm in made.pump.alarms] == (["LOWBATT"] if volts < 1.2 else [])
    assert made.pump.state == "BAS"
    assert made.pump.battery_pct == pytest.approx(100.0 * 0.05 / 0.6)
    made.run_until(185.0)
    assert made.pump.delivered_u["basal"] == pytest.approx(0.05)


def test_without_power_nothing_moves_and_the_pump_waits_with_an_alarm() -> None:
    made = world()
    made.run_until(1000.0)
    cut(made, 3600.0)
    assert made.pump.delivered_u["basal"] == pytest.approx(0.25)
    assert (made.pump.state, made.pump.basal_on, made.pump.basal_rate_u_per_h) == ("ALAR", False, 1.0)
    assert [alarm[2] for alarm in made.pump.alarms] == ["POWER"]


def test_a_pump_that_resumes_goes_on_at_its_rate_without_a_word() -> None:
    made = world(after_power_loss="resumes")
    made.run_until(1000.0)
    cut(made, 3600.0)
    started_s = made.now_s
    assert made.pump.state == "BAS"
    assert not made.pump.alarms
    made.run_until(started_s + 181.0)
    assert made.pump.delivered_u["basal"] == pytest.approx(0.30)


def test_a_battery_that_forgets_leaves_a_pump_that_knows_nothing() -> None:
    made = world({"fault": "battery_forgets"})
    made.run_until(1000.0)
    cut(made, 10.0)
    assert (made.pump.delivered_u["basal"], made.pump.basal_rate_u_per_h, made.pump.state) == (0.0, 0.0, "STOP")
    assert not made.pump.alarms


def test_power_that_fails_again_before_the_start_starts_nothing() -> None:
    made = world()
    made.supply.switch(False)
    made.supply.switch(True)
    made.run_until(1.0)
    made.supply.switch(False)
    made.run_until(100.0)
    assert not made.pump.powered
    made.supply.switch(True)
    made.run_until(102.0)
    assert made.pump.powered


def test_a_pump_with_a_battery_of_its_own_does_not_care() -> None:
    made = World(quiet(), 1)
    made.supply.switch(False)
    assert made.pump.powered
    assert made.pump.battery_pct == 100.0
