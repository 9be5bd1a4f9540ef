"""What a plan says of days of wear: the profile of every day, meals, how long, and when the reservoir is changed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_serializer, model_validator

from bench.procedures.base import ProcedureSettings
from bench.procedures.shared.day import SHORTEST_S, Act, Overlay, Segment, acts, check_overlay, check_segments
from bench.procedures.shared.levels import END_LEVEL_S, SETTLE_S
from bench.procedures.shared.programme import DAY_S
from bench.procedures.shared.times import Instant, clock
from bench.quantities import Concentration, Duration, Quantity, Volume

_ANY = Concentration(100.0)
"""Only the order of what is done depends on it."""
SHORTEST_WEAR_S = 6.0 * 3600.0
SHORTEST_PART_S = 0.5 * 3600.0
FEWEST_PARTS = 4
"""A drift is drawn through so many parts of the wear time, or more."""
REST_COUNTS = 0.5
"""What is left at the end counts as a day, or a part of one, where it is so much of it."""
CHANGE = "volume_at_reservoir_change"
SETTLED_PRIME_S = 180.0
"""How long the line settles after a new reservoir."""


class ReservoirChange(BaseModel):
    """When an operator puts in a full reservoir, and what is primed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: Instant = Field(description="when the pump is stopped for it", examples=["36 h"])
    filled: Volume = Field(
        description="what the new reservoir holds, as operator and pump are told", examples=["300 U"]
    )
    prime: Volume | None = Field(default=None, description="what is primed then; none: nothing", examples=["10 U"])
    within: Duration = Field(
        default=Quantity(5.0, "min"),
        description="time kept free for the operator: nothing of the day may fall into it; one who takes longer is"
        " waited for, and what fell due meanwhile is left out",
    )

    @model_serializer
    def _in_words(self) -> str:
        primed = f", {self.prime} primed" if self.prime is not None else ""
        return f"at {clock(self.at.to('s'))}, {self.filled} filled{primed}, within {self.within}"

    @property
    def lasts_s(self) -> float:
        """How long the pump is stopped, about: settling, changing, priming, settling."""
        return SETTLE_S + END_LEVEL_S + self.within.to("s") + SETTLED_PRIME_S + (60.0 if self.prime else 0.0)


class WearSettings(ProcedureSettings):
    """What is done every day, for how long, and when the reservoir is changed."""

    segments: list[Segment] = Field(
        description="the profile of every day, as in `profile`; the day begins with the first command"
    )
    duration: Duration = Field(default=Quantity(72.0, "h"), description="from the first command to the last stop")
    daily: list[Overlay] = Field(
        default=[],
        description="what is laid over every day, as `overlay` in `profile`: meals and all else",
    )
    reservoir_change: ReservoirChange | None = Field(
        default=None,
        description="`{at: 36 h, filled: 300 U, prime: 10 U, within: 5 min}`: stop, ask the operator for a full"
        " reservoir (five minutes are kept free for it), prime, go on with the day where it is",
    )
    part: Duration = Field(
        default=Quantity(6.0, "h"),
        description="length of the equal parts of the wear time that have their own error; `error_drift` is a line"
        " through them and takes four or more",
    )
    blank: Duration = Field(
        default=Quantity(30.0, "min"),
        description="weighing without delivery before the first command and after the last stop",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_segments(self.segments)
        if self.duration.to("s") < SHORTEST_WEAR_S:
            raise ValueError(f"`duration` must be {SHORTEST_WEAR_S / 3600.0:g} h or more, not {self.duration}")
        if self.blank.value < 0.0:
            raise ValueError(f"`blank` cannot be negative: {self.blank}")
        if not SHORTEST_PART_S <= self.part.to("s") <= self.duration.to("s"):
            raise ValueError(f"`part` must be {SHORTEST_PART_S / 60.0:g} min to the whole wear time, not {self.part}")
        for problem in self._not_measured():
            raise ValueError(problem)
        check_overlay(self.daily, DAY_S + SHORTEST_S)
        change = self.reservoir_change
        if change is None:
            return self
        begin_s, end_s = change.at.to("s"), change.at.to("s") + change.lasts_s
        if not begin_s >= SHORTEST_S or end_s > self.duration.to("s") - SHORTEST_S:
            raise ValueError(f"`reservoir_change` at {clock(begin_s)} must lie within the wear time of {self.duration}")
        for act in wear_acts(self.daily, self.duration.to("s")):
            ends_s = act.at_s + (act.overlay.lasts_s(_ANY) if act.what != "resume" else 0.0)
            if act.at_s < end_s + SHORTEST_S and ends_s > begin_s - SHORTEST_S:
                raise ValueError(
                    f"{act.overlay} falls into the change of the reservoir,"
                    f" {clock(begin_s)} to {clock(end_s)}: move one of them"
                )
        return self

    def _not_measured(self) -> Iterator[str]:
        """Look for limits on what this test does not measure: they could never be met."""
        accept: Any = getattr(self, "accept", None)
        if getattr(accept, "error_drift", None) is not None:
            parts = count_parts(self.duration.to("s"), self.part.to("s"))
            if parts < FEWEST_PARTS:
                yield (
                    f"`error_drift` takes {FEWEST_PARTS} parts of {self.part}, and {self.duration} has {parts}: make"
                    " `duration` longer or `part` shorter"
                )
        if getattr(accept, CHANGE, None) is not None and self.reservoir_change is None:
            yield f"`{CHANGE}` is not measured without a `reservoir_change`"


def count_parts(lasts_s: float, part_s: float) -> int:
    """Return how many parts a wear time has; a rest of half a part or more counts as one."""
    return max(1, math.ceil(lasts_s / part_s - REST_COUNTS))


def wear_acts(daily: Sequence[Overlay], duration_s: float) -> list[Act]:
    """Return what is done day by day; what would not be over two minutes before the stop is left out."""
    found = []
    for day in range(int(duration_s // DAY_S) + 1):
        for overlay in daily:
            moved = overlay.model_copy(update={"at": Quantity(overlay.at_s + day * DAY_S, "s")})
            if moved.at_s + moved.lasts_s(_ANY) <= duration_s - SHORTEST_S:
                found += acts([moved])
    return sorted(found, key=lambda act: act.at_s)
