"""The shapes of what several runs give together: `pumpbench compare --json`, and what its page is made from."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.results.model import Figure, Table

SCHEMA_VERSION = "1.1"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PooledRun(_Model):
    """One run that went in."""

    run: str = Field(description="name of the run's folder")
    pump: str = Field(description="the device: serial number, and seed of a simulated one")
    firmware: str
    plan: str
    rig: str
    started_utc: str
    recording_digest: str


class LeftOut(_Model):
    """A test that did not go in, and why."""

    run: str
    test: str
    reason: str


class VarianceShare(_Model):
    """One component of scatter as a standard deviation with its 95 % confidence interval."""

    source: str = Field(description="between pumps, between runs of a pump, within a run")
    sd: float
    lower: float
    upper: float


class ToleranceStatement(_Model):
    """A tolerance interval in percent of commanded, and what is needed to read it."""

    lower: float
    upper: float
    coverage: float
    confidence: float
    achieved_confidence: float
    enough: bool
    method: str
    holds_for: str = Field(description="of which pumps and runs it speaks")
    words: list[str]
    common_uncertainty: float = Field(
        description="greatest expanded uncertainty of a mean: what doses share may move the interval by so much"
    )
    limit: str = Field(default="", description="what the interval was held against, if anything")
    shown: bool | None = Field(
        default=None, description="whether the interval, widened by the common uncertainty, lies within the limit"
    )


class DoseStatistics(_Model):
    """Doses of one commanded size; deviations are in percent of commanded."""

    doses: int
    runs: int
    pumps: int
    mean_error: float
    sd: float | None = Field(description="of a future dose of a future pump; null for one dose")
    least: float
    greatest: float
    effective_count: float | None = Field(description="independent doses that would tell the mean as well")
    variances: list[VarianceShare]
    tolerance: ToleranceStatement | None


Bound = Literal["above", "below"]
"""The truth lies above or below the value: an alarm that had not come by then, a voltage at which none came yet."""


class AcrossPumps(_Model):
    """One measurement over all pumps: a typical pump, the lowest and the highest.

    A bound counts as greater than any value, or as less than any; where one is shown, `typical_bound`, `lowest_bound`
    and `highest_bound` say on which side of it the truth lies.
    """

    name: str
    title: str
    unit: str
    typical: float
    lowest: float
    highest: float
    typical_bound: Bound | None = None
    lowest_bound: Bound | None = None
    highest_bound: Bound | None = None
    greatest_uncertainty: float | None = Field(description="greatest expanded uncertainty of the values")
    pumps: int
    tests: int


class PooledGroup(_Model):
    """Tests of one kind and size, from however many runs and pumps."""

    procedure: str
    title: str
    setting: dict[str, Any] = Field(
        description="what makes the group: commanded size or rate, or every setting; and the conditions of the bench"
    )
    tests: int
    pumps: int
    doses: DoseStatistics | None = None
    across: list[AcrossPumps] = []
    tables: list[Table] = []
    figures: list[Figure] = []
    notes: list[str] = []


class Pooled(_Model):
    """Everything that several runs give together."""

    schema_version: str = SCHEMA_VERSION
    simulated: bool
    insulin: str
    coverage: float
    confidence: float
    runs: list[PooledRun]
    pumps: list[str]
    groups: list[PooledGroup]
    left_out: list[LeftOut]
    notes: list[str]
