"""Tolerance intervals that assume no distribution: from order statistics (Wilks).

The share of a population between the r-th smallest and the s-th smallest of n independent values has the distribution
Beta(s − r, n − s + r + 1), whatever the population's, as long as that is continuous; of a discrete one (a balance's
digits) at least so much is held.

Source: Wilks, Annals of Mathematical Statistics 12 (1941) 91; Krishnamoorthy and Mathew, Statistical Tolerance Regions
(2009), ch. 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrology.tolerance import check_shares, finite


@dataclass(frozen=True, slots=True)
class FreeInterval:
    """An interval between two order statistics, with what it achieves.

    `left_out` values lie beyond it on either side; `enough` says whether the confidence that was asked for is reached,
    and `needed` how many values would do that between least and greatest.
    """

    lower: float
    upper: float
    coverage: float
    confidence: float
    achieved_confidence: float
    left_out: int
    needed: int

    @property
    def enough(self) -> bool:
        """Whether the confidence that was asked for is reached."""
        return self.achieved_confidence >= self.confidence

    @property
    def method(self) -> str:
        """The interval's method in words."""
        ends = "least to greatest" if not self.left_out else f"order statistics, {self.left_out} left out at each end"
        reached = f"confidence {100 * self.achieved_confidence:.3g} %"
        short = "" if self.enough else f", too few values: {self.needed} are needed"
        return f"distribution-free (Wilks), {ends}, {reached}{short}"


def free_interval(values: Sequence[float], coverage: float, confidence: float) -> FreeInterval:
    """Return the narrowest interval between order statistics, the same number left out at both ends, that does.

    Where there are too few values for any, it runs from the least to the greatest, and tells what that achieves.

    Raises:
        ValueError: fewer than two values, one that is not finite, or a share outside 0 to 1.

    """
    check_shares(coverage, confidence)
    ordered = np.sort(finite(values, 2))
    count = ordered.size
    left_out = 0
    while count - 2 * (left_out + 1) >= 2 and free_confidence(count, coverage, left_out + 1) >= confidence:
        left_out += 1
    return FreeInterval(
        float(ordered[left_out]),
        float(ordered[count - 1 - left_out]),
        coverage,
        confidence,
        free_confidence(count, coverage, left_out),
        left_out,
        needed_values(coverage, confidence),
    )


def free_confidence(count: int, coverage: float, left_out: int = 0) -> float:
    """Return the confidence of an interval between order statistics, `left_out` values beyond it on either side.

    Raises:
        ValueError: fewer than two values are left, or a share outside 0 to 1.

    """
    from scipy.special import betaincc  # type: ignore[import-untyped]  # slow to import

    check_shares(coverage, 0.5)
    apart = count - 1 - 2 * left_out
    if apart < 1 or left_out < 0:
        raise ValueError(f"of {count} values none are left between two ends with {left_out} beyond each")
    return float(betaincc(apart, count - apart + 1, coverage))


def needed_values(coverage: float, confidence: float) -> int:
    """Return how many values are needed for the interval from the least to the greatest.

    Raises:
        ValueError: a share outside 0 to 1.

    """
    check_shares(coverage, confidence)
    low, high = 1, 2
    while free_confidence(high, coverage) < confidence:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if free_confidence(middle, coverage) >= confidence else (middle, high)
    return high
