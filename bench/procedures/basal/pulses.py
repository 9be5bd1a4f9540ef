"""Every pulse of a basal delivery: its volume and instant, those that did not come or came twice, and disturbances."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.metrology.budget import combined
from bench.metrology.delivery_span import mean_interval_s, pulse_instants
from bench.metrology.noise import Floats
from bench.metrology.noise_covariance import FilteredNoise
from bench.metrology.noise_fit import between_pulses
from bench.metrology.pulse_train import Disturbance, FoundPulse, PulseTrain
from bench.metrology.pulses import find_pulses
from bench.metrology.readings import within
from bench.procedures.basal.delivery import Delivery
from bench.procedures.shared.times import HOUR_S
from bench.procedures.shared.weighing import AT_LOADS, Weighing, balance_components
from bench.results.model import Pulse, Table
from bench.rig.instruments import BalanceSpec

_MOST_LISTED = 40
_MOST_TOLD = 3
_SHARP_S = 0.05
_LEAST_CREEP = 0.005


def pulses_of(delivery: Delivery, increment_ul: float) -> PulseTrain:
    """Find the pulses; a train without any, and why, where the pump has none or they cannot be told apart."""
    if not math.isfinite(increment_ul):
        return PulseTrain(unresolved="the plan gives the pump no basal increment, or its delivery is continuous")
    weighing = delivery.weighing
    time_s, mass_mg = within(weighing.time_s, weighing.mass_mg, (delivery.first_s, delivery.last_s))

    def found(noise: FilteredNoise) -> PulseTrain:
        return find_pulses(
            time_s,
            mass_mg,
            weighing.noise,
            increment_ul / weighing.conversion.ul_per_mg,
            increment_ul / delivery.rate_ul_per_h * HOUR_S,
            (delivery.began_s, delivery.ended_s),
            weighing.loss_mg_per_s,
            weighing_noise=noise,
        )

    train = found(weighing.filtered_noise())
    stretches = between_pulses(time_s, mass_mg, _when_something_came(train))
    return found(weighing.filtered_noise(stretches)) if stretches else train


def _when_something_came(train: PulseTrain) -> Floats:
    """Return when the balance stepped; what swings or drifts slowly is noise of the balance."""
    pulses = [pulse.time_s for pulse in train.pulses if pulse.kind != "missed"]
    sharp = [each for each in train.disturbances if each.kind in ("jump", "bump")]
    steps = [at_s for each in sharp for at_s in (each.time_s, each.time_s + each.lasted_s)]
    return np.unique(np.array([*pulses, *steps], dtype=np.float64))


def found_increment(delivery: Delivery) -> tuple[float, str]:
    """Return the dose that the rate makes of the interval between the pulses that show, and what to say of it; NaN
    where none show."""
    weighing = delivery.weighing
    instants_s = pulse_instants(*within(weighing.time_s, weighing.mass_mg, (delivery.began_s, delivery.settled_s)))
    asked = "(--basal-increment, or `basal_increment` of a plan, says what they are)"
    if instants_s is None:
        return math.nan, f"Nothing says what the pump meters a basal rate in, and no separate pulses show {asked}."
    interval_s = mean_interval_s(instants_s)
    increment_ul = delivery.rate_ul_per_h * interval_s / HOUR_S
    return increment_ul, (
        f"Nothing says what the pump meters a basal rate in. Pulses show every {interval_s:.4g} s and are taken for"
        f" doses of {increment_ul / delivery.ul_per_u:.4g} U, as the rate makes them {asked}."
    )


def load_uncertainty_mg(balance: BalanceSpec | None) -> float:
    """Return what certificate and linearity leave open in one pulse: it lies between two loads as any volume does."""
    return combined([line for line in balance_components(balance, 1.0) if line.name in AT_LOADS])


def result_pulses(train: PulseTrain, weighing: Weighing) -> list[Pulse]:
    """Return the pulses as results hold them, each with its whole uncertainty: noise, balance and conversion."""
    factor, load_mg = weighing.conversion.ul_per_mg, load_uncertainty_mg(weighing.balance)
    relative = combined(weighing.conversion.components(1.0))
    late_s = combined(weighing.lateness(1.0))
    return [
        Pulse(
            time_s=round(pulse.time_s, 3),
            time_standard_uncertainty_s=_known(math.hypot(pulse.time_standard_uncertainty_s, late_s)),
            volume_ul=pulse.mass_mg * factor,
            standard_uncertainty_ul=factor
            * math.hypot(pulse.standard_uncertainty_mg, load_mg, relative * pulse.mass_mg),
            kind=pulse.kind,
        )
        for pulse in train.pulses
    ]


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


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
    notes += _weighed_notes(train, delivery)
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


def _weighed_notes(train: PulseTrain, delivery: Delivery) -> list[str]:
    """Return how the pulses were weighed, and which of them the cross-check contradicts."""
    if train.fit is None:
        return []
    response = train.fit.response
    shape = f"lag of {response.lag_s:.2g} s" if response.width_s >= _SHARP_S else f"no lag beyond {_SHARP_S} s"
    if response.average_s > 0.05:
        shape += f" behind a moving average of {response.average_s:.2g} s"
    if response.tail_share >= _LEAST_CREEP:
        shape += f", {100.0 * response.tail_share:.2g} % creeping with {response.tail_s:.2g} s"
    notes = [
        "Single pulses are weighed by generalised least squares with the step response of balance and line:"
        f" {shape} ({response.source})."
    ]
    contradicted = [pulse for pulse in train.pulses if pulse.disagrees]
    if contradicted:
        notes.append(
            f"{len(contradicted)} of {len(train.pulses)} pulses differ from their cross-check (lines beside a guard"
            f" interval) by more than noise explains: {_listed(contradicted, delivery, 'pulse')}."
        )
    return notes


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
