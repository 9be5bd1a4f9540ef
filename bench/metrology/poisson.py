"""How often something that was hardly ever seen may happen: the exact upper limit of a Poisson rate.

Source: Garwood, Biometrika 28 (1936) 437; none in T hours gives 3.0/T at 95 %, the "rule of three".
"""

from __future__ import annotations

import math


def upper_limit(count: int, duration: float, confidence: float) -> float:
    """Return the upper confidence limit of a rate of which `count` events were seen in `duration`.

    Args:
        count: events seen.
        duration: how long was looked, in any unit of time; the rate is per this unit.
        confidence: one-sided, between 0 and 1.

    Raises:
        ValueError: a negative count, or a confidence outside 0 to 1; a negative duration.

    """
    from scipy.special import gammaincinv  # type: ignore[import-untyped]  # slow to import

    if count < 0 or duration < 0.0:
        raise ValueError(f"count and duration cannot be negative: {count} in {duration}")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"a confidence lies between 0 and 1, not at {confidence}")
    return float(gammaincinv(count + 1, confidence)) / duration if duration > 0.0 else math.inf
