"""What the pulses of a basal delivery come to: mean, scatter and interval, and how many were none, doubled or extra."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from bench.metrology.budget import bounded, component, measurement, undetermined
from bench.metrology.pulse_train import DOUBLED, LOWEST, FoundPulse, PulseTrain
from bench.procedures.basal.delivery import Delivery
from bench.procedures.basal.pulses import load_uncertainty_mg
from bench.procedures.base import MeasurementSpec
from bench.procedures.shared.stated import stated
from bench.results.model import Component, Measurement

COUNTED = {"missed_pulses": "missed", "doubled_pulses": "doubled", "extra_pulses": "extra"}
NAMES = ("mean_pulse_volume", "pulse_volume_sd", "mean_pulse_interval", *COUNTED)


def measure_pulses(
    delivery: Delivery, train: PulseTrain, catalogue: Mapping[str, MeasurementSpec]
) -> list[Measurement]:
    """Return mean, scatter and interval of the pulses, and how many were missed, doubled and extra."""
    delivered = train.of("expected", "split", "doubled", "extra")
    made = {}
    why = train.unresolved or "too few pulses came"
    if len(delivered) >= 2:
        made["mean_pulse_volume"] = _mean(delivery, delivered, catalogue["mean_pulse_volume"])
        load_mg = load_uncertainty_mg(delivery.weighing.balance)
        made["pulse_volume_sd"] = _scatter(delivered, load_mg, catalogue["pulse_volume_sd"])
        made["mean_pulse_interval"] = _interval(train, delivered, catalogue["mean_pulse_interval"])
    for name, kind in COUNTED.items():
        if not train.unresolved:
            number = float(sum(pulse.kind == kind for pulse in train.pulses))
            lines = [_misjudged(train)]
            made[name] = stated(catalogue, name, number, lines)
    return [made.get(name) or undetermined(name, catalogue[name].title, catalogue[name].unit, why) for name in NAMES]


def _mean(delivery: Delivery, delivered: list[FoundPulse], spec: MeasurementSpec) -> Measurement:
    """Return what was delivered in all by the number of pulses: neighbours share a level, so that their sum is that of
    the first and the last, and what came with a tail too slow for a single pulse is in it."""
    number = len(delivered)
    first, last = delivery.first_window, delivery.last_window
    total_ul = delivery.volume_between_ul(first, last)
    if not math.isfinite(total_ul):
        why = "the balance gave no readings before the first pulse or after the last"
        return undetermined("mean_pulse_volume", spec.title, spec.unit, why)
    per_ul = 1.0 / (number * delivery.ul_per_u)
    lines = delivery.components(total_ul, per_ul, first, last)
    return measurement(
        "mean_pulse_volume", spec.title, total_ul * per_ul, spec.unit, lines, note=f"all that came by {number} pulses"
    )


def _scatter(delivered: list[FoundPulse], load_mg: float, spec: MeasurementSpec) -> Measurement:
    """Return the scatter of the pulses that came, what weighing adds to it taken out.

    Noise of `w` scatters the masses by itself and by chance products with the pulses' own deviations, so that the
    variance s² − w² has a standard uncertainty of √((4 s² w² + 3 w⁴)/(n − 1)); the 3 instead of 2 is for neighbours,
    which share a level and are correlated by −1/2. Errors over the balance's load may be another for every pulse and
    then scatter, too, or the same for all: half of their variance is taken out, and the other half left open.
    """
    masses = np.array([pulse.mass_mg for pulse in delivered])
    noise_mg = float(np.sqrt(np.mean([pulse.standard_uncertainty_mg**2 for pulse in delivered])))
    seen, mean = float(np.std(masses, ddof=1)), float(np.mean(masses))
    weighing = math.hypot(noise_mg, load_mg)
    own = math.sqrt(max(0.0, seen**2 - noise_mg**2 - 0.5 * load_mg**2))
    chance = math.sqrt((4.0 * own**2 * weighing**2 + 3.0 * weighing**4) / (len(masses) - 1))
    # Of a scatter that noise hides, the square is known and the root hardly.
    slope = 1.0 / (2.0 * max(own, math.sqrt(0.5 * chance))) if chance > 0.0 else 0.0
    percent = 100.0 / mean
    source = f"{len(masses)} pulses, noise of the blanks"
    lines = [
        component("noise of weighing, by chance", chance, "mg²", slope * percent, source=source),
        bounded(
            "errors over the balance's load", 0.5 * load_mg**2, "mg²", slope * percent, source="certificate, linearity"
        ),
    ]
    note = f"{seen * percent:.3g} % were seen; noise of weighing, {noise_mg * percent:.2g} %, is taken out"
    if load_mg > 0.0:
        note += f", and half the variance of errors over the load, {load_mg * percent:.2g} %"
    return measurement("pulse_volume_sd", spec.title, own * percent, spec.unit, lines, note=note)


def _interval(train: PulseTrain, delivered: list[FoundPulse], spec: MeasurementSpec) -> Measurement:
    """Return the time from the first to the last pulse that came on schedule, by the intervals between them."""
    on_schedule = [pulse for pulse in delivered if pulse.kind != "extra"]
    if len(on_schedule) < 2:
        return undetermined("mean_pulse_interval", spec.title, spec.unit, "fewer than two pulses came on schedule")
    first, last = on_schedule[0], on_schedule[-1]
    intervals = max(1, round((last.time_s - first.time_s) / train.interval_s))
    lines = [
        component(f"onset of the {which} pulse", _spread_s(pulse), "s", sign / intervals, source="fit to the readings")
        for which, pulse, sign in (("first", first, -1.0), ("last", last, 1.0))
    ]
    return measurement("mean_pulse_interval", spec.title, (last.time_s - first.time_s) / intervals, spec.unit, lines)


def _spread_s(pulse: FoundPulse) -> float:
    """Return the standard uncertainty of a pulse's instant; a second where none was fitted."""
    fitted = pulse.time_standard_uncertainty_s
    return fitted if math.isfinite(fitted) else 1.0


def _misjudged(train: PulseTrain) -> Component:
    """Return how many pulses may have been taken for another kind: each by its distance from the nearest bound."""
    variance = 0.0
    for pulse in train.pulses:
        bounds = (LOWEST * train.pulse_mg, DOUBLED * train.pulse_mg)
        distance = min(abs(pulse.mass_mg - bound) for bound in bounds) / max(pulse.standard_uncertainty_mg, 1e-9)
        wrong = 0.5 * math.erfc(distance / math.sqrt(2.0))
        # What will not happen in a lifetime is no uncertainty.
        variance += wrong * (1.0 - wrong) if wrong > 1e-9 else 0.0
    return component("pulses near a bound", math.sqrt(variance), "", source="each pulse's own noise")
