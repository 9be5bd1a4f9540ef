"""Probability of conformity and the risks of accepting (JCGM 106, ILAC-G8), as functions of numbers alone."""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from bench.metrology.coverage import coverage_factor, sum_below
from bench.metrology.noise import Floats

Bound = float | None

METHOD_6_RISK = 0.02
METHOD_6_LEAST_TUR = 1.0
"""Down to here the greatest risk over all processes was computed to lie between 1.91 % and 1.97 % by Method 6."""
_RULING = 0.5
"""Share of the standard uncertainty from which on a rectangle's shape tells: below, k is within 1 % of 2."""
_NODES = 64
_REACH = 9.0
"""Standard uncertainties beyond a limit where a wrong acceptance still counts."""


class Knowledge(NamedTuple):
    """What is known of the error of a value: its distribution around the value.

    Normal or, with finite `degrees` of freedom (None: infinite), Student's, scaled by `standard_uncertainty`. Where one
    rectangular input of standard uncertainty `rectangle` rules, that rectangle and a normal rest, as widened as
    Student's interval is: what the coverage factor is made of, too.
    """

    standard_uncertainty: float
    degrees: float | None = None
    rectangle: float = 0.0

    def below(self, error: float) -> float:
        """Return the probability that the error is below some value."""
        share = self.rectangle / self.standard_uncertainty
        if share <= _RULING:
            return below_probability(error / self.standard_uncertainty, self.degrees)
        wider = 1.0 if self.degrees is None else 0.5 * coverage_factor(self.degrees)
        sigma = math.sqrt(max(0.0, 1.0 - share**2))
        return sum_below(error / self.standard_uncertainty / wider, math.sqrt(3.0) * min(1.0, share), sigma)

    def reach(self, probability: float) -> float:
        """Return what the error is below with a probability of one half or more."""
        if self.rectangle <= _RULING * self.standard_uncertainty:
            return self.standard_uncertainty * score_at(probability, self.degrees)
        low, high = 0.0, self.standard_uncertainty * score_at(probability, self.degrees) + 2.0 * self.rectangle
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if self.below(middle) < probability else (low, middle)
        return high


def conformity(value: float, known: Knowledge, lower: Bound, upper: Bound) -> float:
    """Return the probability that a quantity lies between two limits (JCGM 106, 7); a limit of None is open."""
    beneath = 0.0 if lower is None else known.below(lower - value)
    beyond = 0.0 if upper is None else known.below(value - upper)
    return min(1.0, max(0.0, 1.0 - beneath - beyond))


def below_probability(score: float, degrees: float | None) -> float:
    """Return the probability that a standard normal or Student quantity is below `score`."""
    if degrees is None:
        return 0.5 * math.erfc(-score / math.sqrt(2.0))
    from scipy.special import stdtr  # type: ignore[import-untyped]  # slow

    return float(stdtr(max(1.0, degrees), score))


def score_at(probability: float, degrees: float | None) -> float:
    """Return what a standard normal or Student quantity is below with a probability."""
    if degrees is None:
        return NormalDist().inv_cdf(probability)
    from scipy.special import stdtrit

    return float(stdtrit(max(1.0, degrees), probability))


def uncertainty_ratio(lower: Bound, upper: Bound, expanded_uncertainty: float) -> float | None:
    """Return the test uncertainty ratio: half the room between two limits over U; None with one limit, or without U."""
    if lower is None or upper is None or expanded_uncertainty <= 0.0:
        return None
    ratio = 0.5 * (upper - lower) / expanded_uncertainty
    return ratio if math.isfinite(ratio) else None


def method_6(ratio: float) -> float:
    """Return the guard band in terms of U for 2 % global risk at a TUR, by Dobbert's Method 6: A = T − U·M.

    Source: M. Dobbert, "A guard-band strategy for managing false-accept risk", NCSL International, 2008. From a TUR of
    4.6 on there is no guard band.
    """
    return max(0.0, 1.04 - math.exp(0.38 * math.log(ratio) - 0.54))


def false_accept(tolerance: float, acceptance: float, standard_uncertainty: float, process_sd: float) -> float:
    """Return the probability that an item is out of tolerance and accepted (the consumer's global risk, JCGM 106, 9.5).

    Args:
        tolerance: half the room between the limits.
        acceptance: half the room between the acceptance limits.
        standard_uncertainty: of the measurement.
        process_sd: standard deviation of the items, which are normal around the middle of the tolerance.

    """
    from scipy.special import ndtr

    nodes, weights = _gauss()
    length = _REACH * standard_uncertainty
    item = tolerance + 0.5 * length * (nodes + 1.0)
    density = np.exp(-0.5 * (item / process_sd) ** 2) / (process_sd * math.sqrt(2.0 * math.pi))
    accepted = ndtr((acceptance - item) / standard_uncertainty) - ndtr((-acceptance - item) / standard_uncertainty)
    return float(length * np.sum(weights * density * accepted))


@cache
def _gauss() -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return nodes, weights


def worst_false_accept(tolerance: float, acceptance: float, standard_uncertainty: float) -> float:
    """Return the greatest risk of a false acceptance over all processes, from perfect to hopeless."""
    deviations = tolerance * np.geomspace(0.05, 50.0, 61)
    risks = [false_accept(tolerance, acceptance, standard_uncertainty, float(each)) for each in deviations]
    at = int(np.argmax(risks))
    fine = np.geomspace(deviations[max(0, at - 1)], deviations[min(60, at + 1)], 21)
    return max(false_accept(tolerance, acceptance, standard_uncertainty, float(each)) for each in fine)


def global_guard(tolerance: float, expanded_uncertainty: float, risk: float, in_tolerance: float | None) -> float:
    """Return the guard band that keeps the global risk of a false acceptance at or below `risk`.

    With the share of items that are `in_tolerance` (the prior: normal around the middle) it is that risk; without it
    the greatest over all processes, for 2 % at a TUR of 1 and more by Method 6. A measurement whose guard band
    reaches the middle of the tolerance cannot keep the risk: then nothing can be accepted.

    Args:
        tolerance: half the room between two limits.
        expanded_uncertainty: U, of which half is taken for the standard uncertainty.
        risk: probability that an item is out of tolerance and accepted.
        in_tolerance: probability that an item is in tolerance, before it is measured.

    """
    ratio = tolerance / expanded_uncertainty
    if in_tolerance is None and math.isclose(risk, METHOD_6_RISK) and ratio >= METHOD_6_LEAST_TUR:
        return expanded_uncertainty * method_6(ratio)
    standard = 0.5 * expanded_uncertainty
    process_sd = None if in_tolerance is None else tolerance / score_at(0.5 * (1.0 + in_tolerance), None)

    def risk_at(guard: float) -> float:
        if process_sd is None:
            return worst_false_accept(tolerance, tolerance - guard, standard)
        return false_accept(tolerance, tolerance - guard, standard, process_sd)

    low, high = 0.0, tolerance
    if risk_at(low) <= risk:
        return 0.0
    while high - low > 1e-4 * tolerance:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if risk_at(middle) > risk else (low, middle)
    return high
