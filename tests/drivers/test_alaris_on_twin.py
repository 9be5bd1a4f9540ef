"""The Alaris driver on the twin, in simulated time: what it delivers is what it was told and what it counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.clock import SimulatedClock
from bench.twin.twin import Twin
from drivers.pump.alaris_asena import AlarisAsena
from drivers.roles import DeliveryState
from tests.drivers.syringe_on_twin import ALARIS, deliver


def test_a_basal_rate_that_changes_and_a_bolus_that_interrupts_it(tmp_path: Path) -> None:
    counted: list[float] = []

    def use(pump: AlarisAsena, clock: SimulatedClock, _twin: Twin) -> None:
        pump.start_basal(1000.0)
        clock.sleep_s(1800.0)
        pump.start_basal(3000.0)
        clock.sleep_s(600.0)
        counted.append(pump.delivered_ul())
        pump.start_bolus(500.0)
        assert pump.state() is DeliveryState.BOLUS
        clock.sleep_s(9.0)
        status = pump.bolus_status()
        assert (status.active, status.programmed_ul) == (True, 500.0)
        assert status.delivered_ul == pytest.approx(250.0, abs=2.0)
        clock.sleep_s(20.0)
        assert not pump.bolus_status().active
        assert pump.state() is DeliveryState.BASAL
        clock.sleep_s(600.0)
        counted.append(pump.delivered_ul())
        assert pump.take_alarms() == []

    truth = deliver(ALARIS, tmp_path / "truth", use)
    assert counted == [pytest.approx(1000.0, abs=3.0), pytest.approx(2008.5, abs=6.0)]
    assert truth.metered_ul(0.0, 1e9, "bolus") == pytest.approx(500.0, abs=1e-6)
    assert truth.metered_ul(0.0, 1e9) == pytest.approx(counted[-1], abs=1.5)


def test_a_shut_line_is_an_occlusion_by_the_pump_s_own_pressure(tmp_path: Path) -> None:
    def use(pump: AlarisAsena, clock: SimulatedClock, twin: Twin) -> None:
        pump.start_basal(6000.0)
        clock.sleep_s(60.0)
        assert pump.line_pressure_kpa() == pytest.approx(twin.world.line.pressure_kpa(clock.now_s()), abs=0.2)
        assert pump.line_pressure_kpa() < 5.0
        twin.world.occluder.set(True, clock.now_s())
        clock.sleep_s(120.0)
        [alarm] = pump.take_alarms()
        assert alarm.code == "OCCLUSION"
        assert pump.state() is DeliveryState.ALARM
        assert pump.line_pressure_kpa() == pytest.approx(66.7, abs=3.0)
        twin.world.occluder.set(False, clock.now_s())
        clock.sleep_s(60.0)
        pump.acknowledge_alarms()
        pump.start_basal(6000.0)
        clock.sleep_s(10.0)
        assert pump.state() is DeliveryState.BASAL

    deliver(ALARIS, tmp_path / "truth", use)


def test_an_empty_syringe_is_the_end_of_the_infusion(tmp_path: Path) -> None:
    def use(pump: AlarisAsena, clock: SimulatedClock, _twin: Twin) -> None:
        pump.start_basal(60_000.0)
        clock.sleep_s(30.0)
        assert [alarm.code for alarm in pump.take_alarms()] == ["LOWRES"]
        clock.sleep_s(60.0)
        assert [alarm.code for alarm in pump.take_alarms()] == ["EMPTY"]
        pump.acknowledge_alarms()

    truth = deliver(ALARIS, tmp_path / "truth", use, reservoir="1 mL")
    assert truth.metered_ul(0.0, 1e9) == pytest.approx(1000.0, abs=10.0)
