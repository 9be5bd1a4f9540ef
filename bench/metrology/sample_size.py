"""How many devices and doses are needed so that a tolerance interval keeps two limits.

Two answers are given. By expectation: the interval that comes out when mean and scatter turn out just as foretold. By
power: so many that it keeps the limits with a stated probability, though mean and scatter turn out by chance. The first
fails about every other time, so that the second is what a study is planned by.

Source: Krishnamoorthy and Mathew, Statistical Tolerance Regions (2009), section 2.4, for the idea; the probability is
computed from the distributions of mean and mean squares, not simulated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from bench.metrology.random_effects import half_width
from bench.metrology.tolerance import Floats, check_shares
from bench.metrology.variance_components import MeanSquare

MOST_DEVICES = 100_000
_NODES = 24


@dataclass(frozen=True, slots=True)
class Claim:
    """What is to be shown and what is foretold, all in one unit: limits, mean, and scatter between and within devices.

    `coverage` of all doses is to lie within the limits, with `confidence`.
    """

    lower: float
    upper: float
    coverage: float
    confidence: float
    mean: float
    sd: float
    device_sd: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be planned.

        Raises:
            ValueError: a share outside 0 to 1, no scatter or a negative one, or a mean beyond the limits.

        """
        check_shares(self.coverage, self.confidence)
        if not self.sd > 0.0 or self.device_sd < 0.0:
            raise ValueError(f"scatter is greater than 0, not {self.sd:g} and {self.device_sd:g}")
        if not self.lower < self.mean < self.upper:
            raise ValueError(
                f"a mean of {self.mean:g} is not within {self.lower:g} to {self.upper:g}: nothing can be shown"
            )

    @property
    def room(self) -> float:
        """How far the mean is from the nearer limit."""
        return min(self.upper - self.mean, self.mean - self.lower)

    @property
    def possible(self) -> bool:
        """Whether so many of the population's doses lie within the limits at all."""
        from scipy.special import ndtr  # type: ignore[import-untyped]  # slow to import

        spread = math.hypot(self.sd, self.device_sd)
        held = float(ndtr((self.upper - self.mean) / spread) - ndtr((self.lower - self.mean) / spread))
        return held > self.coverage


def expected_half_width(claim: Claim, devices: int, doses: int) -> float:
    """Return half the width of the interval when every mean square is as expected."""
    squares = _expected(claim, doses)
    return _half_width(claim, devices, doses, (squares[0], squares[1]))


def success_probability(claim: Claim, devices: int, doses: int) -> float:
    """Return the probability that the interval of so many devices with so many doses each keeps the limits.

    Args:
        claim: what is to be shown, and what the population is like.
        devices: two or more.
        doses: of each device.

    """
    from scipy.special import chdtri, ndtr

    between, within = _expected(claim, doses)
    spread = math.sqrt(between / devices)
    points, weights = _unit_interval()
    freedom = devices - 1.0, devices * (doses - 1.0)
    betweens = between * np.asarray(chdtri(freedom[0], 1.0 - points)) / freedom[0]
    if doses == 1:
        withins, within_weights = np.zeros(1), np.ones(1)
    else:
        withins, within_weights = within * np.asarray(chdtri(freedom[1], 1.0 - points)) / freedom[1], weights
    total = 0.0
    for one, weight in zip(betweens, weights, strict=True):
        for other, share in zip(withins, within_weights, strict=True):
            half = _half_width(claim, devices, doses, (float(one), float(other)))
            up, down = (claim.upper - half - claim.mean) / spread, (claim.lower + half - claim.mean) / spread
            total += weight * share * max(0.0, float(ndtr(up) - ndtr(down)))
    return total


def least_devices(claim: Claim, doses: int, power: float | None = None) -> int | None:
    """Return the least number of devices that does, by expectation or with a probability `power`.

    None where even `MOST_DEVICES` do not.
    """
    if power is None:
        return _least(lambda devices: expected_half_width(claim, devices, doses) <= claim.room)
    return _least(lambda devices: success_probability(claim, devices, doses) >= power)


def _least(enough: Callable[[int], bool]) -> int | None:
    low, high = 1, 2
    while not enough(high):
        if high >= MOST_DEVICES:
            return None
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _expected(claim: Claim, doses: int) -> tuple[float, float]:
    return claim.device_sd**2 + claim.sd**2 / doses, claim.sd**2


def _half_width(claim: Claim, devices: int, doses: int, squares: tuple[float, float]) -> float:
    parts = [
        (1.0 + 1.0 / devices, MeanSquare(squares[0], devices - 1.0)),
        (1.0 - 1.0 / doses, MeanSquare(squares[1], devices * (doses - 1.0))),
    ]
    return half_width(parts, devices, claim.coverage, claim.confidence)


@cache
def _unit_interval() -> tuple[Floats, Floats]:
    """Return Gauss and Legendre's nodes and weights on 0 to 1."""
    x, w = np.polynomial.legendre.leggauss(_NODES)
    return 0.5 * (x + 1.0), 0.5 * w
