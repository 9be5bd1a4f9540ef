"""What a plan may judge of a trumpet: its largest error by size, and Ep(max) and Ep(min) of the short windows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.metrology.budget import bounded, component, measurement, undetermined
from bench.metrology.cumulative import Cumulative
from bench.metrology.extremes import greatest_by_noise
from bench.metrology.observation import AMBULATORY_WINDOWS_S, INFUSION_WINDOWS_S, Period
from bench.procedures.basal.delivery import Delivery
from bench.procedures.basal.trumpet import AMBULATORY, INFUSION, TrumpetPoint, level_s_of
from bench.procedures.base import MeasurementSpec
from bench.procedures.shared.doses import DOSE_LAG_HALF_S, DOSE_LAG_S
from bench.procedures.shared.levels import CURVE_S, MIDDLE_LEVEL_S
from bench.procedures.shared.times import HOUR_S
from bench.results.model import Component, Measurement

NORMAL_MAD = 1.4826
"""Standard deviation of normal values in terms of their median size."""
SMOOTHED_S = 0.4
"""What a filter of 0.7 s to 1.5 s and means over 2 s leave of an uneven flow at an instant, less their mean lag."""


def error_name(window_s: float) -> str:
    """Return the name of the largest error by size over ambulatory windows of a length."""
    return f"trumpet_error_{window_s / 60.0:.0f}min"


def extreme_name(window_s: float, *, largest: bool) -> str:
    """Return the name of Ep(max) or Ep(min) over infusion windows of a length."""
    return f"trumpet_{'largest' if largest else 'least'}_{window_s / 60.0:.0f}min"


@dataclass(frozen=True, slots=True)
class _Seen:
    """The windows of one length, in one analysis period or several, and which of them is the extreme one.

    `sign` is +1 for Ep(max), −1 for Ep(min), 0 for the largest by size; `uneven_ul` is of a window in each period.
    """

    points: tuple[TrumpetPoint, ...]
    sign: int
    uneven_ul: Mapping[Period, float]

    @property
    def point(self) -> TrumpetPoint:
        """The period with the extreme window."""
        return max(self.points, key=lambda point: float(self.ranked(point).max()))

    def ranked(self, point: TrumpetPoint) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return the errors of a period, the extreme one the greatest."""
        errors = point.seen.errors.errors_percent
        return np.abs(errors) if self.sign == 0 else self.sign * errors

    def excess_percent(self, own_percent: float) -> float:
        """Return by how much errors of their own make the extreme one too extreme."""
        every = np.concatenate([self.ranked(point) for point in self.points])
        return greatest_by_noise(every, own_percent, by_size=self.sign == 0)

    @property
    def extreme(self) -> tuple[float, float]:
        """Begin of the extreme window in s, and its error in percent."""
        errors = self.point.seen.errors
        at = int(np.argmax(self.ranked(self.point)))
        return float(errors.starts_s[at]), float(errors.errors_percent[at])


def measure_trumpet(
    delivery: Delivery,
    curve: Cumulative | None,
    points: Sequence[TrumpetPoint],
    catalogue: Mapping[str, MeasurementSpec],
) -> list[Measurement]:
    """Return the largest error by size over each ambulatory window, Ep(max) and Ep(min) over each infusion window."""
    uneven = {each.seen.period: _uneven_ul(delivery, curve, each.seen.period) for each in points}

    def measured(name: str, windows: str, window_s: float, sign: int) -> Measurement:
        chosen = [each for each in points if each.seen.windows == windows and each.seen.window_s == window_s]
        return _measure(delivery, window_s, _Seen(tuple(chosen), sign, uneven), name, catalogue[name])

    found = [measured(error_name(window_s), AMBULATORY.name, window_s, 0) for window_s in AMBULATORY_WINDOWS_S]
    for largest in (True, False):
        sign = 1 if largest else -1
        found += [
            measured(extreme_name(window_s, largest=largest), INFUSION.name, window_s, sign)
            for window_s in INFUSION_WINDOWS_S
        ]
    return found


def _measure(delivery: Delivery, window_s: float, every: _Seen, name: str, spec: MeasurementSpec) -> Measurement:
    if not every.points:
        why = f"no window of {window_s / 60.0:.0f} min was evaluated: it does not fit, or was not chosen"
        return undetermined(name, spec.title, spec.unit, why)
    known = tuple(point for point in every.points if len(point.seen.errors.errors_percent))
    if not known:
        left_out = sum(point.seen.errors.left_out for point in every.points)
        why = f"all {left_out} windows begin or end in a gap of the recording"
        return undetermined(name, spec.title, spec.unit, why)
    seen = replace(every, points=known)
    start_s, error = seen.extreme
    value = abs(error) if seen.sign == 0 else error
    notes = _notes(delivery, seen, start_s)
    return measurement(name, spec.title, value, spec.unit, _budget(delivery, window_s, seen), note="; ".join(notes))


def _budget(delivery: Delivery, window_s: float, seen: _Seen) -> list[Component]:
    start_s, error = seen.extreme
    nominal_ul = delivery.rate_ul_per_h * window_s / HOUR_S
    volume_ul, per_ul = nominal_ul * (1.0 + 0.01 * error), 100.0 / nominal_ul
    half_s = 0.5 * level_s_of(delivery, seen.point.seen.windows)
    before, after = ((at_s - half_s, at_s + half_s) for at_s in (start_s, start_s + window_s))
    lines = delivery.components(volume_ul, per_ul, before, after)
    moved_ul, source = _moved_ul(delivery, start_s, start_s + window_s)
    lines.append(bounded("timing: what came about its ends", moved_ul, "µL", per_ul, source=source))
    uneven_ul = seen.uneven_ul[seen.point.seen.period]
    if uneven_ul > 0.0:
        lines.append(component("unevenness of the flow at its ends", uneven_ul, "µL", per_ul, source=source))
    own_percent = math.hypot(seen.point.noise_percent, per_ul * uneven_ul)
    source = "noise of the blanks, all windows"
    excess = seen.excess_percent(own_percent)
    return [*lines, bounded("largest of many windows by noise", excess, "%", source=source)]


def _moved_ul(delivery: Delivery, start_s: float, end_s: float) -> tuple[float, str]:
    """Return by how much the lag of the balance may change what a window holds, and what is known of that lag.

    Of doses those about its ends may count before or after. A flow without doses comes as late at the one end as at the
    other: only the difference of the two flows counts.
    """
    if math.isfinite(delivery.dose_interval_s):
        return math.hypot(delivery.about_ul(start_s), delivery.about_ul(end_s)), "lag of the balance"
    starts, ends = _flows_ul_per_s(delivery, start_s), _flows_ul_per_s(delivery, end_s)
    pairs = [abs(end - start) for start in starts for end in ends]
    largest = max((each for each in pairs if math.isfinite(each)), default=delivery.rate_ul_per_h / HOUR_S)
    # Straight lines between means cut the corner where the flow changes at once, by an eighth of a mean at most.
    cut = [CURVE_S / 8.0 * abs(after - before) for before, after in (starts, ends) if math.isfinite(after - before)]
    return math.hypot(DOSE_LAG_HALF_S * largest, *cut), f"lag of the balance, {DOSE_LAG_S:g} s ± {DOSE_LAG_HALF_S:g} s"


def _uneven_ul(delivery: Delivery, curve: Cumulative | None, period: Period) -> float:
    """Return the standard uncertainty of a window's volume by what the balance smooths of an uneven flow at its ends.

    Of a flow whose volume wanders about a steady one with variance ν a second, the second differences of means over h
    one after another have the variance ν·h; the balance's filter and means over 2 s leave ν·`SMOOTHED_S` at each end.
    Noise of the balance counts as unevenness here. Nothing for a pump that gives doses: those are counted.
    """
    if curve is None or math.isfinite(delivery.dose_interval_s):
        return 0.0
    inside = (curve.time_s >= period.start_s) & (curve.time_s <= period.end_s)
    second_ul = np.diff(curve.volume_ul[inside], n=2)
    if len(second_ul) == 0:
        return 0.0
    variance = (NORMAL_MAD * float(np.median(np.abs(second_ul)))) ** 2
    return math.sqrt(2.0 * SMOOTHED_S * variance / CURVE_S)


def _flows_ul_per_s(delivery: Delivery, at_s: float) -> tuple[float, float]:
    """Return the flow before and after an instant, which differ where delivery begins or ends."""
    levels = [delivery.middle(at_s + offset * MIDDLE_LEVEL_S) for offset in (-1.5, -0.5, 0.5, 1.5)]
    before, after = (delivery.volume_between_ul(*pair) / MIDDLE_LEVEL_S for pair in (levels[:2], levels[2:]))
    return before, after


def _notes(delivery: Delivery, seen: _Seen, start_s: float) -> list[str]:
    point = seen.point
    extremes = [each.seen.errors.extremes for each in seen.points]
    least = min(each.least_percent for each in extremes)
    largest = max(each.largest_percent for each in extremes)
    notes = [f"{least:+.2f} % to {largest:+.2f} % over {sum(each.windows for each in extremes)} windows"]
    if seen.sign:
        begin_min = (start_s - delivery.began_s) / 60.0
        notes.append(f"the window that begins {begin_min:.1f} min after the first command, {point.seen.period.name}")
    if point.envelope_percent is not None and point.envelope_percent != (0.0, 0.0):
        notes.append("equal pulses at equal intervals give {:+.2f} % to {:+.2f} %".format(*point.envelope_percent))
    if left_out := sum(each.left_out for each in extremes):
        notes.append(f"{left_out} windows begin or end in a gap of the recording and are left out")
    if bridging := sum(each.bridging for each in extremes):
        notes.append(f"{bridging} windows hold a whole gap")
    return notes
