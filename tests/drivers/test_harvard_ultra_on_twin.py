"""The Harvard driver on the twin, in simulated time: what it delivers is what it was told and what it counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cli import main
from bench.clock import SimulatedClock
from bench.twin.twin import Twin
from drivers.errors import NoReplyError
from drivers.pump.harvard_ultra import HarvardUltraPump
from drivers.roles import DeliveryState
from tests.drivers.syringe_on_twin import HARVARD, Use, deliver


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

    deliver(HARVARD, tmp_path / "truth", use, force=force)


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
        truth = deliver(
            HARVARD, tmp_path / f"truth{index}", use(code), {"model": "legato", **emulator}, reservoir=reservoir
        )
        assert truth.metered_ul(0.0, 1e9) == pytest.approx(20.0, abs=0.05)


def test_it_tells_its_serial_number(tmp_path: Path) -> None:
    def use(pump: HarvardUltraPump, _clock: SimulatedClock, _twin: Twin) -> None:
        assert pump.identify().serial_number == "D401460"

    deliver(HARVARD, tmp_path / "truth", use)


def test_another_address_and_another_speed_are_not_answered(tmp_path: Path) -> None:
    def use(pump: HarvardUltraPump, clock: SimulatedClock, _twin: Twin) -> None:
        raise AssertionError("it was opened")

    with pytest.raises(NoReplyError, match="no reply within"):
        deliver(HARVARD, tmp_path / "truth", use, pump_address=3)


def test_it_conforms_to_its_role(capsys: pytest.CaptureFixture[str]) -> None:
    told = ["--emulator", "harvard_ultra", "--option", "diameter=4.699 mm"]
    assert main(["conform", "harvard_ultra", "sim", "--deliver", *told]) == 0
    printed = capsys.readouterr().out
    assert "FAILED" not in printed
    assert "  ok        suspension " in printed
