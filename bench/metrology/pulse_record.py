"""One weighing on a grid, as pulses are looked for in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.metrology.matched_filter import Fitter, Grid
from bench.metrology.noise import Floats, Noise, Window

LONGEST_FILTER_S = 20.0
_LONGEST_WINDOW_S = 30.0


@dataclass(frozen=True, slots=True)
class Record:
    """One weighing on a grid, with what is needed to fit steps in it."""

    grid: Grid
    fitter: Fitter
    noise: Noise
    pulse_mg: float
    interval_s: float
    delivery: Window

    @property
    def filter_s(self) -> float:
        """Half length of the filter that looks for single pulses."""
        return min(LONGEST_FILTER_S, 0.43 * self.interval_s)

    @property
    def window_s(self) -> float:
        """Half length of the windows in which sizes are fitted jointly."""
        return min(_LONGEST_WINDOW_S, max(3.0 * self.interval_s, 4.0))


def local_maxima(values: Floats, threshold: float, reach: float) -> list[int]:
    """Return where values are above a threshold and the greatest within `reach`."""
    found: list[int] = []
    for index in np.flatnonzero(values > threshold):
        if found and index - found[-1] < reach:
            if values[index] > values[found[-1]]:
                found[-1] = int(index)
        else:
            found.append(int(index))
    return found
