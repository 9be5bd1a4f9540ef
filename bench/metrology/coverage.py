"""The coverage factor: from effective degrees of freedom, and smaller where one rectangle rules a budget."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.results.model import Component

COVERAGE = 0.954499736103642
"""Coverage probability of every expanded uncertainty: the one for which k is 2 with infinite degrees of freedom."""
_NORMAL = 1e-3
"""Share of the standard uncertainty below which a rectangle, or what stands beside it, changes no digit of k."""


def coverage_factor(degrees_of_freedom: float) -> float:
    """Return Student's factor for 95.45 % coverage; degrees of freedom are not truncated (GUM G.6.4 allows both)."""
    return 2.0 if degrees_of_freedom > 1e6 else student_factor(degrees_of_freedom, COVERAGE)


def student_factor(degrees_of_freedom: float, probability: float) -> float:
    """Return how many standard uncertainties about a value hold the truth with a probability, by Student's t."""
    from scipy.special import ndtri, stdtrit  # type: ignore[import-untyped]  # slow, and many budgets need none

    one_sided = 0.5 * (1.0 + probability)
    return float(ndtri(one_sided) if degrees_of_freedom > 1e6 else stdtrit(max(1.0, degrees_of_freedom), one_sided))


def coverage_factor_of(
    components: Sequence[Component], standard_uncertainty: float, degrees_of_freedom: float
) -> float:
    """Return the factor by which a budget's combined standard uncertainty covers 95.45 %.

    The greatest rectangular input keeps its shape and everything else together is normal (EA-4/02 M:2022, S9.14 and
    S10.10, does so where one input dominates): k falls from 2 to 1.65 as that input comes to be all there is, where 2
    would promise 95 % and cover everything. Finite degrees of freedom act as in `coverage_factor`.

    Args:
        components: lines of the budget; those in other forms than a rectangle count as normal.
        standard_uncertainty: combined, of the whole budget.
        degrees_of_freedom: effective, of the whole budget.

    """
    student = coverage_factor(degrees_of_freedom)
    widest = max((line.contribution for line in components if line.distribution == "rectangular"), default=0.0)
    if standard_uncertainty <= 0.0 or widest <= _NORMAL * standard_uncertainty:
        return student
    return student * 0.5 * _normal_and_rectangle(min(1.0, widest / standard_uncertainty))


def _normal_and_rectangle(share: float) -> float:
    """Return k of the sum of a rectangle of standard deviation `share` and a normal one, their sum's being 1."""
    half_width = math.sqrt(3.0) * share
    sigma = math.sqrt(max(0.0, 1.0 - share**2))
    if sigma < _NORMAL:
        return COVERAGE * half_width
    low, high = 0.0, 3.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        if _within(middle, half_width, sigma) < COVERAGE:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def sum_below(reach: float, half_width: float, sigma: float) -> float:
    """Return the probability that the sum of a rectangle of ±`half_width` and a normal quantity is below `reach`."""
    if sigma < _NORMAL * half_width:
        return min(1.0, max(0.0, 0.5 + 0.5 * reach / half_width))
    upper = _integrated_normal((reach + half_width) / sigma)
    lower = _integrated_normal((reach - half_width) / sigma)
    return 0.5 * sigma / half_width * (upper - lower)


def _within(reach: float, half_width: float, sigma: float) -> float:
    """Return the probability that the sum lies within ±`reach`: the normal's distribution function, averaged."""
    upper = _integrated_normal((reach + half_width) / sigma)
    lower = _integrated_normal((reach - half_width) / sigma)
    return sigma / half_width * (upper - lower) - 1.0


def _integrated_normal(z: float) -> float:
    """Return the integral of the standard normal distribution function up to `z`."""
    density = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    return 0.5 * z * (1.0 + math.erf(z / math.sqrt(2.0))) + density
