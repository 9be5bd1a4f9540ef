"""Levels of the balance while a pump delivers, and volumes between them: what delivering procedures have in common."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.metrology.noise import Levels, Spread, Window
from bench.metrology.readings import within
from bench.procedures.shared.weighing import Weighing
from bench.results.model import Component

SETTLE_S = 60.0
"""What the line gives so long after a stop belongs to what was delivered."""
END_LEVEL_S = 60.0
"""The levels before the first command and after the line has settled are means over so long."""
MIDDLE_LEVEL_S = 10.0
"""A level while the pump delivers is a mean over so long."""
LAG_S = 3.0
"""What a balance may lag behind: a pulse so near to an instant may count before or after it."""
CLEAR_S = LAG_S + MIDDLE_LEVEL_S
"""A level that is so far from every dose has no share of one that is just arriving."""
FROM_DOSE_S = 60.0
"""No need to take a level further from a dose: what creeps has come."""
CURVE_S = 10.0


@dataclass(frozen=True, slots=True)
class Weighed:
    """A delivery as weighed; evaporation is made good from `began_s`, the first command, on."""

    weighing: Weighing
    began_s: float

    def level_mg(self, window: Window) -> float:
        """Return the mean mass over a window, evaporation since the first command made good; NaN without readings."""
        time_s, mass = within(self.weighing.time_s, self.weighing.mass_mg, window)
        if len(mass) == 0:
            return math.nan
        return float(np.mean(mass + self.weighing.loss_mg_per_s * (time_s - self.began_s)))

    def volume_between_ul(self, before: Window, after: Window) -> float:
        """Return what was delivered between two levels."""
        return (self.level_mg(after) - self.level_mg(before)) * self.weighing.conversion.ul_per_mg

    def components(self, volume_ul: float, per_ul: float, before: Window, after: Window) -> list[Component]:
        """Return the budget of what was delivered between two levels."""
        interval_s = 0.5 * (after[0] + after[1] - before[0] - before[1])
        near, levels = self._near(before, after), Levels.difference(before, after)
        return self.weighing.components(volume_ul, per_ul, levels, interval_s, near)

    def _near(self, before: Window, after: Window) -> Spread:
        """Return the noise of the same levels, had they stood side by side."""
        length = after[1] - after[0]
        return self.weighing.noise.difference(before, (before[1], before[1] + length))

    def middle(self, time_s: float) -> Window:
        """Return the window of a level while the pump delivers."""
        return time_s - 0.5 * MIDDLE_LEVEL_S, time_s + 0.5 * MIDDLE_LEVEL_S
