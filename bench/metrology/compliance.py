"""How soft a shut line is: volume pushed into it against the pressure that this makes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.metrology.cumulative import Floats

FEWEST_BLOCKS = 5


@dataclass(frozen=True, slots=True)
class LineCompliance:
    """Compliance in µL/kPa with its relative standard uncertainty by scatter and noise.

    `halves` are the compliances of the first and the second half of the rise: a bubble is soft at first and stiff then.
    """

    ul_per_kpa: float
    relative_uncertainty: float
    blocks: int
    rise_kpa: float
    halves: tuple[float, float]


def line_compliance(volume_ul: Floats, pressure_kpa: Floats) -> LineCompliance | None:
    """Return the compliance from means of volume and pressure over equal blocks; None where it cannot be told.

    The pressure is fitted to the volume, not the other way round: the volume was set. A dose that was too large stays
    in the line, so that errors of the pressure add up like a random walk. For such errors a straight fit scatters by
    √(6/5) of what the sum of its increments does (a few per cent more than the best estimate there is), and the
    increments' own scatter tells by how much; noise of the sensor is in it.

    Args:
        volume_ul: mean volume pushed so far, of each block, shape (n,).
        pressure_kpa: mean pressure of each block, shape (n,).

    """
    blocks = len(volume_ul)
    if blocks < FEWEST_BLOCKS:
        return None
    slope = _slope(volume_ul, pressure_kpa)
    if slope <= 0.0:
        return None
    steps = np.diff(pressure_kpa) - slope * np.diff(volume_ul)
    # As many increments as blocks but one, and one degree of freedom more went into the slope.
    scatter = float(np.sqrt(np.sum(steps**2) / (blocks - 2)))
    pushed = float(volume_ul[-1] - volume_ul[0])
    u_slope = math.sqrt(1.2 * (blocks - 1)) * scatter / pushed
    middle = blocks // 2
    first, second = (
        _slope(volume_ul[part], pressure_kpa[part]) for part in (slice(0, middle + 1), slice(middle, None))
    )
    rise = float(pressure_kpa[-1] - pressure_kpa[0])
    halves = tuple(1.0 / each if each > 0.0 else math.inf for each in (first, second))
    return LineCompliance(1.0 / slope, u_slope / slope, blocks, rise, (halves[0], halves[1]))


def _slope(x: Floats, y: Floats) -> float:
    centred = x - x.mean()
    squares = float(centred @ centred)
    return float(centred @ y) / squares if squares > 0.0 else 0.0
