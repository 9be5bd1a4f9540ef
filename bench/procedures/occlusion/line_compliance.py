"""How soft the shut line is: by pressure against what the pump pushed, and by pressure against what came back."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from bench.metrology.budget import component, expanded, measurement, scaled, undetermined
from bench.metrology.compliance import FEWEST_BLOCKS, LineCompliance, line_compliance
from bench.metrology.cumulative import Floats
from bench.metrology.decimate import series
from bench.metrology.noise import Window
from bench.procedures.base import MeasurementSpec
from bench.procedures.occlusion.facts import OcclusionFacts
from bench.procedures.occlusion.metering import Metering, metering
from bench.procedures.occlusion.readings import LEVEL_S, OcclusionReadings, Volume
from bench.results.model import Component, Figure, Measurement, Rule

SHORTEST_REST_S = 1.0
"""The pressure at the opening is a mean over so long at least."""
_BLOCKS = 20
_SHORTEST_BLOCK_S = 5.0
_CALIBRATION = "calibration of the pressure"
_NOISE_TIMES = 20.0
"""A rise of the pressure by fewer standard deviations of its noise tells nothing of the line."""


@dataclass(frozen=True, slots=True)
class Rise:
    """Pressure against volume pushed into the shut line, as means over blocks, and the line's compliance."""

    volume_ul: Floats
    pressure_kpa: Floats
    found: LineCompliance
    pushed: Metering


def rise_of(seen: OcclusionReadings, arrived_ul: float) -> Rise | str:
    """Return the rise of the pressure from the shut line to the end of the wait; a word why where there is none.

    The pump pushed what it was told to, as far as the open line before confirms that (`metering`). What arrived in
    spite of the shut line is taken off, evenly.
    """
    facts = seen.facts
    if facts.origin is None or facts.ended_s is None or seen.zero is None:
        return "the line was never shut, or the pressure sensor's zero is not known"
    duration_s = facts.ended_s - seen.begin_s
    due_ul = facts.flow.due_ul(duration_s)
    if due_ul <= 0.0:
        return "nothing was commanded into the shut line"
    block_s = _block_s(seen, duration_s)
    number = int(duration_s / block_s)
    if number < FEWEST_BLOCKS:
        return f"the line was shut for {number} dose cycles only"
    edges_s = facts.ended_s - block_s * np.arange(number, -1, -1.0)
    means_kpa = np.array([_mean(seen, (float(a), float(b))) for a, b in itertools.pairwise(edges_s)])
    known = np.isfinite(means_kpa)
    middles_s = 0.5 * (edges_s[:-1] + edges_s[1:])[known]
    commanded_ul = np.array([facts.flow.due_ul(float(at_s) - seen.begin_s) for at_s in middles_s])
    told = line_compliance(commanded_ul, means_kpa[known])
    if told is None or told.rise_kpa < _NOISE_TIMES * seen.zero.noise_of_a_second:
        return "the pressure hardly rose"
    pushed = metering(seen, due_ul, told.relative_uncertainty)
    volume_ul = (pushed.ratio - arrived_ul / due_ul) * commanded_ul
    found = line_compliance(volume_ul, means_kpa[known])
    return "all of it came through the shut line" if found is None else Rise(volume_ul, means_kpa[known], found, pushed)


def _block_s(seen: OcclusionReadings, duration_s: float) -> float:
    """Return the length of a block: whole dose cycles of a basal rate, so that none has a dose more than another."""
    wanted_s = max(_SHORTEST_BLOCK_S, duration_s / _BLOCKS)
    rate = seen.facts.flow.rate_ul_per_h
    if rate is None or not math.isfinite(seen.increment_ul):
        return wanted_s
    cycle_s = 3600.0 * seen.increment_ul / rate
    return cycle_s * max(1, round(wanted_s / cycle_s))


def _mean(seen: OcclusionReadings, window: Window) -> float:
    time_s, value = seen.pressure.time_s, seen.pressure.value
    inside = value[slice(*np.searchsorted(time_s, window))]
    zero_kpa = seen.zero.value if seen.zero is not None else 0.0
    return float(inside.mean()) - zero_kpa if len(inside) and np.isfinite(inside).all() else math.nan


def measure_compliance(seen: OcclusionReadings, rise: Rise | str, spec: MeasurementSpec) -> Measurement:
    """Return the compliance by what the pump pushed, as far as that is known; what is not is in the budget."""
    if isinstance(rise, str):
        return undetermined("compliance", spec.title, spec.unit, rise)
    found = rise.found
    value, pushed_ul = found.ul_per_kpa, float(rise.volume_ul[-1])
    curved = 0.5 * abs(found.halves[1] - found.halves[0])
    lines = [
        component("scatter of doses and of pressure", found.relative_uncertainty, "1", value, source="the fit"),
        component(
            "what the pump pushed",
            rise.pushed.standard_uncertainty * pushed_ul,
            "µL",
            value / pushed_ul,
            source=rise.pushed.source,
            estimate=pushed_ul,
        ),
        _calibration(seen, found.rise_kpa, value),
    ]
    told = (
        f"over {found.rise_kpa:.3g} kPa, in {found.blocks} blocks; takes that the pump pushed"
        f" {100.0 * rise.pushed.ratio:.1f} % of what it was told to"
    )
    if math.isfinite(curved) and curved > 3.0 * math.sqrt(2.0) * found.relative_uncertainty * value:
        told += f"; not straight: {found.halves[0]:.3g} µL/kPa at first, {found.halves[1]:.3g} µL/kPa then"
    return measurement("compliance", spec.title, value, spec.unit, lines, note=told)


def measure_released_compliance(seen: OcclusionReadings, stored: Volume | None, spec: MeasurementSpec) -> Measurement:
    """Return the compliance by what the opened line gave back, as weighed, and by how far its pressure fell."""
    name, facts = "compliance_released", seen.facts
    if stored is None or facts.opened is None or seen.zero is None:
        return undetermined(name, spec.title, spec.unit, "nothing was released, or the pressure was not recorded then")
    before = _mean(seen, (_at_rest_s(facts, facts.opened.sent_s), facts.opened.sent_s))
    after = _mean(seen, (seen.end_of_release_s - LEVEL_S, seen.end_of_release_s))
    fall_kpa = before - after
    noise_kpa = seen.zero.noise_of_a_second
    if not fall_kpa > _NOISE_TIMES * noise_kpa:
        return undetermined(name, spec.title, spec.unit, "the pressure hardly fell, or was not recorded then")
    value = stored.volume_ul / fall_kpa
    lines = [
        *(scaled(line, seen.ul_per_u / fall_kpa) for line in stored.budget),
        component("noise of the pressure", math.sqrt(2.0) * noise_kpa, "kPa", -value / fall_kpa, source="the blanks"),
        _calibration(seen, fall_kpa, value),
    ]
    note = f"{stored.volume_ul:.3g} µL for {fall_kpa:.3g} kPa; assumes nothing of the pump"
    return measurement(name, spec.title, value, spec.unit, lines, note=note)


def _at_rest_s(facts: OcclusionFacts, opened_s: float) -> float:
    """Return from when on the pressure is that of the opening: not while the pump still pushed, if that can be."""
    resting_s = facts.ended_s if facts.ended_s is not None else opened_s - LEVEL_S
    return max(opened_s - LEVEL_S, min(resting_s, opened_s - SHORTEST_REST_S))


def _calibration(seen: OcclusionReadings, span_kpa: float, value: float) -> Component:
    uncertainty_kpa = seen.pressure_uncertainty_kpa
    return component(_CALIBRATION, uncertainty_kpa, "kPa", -value / span_kpa, source=seen.certificate)


def disagreement(pushed: Measurement, released: Measurement) -> str | None:
    """Return a note where both ways to the compliance differ by more than the uncertainty of their difference.

    The pressure's certificate is one error of both, of which only what their spans differ by is left.
    """
    if pushed.value is None or released.value is None:
        return None
    lines = [*pushed.budget, *(scaled(line, -1.0) for line in released.budget)]
    of_certificate = [line for line in lines if line.name == _CALIBRATION]
    left = sum(line.sensitivity for line in of_certificate)
    common = [component(_CALIBRATION, line.standard_uncertainty, line.unit, left) for line in of_certificate[:1]]
    allowed, _ = expanded([*(line for line in lines if line.name != _CALIBRATION), *common])
    if abs(pushed.value - released.value) <= allowed:
        return None
    return (
        f"The line's compliance is {pushed.value:.3g} µL/kPa by what was pushed into it and {released.value:.3g}"
        " µL/kPa by what it gave back: the pump did not push what it did through the open line, drew back, or the line"
        " leaked."
    )


def compliance_figure(rise: Rise, words: str) -> Figure:
    """Return the pressure against the commanded volume, with the straight line of the compliance."""
    volume_ul = rise.volume_ul
    slope = 1.0 / rise.found.ul_per_kpa
    line_kpa = float(rise.pressure_kpa.mean()) + slope * (volume_ul - volume_ul.mean())
    return Figure(
        name="compliance",
        title="Pressure against volume pushed into the shut line",
        x_label="pushed, less what arrived / µL",
        y_label="pressure / kPa",
        series=[
            series("means", volume_ul, rise.pressure_kpa, role="pressure", style="points"),
            series(f"{rise.found.ul_per_kpa:.3g} µL/kPa", volume_ul, line_kpa, role="nominal"),
        ],
        rules=[Rule(y=0.0, label="open line")],
        caption=f"Means over {rise.found.blocks} blocks of whole dose cycles and the straight line through them."
        + words,
    )
