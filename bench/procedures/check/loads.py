"""Levels that a check took, and the loads between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrology.noise import Levels, Window
from bench.metrology.readings import within
from bench.procedures.shared.weighing import Weighing
from bench.recording.reader import TestRecord

LEVEL = "level taken"
FEWEST_READINGS = 5


@dataclass(frozen=True, slots=True)
class Level:
    """A mean over a window; `what` lay on the pan: `pan`, `weight` or `dose`."""

    what: str
    index: int
    window: Window
    mass_mg: float

    @property
    def middle_s(self) -> float:
        """When."""
        return 0.5 * (self.window[0] + self.window[1])


@dataclass(frozen=True, slots=True)
class Load:
    """One load, from the levels without it: before and after, or before alone; `levels` is the weighted sum.

    `took_s` is the time from the level before to that with it.
    """

    index: int
    at_s: float
    mass_mg: float
    levels: Levels
    took_s: float


def levels_of(record: TestRecord, weighing: Weighing) -> list[Level]:
    """Return every level that was taken and has readings, the loss up to it made good."""
    found = []
    for event in record.events(LEVEL):
        window = float(event.data["begin_s"]), float(event.data["end_s"])
        time_s, mass_mg = within(weighing.time_s, weighing.mass_mg, window)
        if len(time_s) < FEWEST_READINGS:
            continue
        mass = float(np.mean(mass_mg + weighing.loss_mg_per_s * (time_s - record.start_s)))
        found.append(Level(str(event.data["what"]), int(event.data["index"]), window, mass))
    return found


def weights_of(levels: Sequence[Level]) -> list[Load]:
    """Return the check weight as it was weighed each time: its level less the mean of the pan's before and after."""
    pans = {level.index: level for level in levels if level.what == "pan"}
    found = []
    for level in levels:
        before, after = pans.get(level.index - 1), pans.get(level.index)
        if level.what != "weight" or before is None or after is None:
            continue
        windows = [before.window, level.window, after.window]
        mass = level.mass_mg - 0.5 * (before.mass_mg + after.mass_mg)
        took_s = level.middle_s - before.middle_s
        found.append(Load(level.index, level.middle_s, mass, Levels.of(windows, [-0.5, 1.0, -0.5]), took_s))
    return found


def doses_of(levels: Sequence[Level]) -> list[Load]:
    """Return the known doses as they were weighed: each level less the one before it."""
    row = {level.index: level for level in levels if level.what == "dose"}
    found = []
    for index, level in sorted(row.items()):
        before = row.get(index - 1)
        if before is not None:
            mass = level.mass_mg - before.mass_mg
            levels_of_dose = Levels.difference(before.window, level.window)
            found.append(Load(index, level.middle_s, mass, levels_of_dose, level.middle_s - before.middle_s))
    return found


def mean_of(loads: Sequence[Load]) -> tuple[float, Levels]:
    """Return the mean of some loads, and the weighted sum of levels that it is."""
    parts = [load.levels for load in loads]
    return float(np.mean([load.mass_mg for load in loads])), Levels(
        np.concatenate([part.begin_s for part in parts]),
        np.concatenate([part.end_s for part in parts]),
        np.concatenate([part.weights for part in parts]) / len(parts),
    )
