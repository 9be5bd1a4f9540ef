"""Flow continuity of a basal delivery: how much a drug's level would swing with the measured flow, by half-life."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrology.budget import bounded, component, measurement, undetermined
from bench.metrology.decimate import series
from bench.metrology.flow_continuity import (
    DISCARDED_HALF_LIVES,
    FEWEST_HALF_LIVES,
    Continuity,
    flow_continuity,
    level_noise_mg,
    of_equal_pulses_percent,
    of_smeared_pulses_percent,
)
from bench.procedures.basal.delivery import Delivery
from bench.procedures.basal.pulses import load_uncertainty_mg
from bench.procedures.base import MeasurementSpec
from bench.procedures.shared.levels import CURVE_S, LAG_S
from bench.results.model import Figure, Measurement, Table

HALF_LIVES_MINUTES = (2, 5, 10, 20, 40, 60)
MEASURED_MINUTES = (5, 20, 60)
MEANS_S = 2.0
"""The flow is taken from means over so long: short against any half-life, long against the balance's noise."""
_HOW_WELL, _HOW_WELL_SMOOTHED = 0.5, 0.2
"""What noise adds, and what lag and means smooth, is known to this part of itself."""
_LEAST_SLOW = 0.2
"""Part of the swing that is slow, at least: pulses that scatter by 5 to 10 % make as much, if hours tell it or not."""
_LONGEST_GAP_SHARE = 0.5
"""A gap that is longer than this part of a half-life hides what the level did."""


@dataclass(frozen=True, slots=True)
class PkCv:
    """The coefficient of one half-life as it was seen, what noise alone would make of it, and what equal pulses give.

    `load_percent` is what errors over the balance's load add where they are another for every dose; they may as well be
    the same for all and add nothing, so that half of their square is taken out. `smeared_square` is by how much the
    balance's lag and the means lower the square of what equal pulses give, in %². `late_percent` is what a balance that
    shows the start of a steady flow late adds, of which half is taken out.
    """

    found: Continuity
    noise_percent: float
    slow_noise_percent: float
    load_percent: float
    equal_pulses_percent: float
    smeared_square: float
    late_percent: float = 0.0

    @property
    def cv_percent(self) -> float:
        """The coefficient with noise taken out and what lag and means have smoothed put back."""
        added = self.noise_percent**2 + 0.5 * self.load_percent**2
        seen = max(0.0, self.found.cv_percent - 0.5 * self.late_percent)
        return math.sqrt(max(0.0, seen**2 + self.smeared_square - added))

    @property
    def minutes(self) -> float:
        """The half-life."""
        return self.found.half_life_s / 60.0


def pk_cvs(delivery: Delivery, lag_s: float) -> list[PkCv]:
    """Return the coefficient for each half-life that the delivery is long enough for and no gap is too long for.

    `lag_s` is the balance's. There is none where no liquid came.
    """
    curve = delivery.curve(MEANS_S)
    if curve is None:
        return []
    begins_s, ends_s = curve.gaps_s
    longest_gap_s = float(np.max(ends_s - begins_s, initial=0.0))
    interval_s = delivery.dose_interval_s
    found = []
    for minutes in HALF_LIVES_MINUTES:
        half_life_s = 60.0 * minutes
        if longest_gap_s > _LONGEST_GAP_SHARE * half_life_s:
            continue
        end_s = min(delivery.ended_s, float(curve.time_s[-1]))
        one = flow_continuity(curve, half_life_s, delivery.rate_ul_per_h, delivery.began_s, end_s)
        if one is None or one.mean_ul <= 0.0:
            continue
        noise, per_mg = delivery.weighing.noise, 100.0 * delivery.weighing.conversion.ul_per_mg / one.mean_ul
        noise_percent = per_mg * level_noise_mg(noise, half_life_s, MEANS_S)
        slow_percent = per_mg * level_noise_mg(noise.slow_only, half_life_s, CURVE_S)
        load_percent = per_mg * load_uncertainty_mg(delivery.weighing.balance) / math.sqrt(2.0)
        equal, smeared, late = 0.0, 0.0, 0.0
        if not math.isfinite(interval_s):
            begun_s = delivery.began_s + LAG_S
            begun = flow_continuity(curve, half_life_s, delivery.rate_ul_per_h, begun_s, end_s)
            late = 0.0 if begun is None else max(0.0, one.cv_percent - begun.cv_percent)
        else:
            equal = of_equal_pulses_percent(half_life_s, interval_s)
            smeared = equal**2 - of_smeared_pulses_percent(half_life_s, interval_s, lag_s, MEANS_S) ** 2
        found.append(PkCv(one, noise_percent, slow_percent, load_percent, equal, smeared, late))
    return found


def measure_continuity(found: Sequence[PkCv], catalogue: Mapping[str, MeasurementSpec]) -> list[Measurement]:
    """Return the coefficients that a plan may limit."""
    by_minutes = {each.minutes: each for each in found}
    made = []
    for minutes in MEASURED_MINUTES:
        name = f"pk_cv_{minutes}min"
        spec, each = catalogue[name], by_minutes.get(minutes)
        if each is None:
            hours = (DISCARDED_HALF_LIVES + FEWEST_HALF_LIVES) * minutes / 60.0
            why = f"it takes {hours:.2g} h of delivery without a gap of half a half-life"
            made.append(undetermined(name, spec.title, spec.unit, why))
        else:
            made.append(_measured(name, each, spec))
    return made


def _measured(name: str, each: PkCv, spec: MeasurementSpec) -> Measurement:
    seen, own = each.found.cv_percent, max(each.cv_percent, 1e-9)
    # Of slow noise levels are as good as independent that are a mean life apart, of white noise any two means.
    lives = max(1.0, each.found.seen_s * math.log(2.0) / each.found.half_life_s)
    fast_percent = math.sqrt(max(0.0, each.noise_percent**2 - each.slow_noise_percent**2))
    # Slow noise meets by chance what is slow in the flow, not the swing from pulse to pulse.
    slow_swing = math.sqrt(max(own**2 - each.equal_pulses_percent**2, each.slow_noise_percent**2))
    met = min(1.0, max(_LEAST_SLOW, slow_swing / own))
    by_load = math.sqrt(own**2 + 0.5 * each.load_percent**2) - own
    smoothed = own - math.sqrt(max(0.0, own**2 - each.smeared_square))
    by_noise = math.sqrt(own**2 + each.noise_percent**2) - own
    lines = [
        component("slow noise of the level", each.slow_noise_percent, "%", met * lives**-0.5, source="noise by √n"),
        component("white noise of the level", fast_percent, "%", (each.found.seen_s / MEANS_S) ** -0.5, source="by √n"),
        component("errors over the load, by chance", each.load_percent, "%", met * lives**-0.5, source="by √n"),
        bounded("errors over the load", by_load, "%", source="certificate, linearity; half is taken out"),
        bounded("swing that weighing adds", _HOW_WELL * by_noise, "%", source="noise of the blanks, in quadrature"),
        bounded(
            "start of the flow, shown late", 0.5 * each.late_percent, "%", source=f"lag of the balance, to {LAG_S:g} s"
        ),
        bounded("what lag and means smooth", _HOW_WELL_SMOOTHED * smoothed, "%", source="as of equal pulses"),
    ]
    note = (
        f"half-life {each.minutes:g} min, over {each.found.seen_s / 3600.0:.3g} h after {DISCARDED_HALF_LIVES:g}"
        f" half-lives; {seen:.3g} % as seen, noise taken out and what lag and means smooth put back; equal pulses alone"
        f" give {each.equal_pulses_percent:.2g} %"
    )
    return measurement(name, spec.title, each.cv_percent, spec.unit, lines, note=note)


def continuity_table(found: Sequence[PkCv]) -> Table:
    """Return every half-life with its coefficient, what equal pulses alone give, and noise."""
    return Table(
        name="continuity",
        title="Flow continuity: PK-CV against half-life",
        columns=["half-life / min", "PK-CV / %", "equal pulses / %", "noise of the balance / %", "seen over / h"],
        rows=[
            [
                f"{each.minutes:g}",
                f"{each.cv_percent:.2f}",
                f"{each.equal_pulses_percent:.2f}",
                f"{each.noise_percent:.2g}",
                f"{each.found.seen_s / 3600.0:.2f}",
            ]
            for each in found
        ],
        note="Coefficient of variation of a drug's level in one compartment that takes up the measured flow. It"
        f" starts at the level of the commanded rate; the first {DISCARDED_HALF_LIVES:g} half-lives are not counted.",
    )


def continuity_figure(found: Sequence[PkCv], words: str) -> Figure:
    """Return the coefficient against half-life, beside equal pulses and noise."""
    x = [each.minutes for each in found]
    drawn = [
        series("measured", x, [each.cv_percent for each in found], role="flow"),
        series("noise of the balance", x, [each.noise_percent for each in found], role="limit"),
    ]
    if any(each.equal_pulses_percent for each in found):
        drawn.insert(1, series("equal pulses", x, [each.equal_pulses_percent for each in found], role="envelope"))
    return Figure(
        name="continuity",
        title="Flow continuity",
        x_label="half-life of the drug / min",
        y_label="PK-CV / %",
        series=drawn,
        caption="Coefficient of variation of a drug's level in one compartment that takes up the measured flow; equal"
        f" pulses: what a perfect pump of these pulses shows; not reduced.{words}",
    )
