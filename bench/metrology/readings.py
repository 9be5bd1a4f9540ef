"""Parts of a row of readings."""

from __future__ import annotations

import numpy as np

from bench.metrology.noise import Floats, Window


def within(time_s: Floats, value: Floats, window: Window) -> tuple[Floats, Floats]:
    """Return the readings of a window that have a value."""
    inside = slice(np.searchsorted(time_s, window[0], "left"), np.searchsorted(time_s, window[1], "right"))
    known = np.isfinite(value[inside])
    return time_s[inside][known], value[inside][known]
