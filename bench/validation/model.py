"""The shape of `validation.json`: what a validation of the method did, found and came to."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from bench.results.model import Verdict

SCHEMA_VERSION = "1.0"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Covers(StrEnum):
    """What so many runs say of a measurement's stated intervals: the truth should lie inside in 95 % of all runs."""

    AS_STATED = "as stated"
    NARROW = "too narrow"
    WIDE = "wider than needed"
    EXACT = "exact"


class ReferenceResult(_Model):
    """A published or analytic result, and what the installed code gives."""

    subject: str
    what: str
    source: str
    expected: float
    tolerance: float
    found: float
    unit: str
    kept: bool


class CoverageResult(_Model):
    """One measurement over all runs of the study."""

    procedure: str
    measurement: str
    unit: str
    runs: int
    inside: int = Field(description="runs with the truth within value ± U")
    share_interval: tuple[float, float] = Field(description="of the share inside; 95 % confidence, Clopper-Pearson")
    bias: float = Field(description="mean of stated less true")
    bias_uncertainty: float = Field(description="expanded uncertainty of the mean (k = 2), by the runs' own scatter")
    mean_expanded_uncertainty: float
    rms_error_over_u: float | None = Field(
        description="root mean square of error over standard uncertainty; 1 is right"
    )
    without_uncertainty: int = Field(description="runs that state U = 0: counts and shares that nothing could change")
    covers: Covers


class OperatingPoint(_Model):
    """Pumps of about one true error, in terms of the limit, and the shares of their verdicts."""

    true_error_over_limit: float
    pumps: int
    passed: float
    inconclusive: float
    failed: float


class RuleResult(_Model):
    """What one decision rule made of pumps around a limit."""

    procedure: str
    rule: str
    limit_percent: float
    pumps: int
    bad: int
    false_accepts: int = Field(description="pumps that break the limit and passed")
    false_accept_interval: tuple[float, float] = Field(description="of their share among bad pumps; 95 % confidence")
    false_rejects: int = Field(description="pumps that keep the limit and failed")
    inconclusive: int
    unexplained: int
    curve: list[OperatingPoint]


class FaultResult(_Model):
    """A seeded fault, and what the test made for it said."""

    fault: str
    settings: str
    test: str
    verdict: Verdict
    reason: str
    seen: bool


class Histogram(_Model):
    """Errors of one measurement over their standard uncertainty: how many runs lie in each bin."""

    procedure: str
    measurement: str
    middles: list[float]
    counts: list[int]
    expected: list[float] = Field(description="of a normal distribution")


class Validation(_Model):
    """A validation of the method on the twin of one rig."""

    schema_version: str = SCHEMA_VERSION
    simulated: bool = True
    verdict: Verdict
    findings: list[str] = Field(
        description="what speaks against the method, worst first; then what to know of the rest"
    )
    rig: str
    rig_file: str
    rig_sha256: str
    twin_made: bool = Field(description="the twin was made from the rig file's figures, for want of a simulation:")
    runs: int
    seed: int
    started_utc: str
    took_s: float
    versions: dict[str, str]
    left_out: list[str] = Field(description="procedures that this rig cannot do, and why")
    references: list[ReferenceResult]
    coverage: list[CoverageResult]
    histograms: list[Histogram]
    rules: list[RuleResult]
    faults: list[FaultResult]
