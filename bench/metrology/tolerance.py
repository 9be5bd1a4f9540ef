"""Tolerance intervals of a normal population: exact factors, two-sided and one-sided.

A tolerance interval x̄ ± k·s holds at least the share `coverage` of the population with probability `confidence`. The
factors are exact, not Howe's approximation, which is up to 0.6 % too small for samples of 10 to 100.

Sources: Odeh and Owen, Tables for Normal Tolerance Limits (1980), and ISO 16269-6 (2014) for the definitions;
Krishnamoorthy and Mathew, Statistical Tolerance Regions (2009), sections 2.2 and 2.3, for integral and noncentral t.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_REACH = 9.0
"""How far from the middle the mean's error is followed, in its standard deviations: beyond lies 1e-19."""
_PANELS, _NODES = 40, 16
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval that holds a share of a population, with the confidence that was asked for."""

    lower: float
    upper: float
    coverage: float
    confidence: float
    method: str
    factor: float | None = None

    def within(self, lower: float, upper: float) -> bool:
        """Return whether the whole interval keeps two limits."""
        return lower <= self.lower and self.upper <= upper


def normal_interval(values: Sequence[float], coverage: float, confidence: float) -> Interval:
    """Return the two-sided tolerance interval x̄ ± k·s of independent normal values.

    Args:
        values: at least two, of any unit.
        coverage: share of the population to be held, between 0 and 1.
        confidence: probability that so much is held, between 0 and 1.

    Raises:
        ValueError: fewer than two values, one that is not finite, or a share outside 0 to 1.

    """
    sample = finite(values, 2)
    factor = two_sided_factor(sample.size, coverage, confidence)
    mean, spread = float(np.mean(sample)), float(np.std(sample, ddof=1))
    return Interval(
        mean - factor * spread,
        mean + factor * spread,
        coverage,
        confidence,
        f"normal, exact two-sided k = {factor:.4f} for n = {sample.size}",
        factor,
    )


@cache
def two_sided_factor(
    count: float, coverage: float, confidence: float, degrees_of_freedom: float | None = None
) -> float:
    """Return the exact k of a two-sided tolerance interval x̄ ± k·s, to a relative error below 1e-8.

    Args:
        count: values that the mean is made of (variance of the mean: that of a value over `count`).
        coverage: share of the population to be held.
        confidence: probability that so much is held.
        degrees_of_freedom: of s; by itself count − 1.

    Raises:
        ValueError: fewer than two values, no degree of freedom, or a share outside 0 to 1.

    """
    from scipy.optimize import brentq  # type: ignore[import-untyped]  # slow to import
    from scipy.special import ndtri  # type: ignore[import-untyped]

    freedom = _checked(count, coverage, confidence, degrees_of_freedom)
    nodes, weights = _half_line()
    half_widths = _half_widths(nodes / math.sqrt(count), coverage)

    def missing(log_k: float) -> float:
        return _held(half_widths, weights, math.exp(log_k), freedom) - confidence

    low = high = math.log(float(ndtri(0.5 * (1.0 + coverage))))
    step = 0.5
    while missing(low) > 0.0:
        low, step = low - step, 2.0 * step
    step = 0.5
    while missing(high) < 0.0:
        high, step = high + step, 2.0 * step
    return math.exp(float(brentq(missing, low, high, xtol=1e-12, rtol=1e-14)))


def two_sided_confidence(
    factor: float, count: float, coverage: float, degrees_of_freedom: float | None = None
) -> float:
    """Return the probability that x̄ ± factor·s holds the share `coverage` of a normal population.

    Raises:
        ValueError: as in `two_sided_factor`, or a factor that is not positive.

    """
    freedom = _checked(count, coverage, 0.5, degrees_of_freedom)
    if not factor > 0.0:
        raise ValueError(f"a tolerance factor is greater than 0, not {factor:g}")
    nodes, weights = _half_line()
    return _held(_half_widths(nodes / math.sqrt(count), coverage), weights, factor, freedom)


@cache
def one_sided_factor(
    count: float, coverage: float, confidence: float, degrees_of_freedom: float | None = None
) -> float:
    """Return the exact k of a one-sided tolerance limit x̄ + k·s or x̄ − k·s: noncentral t over the root of n.

    Args and errors are those of `two_sided_factor`.
    """
    from scipy.special import nctdtrit, ndtri

    freedom = _checked(count, coverage, confidence, degrees_of_freedom)
    root = math.sqrt(count)
    return float(nctdtrit(freedom, float(ndtri(coverage)) * root, confidence)) / root


def check_shares(coverage: float, confidence: float) -> None:
    """Refuse shares that are no shares.

    Raises:
        ValueError: one is not between 0 and 1.

    """
    for name, share in (("coverage", coverage), ("confidence", confidence)):
        if not 0.0 < share < 1.0:
            raise ValueError(f"{name} lies between 0 and 1 (95 % is 0.95), not {share:g}")


def finite(values: Sequence[float] | Floats, fewest: int) -> Floats:
    """Return values as an array.

    Raises:
        ValueError: there are fewer than `fewest`, or one is not finite.

    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.size < fewest:
        raise ValueError(f"this needs at least {fewest} values and has {sample.size}")
    if not np.all(np.isfinite(sample)):
        raise ValueError("a value is not finite: leave out what could not be measured, and say so")
    return sample


def _checked(count: float, coverage: float, confidence: float, degrees_of_freedom: float | None) -> float:
    check_shares(coverage, confidence)
    freedom = count - 1.0 if degrees_of_freedom is None else degrees_of_freedom
    if degrees_of_freedom is None and not count >= 2.0:
        raise ValueError(f"a tolerance interval needs at least 2 values, not {count:g}")
    if not (count > 0.0 and freedom > 0.0):
        raise ValueError(f"count and degrees of freedom are greater than 0, not {count:g} and {freedom:g}")
    return freedom


@cache
def _half_line() -> tuple[Floats, Floats]:
    """Return nodes and weights for the half normal distribution: Gauss and Legendre's, panel by panel."""
    x, w = np.polynomial.legendre.leggauss(_NODES)
    width = _REACH / _PANELS
    nodes = (width * (np.arange(_PANELS)[:, None] + 0.5 * (x + 1.0))).ravel()
    weights = np.tile(0.5 * width * w, _PANELS) * math.sqrt(2.0 / math.pi) * np.exp(-0.5 * nodes**2)
    return nodes, weights


def _half_widths(offsets: Floats, coverage: float) -> Floats:
    """Return r with Φ(z + r) − Φ(z − r) = coverage for each z ≥ 0, by halving."""
    from scipy.special import ndtr, ndtri

    low = np.zeros_like(offsets)
    high = offsets + float(ndtri(0.5 * (1.0 + coverage)))
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        # Both tails rather than the middle, so that nothing is lost where nearly all is to be held.
        short = ndtr(-offsets - middle) + ndtr(offsets - middle) > 1.0 - coverage
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return 0.5 * (low + high)


def _held(half_widths: Floats, weights: Floats, factor: float, freedom: float) -> float:
    from scipy.special import gammaincc

    survival: Any = gammaincc(0.5 * freedom, 0.5 * freedom * (half_widths / factor) ** 2)
    return float(np.dot(weights, survival))
