"""How well a standard deviation is known from few values, and what is left of it without the noise of each.

Of normal values (n − 1)·s²/σ² is χ²-distributed with n − 1 degrees of freedom. s/√(2(n − 1)) (GUM E.4.3) is its limit
for many of them: twice that about s holds σ in 85 % of all rows of five, since s is far more often too small by half
than too great by as much.

With noise of standard deviation w in each of n values that scatter by σ, (n − 1)·s²/w² is χ²-distributed with n − 1
degrees of freedom and non-centrality (n − 1)·σ²/w². Where noise hides σ, its square is known and its root hardly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.metrology.coverage import COVERAGE

_FAR = 10.0
"""A scatter of so many times the noise is known as well as values are that nothing is taken out of."""


def standard_deviation(values: Sequence[float]) -> tuple[float, float]:
    """Return the standard deviation of two or more values, and its standard uncertainty by `of_scatter`."""
    deviation = float(np.std(np.array(values), ddof=1))
    return deviation, of_scatter(deviation, len(values) - 1.0)


def of_scatter(deviation: float, degrees_of_freedom: float) -> float:
    """Return the standard uncertainty of a standard deviation: half of what holds the true one in 95.45 %.

    That is the least g for which s·(1 − g) < σ < s·(1 + g) in so many cases: P(ν/(1 + g)² < χ² < ν/(1 − g)²), where an
    end below zero is no end.
    """
    low, high = 0.0, 1.0
    while _within(high, degrees_of_freedom) < COVERAGE:
        high *= 2.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _within(middle, degrees_of_freedom) < COVERAGE else (low, middle)
    return 0.5 * high * deviation


def without_noise(seen: float, noise: float, degrees_of_freedom: float) -> tuple[float, float]:
    """Return what values scatter by without their noise, √(s² − w²) or nothing, and its standard uncertainty (k = 2).

    That is half of the way to the further end of what holds the true one in 95.45 %, as many cases beyond either end. A
    scatter below the middle of what noise alone makes tells no more than that.

    Args:
        seen: standard deviation of the values, of which there are `degrees_of_freedom` + 1.
        noise: standard deviation of each one's noise.
        degrees_of_freedom: of the scatter.

    """
    scatter = math.sqrt(max(0.0, seen**2 - noise**2))
    if seen >= _FAR * noise:
        return scatter, noise / math.sqrt(degrees_of_freedom)
    from scipy.special import chdtri, chndtrinc  # type: ignore[import-untyped]  # slow to import, and few need it

    beyond, ratio = 0.5 * (1.0 - COVERAGE), degrees_of_freedom * (seen / noise) ** 2
    per_root = noise / math.sqrt(degrees_of_freedom)
    middle = float(chdtri(degrees_of_freedom, 0.5))
    most = per_root * math.sqrt(chndtrinc(max(ratio, middle), degrees_of_freedom, beyond))
    least = 0.0
    if ratio > float(chdtri(degrees_of_freedom, beyond)):
        least = per_root * math.sqrt(max(0.0, chndtrinc(ratio, degrees_of_freedom, 1.0 - beyond)))
    return scatter, 0.5 * max(most - scatter, scatter - least)


def _within(share: float, degrees: float) -> float:
    from scipy.special import chdtr

    below = float(chdtr(degrees, degrees / (1.0 - share) ** 2)) if share < 1.0 else 1.0
    return below - float(chdtr(degrees, degrees / (1.0 + share) ** 2))
