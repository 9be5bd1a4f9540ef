"""Drive a day on a pump: a profile, and what is laid over it at its time, until the end or an alarm that blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.procedures.base import Stage
from bench.procedures.shared.alarms import blocking
from bench.procedures.shared.commands import (
    BOLUS,
    BOLUS_DONE,
    ended,
    resume,
    start_extended_bolus,
    start_profile,
    start_temporary_percent,
    start_temporary_rate,
    suspend,
    timed,
)
from bench.procedures.shared.day import Act, Segment, profile_of
from bench.procedures.shared.times import DAY_S, clock
from drivers.errors import InstrumentError
from drivers.roles import DeliversBolus

POLL_S = 2.0
FAST_POLL_S = 0.5
"""How often the pump is asked while a bolus that comes at once is under way."""
ENDED_EARLY = "profile ended early"


class DayDrive:
    """What is under way on the pump while a day is driven; boluses are numbered from 1 on."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._index = 0
        self._pending: int | None = None
        self._active_s = math.nan
        self._poll_s = POLL_S

    def deliver(self, segments: Sequence[Segment], acts: Sequence[Act], begin_s: float, end_s: float) -> bool:
        """Start the profile as it is at `begin_s` and follow it to `end_s`, both after the test's first command.

        `acts` are those in between. Return whether it came to the end.
        """
        stage = self._stage
        start_profile(stage, profile_of(segments, stage.context.concentration, begin_s), begin_s % DAY_S)
        origin_s = stage.clock.now_s() - begin_s
        for act in acts:
            if not self._until(origin_s + act.at_s, f"profile, next: {_said(act)}") or not self._do(act):
                return self._ended_early()
        return self._until(origin_s + end_s, f"profile until {clock(end_s)}") or self._ended_early()

    def _until(self, time_s: float, activity: str) -> bool:
        """Wait until an instant; return whether no alarm blocked before."""
        stage = self._stage

        def blocked() -> bool:
            self._look_for_the_end()
            return blocking(stage.alarms()) is not None

        while (left_s := time_s - stage.clock.now_s()) > 0.0:
            # A bolus that comes at once is asked for more often, and only while it is under way.
            quick = self._pending is not None and self._poll_s < POLL_S
            part_s = min(left_s, 60.0) if quick else left_s
            if stage.wait_until(blocked, part_s, activity, self._poll_s if quick else POLL_S):
                return False
        return blocking(stage.alarms()) is None

    def _do(self, act: Act) -> bool:
        try:
            self._command(act)
        except InstrumentError:
            # An alarm may have come since the last look: then that is what ends the test, not the refusal.
            self._stage.wait_s(1.0, "looking for the reason of a refused command")
            if blocking(self._stage.alarms()) is not None:
                return False
            raise
        return True

    def _command(self, act: Act) -> None:
        stage, overlay, concentration = self._stage, act.overlay, self._stage.context.concentration
        now_ul = overlay.bolus.to("µL", concentration) if overlay.bolus is not None else 0.0
        if act.what == "bolus":
            when = timed(stage, lambda: stage.pump_as(DeliversBolus).start_bolus(now_ul))
            self._began(FAST_POLL_S)
            stage.event(BOLUS, index=self._index, volume_ul=now_ul, **when)
        elif overlay.extended is not None and overlay.lasting is not None:
            extended_ul = overlay.extended.to("µL", concentration)
            start_extended_bolus(stage, self._index + 1, now_ul, extended_ul, overlay.lasting.to("s"))
            self._began(POLL_S)
        elif overlay.temporary is not None and overlay.lasting is not None:
            lasting_s = overlay.lasting.to("s")
            if overlay.temporary.dimension == "ratio":
                start_temporary_percent(stage, overlay.temporary.to("%"), lasting_s)
            else:
                start_temporary_rate(stage, overlay.temporary.to("µL/h", concentration), lasting_s)
        elif act.what == "suspend":
            suspend(stage)
        else:
            resume(stage)

    def _began(self, poll_s: float) -> None:
        self._index += 1
        self._pending, self._active_s, self._poll_s = self._index, self._stage.clock.now_s(), poll_s

    def _look_for_the_end(self) -> None:
        """Ask whether a bolus that is under way is done, and record it."""
        if self._pending is None:
            return
        stage = self._stage
        asked_s = stage.clock.now_s()
        status = stage.pump_as(DeliversBolus).bolus_status()
        if status.active:
            self._active_s = asked_s if status.certain else self._active_s
            return
        stage.event(BOLUS_DONE, index=self._pending, **ended(status), active_s=self._active_s)
        self._pending = None

    def _ended_early(self) -> bool:
        alarm = blocking(self._stage.alarms())
        code, text = (alarm.code, alarm.text) if alarm is not None else ("", "")
        self._stage.event(ENDED_EARLY, code=code, text=text)
        return False


def _said(act: Act) -> str:
    return f"resume at {clock(act.at_s)}" if act.what == "resume" else str(act.overlay)
