"""The largest by size of several errors, each known to within its own uncertainty: another may be the largest."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

_REACH = 8.0
_POINTS = 2001


def largest_uncertainty(errors: Sequence[float], standard: Sequence[float]) -> float:
    """Return the standard uncertainty of the largest size, about the largest one seen.

    With independent normal errors the largest size lies below x with a probability that is the product of the single
    ones; of that distribution it is the root mean square distance from the value seen.

    Args:
        errors: as measured, shape (n,).
        standard: standard uncertainty of each.

    """
    from scipy.special import ndtr  # type: ignore[import-untyped]  # slow to import, and few need it

    sizes, spread = np.abs(np.array(errors)), np.maximum(np.array(standard), 1e-12)
    seen = float(sizes.max())
    low, high = max(0.0, seen - _REACH * float(spread.max())), float((sizes + _REACH * spread).max())
    x = np.linspace(low, high, _POINTS)[:, None]
    below = np.prod(ndtr((x - sizes) / spread) - ndtr((-x - sizes) / spread), axis=1)
    weights = np.diff(below, prepend=0.0)
    return math.sqrt(max(0.0, float(weights @ (x[:, 0] - seen) ** 2)))
