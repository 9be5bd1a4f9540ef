"""What happened in an occlusion test, by its events: when the line was shut, when the alarm came, what was due."""

from __future__ import annotations

from dataclasses import dataclass

from bench.procedures.shared.alarms import OCCLUSION, seen
from bench.procedures.shared.pump_clock import Instant, alarm_instant
from bench.procedures.shared.span import Span, span_of
from bench.recording.reader import TestRecord

SECONDS_PER_HOUR = 3600.0
CLOSED, OPENED = "occluder closed", "occluder opened"
"""The events that tell that the clamp was moved, each from command to confirmation; with `moved_from_s` and
`moved_to_s` where a contact at the valve told when it moved."""
NO_BOLUS = "no bolus into the shut line"
"""The event that tells that an alarm blocked the pump before the bolus was commanded."""
RELEASED = "line released before the alarm"
"""The event that tells that the line was opened while the pump went on."""
SETTLED = "settled"
"""The event that ends the weighing of what still comes after the pump was stopped."""
NARROWED = "line narrowed, as declared"
"""The event that tells what the lab has done to the line."""
OCCLUSION_BEGUN = "occlusion begun"
"""The event with which each of several occlusions begins."""
LEVEL_TOLD = "occlusion level told"
"""The event that tells what level the pump says that it has, once it was set."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What was commanded: a basal rate, or a bolus with the time that it took through the open line.

    That time is known to ± `open_half_width_s`, since the pump is asked now and then whether it is done.
    """

    rate_ul_per_h: float | None = None
    bolus_ul: float | None = None
    bolus_open_s: float | None = None
    open_half_width_s: float = 0.0

    def due_ul(self, duration_s: float) -> float:
        """Return what should have arrived `duration_s` after the flow met the shut line.

        A bolus is due as fast as it went through the open line, and never more than itself.
        """
        if self.rate_ul_per_h is not None:
            return self.rate_ul_per_h * duration_s / SECONDS_PER_HOUR
        bolus_ul = self.bolus_ul or 0.0
        if not self.bolus_open_s:
            return bolus_ul
        return bolus_ul * min(1.0, duration_s / self.bolus_open_s)

    def due_per_s(self, duration_s: float) -> float:
        """Return how fast what is due grows then, in µL/s."""
        return (self.due_ul(duration_s + 0.5) - self.due_ul(max(0.0, duration_s - 0.5))) / min(1.0, duration_s + 0.5)


@dataclass(frozen=True, slots=True)
class OpenFlow:
    """The flow through the open line before it was shut: since when; of a bolus its volume, and when it had ended."""

    begin_s: float
    volume_ul: float | None = None
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class OcclusionFacts:
    """The course of an occlusion test; None for what did not happen.

    `origin` is when the flow met the shut line: the line being shut, or the command of the bolus into it. Where an
    alarm came before that bolus (`before_bolus`) it is the line being shut, too. `ended_s` is when the wait ended, by
    the alarm, without one, or by the opening where the line was opened before the alarm (`released`).
    `later_alarms` are occlusion alarms after the opening; `stopped` is when the pump was stopped (for a bolus, when the
    line had settled: all of it was due long before), `settled_s` when what still came after that was weighed.

    Where a contact at the valve told when it moved (`shut_felt`, `opening_felt`), `closed` and `opened` are between its
    last "not yet" and its first "yes"; else they are the relay's, between command and confirmation. `told_to_shut_s` is
    when the command to shut was sent.
    """

    flow: Flow
    closed: Span | None
    origin: Span | None
    opened: Span | None
    alarm: Instant | None
    waited_s: float | None
    ended_s: float | None
    false_alarms: int
    state_after: str
    before_bolus: bool = False
    run_in: OpenFlow | None = None
    released: bool = False
    later_alarms: int = 0
    stopped: Span | None = None
    settled_s: float | None = None
    shut_felt: bool = False
    opening_felt: bool = False
    told_to_shut_s: float | None = None


def facts(record: TestRecord) -> OcclusionFacts:
    """Read the course of a test from its events."""
    closed, shut_felt, told_to_shut_s = _switch(record, CLOSED)
    opened, opening_felt, _ = _switch(record, OPENED)
    flow, origin = _flow(record, closed)
    alarms = [alarm_instant(record, event) for event in seen(record, OCCLUSION)]
    before = [alarm for alarm in alarms if closed is None or alarm.time_s < closed.sent_s]
    shut = [alarm for alarm in alarms if alarm not in before and (opened is None or alarm.time_s <= opened.sent_s)]
    alarm = shut[0] if shut and origin is not None else None
    unheard = record.events("no alarm")
    ended_s = alarm.time_s if alarm is not None else unheard[0].time_s if unheard else None
    released = bool(record.events(RELEASED)) and opened is not None and alarm is None
    if released and opened is not None:
        ended_s = opened.middle_s
    states = record.events("pump state")
    return OcclusionFacts(
        flow=flow,
        closed=closed,
        origin=origin,
        opened=opened,
        alarm=alarm,
        waited_s=unheard[0].time_s - origin.acknowledged_s
        if unheard and origin is not None and alarm is None
        else None,
        ended_s=ended_s,
        false_alarms=len(before),
        state_after=str(states[-1].data["state"]) if states else "",
        before_bolus=bool(record.events(NO_BOLUS)),
        run_in=_run_in(record, closed),
        released=released,
        later_alarms=len(alarms) - len(before) - len(shut),
        stopped=_stopped(record),
        settled_s=next((event.time_s for event in record.events(SETTLED)), None),
        shut_felt=shut_felt,
        opening_felt=opening_felt,
        told_to_shut_s=told_to_shut_s,
    )


def _stopped(record: TestRecord) -> Span | None:
    stops = [event for event in record.events("basal stopped") if "sent_s" in event.data]
    if stops:
        return span_of(stops[-1])
    settled = record.events(SETTLED)
    return Span(settled[0].time_s, settled[0].time_s) if settled else None


def _run_in(record: TestRecord, closed: Span | None) -> OpenFlow | None:
    """Return the flow through the open line; None where it is not known when it began."""
    basal = record.events("basal commanded")
    commands = [event for event in record.events("bolus commanded") if int(event.data["index"]) == 0]
    command = basal[-1] if basal else commands[0] if commands else None
    if closed is None or command is None or command.data.get("assumed") or command.time_s > closed.sent_s:
        return None
    ended = next((event.time_s for event in record.events("bolus done") if int(event.data["index"]) == 0), None)
    if basal:
        return OpenFlow(span_of(command).acknowledged_s)
    return OpenFlow(span_of(command).sent_s, float(command.data["volume_ul"]), ended)


def _switch(record: TestRecord, kind: str) -> tuple[Span | None, bool, float | None]:
    """Return when the clamp was moved, whether its contact told that, and when its command was sent."""
    events = record.events(kind)
    if not events:
        return None, False, None
    data, told = events[0].data, span_of(events[0])
    if "moved_from_s" not in data:
        return told, False, told.sent_s
    return Span(float(data["moved_from_s"]), float(data["moved_to_s"])), True, told.sent_s


def _flow(record: TestRecord, closed: Span | None) -> tuple[Flow, Span | None]:
    """Return what was commanded, and when it met the shut line."""
    basal = record.events("basal commanded")
    if basal:
        return Flow(rate_ul_per_h=float(basal[-1].data["rate_ul_per_h"])), closed
    commands = {int(event.data["index"]): event for event in record.events("bolus commanded")}
    ends = {int(event.data["index"]): event for event in record.events("bolus done")}
    if record.events(NO_BOLUS):
        return Flow(), closed
    volume_ul = next((float(event.data["volume_ul"]) for event in commands.values()), None)
    open_s, half_s = None, 0.0
    if 0 in commands and 0 in ends:
        done_s = ends[0].time_s
        active_s = float(ends[0].data.get("active_s", done_s))
        half_s = 0.5 * (done_s - active_s)
        open_s = done_s - half_s - span_of(commands[0]).middle_s
    flow = Flow(bolus_ul=volume_ul, bolus_open_s=open_s, open_half_width_s=half_s)
    return flow, span_of(commands[1]) if 1 in commands and closed is not None else None
