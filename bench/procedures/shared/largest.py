"""The largest of many measured errors as a measurement: what noise made of it is made good."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench.metrology.budget import bounded, component
from bench.metrology.extremes import greatest_seen, largest_uncertainty
from bench.metrology.rounding import number
from bench.results.model import Component

_WORTH_TELLING = 0.005


class Largest(NamedTuple):
    """By how much errors make the largest too great on average, and what it adds that another may be the largest."""

    excess: float
    another: float = 0.0

    def told(self, seen: float, unit: str, per_unit: float = 1.0) -> str:
        """Return what to add to a note so that the value is found in a table: what was seen, where that is not it.

        `per_unit` turns `seen`, which has the unit of the excess, into the unit that is told.
        """
        return f"; {number(per_unit * abs(seen), 3)} {unit} seen" if self.excess > _WORTH_TELLING * abs(seen) else ""


def largest_one_way(values: Sequence[float], own: Sequence[float]) -> Largest:
    """Return what errors do to the greatest of values that are each known about as well.

    `own` are the standard uncertainties that each has of its own.
    """
    return Largest(greatest_seen(np.array(values), np.array(own)))


def largest_by_size(values: Sequence[float], own: Sequence[float]) -> Largest:
    """Return what errors do to the largest of values by size, some of which may be known far better than others.

    `own` are the standard uncertainties that each has of its own.
    """
    sizes = [abs(value) for value in values]
    worst = max(range(len(sizes)), key=sizes.__getitem__)
    excess = greatest_seen(np.array(values), np.array(own), by_size=True)
    another = math.sqrt(max(0.0, largest_uncertainty(values, own) ** 2 - own[worst] ** 2))
    return Largest(min(excess, sizes[worst]), another)


def lines_of_largest(
    lines: Sequence[Component], found: Largest, unit: str, many: str, per_unit: float = -1.0
) -> list[Component]:
    """Return the budget of the largest of many errors, from that of the one that is the largest.

    The excess is estimated from the same few values: half of it is left open, and the lines of that one are left as
    they are, although the largest of many varies a little less by them. `per_unit` is what one `unit` of the excess
    makes of the measurement.
    """
    source = "half of what is made good for it"
    name = f"largest of many {many} by noise"
    added = [bounded(name, 0.5 * found.excess, unit, per_unit, source=source, estimate=found.excess)]
    if found.another > 0.0:
        source = "each by its own uncertainty"
        added.append(component(f"which of the {many} is the largest", found.another, unit, per_unit, source=source))
    return [*lines, *added]
