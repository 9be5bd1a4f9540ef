"""The Harvard driver on the twin, in simulated time: what it delivers is what it was told and what it counts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.cli import main
from bench.clock import SimulatedClock
from bench.run.poller import Poller
from bench.run.samplers import Samplers
from bench.twin.truth import Truth, read_truth
from bench.twin.twin import Twin
from drivers.errors import NoReplyError
from drivers.pump.harvard_ultra import HarvardUltraPump
from drivers.registry import driver
from drivers.roles import DeliveryState
from tests.twin.quiet import quiet

SYRINGE = {"pulse": "0.02 µL", "bolus_pulse_interval": "100 ms"}
DIALECTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"model": "phd_ultra"}, {}),
    ({"model": "pump_11_elite", "echo": True}, {"force": 60}),
    ({"model": "legato", "address": 12, "baudrate": 38400, "nvram_none": False},
     {"pump_address": 12, "address_form": "plain", "baudrate": 38400, "syringe_volume": "500 µL"}),
    ({"model": "phd_ultra", "address": 12, "baudrate": 9600}, {"pump_address": 12}),
]  # fmt: skip
Use = Callable[[Any, SimulatedClock, Twin], None]


def deliver(
    path: Path, use: Use, emulator: dict[str, Any] | None = None, reservoir: str = "1 mL", **options: Any
) -> Truth:
    """Let `use` do something with a driver that is being polled; return the truth of it."""
    clock, entry = SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)), driver("harvard_ultra")
    simulation = quiet(
        pump={**SYRINGE, "reservoir": reservoir}, emulators={"pump": {"emulator": "harvard_ultra", **(emulator or {})}}
    )
    gaps: list[str] = []
    with Twin("twin", simulation, 1, clock, path) as twin:
        told = entry.Options.model_validate({"diameter": "4.699 mm", **options})
        pump = entry.factory("sim://twin/pump", told, clock)
        polled = Samplers([Poller("pump", pump, clock, lambda _, problem: gaps.append(problem))])
        polled.start()
        use(pump, clock, twin)
        polled.check()
        polled.stop()
        pump.close()
        assert not twin.world.pump.drive.running
    assert gaps == []
    return read_truth(path)


@pytest.mark.parametrize(("emulator", "options"), DIALECTS)
def test_a_steady_rate_and_a_bolus_that_interrupts_it(
    emulator: dict[str, Any], options: dict[str, Any], tmp_path: Path
) -> None:
    counted: list[float] = []

    def use(pump: HarvardUltraPump, clock: SimulatedClock, _twin: Twin) -> None:
        assert pump.identify().serial_number == "D401460"
        assert pump.take_alarms() == []
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

    truth = deliver(tmp_path / "truth", use, emulator, **options)
    assert counted == [pytest.approx(25.0, abs=0.01), pytest.approx(33.15, abs=0.03)]
    assert truth.metered_ul(0.0, 1e9, "bolus") == pytest.approx(5.0, abs=1e-9)
    assert truth.metered_ul(0.0, 1e9) == pytest.approx(counted[-1], abs=0.01)


def test_pulses_come_on_schedule_and_hold_what_they_should(tmp_path: Path) -> None:
    began: list[float] = []

    def use(pump: HarvardUltraPump, clock: SimulatedClock, _twin: Twin) -> None:
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


def test_pulses_that_a_bolus_holds_up_come_after_it(tmp_path: Path) -> None:
    def use(pump: HarvardUltraPump, clock: SimulatedClock, _twin: Twin) -> None:
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

    truth = deliver(tmp_path / "truth", use, basal="pulsed", pulse="0.5 µL")
    assert truth.metered_ul(0.0, 1e9) == pytest.approx(103.0, abs=0.02)


def test_what_the_pump_is_told_of_its_syringe_decides_what_comes(tmp_path: Path) -> None:
    """A syringe of twice the bore gives four times as much, and the pump counts as before."""

    def use(pump: HarvardUltraPump, clock: SimulatedClock, _twin: Twin) -> None:
        pump.start_bolus(2.0)
        clock.sleep_s(20.0)
        assert pump.delivered_ul() == pytest.approx(2.0)

    truth = deliver(tmp_path / "truth", use, {"bore": "9.398 mm", "diameter": "9.398 mm"})
    assert truth.metered_ul(0.0, 1e9) == pytest.approx(8.0, abs=1e-6)


@pytest.mark.parametrize("force", [20, 100])
def test_a_shut_line_stalls_the_motor_at_its_force_and_that_is_an_occlusion(force: int, tmp_path: Path) -> None:
    def use(pump: HarvardUltraPump, clock: SimulatedClock, twin: Twin) -> None:
        pump.start_basal(300.0)
        clock.sleep_s(60.0)
        twin.world.occluder.set(True, clock.now_s())
        clock.sleep_s(1800.0)
        [alarm] = pump.take_alarms()
        assert (alarm.code, pump.state()) == ("OCCLUSION", DeliveryState.ALARM)
        pump.stop()
        # 300 kPa at full force
        assert twin.world.line.pressure_kpa(clock.now_s()) == pytest.approx(3.0 * force, abs=1.0)
        twin.world.occluder.set(False, clock.now_s())
        pump.acknowledge_alarms()
        pump.start_bolus(1.0)
        clock.sleep_s(10.0)
        assert not pump.bolus_status().active
        assert pump.take_alarms() == []

    deliver(tmp_path / "truth", use, force=force)


def test_the_syringe_s_end_and_a_limit_switch_are_alarms(tmp_path: Path) -> None:
    def use(code: str) -> Use:
        def empty(pump: HarvardUltraPump, clock: SimulatedClock, _twin: Twin) -> None:
            pump.start_bolus(30.0)
            clock.sleep_s(240.0)
            assert [alarm.code for alarm in pump.take_alarms()] == [code]
            assert pump.bolus_status().delivered_ul == pytest.approx(20.0, abs=0.05)
            pump.acknowledge_alarms()

        return empty

    for index, (code, emulator) in enumerate((("OCCLUSION", {}), ("EMPTY", {"infuse_limit": "20 µL"}))):
        reservoir = "1 mL" if emulator else "20 µL"
        truth = deliver(tmp_path / f"truth{index}", use(code), {"model": "legato", **emulator}, reservoir=reservoir)
        assert truth.metered_ul(0.0, 1e9) == pytest.approx(20.0, abs=0.05)


def test_another_address_and_another_speed_are_not_answered(tmp_path: Path) -> None:
    def use(pump: HarvardUltraPump, clock: SimulatedClock, _twin: Twin) -> None:
        raise AssertionError("it was opened")

    with pytest.raises(NoReplyError, match="no reply within"):
        deliver(tmp_path / "truth", use, pump_address=3)


def test_it_conforms_to_its_role(capsys: pytest.CaptureFixture[str]) -> None:
    told = ["--emulator", "harvard_ultra", "--option", "diameter=4.699 mm"]
    assert main(["conform", "harvard_ultra", "sim", "--deliver", *told]) == 0
    printed = capsys.readouterr().out
    assert "FAILED" not in printed
    assert "  ok        suspension " in printed
