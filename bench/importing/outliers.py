"""Single readings far off their neighbours: a logger's slip, a spark. They are no weighing, and are left out."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bench.importing.cells import Floats
from bench.importing.table import Channel, Table

MASS = "balance.mass_g"
MOST_BY_CHANCE = 3
MOST_SHARE = 1e-4
"""So many, in number or in share, are left out with a note; more are no slips, and a doubt."""
_LONGEST = 2
"""What lasts for more readings than these has touched the balance: evaluation finds it and says so."""
_BEYOND_NOISE = 50.0
_BEYOND_DIGITS = 20.0
_AROUND = 3
_RETURNS = 0.1
"""Before and after, the balance shows the same, to within this part of how far the reading is off."""


class _Outlier(NamedTuple):
    row: int
    length: int
    off_g: float


def leave_out_outliers(table: Table, digit_g: float) -> None:
    """Put NaN in place of one or two readings in a row that stand out by far, and note or doubt that.

    Args:
        table: what was read; its mass is changed.
        digit_g: the smallest step of its masses.

    """
    mass = table.mass
    rows = np.flatnonzero(np.isfinite(mass.value))
    found = _outliers(mass.value[rows], digit_g)
    if not found:
        return
    value = mass.value.copy()
    for each in found:
        value[rows[each.row : each.row + each.length]] = np.nan
    table.channels[MASS] = replace(mass, value=value)
    told = _told(table, mass, int(rows[found[0].row]), found)
    if len(found) > max(MOST_BY_CHANCE, MOST_SHARE * len(rows)):
        table.doubts.append(f"{told}, and so many are more than slips: look at logger, cable and static charge.")
    else:
        table.notes.append(f"{told}.")


def _told(table: Table, mass: Channel, row: int, found: list[_Outlier]) -> str:
    readings = sum(each.length for each in found)
    what = (
        f"of {mass.value[row]:.6g} g at line {mass.line[row]} (minute {(mass.time_s[row] - table.start_s) / 60.0:.1f})"
    )
    off = f"by {_size(abs(found[0].off_g))} from its neighbours"
    if readings == 1:
        return f"One reading {what} stands out {off} and is left out"
    return f"{readings} readings stand out from their neighbours, the first {what} {off}: they are left out"


def _size(mass_g: float) -> str:
    return f"{mass_g:.3g} g" if mass_g >= 0.1 else f"{1000.0 * mass_g:.3g} mg"


def _outliers(value: Floats, digit_g: float) -> list[_Outlier]:
    steps = np.diff(value)
    noise_g = 1.4826 * float(np.median(np.abs(steps - np.median(steps))))
    least_g = max(_BEYOND_NOISE * noise_g, _BEYOND_DIGITS * digit_g)
    found: list[_Outlier] = []
    for row in (np.flatnonzero(np.abs(steps) > least_g) + 1).tolist():
        # The way back from an outlier is a step, too.
        if found and row < found[-1].row + found[-1].length + 1:
            continue
        if (outlier := _outlier_at(value, row, least_g)) is not None:
            found.append(outlier)
    return found


def _outlier_at(value: Floats, row: int, least_g: float) -> _Outlier | None:
    before = value[max(0, row - _AROUND) : row]
    for length in range(1, _LONGEST + 1):
        after = value[row + length : row + length + _AROUND]
        if len(before) < _AROUND or len(after) < _AROUND:
            return None
        usual = 0.5 * float(np.median(before) + np.median(after))
        off = value[row : row + length] - usual
        least = float(np.min(np.abs(off)))
        apart = float(np.ptp(np.concatenate((before, after))))
        if least > least_g and abs(float(np.sum(np.sign(off)))) == length and apart < _RETURNS * least:
            return _Outlier(row, length, float(off[np.argmax(np.abs(off))]))
    return None
