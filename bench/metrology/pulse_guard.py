"""Cross-check of a pulse's mass: straight lines before and after it, its arrival left out, carried to its onset.

The lines have slopes of their own and know neither the balance's filter nor the run's drift; only the tail is taken
off. Being a weighted sum of the same blocks, the check's difference from the fit has a known uncertainty.
"""

from __future__ import annotations

import numpy as np

from bench.metrology.noise import Floats

FEWEST_BLOCKS = 3


def guard_weights(
    begin_s: Floats, end_s: Floats, onset_s: float, before: tuple[float, float], after: tuple[float, float]
) -> Floats | None:
    """Return what each block weighs in the step between two straight lines; None where there is too little of either.

    Args:
        begin_s: of the blocks.
        end_s: of the blocks.
        onset_s: to which the lines are carried.
        before: from when to when the first line is drawn.
        after: from when to when the second is.

    """
    weights = np.zeros(len(begin_s))
    for sign, (first_s, last_s) in ((-1.0, before), (1.0, after)):
        inside = np.flatnonzero((begin_s >= first_s - 1e-9) & (end_s <= last_s + 1e-9))
        if len(inside) < FEWEST_BLOCKS:
            return None
        middle = 0.5 * (begin_s[inside] + end_s[inside]) - onset_s
        line = np.column_stack((np.ones(len(inside)), middle))
        root = np.sqrt(end_s[inside] - begin_s[inside])
        weights[inside] = sign * (np.linalg.pinv(line * root[:, None])[0] * root)
    return weights
