"""How a power test is driven: the voltage is lowered until the pump warns, then its power is cut and returned."""

from __future__ import annotations

from bench.procedures.base import Stage
from bench.procedures.power import events
from bench.procedures.power.settings import PowerSettings
from bench.procedures.shared.alarms import LOW_BATTERY, blocking
from bench.procedures.shared.common import record_blank, start_basal, stop_basal
from bench.procedures.shared.pump_clock import mark_pump_clock
from drivers.roles import Alarm, DeliveryState, RaisesAlarms, ReportsDelivery

POLL_S = 1.0
SETTLE_S = 60.0
"""How long a line is left alone before its level counts."""
TELLING_S = 10.0
"""So long after its first answer a pump may take to raise an alarm."""
DELIVERING = frozenset({DeliveryState.BASAL, DeliveryState.BOLUS})


def drive(settings: PowerSettings, stage: Stage) -> None:
    """Deliver, lower the voltage, cut the power, return it, and deliver again."""
    record_blank(stage, settings.blank.to("s"))
    mark_pump_clock(stage)
    start_basal(stage, settings.rate.to("µL/h", stage.context.concentration))
    blocked = stage.wait_until(lambda: blocking(stage.alarms()) is not None, settings.run_in.to("s"), "delivery before")
    if not blocked:
        _lower(settings, stage)
        if _cut(settings, stage):
            _deliver_again(settings, stage)
    stop_basal(stage)
    stage.wait_s(SETTLE_S, "weighing after the stop")
    stage.event(events.SETTLED)
    record_blank(stage, settings.blank.to("s"))


def _lower(settings: PowerSettings, stage: Stage) -> None:
    """Lower the voltage step by step until the pump warns, or until the lowest; then go back to the nominal one."""
    supply = stage.power
    nominal_v, lowest_v, step_v = supply.nominal_v, settings.lowest.to("V"), settings.step.to("V")
    before = len(stage.alarms())
    _set(stage, nominal_v)
    steps = int((nominal_v - lowest_v) / step_v + 1e-6)
    for number in range(1, steps + 1):
        _set(stage, nominal_v - number * step_v)
        if stage.wait_until(lambda: _warned(stage, before), settings.step_time.to("s"), "lowering the voltage", POLL_S):
            break
    else:
        stage.event(events.LOWEST, voltage_v=supply.read_voltage_v())
    mark_pump_clock(stage)
    _set(stage, nominal_v)


def _warned(stage: Stage, before: int) -> bool:
    new = stage.alarms()[before:]
    return any(alarm.code == LOW_BATTERY for alarm in new) or blocking(new) is not None


def _set(stage: Stage, voltage_v: float) -> None:
    sent_s = stage.clock.now_s()
    stage.power.set_voltage_v(voltage_v)
    acknowledged_s = stage.clock.now_s()
    read_v = stage.power.read_voltage_v()
    stage.event(events.VOLTAGE, voltage_v=voltage_v, read_v=read_v, sent_s=sent_s, acknowledged_s=acknowledged_s)


def _cut(settings: PowerSettings, stage: Stage) -> bool:
    """Cut the power for a while; return whether the pump answers again."""
    stage.wait_s(SETTLE_S, "delivery before the power is cut")
    _count(stage, "before")
    _switch(stage, on=False)
    stage.wait_unpowered_s(settings.off_for.to("s"), "without power")
    _switch(stage, on=True)
    if not stage.await_pump(settings.start_timeout.to("s"), "waiting until the pump answers"):
        stage.event(events.SILENT, waited_s=settings.start_timeout.to("s"))
        return False
    stage.event(events.ANSWERS)
    _count(stage, "after")
    stage.wait_s(TELLING_S, "looking for an alarm")
    mark_pump_clock(stage)
    return True


def _switch(stage: Stage, *, on: bool) -> None:
    sent_s = stage.clock.now_s()
    if on:
        stage.power.switch_on()
    else:
        stage.power.switch_off()
    stage.event(events.ON if on else events.OFF, sent_s=sent_s, acknowledged_s=stage.clock.now_s())


def _count(stage: Stage, when: str) -> None:
    counted_ul = stage.pump_as(ReportsDelivery).delivered_ul()
    stage.event(events.COUNT, when=when, delivered_ul=counted_ul, state=str(stage.pump.state()))


def _deliver_again(settings: PowerSettings, stage: Stage) -> None:
    """Acknowledge what it tells, start it where it does not go on by itself, and let it deliver."""
    if stage.pump.state() not in DELIVERING:
        stage.pump_as(RaisesAlarms).acknowledge_alarms()
        start_basal(stage, settings.rate.to("µL/h", stage.context.concentration))
    before = len(stage.alarms())

    def alarm() -> Alarm | None:
        return blocking(stage.alarms()[before:])

    stage.wait_until(lambda: alarm() is not None, settings.run_in.to("s"), "delivery after the return")
