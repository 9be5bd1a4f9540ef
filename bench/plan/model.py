"""What a plan says, once it has been read: quantities with units, settings of procedures, limits of measurements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.plan.decision import Decision
from bench.quantities import InsulinConcentration, Limit, Positive, ToleranceOf, Volume
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
    delivery: Literal["pulsed", "continuous"] = Field(
        default="pulsed", description="whether the pump meters in pulses or moves all the time"
    )


class Conditions(BaseModel):
    """Under which conditions the tests are meant to be run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    liquid: Literal["water"] = Field(default="water", description="what the pump delivers")
    temperature: ToleranceOf("temperature") | None = Field(  # type: ignore[valid-type]
        default=None, description="temperature of the air beside the balance", examples=["23 °C ± 2 °C"]
    )


@dataclass(frozen=True, slots=True)
class PlanTest:
    """One test of a plan; `line` is where it stands in the file, counted from 1."""

    __test__ = False  # not a pytest class

    id: str
    title: str
    procedure: str
    verifies: tuple[str, ...]
    settings: Any
    """An instance of the procedure's `Settings`."""
    accept: dict[str, Limit]
    line: int


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
