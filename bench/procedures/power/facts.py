"""What happened in a power test, by its events."""

from __future__ import annotations

from dataclasses import dataclass

from bench.procedures.power import events
from bench.procedures.power.driving import DELIVERING, TELLING_S
from bench.procedures.shared.alarms import LOW_BATTERY, seen
from bench.procedures.shared.pump_clock import Instant, alarm_instant
from bench.procedures.shared.span import Span, span_of
from bench.recording.reader import Event, TestRecord


@dataclass(frozen=True, slots=True)
class Step:
    """A voltage of the supply, as it measured it itself."""

    span: Span
    read_v: float


@dataclass(frozen=True, slots=True)
class Count:
    """What the pump said that it had delivered in all, and that it was doing."""

    delivered_ul: float
    state: str


@dataclass(frozen=True, slots=True)
class PowerFacts:
    """The course of a power test; None for what did not happen.

    `warning` is the low-battery alarm while the voltage was lowered, `lowest` whether it came down all the way without.
    `told` are the codes of alarms after the return; `again` is when the bench started the pump anew, None where it
    went on by itself.
    """

    rate_ul_per_h: float
    steps: tuple[Step, ...]
    warning: Instant | None
    lowest: bool
    before: Count | None
    off: Span | None
    on: Span | None
    answers_s: float | None
    silent_s: float | None
    after: Count | None
    told: tuple[str, ...]
    again: Span | None
    stopped: Span | None
    settled_s: float | None

    @property
    def resumed(self) -> bool:
        """Whether the pump delivered when it answered again."""
        return self.after is not None and self.after.state in {state.value for state in DELIVERING}


def facts(record: TestRecord) -> PowerFacts:
    """Read the course of a test from its events."""
    commands = record.events("basal commanded")
    off, on = _first(record, events.OFF), _first(record, events.ON)
    steps = tuple(Step(span_of(event), float(event.data["read_v"])) for event in record.events(events.VOLTAGE))
    warnings = [alarm_instant(record, event) for event in seen(record, LOW_BATTERY)]
    if steps:
        warnings = [warning for warning in warnings if warning.time_s >= steps[0].span.sent_s - 1.0]
    counts = {str(event.data["when"]): event for event in record.events(events.COUNT)}
    answers = record.events(events.ANSWERS)
    silent = record.events(events.SILENT)
    until_s = answers[0].time_s + TELLING_S + 5.0 if answers else record.end_s
    told = [event for event in seen(record) if on is not None and on.time_s <= event.time_s <= until_s]
    later = [command for command in commands if on is not None and command.time_s > on.time_s]
    stops = record.events("basal stopped")
    settled = record.events(events.SETTLED)
    return PowerFacts(
        rate_ul_per_h=float(commands[0].data["rate_ul_per_h"]) if commands else float("nan"),
        steps=steps,
        warning=warnings[0] if warnings else None,
        lowest=bool(record.events(events.LOWEST)),
        before=_count(counts.get("before")),
        off=span_of(off) if off is not None else None,
        on=span_of(on) if on is not None else None,
        answers_s=answers[0].time_s if answers else None,
        silent_s=float(silent[0].data["waited_s"]) if silent else None,
        after=_count(counts.get("after")),
        told=tuple(str(event.data["code"]) for event in told),
        again=span_of(later[0]) if later else None,
        stopped=span_of(stops[-1]) if stops else None,
        settled_s=settled[0].time_s if settled else None,
    )


def _first(record: TestRecord, kind: str) -> Event | None:
    return next(iter(record.events(kind)), None)


def _count(event: Event | None) -> Count | None:
    return Count(float(event.data["delivered_ul"]), str(event.data["state"])) if event is not None else None
