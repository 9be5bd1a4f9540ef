"""What a profile test does to the pump, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from bench.procedures.profile.procedure import PROCEDURE
from tests.procedures.staged import Staged, StagedPump
from tests.procedures.test_profile_settings import of, settings

OVERLAY = (
    ', blank: 10 min, duration: 8 h, overlay: [{at: "01:00", bolus: 4 U},'
    ' {at: "02:00", bolus: 1 U, extended: 1 U, lasting: 30 min}, {at: "03:00", temporary: 50 %, lasting: 1 h},'
    ' {at: "05:00", temporary: 0.3 U/h, lasting: 10 min}, {at: "07:00", suspend: 20 min}]'
)


@dataclass
class DayPump(StagedPump):
    """A pump that has all that a day needs."""

    def start_profile(self, segments: Sequence[tuple[float, float]]) -> None:
        self._say(f"profile {list(segments)}")

    def start_temporary_basal(self, percent: float, duration_s: float) -> None:
        self._say(f"temporary {percent:g} % {duration_s:g} s")

    def start_temporary_rate(self, rate_ul_per_h: float, duration_s: float) -> None:
        self._say(f"temporary {rate_ul_per_h:g} µL/h {duration_s:g} s")

    def cancel_temporary_basal(self) -> None:
        self._say("cancel temporary")

    def suspend(self) -> None:
        self._say("suspend")

    def resume(self) -> None:
        self._say("resume")

    def start_extended_bolus(self, now_ul: float, extended_ul: float, duration_s: float) -> None:
        self._begin(now_ul + extended_ul, duration_s)
        self._say(f"extended {now_ul:g} {extended_ul:g} {duration_s:g} s")

    def _say(self, what: str) -> None:
        self.log.append(f"{self.clock.now_s() - 600.0:g} {what}")


def staged(alarms: Sequence[tuple[float, str]] = ()) -> Staged:
    stage = Staged(of(OVERLAY), alarms)
    stage.pump = DayPump(stage.clock, list(alarms), log=stage.pump.log)
    return stage


def test_everything_is_told_at_its_time() -> None:
    stage = staged()
    PROCEDURE.drive(settings(stage.context), stage)
    assert stage.pump.log == [
        "0 profile [(0.0, 6.0), (21600.0, 12.0), (79200.0, 8.0)]",
        "bolus 40",
        "7200 extended 10 10 1800 s",
        "10800 temporary 50 % 3600 s",
        "18000 temporary 3 µL/h 600 s",
        "25200 suspend",
        "26400 resume",
        "stop",
    ]
    kinds = [(at_s - 600.0, kind) for at_s, kind, _ in stage.events]
    assert kinds[2:4] == [(0.0, "profile commanded"), (3600.0, "bolus commanded")]
    assert kinds[-4:] == [
        (8 * 3600.0, "basal stopped"),
        (8 * 3600.0 + 60.0, "settled"),
        (8 * 3600.0 + 60.0, "blank started"),
        (8 * 3600.0 + 660.0, "blank ended"),
    ]
    normal, extended = stage.data("bolus done")
    # 40 µL at 0.25 µL/s take 160 s; the drive asks every half second, every two while a bolus is spread.
    assert normal["active_s"] == pytest.approx(600.0 + 3600.0 + 159.5)
    assert extended["active_s"] == pytest.approx(600.0 + 7200.0 + 1798.0)
    assert (normal["index"], extended["index"], extended["reported_ul"]) == (1, 2, 20.0)


def test_an_alarm_that_blocks_ends_the_day_early() -> None:
    stage = staged([(600.0 + 2.5 * 3600.0, "EMPTY")])
    PROCEDURE.drive(settings(stage.context), stage)
    assert stage.pump.log[-1] == "stop"
    assert not any("temporary" in line for line in stage.pump.log)
    (early,) = stage.data("profile ended early")
    assert early == {"code": "EMPTY", "text": "told so"}
    assert stage.kinds()[-1] == "blank ended"


def test_a_warning_does_not() -> None:
    stage = staged([(600.0 + 2.5 * 3600.0, "LOWRES")])
    PROCEDURE.drive(settings(stage.context), stage)
    assert "profile ended early" not in stage.kinds()
    assert "26400 resume" in stage.pump.log
