"""What a basal rate gives while boluses are weighed: whole increments, at instants that nobody knows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.metrology.budget import component
from bench.metrology.noise import Levels
from bench.results.model import Component

NAME = "basal meanwhile"
_SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """A basal rate that is taken off boluses evenly, though it comes in increments."""

    rate_ul_per_h: float
    increment_ul: float

    def component(self, levels: Levels, per_ul: float) -> Component:
        """Return what it leaves open in a difference of levels, or in a mean of such; `per_ul` is 1 µL in its unit."""
        hours = levels.sum_of(lambda time_s: time_s / _SECONDS_PER_HOUR)
        source = f"increments of {self.increment_ul:g} µL between the windows"
        standard_ul = self.increment_ul * self.spread_of_count(levels)
        return component(NAME, standard_ul, "µL", -per_ul, source=source, estimate=self.rate_ul_per_h * hours)

    def spread_of_count(self, levels: Levels) -> float:
        """Return the standard deviation of how many increments fall between levels, over all phases of the pump.

        All increments of a row of boluses come from one clock, so that their errors are correlated: where boluses
        follow each other in whole numbers of increments all of them have the same error, which no mean makes smaller.
        For one bolus it is √(f·(1 − f)) with the fraction f of an increment that is left over.
        """
        period_s = self.increment_ul / self.rate_ul_per_h * _SECONDS_PER_HOUR
        middle_s = 0.5 * (levels.begin_s + levels.end_s)
        cycles = (middle_s - middle_s[0]) / period_s
        # The count changes only where an increment passes a level: between those phases it is steady.
        edges = np.concatenate(([0.0], np.sort(np.mod(cycles, 1.0)), [1.0]))
        lengths, phases = np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
        counts = np.floor(np.subtract.outer(-phases, -cycles)) @ levels.weights
        mean = float(lengths @ counts)
        return math.sqrt(max(0.0, float(lengths @ (counts - mean) ** 2)))
