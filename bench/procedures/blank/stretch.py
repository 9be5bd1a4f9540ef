"""The readings of a blank as they are looked at: what disturbed the balance, and the still stretches in between."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.metrology.disturbances import bends
from bench.metrology.loss_slope import Slope, slope_of_rests
from bench.metrology.matched_filter import grid_of
from bench.metrology.noise import Floats, Noise, Window, block_means
from bench.metrology.pulse_train import Disturbance
from bench.metrology.readings import within
from bench.procedures.shared.weighing import Weighing

SECONDS_PER_HOUR = 3600.0
_GRID_S = 1.0
_LEAST_DIGITS = 3.0
_AROUND_S = 30.0
"""A bend may be one edge of what disturbed the balance: so much on both sides is left out, too."""
_BESIDE_S = 20.0
_BEYOND_S = 60.0
"""What is as it was before, so long after, did not stay."""
_STAYS = 8.0
"""Standard uncertainties of a level beyond which what a disturbance left behind is no noise."""
_SHORTEST_S = 30.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """One blank: `window` from its begin to its end, and the still parts between what disturbed the balance."""

    weighing: Weighing
    window: Window
    disturbances: tuple[Disturbance, ...]
    still: tuple[Window, ...]

    @property
    def hours(self) -> float:
        """How long it is."""
        return (self.window[1] - self.window[0]) / SECONDS_PER_HOUR

    @property
    def readings(self) -> tuple[Floats, Floats]:
        """Time (s) and mass (mg) of every reading that has a value."""
        return within(self.weighing.time_s, self.weighing.mass_mg, self.window)

    @property
    def still_readings(self) -> list[tuple[Floats, Floats]]:
        """Time and mass of every still part."""
        return [within(self.weighing.time_s, self.weighing.mass_mg, each) for each in self.still]

    def slope(self, window: Window) -> Slope | None:
        """Return the slope of the balance over a part of the blank, steps left out; None where it is too short."""
        rests = _overlaps(self.still, window)
        return slope_of_rests(self.weighing.time_s, self.weighing.mass_mg, rests, self.weighing.noise)

    def parts(self, number: int) -> list[Window]:
        """Return so many parts of equal length."""
        edges = np.linspace(self.window[0], self.window[1], number + 1)
        return [(float(a), float(b)) for a, b in itertools.pairwise(edges)]


def stretch_of(weighing: Weighing, window: Window) -> Stretch | None:
    """Look at a blank; None where it holds too little to say anything."""
    time_s, mass_mg = within(weighing.time_s, weighing.mass_mg, window)
    if len(time_s) < 100 or time_s[-1] - time_s[0] < 4.0 * _SHORTEST_S:
        return None
    window = (float(time_s[0]), float(time_s[-1]))
    found = _disturbances(time_s, mass_mg, weighing.noise, weighing.readability_mg)
    sharp = [each for each in found if each.kind != "drift"]
    return Stretch(weighing, window, tuple(found), tuple(_between(window, sharp)))


def _disturbances(time_s: Floats, mass_mg: Floats, noise: Noise, readability_mg: float) -> list[Disturbance]:
    """Return what bends the readings more than noise does, in order; a jump is one whose level stays another."""
    level_mg = mass_mg - _usual_slope(time_s, mass_mg) * (time_s - time_s[0])
    grid = grid_of(time_s, level_mg, _GRID_S)
    found = sorted(bends(grid, noise, _LEAST_DIGITS * readability_mg), key=lambda each: each.time_s)
    return [_told(each, time_s, level_mg, noise) for each in found]


def _usual_slope(time_s: Floats, mass_mg: Floats) -> float:
    """Return the median slope of neighbouring means in mg/s, which a step does not tilt."""
    middle_s, mean = block_means(time_s, mass_mg, _BESIDE_S)
    return float(np.nanmedian(np.diff(mean) / np.diff(middle_s)))


def _told(bend: Disturbance, time_s: Floats, mass_mg: Floats, noise: Noise) -> Disturbance:
    """Return a short bend as a jump of the size that stays, where one does."""
    if bend.kind == "drift":
        return bend
    begin, end = bend.time_s - _BEYOND_S, bend.time_s + bend.lasted_s + _BEYOND_S
    before, after = (begin - _BESIDE_S, begin), (end, end + _BESIDE_S)
    levels = [within(time_s, mass_mg, each)[1] for each in (before, after)]
    if min(len(each) for each in levels) < 4:
        return bend
    step_mg = float(np.mean(levels[1]) - np.mean(levels[0]))
    stays = abs(step_mg) > max(_STAYS * noise.difference(before, after).standard_uncertainty, 0.5 * abs(bend.step_mg))
    return replace(bend, kind="jump", step_mg=step_mg) if stays else bend


def _between(window: Window, sharp: Sequence[Disturbance]) -> list[Window]:
    """Return the stretches beside the disturbances, those of half a minute or more."""
    found, begin = [], window[0]
    for each in sharp:
        found.append((begin, each.time_s - _AROUND_S))
        begin = max(begin, each.time_s + each.lasted_s + _AROUND_S)
    found.append((begin, window[1]))
    return [each for each in found if each[1] - each[0] >= _SHORTEST_S]


def _overlaps(windows: Sequence[Window], other: Window) -> list[Window]:
    found = [(max(begin, other[0]), min(end, other[1])) for begin, end in windows]
    return [each for each in found if each[1] - each[0] >= _SHORTEST_S]
