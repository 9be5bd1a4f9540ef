"""Pumps whose doses are made of single runs, served over a pseudo-terminal and over TCP, in real time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.clock import RealClock
from drivers.registry import driver
from drivers.roles import DeliveryState, HasWatchdog
from tests.twin.served import served

RIG = """
rig: served
instruments: {{pump: {{driver: {driver}, address: "sim://twin/pump", diameter: 4.699 mm}}}}
simulation:
  pump: {{pulse: 0.02 µL, bolus_pulse_interval: 100 ms, reservoir: 1 mL}}
  emulators: {{pump: {emulator}}}
"""
PATIENCE_S = 20.0


@pytest.mark.parametrize("tcp", [False, True], ids=["pseudo-terminal", "TCP"])
@pytest.mark.parametrize(
    ("name", "emulator", "options", "pending"),
    [
        ("new_era", "new_era", {}, ["POWER"]),
        ("harvard_ultra", "{emulator: harvard_ultra, model: legato, echo: true}", {"force": 80}, []),
    ],
    ids=["new_era", "harvard_ultra"],
)
def test_a_bolus_and_a_basal_rate(
    name: str, emulator: str, options: dict[str, Any], pending: list[str], tcp: bool, tmp_path: Path
) -> None:
    clock, entry = RealClock(), driver(name)
    told = entry.Options.model_validate({"diameter": "4.699 mm", "bolus_rate": "0.6 mL/min", **options})
    with served(RIG.format(driver=name, emulator=emulator), tmp_path, tcp=tcp) as instruments:
        pump = entry.factory(instruments["pump"]["address"], told, clock)
        try:
            assert [alarm.code for alarm in pump.take_alarms()] == pending
            pump.acknowledge_alarms()
            if isinstance(pump, HasWatchdog):
                pump.arm_watchdog(30.0)
            pump.start_bolus(3.0)
            end_s = clock.now_s() + PATIENCE_S
            while pump.bolus_status().active:
                assert clock.now_s() < end_s
            assert pump.bolus_status().delivered_ul == 3.0
            pump.start_basal(50.0)
            assert pump.state() is DeliveryState.BASAL
            pump.start_basal(100.0)
            while pump.delivered_ul() <= 3.0:
                assert clock.now_s() < end_s
            pump.stop()
            assert pump.state() is DeliveryState.STOPPED
            if isinstance(pump, HasWatchdog):
                pump.disarm_watchdog()
            assert pump.take_alarms() == []
        finally:
            pump.close()
