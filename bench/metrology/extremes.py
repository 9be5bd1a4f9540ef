"""The greatest of many values that each were measured with an error of its own: by how much it is too great.

The distribution of the greatest of independent values is the product of their own: with normal errors of standard
deviations σ about v it is ∏ Φ((x − v)/σ), by size ∏ (Φ((x − v)/σ) − Φ((−x − v)/σ)). Its mean lies above the greatest
value, since the greatest that is seen is more often one that its error made greater. For a value that stands out by far
it does not.

Source: David and Nagaraja, Order Statistics (3rd ed., 2003), 5.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.metrology.noise import Floats

_REACH = 6.0
_STEPS = 241
_WIDE_REACH, _FINE_STEPS = 8.0, 2001


def greatest_seen(values: Floats, own: Floats | float, *, by_size: bool = False) -> float:
    """Return by how much errors make the greatest of measured values too great, on average.

    Values that scatter by less than their errors show that some error is common to them: that part makes none of them
    the greatest.

    Args:
        values: the values as measured, shape (n,), n > 0.
        own: standard deviation of each one's own error, in the same unit, shape (n,) or one for all.
        by_size: take the greatest by its absolute value.

    """
    spreads = np.broadcast_to(np.asarray(own, dtype=np.float64), values.shape)
    if len(values) < 2 or spreads.min() <= 0.0:
        return 0.0
    shown = min(1.0, float(np.std(values, ddof=1)) / math.sqrt(float(np.mean(spreads**2))))
    return greatest_by_noise(drawn_together(values, spreads), shown * spreads, by_size=by_size)


def greatest_by_noise(values: Floats, own: Floats | float, *, by_size: bool = False) -> float:
    """Return by how much errors make the greatest of values too great, on average.

    Args:
        values: the values without error, shape (n,), n > 0.
        own: standard deviation of each one's own error, in the same unit, shape (n,) or one for all.
        by_size: take the greatest by its absolute value.

    """
    centres = np.abs(values) if by_size else np.asarray(values, dtype=np.float64)
    spreads = np.broadcast_to(np.asarray(own, dtype=np.float64), centres.shape)
    widest = float(spreads.max())
    if len(centres) < 2 or spreads.min() <= 0.0:
        return 0.0
    greatest = float(centres.max())
    near = centres > greatest - 2.0 * _REACH * widest
    x = np.linspace(greatest - _REACH * widest, greatest + _REACH * widest, _STEPS)
    below = _none_greater(x, centres[near], spreads[near], by_size=by_size)
    share, middle = np.diff(below), 0.5 * (x[1:] + x[:-1]) - greatest
    return max(0.0, float(share @ middle) / float(share.sum()))


def largest_uncertainty(errors: Sequence[float], standard: Sequence[float]) -> float:
    """Return the standard uncertainty of the largest size of several errors, about the largest one seen.

    Another may be the largest: it is the root mean square distance from the value seen.

    Args:
        errors: as measured, shape (n,).
        standard: standard uncertainty of each.

    """
    sizes, spread = np.abs(np.array(errors)), np.maximum(np.array(standard), 1e-12)
    seen = float(sizes.max())
    low, high = max(0.0, seen - _WIDE_REACH * float(spread.max())), float((sizes + _WIDE_REACH * spread).max())
    x = np.linspace(low, high, _FINE_STEPS)
    weights = np.diff(_none_greater(x, sizes, spread, by_size=True), prepend=0.0)
    return math.sqrt(max(0.0, float(weights @ (x - seen) ** 2)))


def _none_greater(x: Floats, centres: Floats, spreads: Floats, *, by_size: bool) -> Floats:
    """Return the probability that none of independent normal values, or of their sizes, is greater than each x."""
    from scipy.special import ndtr  # type: ignore[import-untyped]  # slow to import, and few need it

    single = ndtr((x[:, None] - centres) / spreads)
    if by_size:
        single = single - ndtr((-x[:, None] - centres) / spreads)
    return np.asarray(np.prod(single.clip(0.0), axis=1), dtype=np.float64)


def drawn_together(values: Floats, own: Floats | float) -> Floats:
    """Return values about their mean with the scatter that is left of theirs without their own errors."""
    if len(values) < 2:
        return values
    variance = float(np.var(values, ddof=1))
    by_noise = float(np.mean(np.square(own)))
    left = max(0.0, 1.0 - by_noise / variance) if variance > 0.0 else 0.0
    mean = float(np.mean(values))
    return np.asarray(mean + math.sqrt(left) * (values - mean), dtype=np.float64)
