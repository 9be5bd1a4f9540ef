"""When a mass steps up, wherever that is: doses of a pump whose intervals change, found one by one.

The mean over some seconds after a guard is compared with that before it. Where that difference has a maximum beyond a
threshold there was a step; its instant is where half of it had come. For trains of equal intervals `pulses` knows more.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bench.metrology.noise import Floats, block_means
from bench.metrology.pulse_record import local_maxima

GUARD_S = 3.0
"""What a balance's filter needs to follow."""
MEAN_S = 5.0
APART_S = GUARD_S + MEAN_S
"""Steps that come faster are not told one by one."""
_BLOCK_S = 0.5


class Steps(NamedTuple):
    """Steps in the order of time: instants, ascending, and sizes; shape (n,)."""

    time_s: Floats
    size_mg: Floats


def find_steps(time_s: Floats, mass_mg: Floats, least_mg: float) -> Steps:
    """Return the steps up of `least_mg` or more.

    Args:
        time_s: ascending, shape (n,).
        mass_mg: shape (n,), NaN where there is none; a step beside a gap is not found.
        least_mg: what a step is at least; several times the noise of means over 5 s.

    """
    middle_s, mean_mg = block_means(time_s, mass_mg, max(_BLOCK_S, _spacing_s(time_s)))
    if len(middle_s) < 2:
        return Steps(np.empty(0), np.empty(0))
    block_s = float(middle_s[1] - middle_s[0])
    guard, width = max(1, round(GUARD_S / block_s)), max(2, round(MEAN_S / block_s))
    if len(mean_mg) < guard + 2 * width + 1:
        return Steps(np.empty(0), np.empty(0))
    level = np.convolve(mean_mg - np.nanmedian(mean_mg), np.full(width, 1.0 / width), "valid")
    rise = level[width + guard :] - level[: -(width + guard)]
    at = local_maxima(np.nan_to_num(rise, nan=-np.inf), least_mg, APART_S / block_s)
    instants = [_instant(middle_s, mean_mg, index + width, guard, width) for index in at]
    return Steps(np.array(instants), rise[at])


def _spacing_s(time_s: Floats) -> float:
    return float(np.median(np.diff(time_s))) if len(time_s) > 1 else _BLOCK_S


def _instant(middle_s: Floats, mean_mg: Floats, first: int, guard: int, width: int) -> float:
    """Return where half of a step had come; `first` is the first block after the level before it."""
    before, after = mean_mg[first - width : first].mean(), mean_mg[first + guard : first + guard + width].mean()
    near = slice(first - 1, first + guard + 1)
    share = (mean_mg[near] - before) / (after - before)
    above = int(np.argmax(share >= 0.5))
    if above == 0:
        return float(middle_s[near][0])
    low, high = share[above - 1], share[above]
    part = (0.5 - low) / (high - low) if high > low else 0.5
    return float(middle_s[near][above - 1] + part * (middle_s[near][above] - middle_s[near][above - 1]))
