"""The New Era driver on the twin, in simulated time: what it delivers is what it was told and what it counts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.clock import SimulatedClock
from bench.run.poller import Poller
from bench.run.samplers import Samplers
from bench.twin.truth import Truth, read_truth
from bench.twin.twin import Twin
from drivers.errors import NoReplyError
from drivers.pump.new_era import NewEraSafePump
from drivers.registry import driver
from drivers.roles import DeliveryState
from tests.twin.quiet import quiet

SYRINGE = {"pulse": "0.02 µL", "bolus_pulse_interval": "100 ms"}
Use = Callable[[Any, SimulatedClock, Twin], None]


def deliver(
    path: Path, use: Use, emulator: dict[str, Any] | None = None, reservoir: str = "1 mL", **options: Any
) -> Truth:
    """Let `use` do something with a driver that is being polled; return the truth of it."""
    clock, entry = SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)), driver("new_era")
    simulation = quiet(
        pump={**SYRINGE, "reservoir": reservoir}, emulators={"pump": {"emulator": "new_era", **(emulator or {})}}
    )
    gaps: list[str] = []
    with Twin("twin", simulation, 1, clock, path) as twin:
        told = entry.Options.model_validate({"diameter": "4.699 mm", **options})
        pump = entry.factory("sim://twin/pump", told, clock)
        polled = Samplers([Poller("pump", pump, clock, lambda _, problem: gaps.append(problem))])
        polled.start()
        pump.take_alarms()
        pump.acknowledge_alarms()
        use(pump, clock, twin)
        polled.check()
        polled.stop()
        pump.stop()
        pump.close()
    assert gaps == []
    return read_truth(path)


def test_a_steady_rate_and_a_bolus_that_interrupts_it(tmp_path: Path) -> None:
    counted: list[float] = []

    def use(pump: NewEraSafePump, clock: SimulatedClock, _twin: Twin) -> None:
        pump.arm_watchdog(60.0)
        pump.start_basal(10.0)
        clock.sleep_s(3600.0)
        pump.start_basal(30.0)
        clock.sleep_s(1800.0)
        counted.append(pump.delivered_ul())
        pump.start_bolus(5.0)
        assert pump.state() is DeliveryState.BOLUS
        clock.sleep_s(10.0)
        status = pump.bolus_status()
        assert (status.active, status.programmed_ul) == (True, 5.0)
        assert status.delivered_ul == pytest.approx(2.5, abs=0.01)
        clock.sleep_s(30.0)
        assert not pump.bolus_status().active
        assert pump.state() is DeliveryState.BASAL
        clock.sleep_s(360.0)
        counted.append(pump.delivered_ul())
        pump.disarm_watchdog()

    truth = deliver(tmp_path / "truth", use)
    assert counted == [pytest.approx(25.0, abs=0.01), pytest.approx(33.15, abs=0.03)]
    assert truth.metered_ul(0.0, 1e9, "bolus") == pytest.approx(5.0, abs=1e-9)
    assert truth.metered_ul(0.0, 1e9) == pytest.approx(counted[-1], abs=0.01)


def test_pulses_come_on_schedule_and_hold_what_they_should(tmp_path: Path) -> None:
    began: list[float] = []

    def use(pump: NewEraSafePump, clock: SimulatedClock, _twin: Twin) -> None:
        began.append(clock.now_s())
        pump.start_basal(10.0)
        clock.sleep_s(7150.0)
        assert pump.state() is DeliveryState.BASAL
        assert pump.delivered_ul() == pytest.approx(20.0, abs=1e-6)

    truth = deliver(tmp_path / "truth", use, basal="pulsed", pulse="0.05 U", insulin="U-100")
    starts = np.flatnonzero(np.diff(truth.pulse_time_s, prepend=-1e9) > 30.0)
    assert len(starts) == 40
    due_s = began[0] + 180.0 * np.arange(40)
    assert truth.pulse_time_s[starts] == pytest.approx(due_s + 0.15, abs=0.1)
    volumes = np.add.reduceat(truth.pulse_volume_ul, starts)
    assert volumes == pytest.approx(0.5, abs=1e-9)


def test_pulses_at_fixed_intervals_grow_with_the_rate(tmp_path: Path) -> None:
    def use(pump: NewEraSafePump, clock: SimulatedClock, _twin: Twin) -> None:
        pump.start_basal(10.0)
        clock.sleep_s(1850.0)
        pump.start_basal(50.0)
        clock.sleep_s(1800.0)

    truth = deliver(tmp_path / "truth", use, basal="pulsed", pulse_interval="3 min")
    starts = np.flatnonzero(np.diff(truth.pulse_time_s, prepend=-1e9) > 30.0)
    assert np.add.reduceat(truth.pulse_volume_ul, starts) == pytest.approx([0.5] * 11 + [2.5] * 10, abs=1e-9)


def test_pulses_that_a_bolus_holds_up_come_after_it(tmp_path: Path) -> None:
    def use(pump: NewEraSafePump, clock: SimulatedClock, _twin: Twin) -> None:
        pump.start_basal(10.0)
        clock.sleep_s(100.0)
        pump.start_bolus(100.0)  # 400 s: two pulses are due meanwhile
        clock.sleep_s(390.0)
        assert pump.bolus_status().active
        clock.sleep_s(40.0)
        assert pump.delivered_ul() == pytest.approx(101.5, abs=1e-6)
        clock.sleep_s(200.0)
        assert pump.delivered_ul() == pytest.approx(102.5, abs=1e-6)
        pump.start_bolus(2.0)
        clock.sleep_s(3.0)
        pump.cancel_bolus()
        assert pump.bolus_status().delivered_ul == pytest.approx(0.75, abs=0.02)

    truth = deliver(tmp_path / "truth", use, basal="pulsed", pulse="0.5 µL")
    assert truth.metered_ul(0.0, 1e9) == pytest.approx(103.25, abs=0.02)


def test_what_the_pump_is_told_of_its_syringe_decides_what_comes(tmp_path: Path) -> None:
    """A syringe of twice the bore gives four times as much, and the pump counts as before."""

    def use(pump: NewEraSafePump, clock: SimulatedClock, _twin: Twin) -> None:
        pump.start_bolus(2.0)
        clock.sleep_s(20.0)
        assert pump.delivered_ul() == pytest.approx(2.0)

    truth = deliver(tmp_path / "truth", use, {"bore": "9.398 mm"})
    assert truth.metered_ul(0.0, 1e9) == pytest.approx(8.0, abs=1e-6)


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

    deliver(tmp_path / "truth", use)


def test_an_empty_syringe_stalls_the_motor(tmp_path: Path) -> None:
    def use(pump: NewEraSafePump, clock: SimulatedClock, twin: Twin) -> None:
        del twin
        pump.start_bolus(30.0)
        clock.sleep_s(240.0)
        assert [alarm.code for alarm in pump.take_alarms()] == ["OCCLUSION"]
        pump.acknowledge_alarms()

    truth = deliver(tmp_path / "truth", use, reservoir="20 µL")
    assert truth.metered_ul(0.0, 1e9) == pytest.approx(20.0, abs=0.05)


def test_the_baud_rate_is_found_and_another_address_is_not(tmp_path: Path) -> None:
    def use(pump: NewEraSafePump, clock: SimulatedClock, _twin: Twin) -> None:
        assert pump.identify().firmware == "3.93"
        assert clock.now_s() < 20.0

    deliver(tmp_path / "truth", use, {"baudrate": 9600})
    with pytest.raises(NoReplyError, match="neither in basic nor in safe mode"):
        deliver(tmp_path / "truth", use, pump_address=3)
