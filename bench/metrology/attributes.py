"""Attribute plans: how many items, of which how many may fail, show a reliability with a confidence.

An item either keeps its limit or fails. That items fail independently is assumed: doses of one pump do not, so that
items are pumps or set-ups, or the claim is about one pump only. Everything is exact binomial.

Sources: Clopper and Pearson, Biometrika 26 (1934) 404; Meeker, Hahn and Escobar, Statistical Intervals (2017), ch. 6.
"""

from __future__ import annotations

from bench.metrology.tolerance import check_shares

_MOST = 10**9


def needed_count(reliability: float, confidence: float, failures: int = 0) -> int:
    """Return the least number of items that shows a reliability when no more than `failures` of them fail.

    Args:
        reliability: share of the population that keeps the limit, between 0 and 1.
        confidence: probability that a worse population does not pass, between 0 and 1.
        failures: how many items may fail.

    Raises:
        ValueError: a share outside 0 to 1, a negative number of failures, or more than 10⁹ items needed.

    """
    check_shares(reliability, confidence)
    if failures < 0:
        raise ValueError(f"failures cannot be negative: {failures}")
    low, high = failures, failures + 1
    while achieved_confidence(high, failures, reliability) < confidence:
        if high > _MOST:
            raise ValueError(f"a reliability of {reliability:.10g} needs more than {_MOST} items")
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        enough = achieved_confidence(middle, failures, reliability) >= confidence
        low, high = (low, middle) if enough else (middle, high)
    return high


def achieved_confidence(count: int, failures: int, reliability: float) -> float:
    """Return the confidence with which `failures` among `count` items show a reliability.

    Raises:
        ValueError: more failures than items, none at all, or a share outside 0 to 1.

    """
    from scipy.special import bdtrc  # type: ignore[import-untyped]  # slow to import

    check_shares(reliability, 0.5)
    _check_counts(count, failures)
    return float(bdtrc(failures, count, 1.0 - reliability))


def demonstrated_reliability(count: int, failures: int, confidence: float) -> float:
    """Return the reliability that `failures` among `count` items show: Clopper and Pearson's lower limit.

    Raises:
        ValueError: more failures than items, none at all, or a share outside 0 to 1.

    """
    from scipy.special import betaincinv

    check_shares(0.5, confidence)
    _check_counts(count, failures)
    return 0.0 if failures == count else float(betaincinv(count - failures, failures + 1, 1.0 - confidence))


def clopper_pearson(count: int, failures: int, confidence: float) -> tuple[float, float]:
    """Return the exact two-sided confidence interval of the share that fails.

    Raises:
        ValueError: more failures than items, none at all, or a share outside 0 to 1.

    """
    one_sided = 0.5 * (1.0 + confidence)
    check_shares(0.5, confidence)
    _check_counts(count, failures)
    return demonstrated_reliability(count, count - failures, one_sided), 1.0 - demonstrated_reliability(
        count, failures, one_sided
    )


def _check_counts(count: int, failures: int) -> None:
    if count < 1:
        raise ValueError(f"there must be at least one item, not {count}")
    if not 0 <= failures <= count:
        raise ValueError(f"failures lie between 0 and the {count} items, not {failures}")
