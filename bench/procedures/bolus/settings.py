"""What a bolus test delivers, and how: the same bolus many times over, spread, cancelled, or of many sizes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bench.procedures.base import ProcedureSettings
from bench.procedures.bolus.planning import TYPICAL_SPEED_UL_PER_MIN
from bench.procedures.bolus.spread import Programmed
from bench.procedures.bolus.weighing import ROUNDING_S, SHORTEST_WINDOW_S
from bench.quantities import AnyOf, Concentration, Duration, Quantity, Rate, Volume

Kind = Literal["equal", "spread", "cancelled", "sizes"]


class BolusSettings(ProcedureSettings):
    """What a bolus test delivers, and how long it waits."""

    volume: Volume | None = Field(
        default=None,
        description="volume of every bolus; this or `volumes`. The pump's largest one here tests its maximum",
        examples=["0.1 U", "10 µL"],
    )
    volumes: Annotated[tuple[Volume, ...], Field(min_length=2, max_length=50)] | None = Field(
        default=None,
        description="sizes to go through, from the smallest up, each `count` times, instead of `volume`",
        examples=[["0.05 U", "0.1 U", "0.5 U", "1 U"]],
    )
    count: Annotated[int, Field(ge=1, le=1000)] = Field(default=25, description="number of boluses, of each size")
    shape: Literal["normal", "square", "dual"] = Field(
        default="normal",
        description="normal: at once; square: spread over `over`; dual: `now` at once, the rest spread",
    )
    over: Duration | None = Field(
        default=None, description="how long the spread part takes, of `shape: square` or `dual`", examples=["30 min"]
    )
    now: AnyOf("ratio", "volume") | None = Field(  # type: ignore[valid-type]
        default=None, description="part of a dual bolus that comes at once, a share of it or a volume"
    )
    cancel_after: AnyOf("ratio", "volume", "duration") | None = Field(  # type: ignore[valid-type]
        default=None,
        description="cancel every bolus: once the pump reports this share of it or this volume, or so long after the"
        " command",
    )
    interval: Duration = Field(
        default=Quantity(90.0, "s"),
        description="from the end of a bolus, as the pump reports it, to the command of the next",
    )
    settle: Duration = Field(
        default=Quantity(60.0, "s"),
        description="what arrives so long after the reported end belongs to the bolus; then it is weighed",
    )
    basal: Rate | None = Field(default=None, description="basal rate that runs meanwhile; none: basal is off")
    blank: Duration = Field(
        default=Quantity(10.0, "min"), description="weighing without delivery before the first and after the last bolus"
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        _check_volumes(self)
        _check_shape(self)
        _check_cancel(self)
        if self.basal is not None and self.basal.value <= 0.0:
            raise ValueError(f"`basal` must be more than nothing, not {self.basal}; without the key basal is off")
        if self.settle.value < 0.0 or self.blank.value < 0.0:
            raise ValueError("`settle` and `blank` cannot be negative")
        if self.interval.to("s") - self.settle.to("s") < SHORTEST_WINDOW_S - ROUNDING_S:
            raise ValueError(
                f"`interval` must leave {SHORTEST_WINDOW_S:g} s for weighing after `settle`:"
                f" {self.interval} less {self.settle} is too short"
            )
        return self

    @property
    def kind(self) -> Kind:
        """Which measurements the test has."""
        if self.volumes is not None:
            return "sizes"
        if self.cancel_after is not None:
            return "cancelled"
        return "equal" if self.shape == "normal" else "spread"

    @property
    def sizes(self) -> Sequence[Quantity]:
        """Every size, from the smallest up; one of a row of equal boluses."""
        return self.volumes or ((self.volume,) if self.volume is not None else ())

    def programmed(self, volume_ul: float, concentration: Concentration) -> Programmed:
        """Return the course that a bolus of a volume is to take.

        Raises:
            ValueError: `now` is not less than the bolus.

        """
        if self.shape == "normal" or self.over is None:
            return Programmed(volume_ul, 0.0, 0.0)
        now_ul = 0.0 if self.now is None else part_of(self.now, volume_ul, concentration)
        if now_ul >= volume_ul:
            raise ValueError(f"`now` ({self.now}) must be less than the bolus: nothing is left to spread")
        return Programmed(now_ul, volume_ul - now_ul, self.over.to("s"))

    def cancel_at(self, volume_ul: float, concentration: Concentration) -> tuple[float | None, float | None]:
        """Return the reported volume (µL) and the time since the command (s) at which to cancel; one of them None."""
        if self.cancel_after is None:
            return None, None
        if self.cancel_after.dimension == "duration":
            return None, self.cancel_after.to("s")
        return part_of(self.cancel_after, volume_ul, concentration), None

    def cancelled_share(self, volume_ul: float, concentration: Concentration) -> float:
        """Return about which share of a bolus is delivered before it is cancelled, at the usual speed."""
        at_ul, at_s = self.cancel_at(volume_ul, concentration)
        if at_ul is not None:
            return min(1.0, at_ul / volume_ul)
        return 1.0 if at_s is None else min(1.0, at_s / self.lasting_s(volume_ul, concentration))

    def lasting_s(self, volume_ul: float, concentration: Concentration) -> float:
        """Return how long a whole bolus takes, what comes at once at the usual speed of 1.5 U/min."""
        course = self.programmed(volume_ul, concentration)
        return 60.0 * course.now_ul / TYPICAL_SPEED_UL_PER_MIN + course.over_s


def part_of(part: Quantity, volume_ul: float, concentration: Concentration) -> float:
    """Return a share of a volume, or a volume, in µL."""
    if part.dimension == "ratio":
        return round(0.01 * part.to("%") * volume_ul, 9)
    return part.to("µL", concentration)


def _check_volumes(asked: BolusSettings) -> None:
    if asked.volume is None and asked.volumes is None:
        raise ValueError("`volume` is missing: the volume of every bolus, such as 1 U; or `volumes`, a list of sizes")
    if asked.volume is not None and asked.volumes is not None:
        raise ValueError("`volume` and `volumes` exclude each other: one size, or a list of them")
    for name, sizes in (("volume", (asked.volume,)), ("volumes", asked.volumes or ())):
        for size in sizes:
            if size is not None and size.value <= 0.0:
                raise ValueError(f"`{name}` must be more than nothing, not {size}")
    if asked.volumes is None:
        return
    if len({size.unit == "U" for size in asked.volumes}) > 1:
        raise ValueError("`volumes` must all be in U, or all in units of volume")
    values = [size.value if size.unit == "U" else size.to("µL") for size in asked.volumes]
    if any(second <= first for first, second in pairwise(values)):
        raise ValueError("`volumes` must go up: what a large bolus still gives later would spoil a small one after it")
    if asked.shape != "normal" or asked.cancel_after is not None:
        key = "cancel_after" if asked.shape == "normal" else "shape"
        raise ValueError(f"`volumes` goes through normal boluses: leave out `{key}`, or write a test for each `volume`")


def _check_shape(asked: BolusSettings) -> None:
    if asked.shape == "normal":
        for name in ("over", "now"):
            if getattr(asked, name) is not None:
                raise ValueError(f"`{name}` belongs to a spread bolus: add `shape: square` or `shape: dual`")
        return
    if asked.over is None:
        raise ValueError(f"`shape: {asked.shape}` needs `over`: how long the spread part takes, such as 30 min")
    if asked.over.to("s") < 60.0:
        raise ValueError(f"`over` must be a minute or more, not {asked.over}")
    if asked.shape == "square" and asked.now is not None:
        raise ValueError("a square bolus has nothing that comes at once: leave out `now`, or write `shape: dual`")
    if asked.shape == "dual":
        if asked.now is None:
            raise ValueError("`shape: dual` needs `now`: what comes at once, such as 40 % or 0.4 U")
        _check_part("now", asked.now, asked.volume)


def _check_cancel(asked: BolusSettings) -> None:
    if asked.cancel_after is not None:
        _check_part("cancel_after", asked.cancel_after, asked.volume)


def _check_part(name: str, part: Quantity, whole: Quantity | None) -> None:
    if part.value <= 0.0:
        raise ValueError(f"`{name}` must be more than nothing, not {part}")
    if part.dimension == "ratio" and part.to("%") >= 100.0:
        raise ValueError(f"`{name}` must be less than 100 %, not {part}")
    alike = whole is not None and part.dimension == "volume" and (part.unit == "U") == (whole.unit == "U")
    if alike and whole is not None and part.to(whole.unit) >= whole.value:
        raise ValueError(f"`{name}` must be less than the bolus: {part} is not less than {whole}")
