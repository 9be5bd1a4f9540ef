"""The pump's clock by its doses: where it makes rates by the interval between them, a fast clock delivers too much."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from bench.metrology.budget import component, undetermined
from bench.procedures.base import MeasurementSpec
from bench.procedures.shared.doses import SEPARATE_S, U_DOSE_S
from bench.procedures.shared.dosing import Dosing
from bench.procedures.shared.stated import stated
from bench.procedures.shared.times import HOUR_S
from bench.results.model import Measurement

_NOMINAL_SHARE = 0.25
_NEAR_INTERVAL = 0.1
_FEWEST_INTERVALS = 5


def metered_by_interval(dosing: Dosing) -> bool:
    """Tell whether the pump makes rates by the interval of doses of its increment."""
    if dosing.unresolved or len(dosing.doses.time_s) < _FEWEST_INTERVALS:
        return False
    due_ul = counted = 0.0
    for begin_s, end_s in dosing.basal_alone(dosing.began_s, dosing.ended_s):
        due_ul += dosing.programme.basal_ul(begin_s, end_s)
        counted += len(dosing.doses_within(begin_s, end_s))
    return due_ul > 0.0 and abs(counted * dosing.increment_ul / due_ul - 1.0) < _NOMINAL_SHARE


def measure_clock(dosing: Dosing, catalogue: Mapping[str, MeasurementSpec]) -> Measurement:
    """Return by how much the pump's clock is fast, from the intervals between its doses."""
    spec = catalogue["clock_error"]
    told_s = found_s = 0.0
    runs = intervals = 0
    if metered_by_interval(dosing):
        for stretch in dosing.programme.stretches:
            if stretch.rate_ul_per_h <= 0.0:
                continue
            interval_s = dosing.increment_ul / stretch.rate_ul_per_h * HOUR_S
            if interval_s < SEPARATE_S:
                continue
            for window in dosing.basal_alone(stretch.begin_s, stretch.end_s):
                gaps_s = np.diff(dosing.doses_within(*window))
                near = gaps_s[np.abs(gaps_s / interval_s - 1.0) < _NEAR_INTERVAL]
                if len(near):
                    told_s, found_s = told_s + interval_s * len(near), found_s + float(near.sum())
                    runs, intervals = runs + 1, intervals + len(near)
    if intervals < _FEWEST_INTERVALS:
        why = dosing.unresolved or "too few doses follow each other at the interval of a rate"
        return undetermined("clock_error", spec.title, spec.unit, why)
    lines = [
        component(
            "instants of doses",
            U_DOSE_S * math.sqrt(2.0 * runs),
            "s",
            100.0 / found_s,
            source=f"{intervals} intervals in {runs} rows",
        )
    ]
    return stated(catalogue, "clock_error", 100.0 * (told_s / found_s - 1.0), lines, f"{intervals} intervals of doses")
