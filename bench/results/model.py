"""The shapes of `results.json`, from a measurement's budget up to a whole run.

Procedures return an `Evaluation`; judging adds verdicts; a run collects them. Numbers that are shown are in these
models, so that a report can be made from `results.json` alone.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = "1.2"
OF_THE_BENCH = frozenset({"blank", "check"})
"""Procedures that judge the bench: no pump takes part in them, or is blamed by what fails there."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Verdict(StrEnum):
    """What a test, or one measurement of it, came to. `error` is for tests that could not be driven."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


class Component(_Model):
    """One line of an uncertainty budget (GUM): an input, its standard uncertainty and what it contributes.

    A `term` adds sensitivity times the input's error to the measurement. A `factor` multiplies it by one plus the
    error, which is relative; its sensitivity is the value that it multiplies.
    """

    name: str
    estimate: float = Field(default=0.0, description="value of the input, in its own unit; 0 of what is made good")
    standard_uncertainty: float = Field(description="in the input's own unit")
    unit: str
    distribution: Literal["normal", "rectangular", "triangular", "u-shaped", "student"] = "normal"
    degrees_of_freedom: float | None = Field(default=None, description="none: infinite")
    sensitivity: float = Field(default=1.0, description="change of the measurement per change of the input")
    form: Literal["term", "factor"] = Field(default="term", description="whether it adds to the value or multiplies it")
    contribution: float = Field(description="|sensitivity| times standard uncertainty, in the measurement's unit")
    share: float | None = Field(
        default=None, description="of the measurement's variance, in percent, covariances halved between their inputs"
    )
    source: str = Field(default="", description="where the figure comes from: certificate, blank, rig file …")


class Correlation(_Model):
    """Two inputs of one budget that err together."""

    first: str = Field(description="name of a component")
    second: str = Field(description="name of another component")
    coefficient: float = Field(ge=-1.0, le=1.0)
    source: str = ""


class MonteCarlo(_Model):
    """The same measurement by propagated distributions (JCGM 101), beside its interval by the GUM."""

    draws: int
    seed: int
    stable: bool = Field(description="whether more draws would not change the digits that count (JCGM 101, 7.9)")
    probability: float = Field(description="coverage probability of every interval here")
    mean: float
    standard_uncertainty: float
    low: float = Field(description="probabilistically symmetric interval")
    high: float
    shortest_low: float
    shortest_high: float
    gum_low: float = Field(description="value less U of the budget")
    gum_high: float
    tolerance: float = Field(description="within which both ends must agree (JCGM 101, 8.1)")
    validated: bool = Field(description="whether they do")


class Measurement(_Model):
    """A value with unit, expanded uncertainty and coverage factor.

    A censored value is a bound: `above` says that the truth is greater than `value` (an alarm that had not come by
    then). A value of None could not be determined at all; `note` says why.
    """

    name: str
    title: str
    value: float | None
    unit: str
    expanded_uncertainty: float | None
    coverage_factor: float = 2.0
    standard_uncertainty: float | None = Field(default=None, description="combined, of the budget")
    degrees_of_freedom: float | None = Field(default=None, description="effective; none: infinite")
    censored: Literal["above", "below"] | None = None
    note: str = ""
    budget: list[Component] = []
    correlations: list[Correlation] = Field(default=[], description="between lines of the budget; all others have none")
    monte_carlo: MonteCarlo | None = Field(default=None, description="where it was asked for")


class Series(_Model):
    """One curve or set of points, already reduced to what is drawn."""

    label: str
    x: list[float | None]
    y: list[float | None]
    style: Literal["line", "step", "points", "band-low", "band-high", "bars"] = "line"
    role: str = Field(default="", description="palette key: mass, pulse, limit, envelope, pressure, event …")


class Mark(_Model):
    """A vertical line with a word: an event."""

    x: float
    label: str


class Rule(_Model):
    """A horizontal line with a word: a limit or a nominal value."""

    y: float
    label: str


class Figure(_Model):
    """A figure as data."""

    name: str
    title: str
    x_label: str
    y_label: str
    series: list[Series]
    marks: list[Mark] = []
    rules: list[Rule] = []
    x_log: bool = Field(default=False, description="whether the x axis is logarithmic; values are plain all the same")
    y_log: bool = Field(default=False, description="whether the y axis is logarithmic; values are plain all the same")
    caption: str = Field(description="what is shown, how it was reduced, and 'simulated' where it is")


class Table(_Model):
    """A table as data; cells are text, ready to read."""

    name: str
    title: str
    columns: list[str]
    rows: list[list[str]]
    note: str = ""


class Pulse(_Model):
    """One metered pulse, or one whole bolus, as seen by the balance."""

    time_s: float = Field(description="of the pulse, or of the bolus' command, on the run's clock")
    volume_ul: float
    time_standard_uncertainty_s: float | None = Field(default=None, description="none: not determined")
    standard_uncertainty_ul: float = Field(description="of the whole budget: noise, balance, conversion to volume")
    kind: Literal["expected", "missed", "doubled", "split", "extra", "bolus"] = "expected"


class Evaluation(_Model):
    """What `evaluate()` returns: measurements, and what is shown beside them."""

    measurements: list[Measurement]
    pulses: list[Pulse] = []
    tables: list[Table] = []
    figures: list[Figure] = []
    findings: list[str] = Field(
        default=[],
        description="what went wrong or stands out, a sentence each with its likely cause, weightiest first",
    )
    notes: list[str] = Field(default=[], description="what a reader must know beside it, most important first")
    doubts: list[str] = Field(
        default=[], description="reasons why no verdict can be given at all: gaps, bumps, lost data"
    )
    partial: str = Field(
        default="", description="that, when and why the test was aborted: everything is of the part until then"
    )


class Judged(_Model):
    """One accept: line of a plan, judged."""

    measurement: str
    limit: str = Field(description="as the plan has it")
    unit: str
    lower: float | None
    upper: float | None
    verdict: Verdict
    reason: str
    rule: str = Field(default="", description="decision rule in words, with its guard band: guarded, w = 1 U")
    guard_band: float | None = Field(
        default=None, description="how far within the limit a value must lie to pass, and beyond it to fail"
    )
    probability_of_conformity: float | None = Field(
        default=None,
        description="that the truth keeps the limit (JCGM 106); of a bound, how probable it is at least or at most;"
        " none where nothing tells",
    )
    test_uncertainty_ratio: float | None = Field(
        default=None, description="half the room between two limits over U; none of a limit with one side"
    )


class TestCondition(_Model):
    """A condition that a test of a matrix was run under."""

    __test__ = False  # not a pytest class

    name: str
    kind: Literal["setting", "bench", "by hand"] = Field(
        description="of the procedure, of the bench, or by words alone"
    )
    text: str
    number: float | None = Field(default=None, description="in `unit`; none of a name")
    unit: str = ""
    set_by: str = Field(default="", description="who set it; empty where the test did not get so far")
    set_s: float | None = Field(default=None, description="when, on the run's clock; it may be before the test")


class TestResult(_Model):
    """One test of the plan, as it came out."""

    __test__ = False  # not a pytest class

    id: str
    title: str
    procedure: str
    verifies: list[str]
    settings: dict[str, Any]
    started_s: float
    ended_s: float
    verdict: Verdict
    reason: str
    judged: list[Judged]
    evaluation: Evaluation | None
    entry: str = Field(default="", description="id of the plan's entry with `conditions:` that this is one test of")
    conditions: list[TestCondition] = []


class PlannedTest(_Model):
    """A test of the plan that was not run."""

    id: str
    title: str
    procedure: str
    verifies: list[str]


class Certificate(_Model):
    """What the rig file says of an instrument's calibration."""

    certificate: str = Field(description="number of the certificate")
    due: str | None = Field(description="day on which the next calibration is due, as 2027-03-01")
    overdue: bool = Field(description="whether that day had passed when the run began")
    expanded_uncertainty: str = Field(description="with its unit")
    coverage_factor: float


class Imported(_Model):
    """Where an imported recording came from: it was not driven by this bench."""

    file: str = Field(description="name of the file that it was read from")
    sha256: str = Field(description="of that file, as it lay there")
    rows: int = Field(description="rows of readings in it")
    options: dict[str, str] = Field(description="how it was read, and what was said of it")


class PumpModel(_Model):
    """The model that a simulated pump was made by; nothing of it was measured on a real one."""

    model: str = Field(description="its name")
    source: list[str] = Field(description="where its figures come from")
    not_modelled: list[str] = Field(description="what it leaves out, or does not match")
    changed: list[str] = Field(default=[], description="settings that the rig file has beside the model's own")

    def __str__(self) -> str:
        return f"{self.model}, with other {', '.join(self.changed)}" if self.changed else self.model


class RunResult(_Model):
    """Everything that a run found."""

    schema_version: str = SCHEMA_VERSION
    simulated: bool
    seed: int | None
    plan: str
    plan_title: str
    plan_file: str
    plan_sha256: str
    decision: str
    insulin: str = Field(default="", description="concentration that U converts by, as the plan has it: U-100")
    rig: str
    rig_file: str
    rig_sha256: str
    origin_utc: str = Field(description="instant 0 of the run's clock; empty where an imported file does not tell it")
    ended_s: float
    instruments: dict[str, dict[str, str]]
    calibrations: dict[str, Certificate | None] = Field(
        default={}, description="by role, for each instrument that measures; null where the rig file has no certificate"
    )
    versions: dict[str, str]
    complete: bool = Field(description="false when the run was ended before its last test")
    ended_by: str = Field(default="", description="why an incomplete run ended")
    recording_digest: str
    pump_model: PumpModel | None = Field(
        default=None, description="of a simulated rig that names one; null for a real pump, or one made up in the rig"
    )
    imported: Imported | None = Field(default=None, description="for a recording of other software; null where driven")
    tests: list[TestResult]
    not_run: list[PlannedTest] = Field(default=[], description="tests of the plan that this run does not have")
