"""Errors over windows that do not overlap: hours, shorter and longer ones, means of some pulses, and single pulses."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrology.budget import (
    bounded,
    combined,
    component,
    effective_degrees_of_freedom,
    kept_possible,
    measurement,
    undetermined,
)
from bench.metrology.extremes import greatest_by_noise
from bench.metrology.noise import Window
from bench.metrology.observation import cycle_boundaries
from bench.metrology.pulse_train import PulseTrain
from bench.metrology.shares import (
    BAND_PERCENTS,
    mean_size,
    mean_size_standard_uncertainty,
    share_standard_uncertainty,
    share_within,
    share_without_noise,
)
from bench.metrology.trumpet import ideal_envelope
from bench.procedures.basal.delivery import Delivery
from bench.procedures.basal.pulses import load_uncertainty_mg
from bench.procedures.base import MeasurementSpec
from bench.procedures.shared.by_hand import hand_lines
from bench.procedures.shared.levels import LAG_S
from bench.procedures.shared.times import HOUR_S
from bench.procedures.shared.weighing import OF_LEVELS
from bench.results.model import Component, Measurement, Table

BAND_PERCENT = 15.0
WINDOWS_MINUTES = (15, 30, 60, 120)
SAME_DOSE = 0.25
"""A pump whose doses follow each other so nearly as commanded meters the plan's increment, if at a poor clock."""
MARD_MINUTES = (15, 60)
PULSE_MEANS = (10, 20, 40)
SINGLE = "single pulses"
_TIMING = "timing: what came about its ends"
_OWN = OF_LEVELS | {_TIMING}
"""Budget lines of a window's own: what one lacks by the balance's lag the next one has."""
_PERCENTILES = (5.0, 50.0, 95.0)


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors in percent of windows or pulses of a kind, and how sure one of them is.

    `own_percent` and `common_percent` are standard uncertainties, each error's own and that all of them share. Of
    windows without a level at one of their ends there is no error; `left_out` counts them.
    """

    name: str
    errors_percent: list[float]
    own_percent: float
    common_percent: float
    left_out: int = 0
    budget: tuple[Component, ...] = ()


def windows_of(delivery: Delivery, length_s: float) -> Errors:
    """Return the errors of all whole windows of a length, one after another from the first command on."""
    number = int((delivery.duration_s + 1.0) / length_s)
    by_hand = hand_lines(delivery.by_hand_s, 100.0 / length_s)
    ends = [delivery.boundary(delivery.began_s + i * length_s) for i in range(number + 1)]
    nominal_ul = delivery.rate_ul_per_h * length_s / HOUR_S
    return _between(delivery, ends, nominal_ul, f"means over {length_s / 60.0:g} min", by_hand)


def pulse_means_of(delivery: Delivery, number: int, dose_ul: float) -> Errors:
    """Return the errors of means over so many pulses, one after another; missed pulses count as none."""
    ends = [delivery.middle(float(at_s)) for at_s in cycle_boundaries(delivery.doses_s)[::number]]
    return _between(delivery, ends, number * dose_ul, f"means over {number} pulses")


def _between(
    delivery: Delivery, ends: Sequence[Window], nominal_ul: float, name: str, more: Sequence[Component] = ()
) -> Errors:
    """Return the errors of what came from each level to the next, with the budget of the largest, and `more` in it."""
    levels = [delivery.level_mg(end) for end in ends]
    factor = 100.0 * delivery.weighing.conversion.ul_per_mg / nominal_ul
    errors = [factor * (after - before) - 100.0 for before, after in itertools.pairwise(levels)]
    if not np.any(np.isfinite(errors)):
        return _errors(name, errors, [])
    largest = int(np.nanargmax(np.abs(errors)))
    return _errors(name, errors, [*_components(delivery, nominal_ul, ends[largest], ends[largest + 1]), *more])


def single_pulses(delivery: Delivery, train: PulseTrain, dose_ul: float) -> Errors:
    """Return the errors of single pulses, missed ones included, against what one should be."""
    pulses = train.of("expected", "doubled", "missed")
    factor = 100.0 * delivery.weighing.conversion.ul_per_mg / dose_ul
    errors = [pulse.mass_mg * factor - 100.0 for pulse in pulses]
    load_mg = load_uncertainty_mg(delivery.weighing.balance)
    own = [math.hypot(pulse.standard_uncertainty_mg, load_mg) * factor for pulse in pulses]
    common = combined(delivery.weighing.conversion.components(100.0))
    return Errors(SINGLE, errors, math.hypot(*own) / math.sqrt(max(1, len(own))), common)


def _errors(name: str, errors: Sequence[float], lines: list[Component]) -> Errors:
    own = combined([line for line in lines if line.name in _OWN])
    common = combined([line for line in lines if line.name not in _OWN])
    known = [error for error in errors if math.isfinite(error)]
    return Errors(name, known, own, common, len(errors) - len(known), tuple(lines))


def _components(delivery: Delivery, nominal_ul: float, before: Window, after: Window) -> list[Component]:
    per_ul = 100.0 / nominal_ul
    lines = delivery.components(nominal_ul, per_ul, before, after)
    if len(delivery.doses_s) == 0:
        moved_ul = math.sqrt(2.0) * delivery.rate_ul_per_h * LAG_S / HOUR_S
        lines.append(bounded(_TIMING, moved_ul, "µL", per_ul, source="lag of the balance"))
    return lines


def measure_hours(hours: Errors, catalogue: Mapping[str, MeasurementSpec]) -> list[Measurement]:
    """Return the share of hours within ±15 %, and the largest error of one."""
    share = _share("hourly_windows_within_15_percent", hours, catalogue, "less than an hour was delivered")
    name = "largest_hourly_error"
    spec = catalogue[name]
    if not hours.errors_percent:
        return [share, undetermined(name, spec.title, spec.unit, "less than an hour was delivered")]
    largest = max(hours.errors_percent, key=abs)
    excess = greatest_by_noise(np.array(hours.errors_percent), hours.own_percent, by_size=True)
    source = "noise of an hour's two levels"
    lines = [*hours.budget, bounded("largest of many hours by noise", excess, "%", source=source)]
    note = "too much" if largest > 0.0 else "too little"
    return [share, measurement(name, spec.title, abs(largest), spec.unit, lines, note=note)]


def errors_of_all(delivery: Delivery, train: PulseTrain, increment_ul: float, hours: Errors) -> dict[str, Errors]:
    """Return every kind of window and of pulses by the name of its measurement's share."""
    kinds = {}
    if train.pulses:
        dose_ul = delivery.rate_ul_per_h * delivery.dose_interval_s / HOUR_S
        if abs(dose_ul / increment_ul - 1.0) < SAME_DOSE:
            dose_ul = increment_ul
        kinds["pulses_within_15_percent"] = single_pulses(delivery, train, dose_ul)
        for number in PULSE_MEANS:
            kinds[f"means_of_{number}_pulses_within_15_percent"] = pulse_means_of(delivery, number, dose_ul)
    for minutes in WINDOWS_MINUTES:
        errors = hours if minutes == 60 else windows_of(delivery, 60.0 * minutes)
        kinds[f"windows_of_{minutes}_min"] = errors
    return kinds


def measure_others(
    delivery: Delivery, kinds: Mapping[str, Errors], catalogue: Mapping[str, MeasurementSpec]
) -> list[Measurement]:
    """Return the shares of pulses and of their means within ±15 %, and the mean absolute errors of windows."""
    nothing = Errors("pulses", [], 0.0, 0.0)
    shares = [
        _share(name, kinds.get(name, nothing), catalogue, "too few pulses, or they cannot be told apart")
        for name in catalogue
        if name.endswith("pulses_within_15_percent")
    ]
    mards = [
        measure_mard(f"mard_{minutes}min", kinds[f"windows_of_{minutes}_min"], delivery, 60.0 * minutes, catalogue)
        for minutes in MARD_MINUTES
    ]
    return [*shares, *mards]


def _share(name: str, errors: Errors, catalogue: Mapping[str, MeasurementSpec], why: str) -> Measurement:
    spec, found = catalogue[name], errors.errors_percent
    if not found:
        return undetermined(name, spec.title, spec.unit, why)
    own, common = share_standard_uncertainty(
        found, BAND_PERCENT, [errors.own_percent] * len(found), errors.common_percent
    )
    share = share_within(found, BAND_PERCENT)
    note = f"{len(found)} {errors.name}, from the first command"
    if errors.name == SINGLE:
        note += f"; {share:.3g} % were seen inside, with weighing's own scatter of {errors.own_percent:.2g} %"
        share, own = share_without_noise(found, BAND_PERCENT, errors.own_percent)
    lines = [
        component("those near the band's edge, each by itself", own, "%", source="noise of the levels"),
        component("those near the band's edge, all together", common, "%", source="what all have in common"),
    ]
    if errors.left_out:
        note += f"; {errors.left_out} in gaps are left out"
    return kept_possible(measurement(name, spec.title, share, spec.unit, lines, note=note), spec.natural)


def measure_mard(
    name: str, errors: Errors, delivery: Delivery, window_s: float, catalogue: Mapping[str, MeasurementSpec]
) -> Measurement:
    """Return the mean absolute relative difference of windows that do not overlap, from the first command on."""
    spec, found = catalogue[name], errors.errors_percent
    if not found:
        return undetermined(name, spec.title, spec.unit, "the pump delivered for less than such a window")
    excess, own, common = mean_size_standard_uncertainty(found, errors.own_percent, errors.common_percent)
    # The windows' noise averages out, but all of it is known from the same blanks.
    of_own, of_common = (
        effective_degrees_of_freedom([line for line in errors.budget if (line.name in _OWN) == is_own])
        for is_own in (True, False)
    )
    together = "what all windows have in common"
    lines = [
        bounded("what noise adds to absolute values", excess, "%", source="noise of the levels"),
        component("noise of the levels", own, "%", degrees_of_freedom=of_own, source="by √n"),
        component(together, common, "%", degrees_of_freedom=of_common, source="budget of a window"),
    ]
    note = f"{errors.name}: {len(found)}; median {np.median(np.abs(found)):.2f} %"
    if math.isfinite(delivery.dose_interval_s):
        envelope = ideal_envelope(delivery.dose_interval_s, window_s)
        if envelope != (0.0, 0.0):
            low, high = -envelope[0], envelope[1]
            # Windows with a pulse less and with one more are as frequent as makes their mean right.
            note += f"; equal pulses alone, all phases, would give {2.0 * low * high / (low + high):.2f} %"
    return measurement(name, spec.title, mean_size(found), spec.unit, lines, note=note)


def shares_table(kinds: Sequence[Errors]) -> Table:
    """Return how many of each kind lie within each band, with median and percentiles."""
    rows = []
    for each in kinds:
        if not each.errors_percent:
            continue
        low, median, high = np.percentile(each.errors_percent, _PERCENTILES)
        rows.append(
            [
                each.name,
                str(len(each.errors_percent)),
                str(each.left_out),
                *(f"{share_within(each.errors_percent, band):.1f}" for band in BAND_PERCENTS),
                f"{low:+.2f}",
                f"{median:+.2f}",
                f"{high:+.2f}",
                f"{mean_size(each.errors_percent):.2f}",
                f"{2.0 * each.own_percent:.2g}",
            ]
        )
    return Table(
        name="shares",
        title="Share within bands around commanded, in %, and percentiles of the errors, in %",
        columns=[
            "of",
            "number",
            "left out",
            *(f"±{band} %" for band in BAND_PERCENTS),
            "5th",
            "median",
            "95th",
            "mean size",
            "noise of one",
        ],
        rows=rows,
        note="Windows and means of pulses do not overlap; they follow each other from the first command on, and begin"
        " and end between doses. Left out: no level at an end, by a gap. Noise of one: expanded, k = 2, with what"
        " the balance may err over the load; where it is no smaller than a band, the share tells of the balance.",
    )
