"""Tolerance interval for a future dose of a future device, the device being the unit.

Doses of one device resemble each other, so that 25 doses of each of 4 devices are not 100 independent ones. The
interval is mean ± z · √U, where U is an upper confidence limit, at the confidence asked for, of a future dose's
variance about the mean; that variance is a sum of mean squares with coefficients that are not negative, so that the
modified large-sample limit of Graybill and Wang applies. No ratio of variances needs to be known.

Sources: Krishnamoorthy and Lian, Journal of Statistical Computation and Simulation 82 (2012) 547 (closed-form
approximate tolerance intervals for general linear models); Graybill and Wang, JASA 75 (1980) 869; Liao, Lin and Iyer,
Technometrics 47 (2005) 323; Mee, Technometrics 26 (1984) 251, for the problem. With one dose a device it is the normal
sample's interval, and the exact factor is used; with more, the half width is raised by what Howe's factor for so many
devices falls short of the exact one (at most 0.6 %). The confidence that this has is in docs/benchmarks.md.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

from bench.metrology.tolerance import Interval, check_shares, two_sided_factor
from bench.metrology.variance_components import MeanSquare, Scatter, analyse_scatter, upper_excess


def future_dose_interval(
    values: Sequence[float],
    devices: Sequence[Hashable],
    coverage: float,
    confidence: float,
    runs: Sequence[Hashable] | None = None,
) -> tuple[Interval, Scatter]:
    """Return the tolerance interval for doses of devices yet to come, and the analysis behind it.

    Args:
        values: one a dose, of any unit.
        devices: which device gave each value; at least two.
        coverage: share of all devices' doses to be held, between 0 and 1.
        confidence: probability that so much is held, between 0 and 1.
        runs: which of the device's runs gave each value; None where a device's values are one run.

    Raises:
        ValueError: one device only, fewer than two values, one that is not finite, or a share outside 0 to 1.

    """
    scatter = analyse_scatter(values, devices, runs)
    return interval_of(scatter, coverage, confidence), scatter


def interval_of(scatter: Scatter, coverage: float, confidence: float) -> Interval:
    """Return the tolerance interval that an analysis by device gives.

    Raises:
        ValueError: one device only, or a share outside 0 to 1.

    """
    check_shares(coverage, confidence)
    if scatter.device_count < 2:
        raise ValueError("one device tells nothing of how devices differ: at least 2 are needed")
    half = half_width(_parts(scatter), scatter.device_count, coverage, confidence)
    return Interval(
        scatter.mean - half,
        scatter.mean + half,
        coverage,
        confidence,
        f"random effects, {scatter.device_count} devices, {scatter.run_count} runs, {scatter.count} doses "
        "(modified large-sample limit)",
    )


def half_width(
    parts: Sequence[tuple[float, MeanSquare]], device_count: int, coverage: float, confidence: float
) -> float:
    """Return half the width of the interval from the mean squares and their coefficients, devices first.

    The coefficients make up the variance of a future dose about the estimated mean. Where devices alone make it up,
    the factor is exact.
    """
    from scipy.special import ndtri  # type: ignore[import-untyped]  # slow to import

    told = [(factor, square) for factor, square in parts if factor > 0.0 and square.freedom]
    if len(told) == 1:
        return two_sided_factor(device_count, coverage, confidence) * math.sqrt(told[0][1].value)
    estimate = math.fsum(factor * square.value for factor, square in told)
    excess = math.hypot(*(factor * square.value * upper_excess(square.freedom, confidence) for factor, square in told))
    normal = float(ndtri(0.5 * (1.0 + coverage)))
    # With all scatter between devices this would be Howe's factor, which for 10 to 100 of them is a little too small.
    howe = normal * math.sqrt((1.0 + 1.0 / device_count) * (1.0 + upper_excess(device_count - 1.0, confidence)))
    made_good = max(1.0, two_sided_factor(device_count, coverage, confidence) / howe)
    return made_good * normal * math.sqrt(estimate + excess)


def _parts(scatter: Scatter) -> list[tuple[float, MeanSquare]]:
    """Return the mean squares that make up a future dose's variance about the mean, each with its coefficient."""
    of_runs = 1.0 - scatter.run_in_device
    of_doses = 1.0 - scatter.dose_in_device - of_runs * scatter.dose_in_run
    return [
        (1.0 + 1.0 / scatter.device_count, scatter.devices),
        (max(0.0, of_runs), scatter.runs),
        (of_doses if of_doses > 1e-12 else 0.0, scatter.doses),
    ]
