"""Pumps whose doses are made of single runs, on the twin: they deliver what they were told and what they count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.clock import SimulatedClock
from bench.twin.twin import Twin
from drivers.roles import DeliveryState, HasWatchdog
from tests.drivers.syringe_on_twin import HARVARD, NEW_ERA, Syringe, deliver

DIALECTS: list[tuple[Syringe, dict[str, Any], dict[str, Any]]] = [
    (NEW_ERA, {}, {}),
    (HARVARD, {"model": "phd_ultra"}, {}),
    (HARVARD, {"model": "pump_11_elite", "echo": True}, {"force": 60}),
    (HARVARD, {"model": "legato", "address": 12, "baudrate": 38400, "nvram_none": False},
     {"pump_address": 12, "address_form": "plain", "baudrate": 38400, "syringe_volume": "500 µL"}),
    (HARVARD, {"model": "phd_ultra", "address": 12, "baudrate": 9600}, {"pump_address": 12}),
]  # fmt: skip


@pytest.mark.parametrize(("syringe", "emulator", "options"), DIALECTS)
def test_a_steady_rate_and_a_bolus_that_interrupts_it(
    syringe: Syringe, emulator: dict[str, Any], options: dict[str, Any], tmp_path: Path
) -> None:
    counted: list[float] = []

    def use(pump: Any, clock: SimulatedClock, _twin: Twin) -> None:
        if isinstance(pump, HasWatchdog):
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
        assert pump.take_alarms() == []
        if isinstance(pump, HasWatchdog):
            pump.disarm_watchdog()

    truth = deliver(syringe, tmp_path / "truth", use, emulator, **options)
    assert counted == [pytest.approx(25.0, abs=0.01), pytest.approx(33.15, abs=0.03)]
    assert truth.metered_ul(0.0, 1e9, "bolus") == pytest.approx(5.0, abs=1e-9)
    assert truth.metered_ul(0.0, 1e9) == pytest.approx(counted[-1], abs=0.01)


@pytest.mark.parametrize("syringe", [NEW_ERA, HARVARD], ids=lambda syringe: syringe.driver)
def test_pulses_come_on_schedule_and_hold_what_they_should(syringe: Syringe, tmp_path: Path) -> None:
    began: list[float] = []

    def use(pump: Any, clock: SimulatedClock, _twin: Twin) -> None:
        began.append(clock.now_s())
        pump.start_basal(10.0)
        clock.sleep_s(7150.0)
        assert pump.state() is DeliveryState.BASAL
        assert pump.delivered_ul() == pytest.approx(20.0, abs=1e-6)

    truth = deliver(syringe, tmp_path / "truth", use, basal="pulsed", pulse="0.05 U", insulin="U-100")
    starts = np.flatnonzero(np.diff(truth.pulse_time_s, prepend=-1e9) > 30.0)
    assert len(starts) == 40
    due_s = began[0] + 180.0 * np.arange(40)
    assert truth.pulse_time_s[starts] == pytest.approx(due_s + 0.15, abs=0.1)
    volumes = np.add.reduceat(truth.pulse_volume_ul, starts)
    assert volumes == pytest.approx(0.5, abs=1e-9)


@pytest.mark.parametrize("syringe", [NEW_ERA, HARVARD], ids=lambda syringe: syringe.driver)
def test_pulses_at_fixed_intervals_grow_with_the_rate(syringe: Syringe, tmp_path: Path) -> None:
    def use(pump: Any, clock: SimulatedClock, _twin: Twin) -> None:
        pump.start_basal(10.0)
        clock.sleep_s(1850.0)
        pump.start_basal(50.0)
        clock.sleep_s(1800.0)

    truth = deliver(syringe, tmp_path / "truth", use, basal="pulsed", pulse_interval="3 min")
    starts = np.flatnonzero(np.diff(truth.pulse_time_s, prepend=-1e9) > 30.0)
    assert np.add.reduceat(truth.pulse_volume_ul, starts) == pytest.approx([0.5] * 11 + [2.5] * 10, abs=1e-9)


@pytest.mark.parametrize("syringe", [NEW_ERA, HARVARD], ids=lambda syringe: syringe.driver)
def test_pulses_that_a_bolus_holds_up_come_after_it(syringe: Syringe, tmp_path: Path) -> None:
    def use(pump: Any, clock: SimulatedClock, _twin: Twin) -> None:
        pump.start_basal(10.0)
        clock.sleep_s(100.0)
        pump.start_bolus(100.0)  # 400 s: two pulses are due meanwhile
        clock.sleep_s(390.0)
        assert pump.bolus_status().active
        clock.sleep_s(40.0)
        assert pump.delivered_ul() == pytest.approx(101.5, abs=1e-6)
        pump.start_basal(20.0)
        clock.sleep_s(200.0)
        assert pump.delivered_ul() == pytest.approx(103.0, abs=1e-6)
        pump.start_bolus(2.0)
        clock.sleep_s(3.0)
        pump.cancel_bolus()
        assert pump.bolus_status().delivered_ul == pytest.approx(0.75, abs=0.02)

    truth = deliver(syringe, tmp_path / "truth", use, basal="pulsed", pulse="0.5 µL")
    assert truth.metered_ul(0.0, 1e9) == pytest.approx(103.75, abs=0.02)


@pytest.mark.parametrize("syringe", [NEW_ERA, HARVARD], ids=lambda syringe: syringe.driver)
def test_what_the_pump_is_told_of_its_syringe_decides_what_comes(syringe: Syringe, tmp_path: Path) -> None:
    """A syringe of twice the bore gives four times as much, and the pump counts as before."""

    def use(pump: Any, clock: SimulatedClock, _twin: Twin) -> None:
        pump.start_bolus(2.0)
        clock.sleep_s(20.0)
        assert pump.delivered_ul() == pytest.approx(2.0)

    truth = deliver(syringe, tmp_path / "truth", use, {"bore": "9.398 mm", "diameter": "9.398 mm"})
    assert truth.metered_ul(0.0, 1e9) == pytest.approx(8.0, abs=1e-6)
