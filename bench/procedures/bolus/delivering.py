"""One bolus, from its command to its end: waited for, or cancelled on the way."""

from __future__ import annotations

from dataclasses import dataclass

from bench.procedures.base import Stage
from bench.procedures.bolus.planning import POLL_S
from bench.procedures.bolus.spread import SLOWEST_SPEED_UL_PER_MIN, Programmed
from bench.procedures.shared.alarms import blocking
from bench.procedures.shared.commands import BOLUS_CANCELLED, ended, timed
from drivers.errors import InstrumentError
from drivers.roles import DeliversBolus, DeliversExtendedBolus

LONGEST_START_S = 120.0
_DUST_UL = 1e-6


@dataclass(frozen=True, slots=True)
class ToGive:
    """One bolus of a row, and when it is to be cancelled: at a reported volume, or a time since its command."""

    index: int
    count: int
    course: Programmed
    cancel_ul: float | None = None
    cancel_s: float | None = None

    @property
    def cancelled(self) -> bool:
        """Whether it is to be cancelled at all."""
        return self.cancel_ul is not None or self.cancel_s is not None

    def due(self, delivered_ul: float, since_s: float) -> bool:
        """Return whether it is to be cancelled now."""
        by_volume = self.cancel_ul is not None and delivered_ul >= self.cancel_ul - _DUST_UL
        return by_volume or (self.cancel_s is not None and since_s >= self.cancel_s)


def deliver(stage: Stage, one: ToGive) -> bool:
    """Deliver one bolus and wait for its end; return whether the next one may follow."""
    if blocked(stage, one.index):
        return False
    try:
        when = timed(stage, lambda: _start(stage, one.course))
    except InstrumentError:
        # An alarm may have come since the last look: then that is what ends the test, not the refusal.
        stage.wait_s(1.0, "looking for the reason of a refused bolus")
        if blocked(stage, one.index):
            return False
        raise
    stage.event("bolus commanded", **when, **_told(one))
    return _end(stage, one, when["acknowledged_s"])


def _start(stage: Stage, course: Programmed) -> None:
    if course.over_s > 0.0:
        extended = stage.pump_as(DeliversExtendedBolus)
        extended.start_extended_bolus(course.now_ul, course.extended_ul, course.over_s)
    else:
        stage.pump_as(DeliversBolus).start_bolus(course.volume_ul)


def _told(one: ToGive) -> dict[str, float]:
    told = {"index": one.index, "volume_ul": one.course.volume_ul}
    if one.course.over_s > 0.0:
        told |= {"now_ul": one.course.now_ul, "over_s": one.course.over_s}
    return told


def _end(stage: Stage, one: ToGive, acknowledged_s: float) -> bool:
    pump = stage.pump_as(DeliversBolus)
    active_s = acknowledged_s
    to_cancel = False

    def done() -> bool:
        nonlocal active_s, to_cancel
        asked_s = stage.clock.now_s()
        status = pump.bolus_status()
        if not status.active:
            return True
        active_s = asked_s if status.certain else active_s
        to_cancel = one.due(status.delivered_ul, asked_s - acknowledged_s)
        return to_cancel

    timeout_s = LONGEST_START_S + 60.0 * one.course.volume_ul / SLOWEST_SPEED_UL_PER_MIN + one.course.over_s
    over = stage.wait_until(done, timeout_s, f"bolus {one.index} of {one.count}", POLL_S)
    if to_cancel:
        active_s = _cancel(stage, one.index)
    elif not over:
        pump.cancel_bolus()
    known = ended(pump.bolus_status())
    cancelled = to_cancel or not over
    stage.event("bolus done", index=one.index, **known, active_s=active_s, cancelled=cancelled)
    return over


def _cancel(stage: Stage, index: int) -> float:
    """Cancel a bolus; return when the pump acknowledged that."""
    when = timed(stage, stage.pump_as(DeliversBolus).cancel_bolus)
    stage.event(BOLUS_CANCELLED, index=index, **when)
    return float(when["acknowledged_s"])


def blocked(stage: Stage, index: int) -> bool:
    """Whether an alarm blocks delivery; if so, say before which bolus."""
    alarm = blocking(stage.alarms())
    if alarm is not None:
        stage.event("boluses ended early", before_index=index, code=alarm.code, text=alarm.text)
    return alarm is not None
