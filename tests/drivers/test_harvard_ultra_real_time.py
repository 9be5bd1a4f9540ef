"""The Harvard driver on a served pump, over a pseudo-terminal and over TCP, in real time."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.clock import RealClock
from drivers.registry import driver
from drivers.roles import DeliveryState
from tests.twin.served import served

RIG = """
rig: served
instruments: {pump: {driver: harvard_ultra, address: "sim://twin/pump", diameter: 4.699 mm}}
simulation:
  pump: {pulse: 0.02 µL, bolus_pulse_interval: 100 ms, reservoir: 1 mL}
  emulators: {pump: {emulator: harvard_ultra, model: legato, echo: true}}
"""
PATIENCE_S = 20.0


@pytest.mark.parametrize("tcp", [False, True], ids=["pseudo-terminal", "TCP"])
def test_a_bolus_and_a_basal_rate(tcp: bool, tmp_path: Path) -> None:
    clock, entry = RealClock(), driver("harvard_ultra")
    with served(RIG, tmp_path, tcp=tcp) as instruments:
        options = entry.Options.model_validate({"diameter": "4.699 mm", "bolus_rate": "0.6 mL/min", "force": 80})
        pump = entry.factory(instruments["pump"]["address"], options, clock)
        try:
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
            assert pump.take_alarms() == []
        finally:
            pump.close()
