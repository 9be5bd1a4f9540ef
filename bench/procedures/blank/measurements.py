"""What a blank comes to: its rate and how steady that is, noise, pulses, disturbances and temperature."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench.metrology.allan import allan_deviation
from bench.metrology.budget import bounded, component, kept_possible, measurement, undetermined
from bench.metrology.loss_slope import Slope
from bench.metrology.noise import Levels, Window
from bench.metrology.noise_covariance import FilteredNoise
from bench.metrology.vessel_buoyancy import correction_uncertainty_mg
from bench.procedures.base import MeasurementSpec
from bench.procedures.blank.detection import pulse_uncertainty_mg
from bench.procedures.blank.stretch import SECONDS_PER_HOUR, Stretch
from bench.procedures.shared.weighing import (
    ASSUMED_VESSEL_ML,
    UNMEASURED_AIR_CHANGE_KG_PER_M3,
    balance_components,
)
from bench.recording.reader import TestRecord
from bench.results.model import Component, Measurement

Catalogue = Mapping[str, MeasurementSpec]

NOISE_S = 10.0
_BOUND_REACHED = 0.1
"""By how much of itself a weighed pulse is less sure than its bound, at most."""


@dataclass(frozen=True, slots=True)
class Losses:
    """The slope of the whole blank and of its two halves."""

    whole: Slope
    first: Slope
    second: Slope

    @property
    def mg_per_h(self) -> float:
        """What is lost."""
        return -self.whole.mg_per_h

    @property
    def change_mg_per_h(self) -> float:
        """By how much more is lost in the second half than in the first."""
        return self.first.mg_per_h - self.second.mg_per_h


def losses_of(stretch: Stretch) -> Losses | None:
    """Return the slopes; None where a half holds too little."""
    windows = [stretch.window, *stretch.parts(2)]
    whole, first, second = (stretch.slope(window) for window in windows)
    return None if whole is None or first is None or second is None else Losses(whole, first, second)


def measure_losses(stretch: Stretch, losses: Losses | None, catalogue: Catalogue) -> list[Measurement]:
    """Return evaporation with drift, and by how much it changed."""
    names = ("evaporation_rate", "rate_stability")
    if losses is None:
        why = "the balance was disturbed too often, or the blank is too short"
        return [undetermined(name, catalogue[name].title, catalogue[name].unit, why) for name in names]
    whole, first, second = losses.whole, losses.first, losses.second
    both = _difference(first, second)
    noise_of_change = stretch.weighing.noise.of(both).standard_uncertainty if both is not None else 0.0
    degrees = min(first.degrees_of_freedom, second.degrees_of_freedom)
    rate = [_noise_line(whole.standard_uncertainty, whole.degrees_of_freedom), *_buoyancy(stretch, whole.levels, 1.0)]
    change = [_noise_line(noise_of_change, degrees), *_buoyancy(stretch, both, 0.5)]
    steady = f"over {stretch.hours:.3g} h; evaporation and a drift of the balance cannot be told apart, and need not"
    return [
        measurement(names[0], catalogue[names[0]].title, losses.mg_per_h, catalogue[names[0]].unit, rate, note=steady),
        measurement(
            names[1],
            catalogue[names[1]].title,
            losses.change_mg_per_h,
            catalogue[names[1]].unit,
            change,
            note=f"first half {-first.mg_per_h:.3g} mg/h, second half {-second.mg_per_h:.3g} mg/h",
        ),
    ]


def _noise_line(standard_mg_per_h: float, degrees: float) -> Component:
    source = "noise of this blank, walk and flicker included"
    return component("noise of the slope", standard_mg_per_h, "mg/h", degrees_of_freedom=degrees, source=source)


def _difference(first: Slope, second: Slope) -> Levels | None:
    """Return the levels that the loss of the second half less that of the first is made of."""
    if first.levels is None or second.levels is None:
        return None
    parts = [(first.levels, 1.0), (second.levels, -1.0)]
    return Levels(
        np.concatenate([each.begin_s for each, _ in parts]),
        np.concatenate([each.end_s for each, _ in parts]),
        np.concatenate([sign * each.weights for each, sign in parts]),
    )


def _buoyancy(stretch: Stretch, levels: Levels | None, share: float) -> list[Component]:
    """Return what changing air leaves open in a slope over a share of the blank, in mg/h."""
    weighing, hours = stretch.weighing, share * stretch.hours
    name, air, displaced = "air buoyancy of the vessel", weighing.conversion.air, weighing.displaced_ml
    if air is None or levels is None:
        volume_ml = displaced.nominal if displaced else ASSUMED_VESSEL_ML
        half = 0.5 * UNMEASURED_AIR_CHANGE_KG_PER_M3 * volume_ml * math.sqrt(min(1.0, hours / 24.0)) / hours
        return [bounded(name, half, "mg/h", source="air not measured")]
    per_h = levels.sum_of(air.at)
    if displaced is None or not weighing.vessel_corrected:
        volume_ml = displaced.nominal if displaced else ASSUMED_VESSEL_ML
        source = f"not corrected: {volume_ml:g} mL displaced, as the air was"
        return [component(name, volume_ml * abs(per_h), "mg/h", source=source)]
    change = per_h * hours
    standard_mg = correction_uncertainty_mg(change, displaced.nominal, displaced.half_width, hours * SECONDS_PER_HOUR)
    source = f"{displaced} displaced, rig file, and the climate sensor"
    return [component(name, standard_mg / hours, "mg/h", source=source, estimate=displaced.nominal * per_h)]


def measure_noise(stretch: Stretch, catalogue: Catalogue) -> Measurement:
    """Return the Allan deviation of means over ten seconds."""
    name, spec = "noise_10s", catalogue["noise_10s"]
    point = allan_deviation(stretch.still_readings, NOISE_S)
    if point is None:
        return undetermined(name, spec.title, spec.unit, "no still stretch holds two means over ten seconds")
    source = f"{point.degrees_of_freedom:.0f} independent differences"
    lines = [component("chance", point.standard_uncertainty, "mg", source=source)]
    note = "of means side by side, the line taken off, steps left out"
    return measurement(name, spec.title, point.deviation, spec.unit, lines, note=note)


def measure_pulse(
    stretch: Stretch, noise: FilteredNoise, pulse_ul: float | None, rate_ul_per_h: float, catalogue: Catalogue
) -> Measurement:
    """Return the expanded uncertainty (k = 2) of a single pulse as this balance would weigh it now."""
    name, spec = "pulse_uncertainty", catalogue["pulse_uncertainty"]
    if pulse_ul is None:
        return undetermined(name, spec.title, spec.unit, "the plan gives the pump no `basal_increment`")
    weighing, interval_s = stretch.weighing, pulse_ul / rate_ul_per_h * SECONDS_PER_HOUR
    pulse_mg = pulse_ul / weighing.conversion.ul_per_mg
    noise_mg, own_mg = pulse_uncertainty_mg(noise, pulse_mg, interval_s)
    load_mg = math.hypot(*(line.contribution for line in balance_components(weighing.balance, 1.0) if _by_load(line)))
    total_mg = math.hypot(noise_mg, load_mg)
    per_mg = 200.0 / pulse_mg
    slope = per_mg * noise_mg / total_mg if total_mg > 0.0 else per_mg
    lines = [
        component("how well the noise is known", own_mg, "mg", slope, source="fit of white noise, flicker and walk"),
        bounded("what weighing adds to the bound", _BOUND_REACHED * noise_mg, "mg", slope, source="docs/pulses.md"),
    ]
    note = (
        f"a pulse of {pulse_mg:.3g} mg every {interval_s:.3g} s: {noise_mg:.2g} mg by noise, {load_mg:.2g} mg by"
        " certificate and linearity (k = 1)"
    )
    return measurement(name, spec.title, per_mg * total_mg, spec.unit, lines, note=note)


def _by_load(line: Component) -> bool:
    return line.name in ("calibration", "linearity")


def measure_disturbances(stretch: Stretch, catalogue: Catalogue) -> Measurement:
    """Return disturbances per hour, with what their number leaves open by chance.

    That of a Poisson process after n of them in T: √(n + ½)/T (Jeffreys' prior). So none in one hour does not show
    less than one per hour.
    """
    name, spec, found = "disturbances_per_hour", catalogue["disturbances_per_hour"], len(stretch.disturbances)
    chance = math.sqrt(found + 0.5) / stretch.hours
    lines = [component("chance", chance, "", source=f"{found} in {stretch.hours:.3g} h, Poisson")]
    note = f"{found} in {stretch.hours:.3g} h"
    return kept_possible(
        measurement(name, spec.title, found / stretch.hours, spec.unit, lines, note=note), spec.natural
    )


def measure_temperature(record: TestRecord, window: Window, catalogue: Catalogue) -> Measurement:
    """Return the range of the air's temperature over the blank; a sensor's constant error is not in it."""
    name, spec = "temperature_range", catalogue["temperature_range"]
    series = record.series("climate.temperature_c")
    inside = (series.time_s >= window[0]) & (series.time_s <= window[1]) & np.isfinite(series.value)
    warmth = series.value[inside]
    if series.declared or len(warmth) < 2:
        why = "the rig file declares the air" if series.declared else "no climate sensor gave two readings"
        return undetermined(name, spec.title, spec.unit, why)
    moves = np.abs(np.diff(warmth))
    steps = moves[moves > 1e-9]
    step_k = float(np.min(steps, initial=0.1))
    lines = [
        # Half a step at each end: the sum of two rectangles.
        bounded("steps of the sensor, at both ends", step_k, "K", distribution="triangular", source="readings"),
        bounded("between two readings", 0.5 * float(np.max(moves)), "K", source="readings"),
    ]
    note = f"{float(np.min(warmth)):.2f} °C to {float(np.max(warmth)):.2f} °C, {len(warmth)} readings"
    return measurement(name, spec.title, float(np.ptp(warmth)), spec.unit, lines, note=note)
