"""All boluses of a test that could be weighed, and the budget of one, of their mean and of their scatter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.metrology.budget import combined, scaled
from bench.metrology.noise import Levels
from bench.procedures.bolus.meanwhile import NAME as BASAL
from bench.procedures.bolus.meanwhile import Meanwhile
from bench.procedures.bolus.settling import StillToCome, follow_on, lacking
from bench.procedures.bolus.weighing import WeighedBolus
from bench.procedures.shared.weighing import AT_LOADS, BY_NOISE, OF_LEVELS, Weighing
from bench.results.model import Component, Pulse

OWN = OF_LEVELS | AT_LOADS | {BASAL}
"""Budget lines that every bolus has of its own; all others are shared."""


@dataclass(frozen=True, slots=True)
class BolusRow:
    """All boluses of a test that could be weighed. Volumes are in percent of commanded unless they say otherwise."""

    weighed: Sequence[WeighedBolus]
    weighing: Weighing
    commanded_ul: float
    ul_per_u: float
    to_come: StillToCome
    basal: Meanwhile | None

    @property
    def percent_per_mg(self) -> float:
        """One milligram on the balance, in percent of a commanded bolus."""
        return 100.0 * self.weighing.conversion.ul_per_mg / self.commanded_ul

    @property
    def u_per_mg(self) -> float:
        """One milligram on the balance, in U."""
        return self.weighing.conversion.ul_per_mg / self.ul_per_u

    @property
    def u_per_percent(self) -> float:
        """One percent of a commanded bolus, in U."""
        return 0.01 * self.commanded_ul / self.ul_per_u

    @property
    def deviations(self) -> list[float]:
        """Each bolus' deviation from commanded."""
        return [
            (one.mass_mg + self.to_come.mass_mg * share) * self.percent_per_mg - 100.0
            for one, share in zip(self.weighed, lacking(self.weighed).tolist(), strict=True)
        ]

    def budgets(self) -> list[list[Component]]:
        """Return the budget of every single bolus."""
        return [
            self._of_bolus(one, share) for one, share in zip(self.weighed, lacking(self.weighed).tolist(), strict=True)
        ]

    def budget_of_one(self) -> list[Component]:
        """Return the budget of a single bolus, the widest."""
        return max(self.budgets(), key=combined)

    def pulses(self) -> list[Pulse]:
        """Return every bolus with its volume and its own standard uncertainty, in µL."""
        per_percent = 0.01 * self.commanded_ul
        return [
            Pulse(
                time_s=one.bolus.sent_s,
                volume_ul=(100.0 + deviation) * per_percent,
                standard_uncertainty_ul=combined(lines) * per_percent,
                kind="bolus",
            )
            for one, deviation, lines in zip(self.weighed, self.deviations, self.budgets(), strict=True)
        ]

    def budget_of_mean(self) -> list[Component]:
        """Return the budget of the mean: what is each bolus' own averages out, what is common to all does not.

        An error of the balance at a load ends one bolus and begins the next, with opposite signs: of a row only those
        at the first and the last load are left. Noise is that of all windows at their places, neighbours' correlation
        in it.
        """
        number = len(self.weighed)
        interval_s = sum(one.interval_s for one in self.weighed) / number
        windows = [window for one in self.weighed for window in (one.bolus.before, one.bolus.after)]
        levels = Levels.of(windows, [-1.0 / number, 1.0 / number] * number)
        lines = []
        for line in self.budget_of_levels(levels, interval_s, float(lacking(self.weighed).mean())):
            if line.name in BY_NOISE or line.name == BASAL or line.name not in OWN:
                lines.append(line)
            else:
                lines.append(scaled(line, 1.0 / number if line.name in AT_LOADS else 1.0 / math.sqrt(number)))
        return lines

    def own_and_common(self) -> tuple[float, float]:
        """Return the standard uncertainties of a bolus that are its own, and that it shares with all others."""
        own = combined(self._own_lines())
        return own, combined([line for line in self._usual() if line.name not in OWN])

    def own_in_scatter(self) -> float:
        """Return by how much the boluses' own errors alone make them scatter.

        A level that ends one bolus and begins the next acts on both, with opposite signs: such errors make n boluses
        scatter by (n + 1)/n more, as a variance, than errors of each alone.
        """
        number = len(self.weighed)
        chained = (number + 1.0) / number
        all_chained = all(follow_on(self.weighed))
        return math.sqrt(
            sum(
                line.contribution**2 * (chained if all_chained or line.name in AT_LOADS else 1.0)
                for line in self._own_lines()
            )
        )

    def _own_lines(self) -> list[Component]:
        return [line for line in self._usual() if line.name in OWN]

    def _usual(self) -> list[Component]:
        """Return the budget of the noisiest bolus, lacking what boluses do in the root mean square."""
        worst = max(self.weighed, key=lambda one: one.noise.standard_uncertainty)
        return self._of_bolus(worst, rms(lacking(self.weighed).tolist()))

    def _of_bolus(self, one: WeighedBolus, lacked: float) -> list[Component]:
        return self.budget_of_levels(Levels.difference(one.bolus.before, one.bolus.after), one.interval_s, lacked)

    def budget_of_levels(self, levels: Levels, interval_s: float, lacked: float) -> list[Component]:
        """Return the budget of a bolus that is a difference of levels, or of a mean of such, lacking so much."""
        per_ul = 100.0 / self.commanded_ul
        lines = self.weighing.components(self.commanded_ul, per_ul, levels, interval_s)
        lines.append(self.to_come.component(lacked, self.percent_per_mg))
        return [*lines, self.basal.component(levels, per_ul)] if self.basal is not None else lines


def rms(values: Sequence[float]) -> float:
    """Return the root mean square."""
    return math.sqrt(sum(value**2 for value in values) / len(values))
