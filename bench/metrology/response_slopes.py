"""What a window shows more for each unit of the step response's parameters, by differences."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bench.metrology.noise import Floats
from bench.metrology.pulse_window import Whitened
from bench.metrology.step_response import StepResponse

_STEP = np.array([1e-4, 1e-3, 1e-3, 1e-3])


class Beside(NamedTuple):
    """Two responses that differ in one parameter, and by how much."""

    more: StepResponse
    less: StepResponse
    apart: float


def beside(response: StepResponse, least: Floats) -> list[Beside]:
    """Return a pair about a response for each of its `PARAMETERS`, none of which falls below `least`."""
    pairs = []
    for index, step in enumerate(_STEP):
        up, down = response.values, response.values
        up[index] += step
        down[index] = max(down[index] - step, least[index])
        pairs.append(Beside(response.with_values(up), response.with_values(down), float(up[index] - down[index])))
    return pairs


def by_parameters(white: Whitened, pairs: list[Beside], onsets_s: Floats, masses_mg: Floats) -> list[Floats]:
    """Return the derivatives of what a window shows of some pulses, one for each pair."""
    since_s = white.since(onsets_s)
    return [(each.more.means(since_s) - each.less.means(since_s)) @ masses_mg / each.apart for each in pairs]
