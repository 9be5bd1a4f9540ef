"""Whether values may be taken for normal: Shapiro and Wilk's test at a stated level.

A tolerance interval x̄ ± k·s rests on the tails, so that it needs the check; where it fails, or cannot be made, there
is the interval between order statistics. A test that finds nothing does not prove normality: with few values it finds
little, which is why the number of values stands beside its result.

Source: Shapiro and Wilk, Biometrika 52 (1965) 591, in Royston's form (1995, Applied Statistics AS R94), as in scipy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrology.order_statistics import FreeInterval, free_interval, needed_values
from bench.metrology.tolerance import Floats, Interval, finite, normal_interval

ALPHA = 0.05
"""Probability that values of a normal population are called not normal."""
FEWEST = 8
"""With fewer values the test sees next to nothing: of lognormal ones with a skewness of 2 it finds one in five."""
MOST = 5000
"""Up to here Royston's p-values are good; of more values evenly spaced quantiles are tested."""


@dataclass(frozen=True, slots=True)
class Normality:
    """What the check found; `normal` is None where nothing can be said."""

    count: int
    statistic: float | None
    p_value: float | None
    alpha: float
    normal: bool | None

    @property
    def words(self) -> str:
        """The finding in words."""
        if self.normal is None and self.p_value is None:
            return f"normality not checked: {self.count} values are too few (at least {FEWEST})"
        found = "nothing speaks against a normal distribution" if self.normal else "not normal"
        return f"{found} (Shapiro–Wilk, n = {self.count}, p = {self.p_value:.2g}, α = {self.alpha:g})"


def check_normality(values: Sequence[float] | Floats, alpha: float = ALPHA) -> Normality:
    """Test values for normality.

    Args:
        values: independent, of any unit.
        alpha: level of the test.

    Raises:
        ValueError: a value is not finite, or alpha is not between 0 and 1.

    """
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha lies between 0 and 1, not {alpha:g}")
    sample = finite(values, 0)
    count = int(sample.size)
    if count < FEWEST:
        return Normality(count, None, None, alpha, None)
    if np.ptp(sample) <= 1e-12 * max(1.0, float(np.max(np.abs(sample)))):
        return Normality(count, 1.0, 0.0, alpha, normal=False)
    from scipy.stats import shapiro  # type: ignore[import-untyped]  # slow to import

    if count > MOST:
        sample = np.quantile(sample, (np.arange(MOST) + 0.5) / MOST)
    statistic, p_value = (float(each) for each in shapiro(sample))
    return Normality(count, statistic, p_value, alpha, normal=p_value >= alpha)


def checked_interval(
    values: Sequence[float], coverage: float, confidence: float, alpha: float = ALPHA
) -> tuple[Interval | FreeInterval, Normality, str]:
    """Return the tolerance interval that independent values allow, the check behind it, and what a reader must know.

    Normal values give x̄ ± k·s; values that are not, and are enough, the interval between order statistics; those that
    are not normal and too few for that, from the least to the greatest with the confidence that it achieves. Of values
    too few for the check the normal interval is given, and said to rest on an assumption.

    Raises:
        ValueError: fewer than two values, one that is not finite, or a share outside 0 to 1.

    """
    found = check_normality(values, alpha)
    if found.normal is None:
        told = f"{found.words}; the interval assumes a normal distribution"
        return normal_interval(values, coverage, confidence), found, told
    if found.normal:
        return normal_interval(values, coverage, confidence), found, found.words
    free = free_interval(values, coverage, confidence)
    if free.enough:
        return free, found, f"{found.words}; distribution-free interval instead"
    told = (
        f"{found.words}, and {found.count} values are too few for a distribution-free interval: "
        f"{needed_values(coverage, confidence)} are needed. Least to greatest achieves a confidence of "
        f"{100 * free.achieved_confidence:.3g} %"
    )
    return free, found, told
