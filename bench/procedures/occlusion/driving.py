"""How an occlusion test is driven: what flows, when the line is shut and opened, and what is waited for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from bench.procedures.base import Stage
from bench.procedures.occlusion.facts import (
    CLOSED,
    LEVEL_TOLD,
    NARROWED,
    NO_BOLUS,
    OCCLUSION_BEGUN,
    OPENED,
    RELEASED,
    SETTLED,
)
from bench.procedures.occlusion.settings import Kind, OcclusionSettings
from bench.procedures.shared.alarms import OCCLUSION, blocking
from bench.procedures.shared.commands import ended, set_occlusion_level, timed
from bench.procedures.shared.common import record_blank, start_basal, stop_basal
from bench.procedures.shared.pump_clock import mark_pump_clock
from drivers.errors import InstrumentError
from drivers.roles import Alarm, DeliversBolus, FeelsItsValve, OcclusionLevel, RaisesAlarms, SetsOcclusionLevel

WEIGH_S = 60.0
"""How long the shut line rests before anything else is done to it, so that its level can be weighed."""
POLL_S = 1.0
TYPICAL_SPEED_UL_PER_MIN = 15.0
MOST_FALSE_ALARMS = 20
"""A pump that alarms so often while it flows has told enough."""
AT_REST_KPA = 0.2
"""A narrowed line has emptied when its pressure is so near that of the blank."""
MOST_SETTLING = 10.0
"""It is waited for so many times as long as the release is to be observed, at the most."""
PRESSURE = "pressure.pressure_kpa"
RESTARTED = "started again after a false alarm"


def drive(settings: OcclusionSettings, stage: Stage) -> None:
    """Drive the kind of test that the settings ask for."""
    with _level_of(settings, stage):
        record_blank(stage, settings.blank.to("s"))
        mark_pump_clock(stage)
        match settings.kind:
            case Kind.FLOWING | Kind.NARROWED:
                _flow(settings, stage)
            case Kind.RELEASED:
                _occlude(settings, stage)
            case Kind.ALARM | Kind.REPEATED:
                _occlude_repeatedly(settings, stage)
        record_blank(stage, settings.blank.to("s"))


@contextmanager
def _level_of(settings: OcclusionSettings, stage: Stage) -> Iterator[None]:
    """Set the alarm's threshold for the time of a test; put it back after it, the pump stopped first."""
    if settings.level is None:
        yield
        return
    pump = stage.pump_as(SetsOcclusionLevel)
    before = pump.occlusion_level()
    set_occlusion_level(stage, OcclusionLevel(settings.level))
    stage.event(LEVEL_TOLD, level=pump.occlusion_level().value)
    try:
        yield
    except BaseException:
        stage.pump.stop()
        set_occlusion_level(stage, before)
        raise
    set_occlusion_level(stage, before)


class _Watch:
    """Alarms that came after it was made."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._before = len(stage.alarms())

    def alarm(self) -> Alarm | None:
        """Return the first alarm that blocks delivery since then."""
        return blocking(self._stage.alarms()[self._before :])

    def blocked(self) -> bool:
        """Whether there is one."""
        return self.alarm() is not None


def _occlude_repeatedly(settings: OcclusionSettings, stage: Stage) -> None:
    for index in range(settings.repeats):
        if settings.repeats > 1:
            stage.event(OCCLUSION_BEGUN, index=index)
        if not _occlude(settings, stage):
            return


def _occlude(settings: OcclusionSettings, stage: Stage) -> bool:
    """Let it flow, shut the line, wait, stop, open, weigh; return whether nothing speaks against doing it again."""
    watch = _Watch(stage)
    zero_kpa = stage.latest(PRESSURE)
    if not _run_in(settings, stage, watch):
        _stop(settings, stage)
        return False
    origin_s = _shut(settings, stage, watch)
    if origin_s is not None and settings.kind is Kind.RELEASED and _ripe(settings, stage, watch, origin_s, zero_kpa):
        _release(settings, stage, watch)
        return True
    if origin_s is not None:
        _await_alarm(settings, stage, watch)
    _stop(settings, stage)
    stage.wait_s(WEIGH_S, "weighing before the line is opened")
    _move_occluder(stage, shut=False)
    stage.wait_s(settings.release_observation.to("s"), "weighing what the line gives back")
    alarm = watch.alarm()
    return alarm is None or alarm.code == OCCLUSION


def _run_in(settings: OcclusionSettings, stage: Stage, watch: _Watch) -> bool:
    """Deliver through the open line; return whether no alarm blocked it."""
    run_in_s = settings.run_in.to("s")
    begin_s = stage.clock.now_s()
    if settings.rate is not None:
        start_basal(stage, settings.rate.to("µL/h", stage.context.concentration))
    else:
        if not _start_bolus(settings, stage, watch, index=0):
            return False
        bolus_done_s = run_in_s + 60.0 * _bolus_ul(settings, stage) / TYPICAL_SPEED_UL_PER_MIN
        active_s = stage.clock.now_s()

        def done() -> bool:
            nonlocal active_s
            asked_s = stage.clock.now_s()
            status = stage.pump_as(DeliversBolus).bolus_status()
            active_s = asked_s if status.active and status.certain else active_s
            return not status.active

        stage.wait_until(done, bolus_done_s, "bolus through the open line", POLL_S)
        _note_bolus(stage, index=0, active_s=active_s)
    left_s = max(WEIGH_S, begin_s + run_in_s - stage.clock.now_s())
    return not stage.wait_until(watch.blocked, left_s, "flow before the line is shut")


def _shut(settings: OcclusionSettings, stage: Stage, watch: _Watch) -> float | None:
    """Shut the line, and start a bolus into it; return since when it flows there, None where an alarm came first."""
    _move_occluder(stage, shut=True)
    mark_pump_clock(stage)
    if settings.bolus is not None:
        what = "weighing before the bolus into the shut line"
        alarmed = stage.wait_until(watch.blocked, WEIGH_S, what, POLL_S)
        if alarmed or not _start_bolus(settings, stage, watch, index=1):
            alarm = watch.alarm()
            code, text = (alarm.code, alarm.text) if alarm is not None else ("", "")
            stage.event(NO_BOLUS, code=code, text=text)
            mark_pump_clock(stage)
            return None
    return stage.clock.now_s()


def _await_alarm(settings: OcclusionSettings, stage: Stage, watch: _Watch) -> None:
    """Wait until an alarm blocks the pump, or until the time-out."""
    assert settings.timeout is not None  # noqa: S101 - the settings' own rule
    begin_s = stage.clock.now_s()
    alarmed = stage.wait_until(watch.blocked, settings.timeout.to("s"), "waiting for the alarm", POLL_S)
    if not alarmed:
        stage.event("no alarm", waited_s=stage.clock.now_s() - begin_s)
    mark_pump_clock(stage)
    if settings.bolus is not None:
        _note_bolus(stage, index=1)


def _ripe(settings: OcclusionSettings, stage: Stage, watch: _Watch, origin_s: float, zero_kpa: float) -> bool:
    """Wait until the line is to be opened; return False where an alarm came first, or the pressure was not reached."""
    assert settings.timeout is not None  # noqa: S101 - the settings' own rule
    at, after = settings.release_before_alarm_at, settings.release_before_alarm_after
    zero_kpa = zero_kpa if math.isfinite(zero_kpa) else 0.0

    def due() -> bool:
        if after is not None:
            return stage.clock.now_s() - origin_s >= after.to("s")
        return at is not None and stage.latest(PRESSURE) - zero_kpa >= at.to("kPa")

    what = f"waiting for {at}" if at is not None else "waiting for the release"
    reached = stage.wait_until(lambda: watch.blocked() or due(), settings.timeout.to("s"), what, POLL_S)
    return reached and not watch.blocked()


def _release(settings: OcclusionSettings, stage: Stage, watch: _Watch) -> None:
    """Open the line while the pump goes on, watch it for a while, then stop it and let the line settle."""
    stage.event(RELEASED, pressure_kpa=stage.latest(PRESSURE))
    _move_occluder(stage, shut=False)
    mark_pump_clock(stage)
    what = "delivery after the line was opened"
    stage.wait_until(watch.blocked, settings.release_observation.to("s"), what, POLL_S)
    mark_pump_clock(stage)
    if settings.bolus is not None:
        _note_bolus(stage, index=1)
    _stop(settings, stage)
    stage.wait_s(WEIGH_S, "weighing after the stop")
    stage.event(SETTLED)


def _flow(settings: OcclusionSettings, stage: Stage) -> None:
    """Let it flow through the open or narrowed line; a false alarm is acknowledged and the flow started again."""
    assert settings.duration is not None and settings.rate is not None  # noqa: S101, PT018 - the settings' own rule
    rate_ul_per_h = settings.rate.to("µL/h", stage.context.concentration)
    if settings.partial_occlusion is not None:
        stage.event(NARROWED, how=settings.partial_occlusion)
    end_s = stage.clock.now_s() + settings.duration.to("s")
    alarms, zero_kpa = 0, stage.latest(PRESSURE)
    while True:
        watch = _Watch(stage)
        start_basal(stage, rate_ul_per_h)
        left_s = max(0.0, end_s - stage.clock.now_s())
        alarmed = stage.wait_until(watch.blocked, left_s, "flow through the open line", POLL_S)
        mark_pump_clock(stage)
        _stop(settings, stage)
        alarm = watch.alarm()
        alarms += alarmed
        again = alarm is not None and alarm.code == OCCLUSION and alarms < MOST_FALSE_ALARMS
        if settings.kind is Kind.NARROWED or not again or stage.clock.now_s() >= end_s:
            break
        stage.event(RESTARTED, number=alarms)
    _settle(settings, stage, zero_kpa)


def _settle(settings: OcclusionSettings, stage: Stage, zero_kpa: float) -> None:
    """Weigh what still comes: at least as long as asked for, and until a narrowed line has let its pressure go."""
    release_s = max(WEIGH_S, settings.release_observation.to("s"))
    stage.wait_s(release_s, "weighing what still comes")
    if settings.kind is Kind.NARROWED and math.isfinite(zero_kpa):
        stage.wait_until(
            lambda: abs(stage.latest(PRESSURE) - zero_kpa) < AT_REST_KPA,
            MOST_SETTLING * release_s,
            "waiting until the narrowed line has emptied",
        )
        # The last of it is on the balance only now.
        stage.wait_s(WEIGH_S, "weighing what still comes")
    stage.event(SETTLED)


def _stop(settings: OcclusionSettings, stage: Stage) -> None:
    """Note what the pump says that it does, stop it whatever that is, and end the alarm's signal."""
    stage.event("pump state", state=str(stage.pump.state()))
    if settings.rate is not None:
        stop_basal(stage)
    else:
        stage.pump.stop()
    stage.pump_as(RaisesAlarms).acknowledge_alarms()


def _move_occluder(stage: Stage, *, shut: bool) -> None:
    sent_s = stage.clock.now_s()
    if shut:
        stage.occluder.occlude()
    else:
        stage.occluder.release()
    acknowledged_s = stage.clock.now_s()
    felt: dict[str, float] = {}
    if isinstance(stage.occluder, FeelsItsValve) and (moved_s := stage.occluder.moved_between_s()) is not None:
        felt = {"moved_from_s": max(sent_s, moved_s[0]), "moved_to_s": moved_s[1]}
    stage.event(CLOSED if shut else OPENED, sent_s=sent_s, acknowledged_s=acknowledged_s, **felt)


def _bolus_ul(settings: OcclusionSettings, stage: Stage) -> float:
    assert settings.bolus is not None  # noqa: S101 - only asked where the settings have one
    return settings.bolus.to("µL", stage.context.concentration)


def _start_bolus(settings: OcclusionSettings, stage: Stage, watch: _Watch, index: int) -> bool:
    """Command a bolus; return whether the pump took it, False where an alarm blocks it."""
    volume_ul = _bolus_ul(settings, stage)
    try:
        when = timed(stage, lambda: stage.pump_as(DeliversBolus).start_bolus(volume_ul))
    except InstrumentError:
        # An alarm may have come since the last look: then that is what ends the test, not the refusal.
        stage.wait_until(watch.blocked, POLL_S, "looking why a bolus was refused", POLL_S)
        if not watch.blocked():
            raise
        return False
    stage.event("bolus commanded", index=index, volume_ul=volume_ul, **when)
    return True


def _note_bolus(stage: Stage, index: int, **more: float) -> None:
    status = stage.pump_as(DeliversBolus).bolus_status()
    stage.event("bolus done", index=index, **ended(status), **more)
