"""What a pump was told to deliver, from a recording's events: rates with their reasons, boluses with their course.

Nothing here is measured. A command holds from half-way between its being sent and acknowledged; what follows of itself
(the next segment of a profile, the end of a temporary rate) comes by the run's clock.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from bench.metrology.noise import Floats, Window
from bench.procedures.shared.commands import (
    BOLUS_CANCELLED,
    EXTENDED_BOLUS,
    PROFILE,
    RESUMED,
    SUSPENDED,
    TEMPORARY,
    TEMPORARY_CANCELLED,
)
from bench.recording.reader import Event

HOUR_S = 3600.0
DAY_S = 86_400.0
TYPICAL_SPEED_UL_PER_MIN = 15.0
"""1.5 U/min of U-100, the usual speed of a normal bolus, where nothing tells when one was done."""
BASAL, BASAL_STOPPED, BOLUS, BOLUS_DONE = "basal commanded", "basal stopped", "bolus commanded", "bolus done"

Kind = Literal["basal", "profile", "temporary", "suspended", "stopped"]


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


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a bolus that comes evenly."""

    begin_s: float
    end_s: float
    volume_ul: float


@dataclass(frozen=True, slots=True)
class ToldBolus:
    """A bolus as commanded, and its course: pieces between which it was suspended.

    `programmed_ul` is what was commanded, `volume_ul` what of that was due before it was cancelled or the pump stopped.
    """

    index: int
    kind: Literal["normal", "square wave", "dual wave"]
    programmed_ul: float
    begin_s: float
    half_s: float
    pieces: tuple[Piece, ...]

    @property
    def end_s(self) -> float:
        """When the last of it is due."""
        return self.pieces[-1].end_s if self.pieces else self.begin_s

    @property
    def volume_ul(self) -> float:
        """What of it was due."""
        return math.fsum(piece.volume_ul for piece in self.pieces)


@dataclass(frozen=True, slots=True, eq=False)
class Programme:
    """Everything that a pump was told, from the first command to `end_s`."""

    stretches: tuple[Stretch, ...]
    boluses: tuple[ToldBolus, ...]
    _basal: tuple[Floats, Floats] = field(repr=False)
    _bolus: tuple[Floats, Floats] = field(repr=False)

    @property
    def begin_s(self) -> float:
        """The first command of a basal rate; NaN without one."""
        return self.stretches[0].begin_s if self.stretches else math.nan

    def basal_ul(self, begin_s: float, end_s: float) -> float:
        """Return what basal rates are due between two instants."""
        return _between(self._basal, begin_s, end_s)

    def bolus_ul(self, begin_s: float, end_s: float) -> float:
        """Return what boluses are due between two instants."""
        return _between(self._bolus, begin_s, end_s)

    def volume_ul(self, begin_s: float, end_s: float) -> float:
        """Return what is due between two instants in all."""
        return self.basal_ul(begin_s, end_s) + self.bolus_ul(begin_s, end_s)

    def due_ul(self, time_s: Floats) -> Floats:
        """Return what is due in all up to each of some instants."""
        return _at(self._basal, time_s) + _at(self._bolus, time_s)

    def stretch_at(self, time_s: float) -> Stretch | None:
        """Return what holds at an instant; None before the first command."""
        at = bisect.bisect_right(self.stretches, time_s, key=lambda stretch: stretch.begin_s) - 1
        return self.stretches[at] if at >= 0 else None

    def rate_ul_per_h(self, time_s: float) -> float:
        """Return the basal rate that holds at an instant."""
        stretch = self.stretch_at(time_s)
        return stretch.rate_ul_per_h if stretch is not None and time_s < stretch.end_s else 0.0

    def boluses_within(self, begin_s: float, end_s: float) -> list[ToldBolus]:
        """Return the boluses of which something is due between two instants."""
        return [each for each in self.boluses if each.begin_s < end_s and each.end_s > begin_s]


def _between(knots: tuple[Floats, Floats], begin_s: float, end_s: float) -> float:
    begin_ul, end_ul = _at(knots, np.array([begin_s, end_s]))
    return float(end_ul - begin_ul)


def _at(knots: tuple[Floats, Floats], time_s: Floats) -> Floats:
    if len(knots[0]) == 0:
        return np.zeros_like(time_s)
    return np.interp(time_s, *knots)


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


def programme(events: Sequence[Event], end_s: float, ul_per_u: float) -> Programme:
    """Return what the events of a test told the pump, up to `end_s`; `ul_per_u` is for words only."""
    commands = sorted((event for event in events if event.kind in _CHANGES), key=instant_s)
    stretches: list[Stretch] = []
    state = _State()
    for number, event in enumerate(commands):
        state = _after(state, event)
        following_s = instant_s(commands[number + 1]) if number + 1 < len(commands) else end_s
        stretches += _stretches(state, instant_s(event), half_s(event), following_s, ul_per_u)
    boluses = tuple(_boluses(events, end_s))
    pieces = [piece for bolus in boluses for piece in bolus.pieces]
    return Programme(
        tuple(stretches),
        boluses,
        _knots([(each.begin_s, each.end_s, each.volume_ul) for each in stretches]),
        _knots([(each.begin_s, each.end_s, each.volume_ul) for each in pieces]),
    )


def instant_s(event: Event) -> float:
    """Return when a command is taken to hold: half-way between sent and acknowledged."""
    sent_s = float(event.data.get("sent_s", event.time_s))
    return 0.5 * (sent_s + float(event.data.get("acknowledged_s", event.time_s)))


def half_s(event: Event) -> float:
    """Return by how much a command may hold sooner or later than that."""
    sent_s = float(event.data.get("sent_s", event.time_s))
    return 0.5 * (float(event.data.get("acknowledged_s", event.time_s)) - sent_s)


_CHANGES = frozenset({BASAL, BASAL_STOPPED, PROFILE, TEMPORARY, TEMPORARY_CANCELLED, SUSPENDED, RESUMED})


def _after(state: _State, event: Event) -> _State:
    """Return what holds once a command was taken."""
    at_s, data = instant_s(event), event.data
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


def _stretches(state: _State, begin_s: float, half_s: float, end_s: float, ul_per_u: float) -> Iterator[Stretch]:
    edges = [begin_s, *sorted(set(state.changes_s(begin_s, end_s))), end_s]
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
                half_s if number == 0 else 0.0,
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
        said = f"profile from {clock_words((state.profile[segment][0] + state.into_day_s) % DAY_S)}"
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


def clock_words(since_s: float) -> str:
    """Return a time of a day as people write it: `06:00`."""
    minutes = round(since_s / 60.0)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _boluses(events: Sequence[Event], end_s: float) -> Iterator[ToldBolus]:
    holds = _holds_of(events, end_s)
    stops_s = sorted(instant_s(event) for event in events if event.kind in (BASAL_STOPPED, BOLUS_CANCELLED))
    done = {int(event.data["index"]): event for event in events if event.kind == BOLUS_DONE}
    for event in events:
        if event.kind not in (BOLUS, EXTENDED_BOLUS):
            continue
        begin_s, index, ended = instant_s(event), int(event.data["index"]), done.get(int(event.data["index"]))
        cut_s = next((at_s for at_s in stops_s if at_s > begin_s), end_s)
        if ended is not None and ended.data.get("cancelled"):
            cut_s = min(cut_s, ended.time_s)
        if event.kind == BOLUS:
            volume_ul = float(event.data["volume_ul"])
            lasting_s = 60.0 * volume_ul / TYPICAL_SPEED_UL_PER_MIN
            if ended is not None and not ended.data.get("cancelled"):
                active_s = float(ended.data.get("active_s", ended.time_s))
                free_s = _free_s(begin_s, 0.5 * (active_s + ended.time_s), holds)
                lasting_s = free_s if free_s > 0.0 else lasting_s
            parts, kind = [(volume_ul, lasting_s)], "normal"
        else:
            now_ul, extended_ul = float(event.data["now_ul"]), float(event.data["extended_ul"])
            parts = [(now_ul, 60.0 * now_ul / TYPICAL_SPEED_UL_PER_MIN)] if now_ul > 0.0 else []
            parts.append((extended_ul, float(event.data["duration_s"])))
            kind = "dual wave" if now_ul > 0.0 else "square wave"
        pieces = tuple(_pieces(begin_s, parts, holds, cut_s))
        programmed_ul = math.fsum(volume_ul for volume_ul, _ in parts)
        yield ToldBolus(index, kind, programmed_ul, begin_s, half_s(event), pieces)  # type: ignore[arg-type]


def _holds_of(events: Sequence[Event], end_s: float) -> list[Window]:
    """Return from when to when delivery was suspended."""
    found: list[Window] = []
    since_s = math.nan
    for event in sorted(
        (event for event in events if event.kind in (SUSPENDED, RESUMED, BASAL_STOPPED)), key=instant_s
    ):
        if event.kind == SUSPENDED and math.isnan(since_s):
            since_s = instant_s(event)
        elif event.kind != SUSPENDED and math.isfinite(since_s):
            found.append((since_s, instant_s(event)))
            since_s = math.nan
    return [*found, (since_s, end_s)] if math.isfinite(since_s) else found


def _free_s(begin_s: float, end_s: float, holds: Sequence[Window]) -> float:
    held_s = math.fsum(max(0.0, min(end_s, last_s) - max(begin_s, first_s)) for first_s, last_s in holds)
    return end_s - begin_s - held_s


def _pieces(begin_s: float, parts: Sequence[Window], holds: Sequence[Window], cut_s: float) -> Iterator[Piece]:
    """Yield the even pieces of parts (volume, duration) that follow one another, around suspensions, up to a cut."""
    at_s = begin_s
    for volume_ul, lasting_s in parts:
        left_s = lasting_s
        while left_s > 0.0 and at_s < cut_s:
            held = next((hold for hold in holds if hold[0] <= at_s < hold[1]), None)
            if held is not None:
                at_s = held[1]
                continue
            next_hold_s = min((hold[0] for hold in holds if hold[0] > at_s), default=math.inf)
            until_s = min(at_s + left_s, next_hold_s, cut_s)
            yield Piece(at_s, until_s, volume_ul * (until_s - at_s) / lasting_s)
            left_s = 0.0 if until_s == at_s + left_s else left_s - (until_s - at_s)
            at_s = until_s


def _knots(parts: Sequence[tuple[float, float, float]]) -> tuple[Floats, Floats]:
    """Return instants and what is due up to each, of parts (begin, end, volume) that may overlap."""
    if not parts:
        return np.empty(0), np.empty(0)
    edges = np.unique([edge for begin_s, end_s, _ in parts for edge in (begin_s, end_s)])
    due_ul = np.zeros(len(edges))
    for begin_s, end_s, volume_ul in parts:
        due_ul += volume_ul * np.clip(edges - begin_s, 0.0, end_s - begin_s) / (end_s - begin_s)
    return edges, due_ul
