"""What a plan says, once it has been read: quantities with units, settings of procedures, limits of measurements."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from bench.plan.conditions import Condition
from bench.plan.decision import Decision
from bench.quantities import (
    InsulinConcentration,
    Limit,
    Positive,
    Quantity,
    QuantityOf,
    Tolerance,
    ToleranceOf,
    Volume,
)
from bench.strict_yaml import YamlError


class PlanError(YamlError):
    """A plan that cannot be used; `problems` holds every error, each with file, line and column."""


class PumpSpec(BaseModel):
    """What the plan takes the pump under test to be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    insulin: InsulinConcentration = Field(description="concentration that U converts by: U-100 means 1 U = 10 µL")
    basal_increment: Annotated[Volume, Positive] | None = Field(
        default=None, description="smallest metered volume of a basal rate", examples=["0.05 U"]
    )
    bolus_increment: Annotated[Volume, Positive] | None = Field(
        default=None, description="smallest metered volume of a bolus", examples=["0.05 U"]
    )
    reservoir: Annotated[Volume, Positive] | None = Field(
        default=None, description="volume of liquid in the reservoir; 3 mL where it is missing", examples=["3 mL"]
    )
    delivery: Literal["pulsed", "continuous"] = Field(
        default="pulsed", description="whether the pump meters in pulses or moves all the time"
    )


class MeasuredLiquid(BaseModel):
    """A liquid whose density the laboratory measured; from that temperature it is taken to expand like water."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, description="what it is, for people", examples=["insulin aspart U-100"])]
    density: ToleranceOf("density") = Field(  # type: ignore[valid-type]
        description="measured density with its half width", examples=["1.004 g/mL ± 0.002 g/mL"]
    )
    at: QuantityOf("temperature") = Field(  # type: ignore[valid-type]
        description="temperature at which it was measured", examples=["22 °C"]
    )

    @model_validator(mode="after")
    def _a_liquid(self) -> Self:
        density, at = self.density_within, self.measured_at
        if density.nominal - density.half_width < 0.5 or density.nominal + density.half_width > 2.0:
            raise ValueError(f"`density` {self.density} is that of no liquid for a pump (0.5 g/mL to 2 g/mL)")
        if not 0.0 <= at.value <= 40.0:
            raise ValueError(f"`at` must be from 0 °C to 40 °C, not {at}")
        return self

    @property
    def density_within(self) -> Tolerance:
        """The density in g/mL."""
        density: Tolerance = self.density
        return density.to("g/mL")

    @property
    def measured_at(self) -> Quantity:
        """The temperature in °C."""
        at: Quantity = self.at
        return at


KnownLiquid = Literal["water", "saline"]


def _known_liquid(value: Any) -> Any:
    if value not in get_args(KnownLiquid):
        raise ValueError(
            f"found {value!r}; must be {' or '.join(map(repr, get_args(KnownLiquid)))}, or a liquid with its measured"
            " density, such as {name: insulin aspart U-100, density: 1.004 g/mL ± 0.002 g/mL, at: 22 °C}"
        )
    return value


def _kind_of_liquid(value: Any) -> str:
    return "known" if isinstance(value, str) else "measured"


_Liquid = Annotated[
    Annotated[KnownLiquid, BeforeValidator(_known_liquid), Tag("known")] | Annotated[MeasuredLiquid, Tag("measured")],
    Discriminator(_kind_of_liquid),
]


class Conditions(BaseModel):
    """Under which conditions the tests are meant to be run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    liquid: _Liquid = Field(
        default="water",
        description="what the pump delivers: water, saline (0.9 % sodium chloride), or a liquid of measured density",
    )
    temperature: ToleranceOf("temperature") | None = Field(  # type: ignore[valid-type]
        default=None, description="temperature of the air beside the balance", examples=["23 °C ± 2 °C"]
    )


class Corrections(BaseModel):
    """Which corrections turn readings into volumes. One that is switched off stays in the budget with all its size."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    evaporation: bool = Field(default=True, description="what the vessel lost into the air meanwhile")
    sample_buoyancy: bool = Field(default=True, description="buoyancy in air of the delivered liquid")
    vessel_buoyancy: bool = Field(
        default=True, description="changing buoyancy of the vessel; needs the rig's `vessel:` and recorded air"
    )
    immersion: bool = Field(default=True, description="upthrust on the dipping needle; needs the rig's `immersion:`")

    def without(self, *names: str) -> Corrections:
        """Return the same with some of them switched off.

        Raises:
            ValueError: there is no such correction; it names those that exist.

        """
        unknown = [name for name in names if name not in type(self).model_fields]
        if unknown:
            known = ", ".join(type(self).model_fields)
            raise ValueError(f"there is no correction {unknown[0]!r}; there are {known}")
        return self.model_copy(update=dict.fromkeys(names, False))


@dataclass(frozen=True, slots=True)
class PlanTest:
    """One test of a plan; `line` is where it stands in the file, counted from 1.

    Of an entry with `conditions:` it is one combination: `entry` is the entry's own id, `conditions` are its values.
    """

    __test__ = False  # not a pytest class

    id: str
    title: str
    procedure: str
    verifies: tuple[str, ...]
    settings: Any
    """An instance of the procedure's `Settings`."""
    accept: dict[str, Limit]
    line: int
    entry: str = ""
    conditions: tuple[Condition, ...] = ()

    @property
    def on_the_bench(self) -> tuple[Condition, ...]:
        """The conditions that somebody has to set on the bench."""
        return tuple(each for each in self.conditions if each.on_the_bench)


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan, with the text that it was read from."""

    plan: str
    title: str
    pump: PumpSpec
    conditions: Conditions
    decision: Decision
    tests: tuple[PlanTest, ...]
    text: str
    file: str
    corrections: Corrections = field(default_factory=Corrections)

    def under(self, test: PlanTest) -> Plan:
        """Return the plan with the temperature that a test's own conditions ask for, to the plan's half width."""
        asked = next((each for each in test.conditions if each.name == "temperature" and each.kind == "bench"), None)
        if asked is None or asked.number is None:
            return self
        meant = self.conditions.temperature
        within = Tolerance(asked.number, meant.half_width, asked.unit) if meant is not None else None
        return replace(self, conditions=self.conditions.model_copy(update={"temperature": within}))
