"""Boluses as a pump was told them, from a recording's events: what of each was due from when to when."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.metrology.noise import Window
from bench.procedures.shared.commands import (
    BASAL_STOPPED,
    BOLUS,
    BOLUS_CANCELLED,
    BOLUS_DONE,
    EXTENDED_BOLUS,
    RESUMED,
    SUSPENDED,
)
from bench.procedures.shared.span import span_of
from bench.recording.reader import Event

TYPICAL_SPEED_UL_PER_MIN = 15.0
"""1.5 U/min of U-100, the usual speed of a normal bolus, where nothing tells when one was done."""


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


def told_boluses(events: Sequence[Event], end_s: float) -> Iterator[ToldBolus]:
    """Yield the boluses that the events of a test tell of, up to `end_s`."""
    holds = _holds_of(events, end_s)
    stops_s = sorted(span_of(event).middle_s for event in events if event.kind in (BASAL_STOPPED, BOLUS_CANCELLED))
    done = {int(event.data["index"]): event for event in events if event.kind == BOLUS_DONE}
    for event in events:
        if event.kind not in (BOLUS, EXTENDED_BOLUS):
            continue
        begin_s, index, ended = span_of(event).middle_s, int(event.data["index"]), done.get(int(event.data["index"]))
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
        yield ToldBolus(index, kind, programmed_ul, begin_s, span_of(event).half_width_s, pieces)  # type: ignore[arg-type]


def _holds_of(events: Sequence[Event], end_s: float) -> list[Window]:
    """Return from when to when delivery was suspended."""
    found: list[Window] = []
    since_s = math.nan
    changes = [event for event in events if event.kind in (SUSPENDED, RESUMED, BASAL_STOPPED)]
    for at_s, kind in sorted(((span_of(event).middle_s, event.kind) for event in changes), key=lambda each: each[0]):
        if kind == SUSPENDED and math.isnan(since_s):
            since_s = at_s
        elif kind != SUSPENDED and math.isfinite(since_s):
            found.append((since_s, at_s))
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
