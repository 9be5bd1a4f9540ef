"""Every pulse of a basal delivery: its volume and interval, and those that did not come or came twice."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from bench.metrology.budget import component, measurement, undetermined
from bench.metrology.noise import Floats
from bench.metrology.pulse_train import DOUBLED, LOWEST, Disturbance, FoundPulse, PulseTrain
from bench.metrology.pulses import find_pulses
from bench.procedures.basal.delivery import HOUR_S, Delivery
from bench.procedures.base import MeasurementSpec
from bench.procedures.shared.weighing import within
from bench.results.model import Component, Measurement, Pulse, Table

COUNTED = {"missed_pulses": "missed", "doubled_pulses": "doubled", "extra_pulses": "extra"}
NAMES = ("mean_pulse_volume", "pulse_volume_sd", "mean_pulse_interval", *COUNTED)
_MOST_LISTED = 40
_MOST_TOLD = 3


def pulses_of(delivery: Delivery, increment_ul: float) -> PulseTrain:
    """Find the pulses; a train without any, and why, where the pump has none or they cannot be told apart."""
    if not math.isfinite(increment_ul):
        return PulseTrain(unresolved="the plan gives the pump no basal increment, or its delivery is continuous")
    weighing = delivery.weighing
    time_s, mass_mg = within(weighing.time_s, weighing.mass_mg, (delivery.first_s, delivery.last_s))
    return find_pulses(
        time_s,
        mass_mg,
        weighing.noise,
        increment_ul / weighing.conversion.ul_per_mg,
        increment_ul / delivery.rate_ul_per_h * HOUR_S,
        (delivery.began_s, delivery.ended_s),
        weighing.loss_mg_per_s,
    )


def result_pulses(train: PulseTrain, ul_per_mg: float) -> list[Pulse]:
    """Return the pulses as results hold them."""
    return [
        Pulse(
            time_s=round(pulse.time_s, 2),
            volume_ul=pulse.mass_mg * ul_per_mg,
            standard_uncertainty_ul=pulse.standard_uncertainty_mg * ul_per_mg,
            kind=pulse.kind,
        )
        for pulse in train.pulses
    ]


def measure_pulses(
    delivery: Delivery, train: PulseTrain, catalogue: Mapping[str, MeasurementSpec]
) -> list[Measurement]:
    """Return mean, scatter and interval of the pulses, and how many were missed, doubled and extra."""
    delivered = train.of("expected", "split", "doubled", "extra")
    made = {}
    why = train.unresolved or "too few pulses came"
    if len(delivered) >= 2:
        made["mean_pulse_volume"] = _mean(delivery, delivered, catalogue["mean_pulse_volume"])
        made["pulse_volume_sd"] = _scatter(delivered, catalogue["pulse_volume_sd"])
        made["mean_pulse_interval"] = _interval(train, catalogue["mean_pulse_interval"])
    for name, kind in COUNTED.items():
        if not train.unresolved:
            number = float(sum(pulse.kind == kind for pulse in train.pulses))
            lines = [_misjudged(train)]
            made[name] = measurement(name, catalogue[name].title, number, catalogue[name].unit, lines)
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


def _scatter(delivered: list[FoundPulse], spec: MeasurementSpec) -> Measurement:
    masses = np.array([pulse.mass_mg for pulse in delivered])
    own = float(np.sqrt(np.mean([pulse.standard_uncertainty_mg**2 for pulse in delivered])))
    scatter, mean = float(np.std(masses, ddof=1)), float(np.mean(masses))
    without = math.sqrt(max(0.0, scatter**2 - own**2))
    percent = 100.0 / mean
    lines = [
        component(
            "so many pulses",
            scatter / math.sqrt(2.0 * (len(masses) - 1)),
            "mg",
            percent,
            source=f"{len(masses)} pulses",
        ),
        component("noise of weighing, once in it", scatter - without, "mg", percent, source="noise of the blanks"),
    ]
    note = f"weighing itself scatters by {own * percent:.2g} %; without it {without * percent:.3g} % would be left"
    return measurement("pulse_volume_sd", spec.title, scatter * percent, spec.unit, lines, note=note)


def _interval(train: PulseTrain, spec: MeasurementSpec) -> Measurement:
    on_schedule = train.of("expected", "split", "doubled", "missed")
    slots = max(1, len(on_schedule) - 1)
    lines = [
        component("instants of first and last", math.sqrt(2.0) / slots, "s", source="lag and noise of the balance")
    ]
    return measurement("mean_pulse_interval", spec.title, train.interval_s, spec.unit, lines)


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


def train_findings(train: PulseTrain, delivery: Delivery, increment_ul: float) -> tuple[list[str], list[str]]:
    """Return `(notes, doubts)` about pulses that cannot be told, other pulses than the plan says, and disturbances.

    A bump goes as it came, and no level holds it: it is noted. What stays or takes long is in the volumes: it is
    doubted.
    """
    notes, doubts = [], []
    if train.unresolved and math.isfinite(increment_ul):
        notes.append(f"Single pulses cannot be told: {train.unresolved}.")
    increment_mg = increment_ul / delivery.weighing.conversion.ul_per_mg
    if train.pulses and abs(train.pulse_mg / increment_mg - 1.0) > 0.25:
        notes.append(
            f"The pump meters {train.pulse_mg / increment_mg:.2g} basal increments every {train.interval_s:.0f} s,"
            " unlike what the plan says of it."
        )
    in_doubt = [pulse for pulse in train.pulses if pulse.doubt]
    if in_doubt:
        notes.append(f"{_listed(in_doubt, delivery, 'extra pulse')}: {in_doubt[0].doubt}.")
    passed = [each for each in train.disturbances if each.kind == "bump"]
    lasting = [each for each in train.disturbances if each.kind != "bump"]
    if passed:
        notes.append(f"Something touched the balance and let go: {_listed(passed, delivery)}.")
    if lasting:
        doubts.append(f"The balance was disturbed, by what no pulse is: {_listed(lasting, delivery)}.")
    return notes, doubts


def _listed(found: Sequence[FoundPulse | Disturbance], delivery: Delivery, name: str = "") -> str:
    """Return the first few with size and instant: `jump of +3.00 mg at minute 12.3`."""
    words = []
    for each in found[:_MOST_TOLD]:
        kind, size = (each.kind, each.step_mg) if isinstance(each, Disturbance) else (name, each.mass_mg)
        words.append(f"{kind} of {size:+.2f} mg at minute {(each.time_s - delivery.first_s) / 60.0:.1f}")
    return ", ".join(words) + (f" and {len(found) - _MOST_TOLD} more" if len(found) > _MOST_TOLD else "")


def disturbances_table(train: PulseTrain, delivery: Delivery) -> Table:
    """Return what disturbed the balance: when, what, how much and for how long."""
    rows = [
        [
            f"{(each.time_s - delivery.began_s) / 60.0:.2f}",
            each.kind,
            f"{each.step_mg:+.3f}",
            f"{each.lasted_s:.3g}" if each.lasted_s else "stays",
        ]
        for each in train.disturbances[:_MOST_LISTED]
    ]
    more = f" The first {_MOST_LISTED} of {len(train.disturbances)}." if len(train.disturbances) > _MOST_LISTED else ""
    return Table(
        name="disturbances",
        title="What disturbed the balance and is no pulse",
        columns=["minutes after the command", "kind", "size / mg", "lasted / s"],
        rows=rows,
        note="A bump goes there and back; a jump stays; a swing takes tens of seconds, a drift minutes. None is counted"
        f" as a pulse.{more}",
    )


def odd_pulses_table(train: PulseTrain, delivery: Delivery) -> Table:
    """Return the pulses that were missed, doubled or extra, with their instants."""
    factor = delivery.weighing.conversion.ul_per_mg / delivery.ul_per_u
    odd = train.of("missed", "split", "doubled", "extra")
    rows = [
        [
            f"{(pulse.time_s - delivery.began_s) / 60.0:.2f}",
            pulse.kind,
            f"{pulse.mass_mg * factor:+.4f} ± {2.0 * pulse.standard_uncertainty_mg * factor:.4f}",
        ]
        for pulse in odd[:_MOST_LISTED]
    ]
    more = f" The first {_MOST_LISTED} of {len(odd)}." if len(odd) > _MOST_LISTED else ""
    return Table(
        name="odd_pulses",
        title="Pulses that were missed, doubled, split or out of turn",
        columns=["minutes after the command", "kind", "volume / U"],
        rows=rows,
        note=f"± is the expanded uncertainty (k = 2) by noise.{more}",
    )


def pulse_errors_percent(train: PulseTrain, delivery: Delivery, increment_ul: float) -> tuple[Floats, Floats]:
    """Return hours after the command and deviation from the increment, in percent, of every slot and pulse."""
    factor = 100.0 * delivery.weighing.conversion.ul_per_mg / increment_ul
    hours = [(pulse.time_s - delivery.began_s) / HOUR_S for pulse in train.pulses]
    return np.array(hours), np.array([pulse.mass_mg * factor - 100.0 for pulse in train.pulses])
