"""Basal rates as a pump was told them, from a recording's events: which held from when to when, and why."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bench.procedures.shared.commands import (
    BASAL,
    BASAL_STOPPED,
    PROFILE,
    RESUMED,
    SUSPENDED,
    TEMPORARY,
    TEMPORARY_CANCELLED,
)
from bench.procedures.shared.span import Span, span_of
from bench.procedures.shared.times import DAY_S, HOUR_S, time_of_day
from bench.recording.reader import Event

Kind = Literal["basal", "profile", "temporary", "suspended", "stopped"]
_CHANGES = frozenset({BASAL, BASAL_STOPPED, PROFILE, TEMPORARY, TEMPORARY_CANCELLED, SUSPENDED, RESUMED})


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time of constant basal rate, and why it is that.

    `programmed_ul_per_h` is what basal or profile would give without a temporary rate or a suspension, `segment` the
    number of the profile's segment (None without a profile). The begin is known to within ±`half_s`; one that is
    `by_itself` was due by the pump's clock, not commanded.
    """

    begin_s: float
    end_s: float
    rate_ul_per_h: float
    kind: Kind
    reason: str
    programmed_ul_per_h: float
    segment: int | None
    half_s: float
    by_itself: bool

    @property
    def volume_ul(self) -> float:
        """What the rate comes to."""
        return self.rate_ul_per_h * (self.end_s - self.begin_s) / HOUR_S


def told_rates(events: Sequence[Event], end_s: float, ul_per_u: float) -> Iterator[Stretch]:
    """Yield what held from the first command of a test to `end_s`; `ul_per_u` is for words only."""
    spans = [(span_of(event), event) for event in events if event.kind in _CHANGES]
    commands = sorted(spans, key=lambda command: command[0].middle_s)
    following_s = [*(span.middle_s for span, _ in commands[1:]), end_s]
    state = _State()
    for (span, event), until_s in zip(commands, following_s, strict=False):
        state = _after(state, event, span.middle_s)
        yield from _stretches(state, span, until_s, ul_per_u)


@dataclass(frozen=True, slots=True)
class _Temporary:
    percent: float | None
    rate_ul_per_h: float
    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class _State:
    """What the pump is set to between two commands."""

    on: bool = False
    rate_ul_per_h: float = 0.0
    profile: tuple[tuple[float, float], ...] = ()
    origin_s: float = 0.0
    into_day_s: float = 0.0
    temporary: _Temporary | None = None
    suspended: bool = False

    def segment(self, time_s: float) -> int | None:
        if not self.profile:
            return None
        into_s = (time_s - self.origin_s) % DAY_S
        return bisect.bisect_right(self.profile, into_s, key=lambda segment: segment[0]) - 1

    def changes_s(self, begin_s: float, end_s: float) -> Iterator[float]:
        """Yield when the rate changes of itself between two instants."""
        if self.temporary is not None and begin_s < self.temporary.end_s < end_s:
            yield self.temporary.end_s
        if not self.profile:
            return
        days = range(math.floor((begin_s - self.origin_s) / DAY_S), math.floor((end_s - self.origin_s) / DAY_S) + 1)
        for day in days:
            for start_s, _ in self.profile:
                at_s = self.origin_s + day * DAY_S + start_s
                if begin_s < at_s < end_s:
                    yield at_s


def _after(state: _State, event: Event, at_s: float) -> _State:
    """Return what holds once a command was taken."""
    data = event.data
    if event.kind == BASAL:
        return replace(state, on=True, rate_ul_per_h=float(data["rate_ul_per_h"]), profile=())
    if event.kind == PROFILE:
        segments = tuple((float(start_s), float(rate)) for start_s, rate in data["segments"])
        into_day_s = float(data.get("into_day_s", 0.0))
        return replace(state, on=True, profile=segments, origin_s=at_s, into_day_s=into_day_s)
    if event.kind == TEMPORARY:
        percent = float(data["percent"]) if "percent" in data else None
        end_s = at_s + float(data["duration_s"])
        return replace(state, temporary=_Temporary(percent, float(data.get("rate_ul_per_h", math.nan)), at_s, end_s))
    if event.kind == TEMPORARY_CANCELLED:
        return replace(state, temporary=None)
    if event.kind == BASAL_STOPPED:
        return _State()
    return replace(state, suspended=event.kind == SUSPENDED)


def _stretches(state: _State, begin: Span, end_s: float, ul_per_u: float) -> Iterator[Stretch]:
    edges = [begin.middle_s, *sorted(set(state.changes_s(begin.middle_s, end_s))), end_s]
    for number in range(len(edges) - 1):
        first_s, last_s = edges[number], edges[number + 1]
        if last_s > first_s:
            kind, rate, programmed, reason = _holds(state, 0.5 * (first_s + last_s), ul_per_u)
            yield Stretch(
                first_s,
                last_s,
                rate,
                kind,
                reason,
                programmed,
                state.segment(0.5 * (first_s + last_s)),
                begin.half_width_s if number == 0 else 0.0,
                number > 0,
            )


def _holds(state: _State, time_s: float, ul_per_u: float) -> tuple[Kind, float, float, str]:
    """Return kind, rate, the rate without temporary or suspension, and why it is that."""
    segment = state.segment(time_s)
    programmed = 0.0 if not state.on else state.rate_ul_per_h if segment is None else state.profile[segment][1]
    if not state.on:
        return "stopped", 0.0, 0.0, "stopped"
    base: Kind = "basal" if segment is None else "profile"
    said = f"basal {programmed / ul_per_u:g} U/h"
    if segment is not None:
        said = f"profile from {time_of_day((state.profile[segment][0] + state.into_day_s) % DAY_S)}"
    if state.suspended:
        return "suspended", 0.0, programmed, f"suspended ({said})"
    temporary = state.temporary
    if temporary is not None and temporary.begin_s <= time_s < temporary.end_s:
        if temporary.percent is None:
            told = f"temporary {temporary.rate_ul_per_h / ul_per_u:g} U/h"
            return "temporary", temporary.rate_ul_per_h, programmed, f"{told} ({said})"
        rate = 0.01 * temporary.percent * programmed
        return "temporary", rate, programmed, f"temporary {temporary.percent:g} % ({said})"
    return base, programmed, programmed, said
