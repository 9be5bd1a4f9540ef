"""What a basal rate came to by the commands of a recording, read in the plainest way: which rate holds at an instant.

Written apart from what evaluation uses, so that an error of one of the two shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from bench.recording.reader import Event, TestRecord

_DAY_S = 86_400.0
_KINDS = (
    "basal commanded",
    "profile commanded",
    "basal stopped",
    "temporary basal commanded",
    "temporary basal cancelled",
    "delivery suspended",
    "delivery resumed",
)


def acted_s(event: Event) -> float:
    """Return when the pump acted: between the command's being sent and acknowledged."""
    return 0.5 * (float(event.data["sent_s"]) + float(event.data["acknowledged_s"]))


@dataclass
class Told:
    """The commands of one test."""

    commands: list[Event]

    @classmethod
    def of(cls, record: TestRecord) -> Told:
        """Return the commands of a recording."""
        return cls([event for event in record.events() if event.kind in _KINDS])

    def rate_ul_per_h(self, time_s: float) -> float:
        """Return the rate that holds at an instant, by going through all commands before it."""
        segments: list[list[float]] = []
        rate = begin_s = 0.0
        temporary: Event | None = None
        suspended = False
        for event in self.commands:
            if acted_s(event) > time_s:
                break
            match event.kind:
                case "basal commanded":
                    rate, segments = float(event.data["rate_ul_per_h"]), []
                case "profile commanded":
                    segments, begin_s = event.data["segments"], acted_s(event)
                case "basal stopped":
                    rate, segments, temporary, suspended = 0.0, [], None, False
                case "temporary basal commanded":
                    temporary = event
                case "temporary basal cancelled":
                    temporary = None
                case "delivery suspended":
                    suspended = True
                case _:
                    suspended = False
        for start_s, own in segments:
            if start_s <= (time_s - begin_s) % _DAY_S:
                rate = own
        if temporary is not None and time_s < acted_s(temporary) + temporary.data["duration_s"]:
            data = temporary.data
            rate = float(data["rate_ul_per_h"]) if "rate_ul_per_h" in data else rate * float(data["percent"]) / 100.0
        return 0.0 if suspended else rate

    def changes_s(self, begin_s: float, end_s: float) -> list[float]:
        """Return every instant between two at which a rate may begin or end."""
        found = set()
        for event in self.commands:
            at_s = acted_s(event)
            found.add(at_s)
            if "duration_s" in event.data:
                found.add(at_s + float(event.data["duration_s"]))
            for start_s, _ in event.data.get("segments", ()):
                days = range(int((end_s - at_s) // _DAY_S) + 2)
                found.update(at_s + day * _DAY_S + float(start_s) for day in days)
        return sorted(each for each in found if begin_s < each < end_s)

    def due_ul(self, begin_s: float, end_s: float) -> float:
        """Return what the rates come to between two instants."""
        edges = [begin_s, *self.changes_s(begin_s, end_s), end_s]
        return sum(self.rate_ul_per_h(0.5 * (a + b)) * (b - a) / 3600.0 for a, b in pairwise(edges))
