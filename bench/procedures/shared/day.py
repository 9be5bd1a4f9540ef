"""The settings of a day on a pump: a basal profile, and what is laid over it. Every contradiction is refused."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, GetPydanticSchema, model_serializer, model_validator
from pydantic_core import core_schema

from bench.plan.model import PumpSpec
from bench.procedures.shared.times import DAY_S, Instant, clock
from bench.procedures.shared.told_boluses import TYPICAL_SPEED_UL_PER_MIN
from bench.quantities import Concentration, Duration, Quantity, Rate, Volume, parse_quantity

MOST_SEGMENTS = 48
MOST_PERCENT = 250.0
SHORTEST_S = 120.0
"""A change that lasts for less cannot be weighed."""
_WHOLE = 1e-6
_ANY = Concentration(100.0)
"""Only the order of what is laid over a profile depends on it."""

OverlayKind = Literal["bolus", "extended bolus", "temporary", "suspend"]


class Segment(BaseModel):
    """One segment of a profile."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: Instant = Field(description="when it begins, in the pump's day", examples=["06:00", "6 h"])
    rate: Rate = Field(description="basal rate until the next segment", examples=["1 U/h"])

    @model_serializer
    def _in_words(self) -> str:
        return str(self)

    def __str__(self) -> str:
        """Return it as a reader wants it: `1 U/h from 06:00`."""
        return f"{self.rate} from {clock(self.at.to('s'))}"


def _temporary(value: Any) -> Quantity:
    if isinstance(value, Quantity):
        return value
    if isinstance(value, str):
        for dimension in ("ratio", "rate"):
            with suppress(ValueError):
                return parse_quantity(value, dimension)
    raise ValueError(f"found {value!r}; write a part of the basal rate, such as '50 %', or a rate, such as '0.3 U/h'")


_TemporaryRate = Annotated[
    Quantity,
    GetPydanticSchema(
        lambda _source, _handler: core_schema.no_info_plain_validator_function(
            _temporary, serialization=core_schema.to_string_ser_schema()
        ),
        lambda _source, _handler: {
            "type": "string",
            "pattern": r"^\s*[0-9.]+\s*(?:%|[A-Za-zµμ]+/(?:h|min))\s*$",
            "examples": ["50 %", "0.3 U/h"],
        },
    ),
]


class Overlay(BaseModel):
    """Something that is laid over a profile: a bolus, a temporary rate, or a suspension."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: Instant = Field(description="when it is commanded", examples=["07:00", "30 h"])
    bolus: Volume | None = Field(default=None, description="what comes at once", examples=["4 U"])
    extended: Volume | None = Field(
        default=None, description="what is spread over `lasting`: a square wave, with `bolus` a dual wave"
    )
    temporary: _TemporaryRate | None = Field(
        default=None, description="part of the basal rate, or another rate, for `lasting`"
    )
    suspend: Duration | None = Field(default=None, description="for how long all delivery is suspended")
    lasting: Duration | None = Field(default=None, description="of `extended` or `temporary`", examples=["2 h"])

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        doses = self.bolus is not None or self.extended is not None
        given = sum([doses, self.temporary is not None, self.suspend is not None])
        if given != 1:
            raise ValueError(
                "needs one of `bolus`, `extended` (or both: a dual wave), `temporary` or `suspend`"
                + ("" if given == 0 else "; give each an entry of its own")
            )
        needs_lasting = self.extended is not None or self.temporary is not None
        if needs_lasting and self.lasting is None:
            raise ValueError(f"`{'extended' if doses else 'temporary'}` needs `lasting`, such as `lasting: 2 h`")
        if self.lasting is not None and not needs_lasting:
            raise ValueError("`lasting` belongs to `extended` or `temporary`; `suspend: 30 min` says its own")
        for name in ("bolus", "extended"):
            volume = getattr(self, name)
            if volume is not None and volume.value <= 0.0:
                raise ValueError(f"`{name}` must be more than nothing, not {volume}")
        for name in ("suspend", "lasting"):
            lasting = getattr(self, name)
            if lasting is not None and lasting.to("s") < SHORTEST_S:
                raise ValueError(f"`{name}` must be {SHORTEST_S / 60.0:g} min or more to be weighed, not {lasting}")
        if self.temporary is not None:
            most = self.temporary.dimension == "ratio" and self.temporary.to("%") > MOST_PERCENT
            if self.temporary.value < 0.0 or most:
                raise ValueError(f"`temporary` must be from 0 % to {MOST_PERCENT:g} %, or a rate, not {self.temporary}")
        return self

    @model_serializer
    def _in_words(self) -> str:
        return str(self)

    @property
    def kind(self) -> OverlayKind:
        """What it is."""
        if self.suspend is not None:
            return "suspend"
        if self.temporary is not None:
            return "temporary"
        return "bolus" if self.extended is None else "extended bolus"

    @property
    def at_s(self) -> float:
        """When it is commanded, after the first command."""
        return self.at.to("s")

    def lasts_s(self, concentration: Concentration) -> float:
        """Return how long it takes; a part of a bolus that comes at once at the usual speed."""
        if self.suspend is not None:
            return self.suspend.to("s")
        spread_s = self.lasting.to("s") if self.lasting is not None else 0.0
        now_ul = self.bolus.to("µL", concentration) if self.bolus is not None else 0.0
        return spread_s + 60.0 * now_ul / TYPICAL_SPEED_UL_PER_MIN

    def __str__(self) -> str:
        """Return it as a reader wants it: `bolus 4 U at 07:00`."""
        at = clock(self.at_s)
        if self.kind == "suspend":
            return f"suspend for {self.suspend} at {at}"
        if self.kind == "temporary":
            return f"temporary {self.temporary} for {self.lasting} at {at}"
        parts = [str(self.bolus)] if self.bolus is not None else []
        parts += [f"{self.extended} over {self.lasting}"] if self.extended is not None else []
        return f"bolus {' + '.join(parts)} at {at}"


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a drive does at an instant after the first command."""

    at_s: float
    what: Literal["bolus", "extended bolus", "temporary", "suspend", "resume"]
    overlay: Overlay


def check_segments(segments: Sequence[Segment]) -> None:
    """Refuse segments that make no profile.

    Raises:
        ValueError: what is wrong, in words.

    """
    if not 1 <= len(segments) <= MOST_SEGMENTS:
        raise ValueError(f"`segments` must be 1 to {MOST_SEGMENTS}, not {len(segments)}")
    if segments[0].at.value != 0.0:
        raise ValueError(f"the first of `segments` must begin at 00:00, not at {clock(segments[0].at.to('s'))}")
    for number, (one, following) in enumerate(pairwise(segments), start=2):
        if following.at.to("s") <= one.at.to("s"):
            raise ValueError(
                f"`segments` must be in the order of time: segment {number} ({clock(following.at.to('s'))}) does not"
                f" come after segment {number - 1} ({clock(one.at.to('s'))})"
            )
        if following.at.to("s") - one.at.to("s") < SHORTEST_S:
            raise ValueError(f"segment {number - 1} is shorter than {SHORTEST_S / 60.0:g} min: it cannot be weighed")
    if segments[-1].at.to("s") >= DAY_S:
        raise ValueError(f"segments begin within a day, before 24:00, not at {segments[-1].at}")
    negative = next((segment for segment in segments if segment.rate.value < 0.0), None)
    if negative is not None:
        raise ValueError(f"a rate cannot be negative: {negative.rate} at {clock(negative.at.to('s'))}")
    if all(segment.rate.value == 0.0 for segment in segments):
        raise ValueError("every rate of `segments` is 0: nothing would be delivered")


def check_overlay(overlay: Sequence[Overlay], duration_s: float) -> None:
    """Refuse what cannot be laid over a profile: out of order, too late, or two things at once that exclude each other.

    Raises:
        ValueError: what is wrong, in words.

    """
    for one, following in pairwise(overlay):
        if following.at_s < one.at_s:
            raise ValueError(f"`overlay` must be in the order of time: {following} stands behind {one}")
    for number, one in enumerate(overlay):
        end_s = one.at_s + one.lasts_s(_ANY)
        if end_s > duration_s - SHORTEST_S:
            raise ValueError(
                f"{one} is not over {SHORTEST_S / 60.0:g} min before the stop at {clock(duration_s)}: it cannot be"
                " weighed; make `duration` longer, or lay it earlier"
            )
        for other in overlay[number + 1 :]:
            if other.at_s < end_s + (0.0 if {one.kind, other.kind} == {"temporary"} else 1.0):
                _refuse_together(one, other)


def _refuse_together(one: Overlay, other: Overlay) -> None:
    boluses = {"bolus", "extended bolus"}
    both = f"{one}, and {other}"
    if one.kind in boluses and other.kind in boluses:
        raise ValueError(f"two boluses at once: {both}; a pump gives one at a time")
    if "suspend" in (one.kind, other.kind) and (one.kind in boluses or other.kind in boluses):
        raise ValueError(f"a bolus while delivery is suspended, or cut by it: {both}; a pump refuses it, or holds it")
    if one.kind == other.kind == "suspend":
        raise ValueError(f"suspended twice at once: {both}")
    if one.kind == other.kind == "temporary":
        raise ValueError(f"two temporary rates at once: {both}; the second would end the first")
    if one.kind == "suspend" and other.kind == "temporary":
        raise ValueError(f"a temporary rate while delivery is suspended: {both}")


def undeliverable(
    segments: Sequence[Segment], overlay: Sequence[Overlay], pump: PumpSpec, duration_s: float
) -> Iterator[str]:
    """Yield what a pump of these increments cannot meter, in words."""
    if pump.delivery == "pulsed" and pump.basal_increment is not None:
        least_ul = pump.basal_increment.to("µL", pump.insulin)
        ends_s = [*(segment.at.to("s") for segment in segments[1:]), DAY_S]
        for segment, end_s in zip(segments, ends_s, strict=True):
            hours = (min(end_s, duration_s) - segment.at.to("s")) / 3600.0
            volume_ul = segment.rate.to("µL/h", pump.insulin) * hours
            if hours > 0.0 and 0.0 < volume_ul < least_ul * (1.0 - _WHOLE):
                yield (
                    f"segment at {clock(segment.at.to('s'))}: {segment.rate} for {hours:.3g} h comes to less than one"
                    f" `basal_increment` ({pump.basal_increment}): no dose can be weighed; make it longer, or more"
                )
    if pump.bolus_increment is not None:
        step_ul = pump.bolus_increment.to("µL", pump.insulin)
        for each in overlay:
            for name, volume in (("bolus", each.bolus), ("extended", each.extended)):
                steps = volume.to("µL", pump.insulin) / step_ul if volume is not None else 1.0
                if abs(steps - round(steps)) > _WHOLE * max(1.0, steps) or round(steps) < 1:
                    yield (
                        f"{each}: `{name}` {volume} is no whole number of the `bolus_increment`"
                        f" ({pump.bolus_increment}); the pump would refuse it"
                    )


def acts(overlay: Sequence[Overlay]) -> list[Act]:
    """Return what a drive does, in the order of time."""
    found = []
    for each in overlay:
        found.append(Act(each.at_s, each.kind, each))
        if each.suspend is not None:
            found.append(Act(each.at_s + each.suspend.to("s"), "resume", each))
    return sorted(found, key=lambda act: act.at_s)


def profile_of(
    segments: Sequence[Segment], concentration: Concentration, into_day_s: float = 0.0
) -> list[tuple[float, float]]:
    """Return `(start_s, rate_ul_per_h)` as a pump takes it, for a day that begins `into_day_s` into the profile's."""
    told = [(segment.at.to("s"), segment.rate.to("µL/h", concentration)) for segment in segments]
    into_s = math.fmod(into_day_s, DAY_S)
    if into_s < 1.0:
        return told
    now = [rate for start_s, rate in told if start_s <= into_s][-1]
    later = [(start_s - into_s, rate) for start_s, rate in told if start_s > into_s]
    again = [(start_s - into_s + DAY_S, rate) for start_s, rate in told if start_s <= into_s]
    return [(0.0, now), *later, *(each for each in again if each[0] < DAY_S)]


def programmed_ul(segments: Sequence[Segment], concentration: Concentration, begin_s: float, end_s: float) -> float:
    """Return what a profile alone comes to between two instants after its begin."""
    told = profile_of(segments, concentration)
    total_ul = 0.0
    for day in range(int(begin_s // DAY_S), int(end_s // DAY_S) + 1):
        for (start_s, rate), until_s in zip(told, [*(each[0] for each in told[1:]), DAY_S], strict=True):
            first_s, last_s = max(begin_s, day * DAY_S + start_s), min(end_s, day * DAY_S + until_s)
            total_ul += rate * max(0.0, last_s - first_s) / 3600.0
    return total_ul
