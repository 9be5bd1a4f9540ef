"""What a study's figures come to: which intervals keep what they state, and what speaks against the method."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from bench.metrology.rounding import number
from bench.results.model import Verdict
from bench.validation.coverage import Share, coverages
from bench.validation.faults import FaultSeen
from bench.validation.model import (
    CoverageResult,
    Covers,
    FaultResult,
    Histogram,
    OperatingPoint,
    ReferenceResult,
    RuleResult,
)
from bench.validation.references import Checked
from bench.validation.runs import Compared
from bench.validation.verdicts import Decided, operating_characteristic, rates

LEAST, MOST = 0.93, 0.97
"""Shares of runs with the truth inside between which an interval keeps the 95 % that it states."""
MOST_FALSE_ACCEPTS = 0.025
GUARDED = "guarded"
HEADLINES = {
    **dict.fromkeys(("basal", "bolus", "profile", "wear", "square bolus", "dual bolus"), "mean_error"),
    "cancelled bolus": "cancelled_difference",
    "occlusion": "stored_bolus",
    "occlusion-repeated": "stored_bolus",
    "occlusion-released": "missed_volume",
    "occlusion-flowing": "flow_error",
    "idle": "unintended_rate",
    "reservoir": "remainder_at_empty",
    "power": "error_after_return",
    "blank": "evaporation_rate",
}
"""The measurement of each procedure whose errors are shown as a histogram."""
_EDGES = np.linspace(-4.0, 4.0, 17)


def reference_result(checked: Checked) -> ReferenceResult:
    """Return a reference as results hold it."""
    return ReferenceResult(
        subject=checked.subject,
        what=checked.what,
        source=checked.source,
        expected=checked.expected,
        tolerance=checked.tolerance,
        found=checked.found,
        unit=checked.unit,
        kept=checked.kept,
    )


def coverage_results(compared: Sequence[Compared]) -> list[CoverageResult]:
    """Return the coverage of every measurement, and what it says of its intervals."""
    found = []
    for each in coverages(compared):
        errors = [one.error for one in compared if (one.procedure, one.name) == (each.procedure, each.name)]
        spread = float(np.std(errors, ddof=1)) / math.sqrt(len(errors)) if len(errors) > 1 else 0.0
        found.append(
            CoverageResult(
                procedure=each.procedure,
                measurement=each.name,
                unit=each.unit,
                runs=each.share.runs,
                inside=each.share.hits,
                share_interval=each.share.interval(),
                bias=each.bias,
                bias_uncertainty=2.0 * spread,
                mean_expanded_uncertainty=each.mean_expanded,
                rms_error_over_u=each.rms_over_u if math.isfinite(each.rms_over_u) else None,
                without_uncertainty=each.exact,
                covers=covers(each.share, each.exact),
            )
        )
    return found


def covers(share: Share, exact: int) -> Covers:
    """Return what a share of covered runs says; only what the counts refute is called too narrow or too wide."""
    low, high = share.interval()
    if high < LEAST:
        return Covers.NARROW
    if share.hits == share.runs and exact == share.runs:
        return Covers.EXACT
    return Covers.WIDE if low > MOST else Covers.AS_STATED


def histograms(compared: Sequence[Compared]) -> list[Histogram]:
    """Return the errors of each procedure's headline over their standard uncertainty."""
    found = []
    for procedure, name in HEADLINES.items():
        chosen = [each for each in compared if (each.procedure, each.name) == (procedure, name) and each.expanded > 0.0]
        if chosen:
            ratios = np.clip([each.error / (each.expanded / each.k) for each in chosen], -3.999, 3.999)
            counts, _ = np.histogram(ratios, _EDGES)
            edges = [0.5 * math.erf(edge / math.sqrt(2.0)) for edge in _EDGES]
            expected = len(chosen) * np.diff(edges)
            middles = 0.5 * (_EDGES[1:] + _EDGES[:-1])
            found.append(
                Histogram(
                    procedure=procedure,
                    measurement=name,
                    middles=[float(middle) for middle in middles],
                    counts=[int(count) for count in counts],
                    expected=[float(each) for each in expected],
                )
            )
    return found


def rule_results(procedure: str, decided: Sequence[Decided]) -> list[RuleResult]:
    """Return what each decision rule made of a procedure's pumps."""
    found = []
    for rule in decided[0].verdicts if decided else ():
        counted = rates(decided, rule)
        curve = [
            OperatingPoint(
                true_error_over_limit=point.ratio,
                pumps=point.pumps,
                passed=point.passed,
                inconclusive=point.inconclusive,
                failed=point.failed,
            )
            for point in operating_characteristic(decided, rule)
        ]
        found.append(
            RuleResult(
                procedure=procedure,
                rule=rule,
                limit_percent=decided[0].limit,
                pumps=counted.pumps,
                bad=counted.bad,
                false_accepts=counted.false_accepts,
                false_accept_interval=Share(counted.false_accepts, counted.bad).interval(),
                false_rejects=counted.false_rejects,
                inconclusive=counted.inconclusive,
                unexplained=counted.unexplained,
                curve=curve,
            )
        )
    return found


def fault_result(seen: FaultSeen) -> FaultResult:
    """Return a trial as results hold it."""
    return FaultResult(
        fault=seen.fault,
        settings=seen.settings,
        test=seen.test,
        verdict=Verdict(seen.verdict),
        reason=seen.reason,
        seen=seen.seen,
    )


def against(
    references: Sequence[ReferenceResult],
    coverage: Sequence[CoverageResult],
    rules: Sequence[RuleResult],
    faults: Sequence[FaultResult],
) -> Iterator[str]:
    """Give what speaks against the method, in sentences; nothing where nothing does."""
    for fault in faults:
        if not fault.seen:
            yield f"Fault {fault.fault} was not seen by the {fault.test} test, whose verdict was {fault.verdict}."
    for rule in rules:
        if rule.rule == GUARDED and rule.false_accept_interval[0] > MOST_FALSE_ACCEPTS:
            yield (
                f"{rule.false_accepts} of {rule.bad} bad pumps passed {rule.procedure} by the guarded rule: more than"
                f" {100 * MOST_FALSE_ACCEPTS:g} %, and not by chance."
            )
        if rule.unexplained:
            yield f"{rule.unexplained} inconclusive verdicts of {rule.procedure} ({rule.rule}) give no reason."
    for each in coverage:
        if each.covers is Covers.NARROW:
            yield (
                f"{each.procedure} {each.measurement}: the truth lay within the stated interval in {each.inside} of"
                f" {each.runs} runs only; the interval is too narrow, or its value biased"
                f" (mean error {number(each.bias, 2, signed=True)} {each.unit}".rstrip()
                + ")."
            )
    for reference in references:
        if not reference.kept:
            yield f"{reference.what} ({reference.source}): {reference.found:g} where {reference.expected:g} is known."


def beside(coverage: Sequence[CoverageResult]) -> Iterator[str]:
    """Give what a reader should know beside: intervals wider than needed, and how little few runs can tell."""
    wide = [f"{each.procedure} {each.measurement}" for each in coverage if each.covers is Covers.WIDE]
    if wide:
        yield f"Stated wider than needed, so that verdicts are more often open than they must be: {', '.join(wide)}."
    runs = max((each.runs for each in coverage), default=0)
    if 0 < runs < 400:
        low, high = Share(round(0.95 * runs), runs).interval()
        yield (
            f"With {runs} runs a true coverage of 95 % shows as {100 * low:.0f} % to {100 * high:.0f} %:"
            " only what these counts refute is found. `--runs 400` tells more."
        )
