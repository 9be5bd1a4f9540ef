"""What came from a pump at rest: the difference of two levels, less what the rig file says that evaporates.

A leak and evaporation both change the mass slowly, and the balance cannot tell which is which. Weighing a blank does
not help: the line is connected then, too, and a blank holds the leak. So the evaporation is only what the rig file
declares (from a blank that was weighed with the line out of the vessel); without that the rate has no upper limit.
Steps are told from both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.metrology.budget import combined, effective_degrees_of_freedom, scaled
from bench.metrology.conformity import Knowledge
from bench.metrology.loss_slope import SECONDS_PER_HOUR
from bench.metrology.noise import Levels, Window
from bench.metrology.plateau import level, step
from bench.procedures.idle.steps import Steps, find_steps
from bench.procedures.shared.weighing import Weighing
from bench.results.model import Component

CONFIDENCE = 0.95
"""Of the upper limit; of no false alarm and of no leak missed at the detection limit."""
LEVEL_S, LEVEL_SHARE = 300.0, 0.1
"""The first and the last level are so long at most, and no longer than this share of the watch."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What came between the middles of the first and the last level, in mg, its steps, and the weighing behind it."""

    weighing: Weighing
    before: Window
    after: Window
    interval_s: float
    mass_mg: float
    steps: Steps
    ul_per_u: float

    @property
    def hours(self) -> float:
        """Between the middles of the levels."""
        return self.interval_s / SECONDS_PER_HOUR

    @property
    def u_per_mg(self) -> float:
        """One milligram on the balance in U."""
        return self.weighing.conversion.ul_per_mg / self.ul_per_u

    @property
    def volume_u(self) -> float:
        """What came, in U."""
        return self.mass_mg * self.u_per_mg

    @property
    def rate_u_per_h(self) -> float:
        """The same an hour."""
        return self.volume_u / self.hours

    @property
    def stepped_u(self) -> float:
        """What of it came in steps, in U."""
        return sum(each.mass_mg for each in self.steps.found) * self.u_per_mg

    def budget(self, *, of_nothing: bool = False) -> list[Component]:
        """Return the budget of the volume in U; `of_nothing`: had nothing come."""
        volume_ul = 0.0 if of_nothing else self.volume_u * self.ul_per_u
        levels = Levels.difference(self.before, self.after)
        return self.weighing.components(volume_ul, 1.0 / self.ul_per_u, levels, self.interval_s)

    def rate_budget(self, *, of_nothing: bool = False) -> list[Component]:
        """Return the budget of the rate in U/h."""
        return [scaled(line, 1.0 / self.hours) for line in self.budget(of_nothing=of_nothing)]

    @property
    def rate_limit_u_per_h(self) -> float:
        """The rate that is not exceeded, one-sided."""
        return self.rate_u_per_h + reach(self.rate_budget())

    @property
    def detection_limit_u_per_h(self) -> float:
        """The rate that would be told from nothing: L_D of Currie, as in ISO 11843-1, both errors 5 %."""
        return 2.0 * reach(self.rate_budget(of_nothing=True))


def reach(budget: Sequence[Component]) -> float:
    """Return what the error of a budget stays below with the one-sided confidence."""
    rectangles = [line.contribution for line in budget if line.distribution == "rectangular"]
    degrees = effective_degrees_of_freedom(budget)
    known = Knowledge(combined(budget), degrees if math.isfinite(degrees) else None, max(rectangles, default=0.0))
    return known.reach(CONFIDENCE) if known.standard_uncertainty > 0.0 else 0.0


def levels_of(span: Window) -> tuple[Window, Window]:
    """Return the windows of the first and the last level of a watch."""
    width_s = min(LEVEL_S, LEVEL_SHARE * (span[1] - span[0]))
    return (span[0], span[0] + width_s), (span[1] - width_s, span[1])


def watched(weighing: Weighing, span: Window, pulse_ul: float | None, ul_per_u: float) -> Watched | None:
    """Weigh what came within `span`; None where a level has no readings."""
    before, after = levels_of(span)
    shown = [level(weighing.time_s, weighing.mass_mg, window) for window in (before, after)]
    if shown[0] is None or shown[1] is None:
        return None
    pulse_mg = None if pulse_ul is None else pulse_ul / weighing.conversion.ul_per_mg
    # The levels are as far apart as the noise was watched for, and an upper limit is no place for the kinder guess.
    noise = weighing.noise.cautious(Levels.difference(before, after))
    return Watched(
        replace(weighing, noise=noise),
        before,
        after,
        shown[1].time_s - shown[0].time_s,
        step(shown[0], shown[1], -weighing.loss_mg_per_s),
        find_steps(weighing.time_s, weighing.mass_mg, span, weighing.noise, pulse_mg),
        ul_per_u,
    )
