"""The New Era driver on the twin, in simulated time: what it delivers is what it was told and what it counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.clock import SimulatedClock
from bench.twin.twin import Twin
from drivers.errors import NoReplyError
from drivers.pump.new_era import NewEraSafePump
from drivers.roles import DeliveryState
from tests.drivers.syringe_on_twin import NEW_ERA, deliver


def test_a_shut_line_stalls_the_motor_and_that_is_an_occlusion(tmp_path: Path) -> None:
    def use(pump: NewEraSafePump, clock: SimulatedClock, twin: Twin) -> None:
        pump.arm_watchdog(60.0)
        pump.start_basal(300.0)
        clock.sleep_s(60.0)
        twin.world.occluder.set(True, clock.now_s())
        clock.sleep_s(1800.0)
        [alarm] = pump.take_alarms()
        assert alarm.code == "OCCLUSION"
        assert pump.state() is DeliveryState.ALARM
        pump.stop()
        assert twin.world.line.pressure_kpa(clock.now_s()) == pytest.approx(300.0, abs=1.0)
        pump.acknowledge_alarms()
        pump.disarm_watchdog()

    deliver(NEW_ERA, tmp_path / "truth", use)


def test_an_empty_syringe_stalls_the_motor(tmp_path: Path) -> None:
    def use(pump: NewEraSafePump, clock: SimulatedClock, twin: Twin) -> None:
        del twin
        pump.start_bolus(30.0)
        clock.sleep_s(240.0)
        assert [alarm.code for alarm in pump.take_alarms()] == ["OCCLUSION"]
        pump.acknowledge_alarms()

    truth = deliver(NEW_ERA, tmp_path / "truth", use, reservoir="20 µL")
    assert truth.metered_ul(0.0, 1e9) == pytest.approx(20.0, abs=0.05)


def test_the_baud_rate_is_found_and_another_address_is_not(tmp_path: Path) -> None:
    def use(pump: NewEraSafePump, clock: SimulatedClock, _twin: Twin) -> None:
        assert pump.identify().firmware == "3.93"
        assert clock.now_s() < 20.0

    deliver(NEW_ERA, tmp_path / "truth", use, {"baudrate": 9600})
    with pytest.raises(NoReplyError, match="neither in basic nor in safe mode"):
        deliver(NEW_ERA, tmp_path / "truth", use, pump_address=3)
