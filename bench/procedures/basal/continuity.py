"""Flow continuity of a basal delivery: how much a drug's level would swing with the measured flow, by half-life."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrology.budget import bounded, component, measurement, undetermined
from bench.metrology.cumulative import Cumulative
from bench.metrology.decimate import series
from bench.metrology.flow_continuity import (
    DISCARDED_HALF_LIVES,
    FEWEST_HALF_LIVES,
    Continuity,
    flow_continuity,
    level_noise_mg,
    of_equal_pulses_percent,
)
from bench.procedures.basal.delivery import CURVE_S, Delivery
from bench.procedures.base import MeasurementSpec
from bench.results.model import Figure, Measurement, Table

HALF_LIVES_MINUTES = (2, 5, 10, 20, 40, 60)
MEASURED_MINUTES = (5, 20, 60)
_LONGEST_GAP_SHARE = 0.5
"""A gap that is longer than this part of a half-life hides what the level did."""


@dataclass(frozen=True, slots=True)
class PkCv:
    """The coefficient of one half-life, what noise alone would make of it, and what equal pulses give."""

    found: Continuity
    noise_percent: float
    equal_pulses_percent: float

    @property
    def minutes(self) -> float:
        """The half-life."""
        return self.found.half_life_s / 60.0


def pk_cvs(delivery: Delivery, curve: Cumulative) -> list[PkCv]:
    """Return the coefficient for each half-life that the delivery is long enough for and no gap is too long for."""
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
        noise_mg = level_noise_mg(delivery.weighing.noise, half_life_s, CURVE_S)
        noise_percent = 100.0 * noise_mg * delivery.weighing.conversion.ul_per_mg / one.mean_ul
        equal = of_equal_pulses_percent(half_life_s, interval_s) if math.isfinite(interval_s) else 0.0
        found.append(PkCv(one, noise_percent, equal))
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
    seen = each.found.cv_percent
    without = math.sqrt(max(0.0, seen**2 - each.noise_percent**2))
    # Levels that are a mean life apart are as good as independent.
    independent = max(1.0, each.found.seen_s * math.log(2.0) / each.found.half_life_s)
    lines = [
        bounded("swing that weighing adds", seen - without, "%", source="noise of the blanks, in quadrature"),
        component("noise of the level", each.noise_percent, "%", 1.0 / math.sqrt(independent), source="noise by √n"),
    ]
    note = (
        f"half-life {each.minutes:g} min, over {each.found.seen_s / 3600.0:.3g} h after {DISCARDED_HALF_LIVES:g}"
        f" half-lives; equal pulses alone give {each.equal_pulses_percent:.2g} %"
    )
    return measurement(name, spec.title, seen, spec.unit, lines, note=note)


def continuity_table(found: Sequence[PkCv]) -> Table:
    """Return every half-life with its coefficient, what equal pulses alone give, and noise."""
    return Table(
        name="continuity",
        title="Flow continuity: PK-CV against half-life",
        columns=["half-life / min", "PK-CV / %", "equal pulses / %", "noise of the balance / %", "seen over / h"],
        rows=[
            [
                f"{each.minutes:g}",
                f"{each.found.cv_percent:.2f}",
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
        series("measured", x, [each.found.cv_percent for each in found], role="flow"),
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
