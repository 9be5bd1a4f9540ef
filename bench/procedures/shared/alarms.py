"""Alarms while a test is driven and afterwards: which block delivery, and which were not looked for."""

from __future__ import annotations

from collections.abc import Sequence

from bench.recording.reader import Event, TestRecord
from drivers.roles import Alarm

OCCLUSION = "OCCLUSION"
LOW_BATTERY = "LOWBATT"
WARNINGS = frozenset({"LOWRES", LOW_BATTERY})
"""Codes that tell something and let delivery go on; every other code stops it."""


def blocking(alarms: Sequence[Alarm]) -> Alarm | None:
    """Return the first alarm that blocks delivery, if there is one."""
    return next((alarm for alarm in alarms if alarm.code not in WARNINGS), None)


def seen(record: TestRecord, *codes: str) -> list[Event]:
    """Return the recorded alarms in order; of `codes` only, where some are named."""
    return [event for event in record.events("alarm seen") if not codes or event.data["code"] in codes]


def described(alarm: Event) -> str:
    """Return an alarm as a reader wants it: `EMPTY "Reservoir empty", read 1234.0 s into the run`."""
    return f'{alarm.data["code"]} "{alarm.data["text"]}", read {alarm.time_s:.1f} s into the run'


def alarm_findings(record: TestRecord, expected: Sequence[str] = ()) -> tuple[list[str], list[str]]:
    """Return `(notes, doubts)`: warnings are noted, an alarm that stops delivery and was not looked for is a doubt."""
    notes = [f"The pump warned: {described(event)}." for event in seen(record, *WARNINGS)]
    doubts = [
        f"The pump stopped delivery with alarm {described(event)}."
        for event in seen(record)
        if event.data["code"] not in WARNINGS and event.data["code"] not in expected
    ]
    return notes, doubts
