"""The trumpet of a basal delivery: flow errors over windows of many lengths, beside what counting pulses explains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.metrology.cumulative import Cumulative
from bench.metrology.observation import (
    AMBULATORY_SAMPLE_S,
    AMBULATORY_WINDOWS_S,
    INFUSION_SAMPLE_S,
    INFUSION_WINDOWS_S,
    SHOT_WINDOWS,
    CycleWindows,
    GridWindows,
    Observation,
    Period,
    ambulatory_period,
    between_doses_s,
    common_step_s,
    cycle_boundaries,
    infusion_periods,
    observe,
    shot_period,
    whole_cycles,
)
from bench.metrology.trumpet import ideal_envelope, noise_floor_percent, overall_error_percent
from bench.procedures.basal.delivery import Delivery
from bench.procedures.shared.doses import DOSE_LAG_S
from bench.procedures.shared.levels import MIDDLE_LEVEL_S
from bench.procedures.shared.times import HOUR_S
from bench.results.model import Table

AMBULATORY = GridWindows("ambulatory", AMBULATORY_SAMPLE_S, AMBULATORY_WINDOWS_S)
INFUSION = GridWindows("infusion", INFUSION_SAMPLE_S, INFUSION_WINDOWS_S)
SHOTS = "shot cycles"
BEFORE_STOP_S = 15.0
"""Windows of a flow without doses end so long before the stop: a mean that holds the stop is no level."""
FINE_S = 2.0
"""Windows of an infusion are short: their levels are means over so long."""


@dataclass(frozen=True, slots=True)
class TrumpetPoint:
    """One observation window: its errors, what counting equal pulses explains, and noise.

    `noise_percent` is one standard deviation of a window's error by noise, `floor_percent` how far noise alone spreads
    the extremes of as many windows.
    """

    seen: Observation
    envelope_percent: tuple[float, float] | None
    noise_percent: float
    floor_percent: float

    @property
    def name(self) -> str:
        """Kind of windows and period."""
        return f"{self.seen.windows}, {self.seen.period.name}"


def trumpet_of(delivery: Delivery, curve: Cumulative, choice: str, stabilisation_s: float) -> list[TrumpetPoint]:
    """Return a point for every window of a choice that fits into its analysis period."""
    rate, interval_s = delivery.rate_ul_per_h, delivery.dose_interval_s
    pulsed = math.isfinite(interval_s)
    found: list[Observation] = []
    if choice in ("by pump", "shot cycles") and pulsed:
        boundaries_s = cycle_boundaries(delivery.doses_s)
        period = shot_period(boundaries_s, delivery.began_s + stabilisation_s, delivery.settled_s, rate)
        if period is not None:
            found += observe(curve, CycleWindows(SHOTS, SHOT_WINDOWS, boundaries_s), period)
    if choice == "infusion" or (choice == "by pump" and not pulsed):
        periods = infusion_periods(delivery.began_s + stabilisation_s, delivery.ended_s, rate)
        fine = curve if pulsed else delivery.curve(FINE_S) or curve
        for period in periods:
            found += observe(fine, INFUSION, period if pulsed else _flowing(delivery, period))
    if choice in ("by pump", "ambulatory"):
        found += observe(curve, AMBULATORY, _ambulatory(delivery, stabilisation_s))
    return [_point(delivery, each) for each in found]


def _ambulatory(delivery: Delivery, stabilisation_s: float) -> Period:
    """Return the analysis period, laid so that its samples fall between doses where their intervals allow it."""
    period = ambulatory_period(delivery.began_s, delivery.ended_s + 1.0, stabilisation_s, delivery.rate_ul_per_h)
    if not math.isfinite(delivery.dose_interval_s):
        return _as_shown(period)
    step_s = common_step_s(AMBULATORY_SAMPLE_S, delivery.dose_interval_s)
    early = delivery.first_comes_early
    start_s = between_doses_s(period.start_s, delivery.doses_s, step_s, first_comes_early=early)
    shift_s = start_s - period.start_s
    # As long as it was: the last sample lies after the stop, where the line settles, and nothing is left out.
    end_s = min(period.end_s + shift_s, max(period.end_s, delivery.last_window[1]))
    return Period(period.name, period.start_s + shift_s, end_s, period.rate_ul_per_h)


def _flowing(delivery: Delivery, period: Period) -> Period:
    """Return when a balance shows what came in a period, without the stop, about which means know no level."""
    end_s = min(period.end_s, delivery.ended_s - BEFORE_STOP_S)
    return _as_shown(Period(period.name, period.start_s, end_s, period.rate_ul_per_h))


def _as_shown(period: Period) -> Period:
    """Return when a balance shows what came in a period: a window that ends with the stop would lack the last of it."""
    return Period(period.name, period.start_s + DOSE_LAG_S, period.end_s + DOSE_LAG_S, period.rate_ul_per_h)


def level_s_of(delivery: Delivery, windows: str) -> float:
    """Return over how long the levels at the ends of windows are means."""
    fine = windows == INFUSION.name and not math.isfinite(delivery.dose_interval_s)
    return FINE_S if fine else MIDDLE_LEVEL_S


def _point(delivery: Delivery, seen: Observation) -> TrumpetPoint:
    interval_s, window_s = delivery.dose_interval_s, seen.window_s
    envelope = None
    if math.isfinite(interval_s):
        envelope = (0.0, 0.0) if seen.windows == SHOTS else ideal_envelope(interval_s, window_s)
    before = (0.0, level_s_of(delivery, seen.windows))
    noise_mg = delivery.weighing.noise.difference(before, (window_s, window_s + before[1])).standard_uncertainty
    noise_ul = noise_mg * delivery.weighing.conversion.ul_per_mg
    noise_percent = 100.0 * noise_ul / (delivery.rate_ul_per_h * window_s / HOUR_S)
    windows = len(seen.errors.errors_percent)
    floor_percent = noise_floor_percent(noise_ul, delivery.rate_ul_per_h, window_s, windows)
    return TrumpetPoint(seen, envelope, noise_percent, floor_percent)


def trumpet_table(points: Sequence[TrumpetPoint]) -> Table:
    """Return every window with its extremes, the pulse envelope and the noise."""
    return Table(
        name="trumpet",
        title="Trumpet: flow error over observation windows, in %",
        columns=[
            "window / min",
            "windows, period",
            "number",
            "left out",
            "least",
            "largest",
            "least, any start",
            "largest, any start",
            "equal pulses, any phase",
            "noise",
        ],
        rows=[_row(point) for point in points],
        note="Least and largest: windows begin at every sample interval (15 min ambulatory, 30 s infusion, one dose"
        " cycle for shot cycles), IEC 60601-2-24 style. Any start: windows begin anywhere. Left out: windows that begin"
        " or end in a gap of the recording. Equal pulses: what a perfect pump of these pulses shows, by counting alone."
        " Noise: how far the balance's noise alone spreads the extremes of so many windows.",
    )


def _row(point: TrumpetPoint) -> list[str]:
    extremes, anywhere = point.seen.errors.extremes, point.seen.anywhere
    shown = (extremes.least_percent, extremes.largest_percent, anywhere.least_percent, anywhere.largest_percent)
    return [
        f"{point.seen.window_s / 60.0:.4g}",
        point.name,
        str(extremes.windows),
        str(extremes.left_out),
        *("–" if math.isnan(value) else f"{value:+.2f}" for value in shown),
        "–" if point.envelope_percent is None else "{:+.2f} to {:+.2f}".format(*point.envelope_percent),
        f"±{point.floor_percent:.2g}",
    ]


def overall_table(delivery: Delivery, curve: Cumulative, points: Sequence[TrumpetPoint]) -> Table:
    """Return the mean error over every analysis period: A over the second hour, B over the last of an infusion."""
    rows = []
    for period in dict.fromkeys(point.seen.period for point in points):
        error = overall_error_percent(curve, period.rate_ul_per_h, period.start_s, min(period.end_s, curve.time_s[-1]))
        label = "A" if "T1" in period.name else "B" if "T2" in period.name else ""
        rows.append(
            [
                label,
                period.name,
                f"{(period.start_s - delivery.began_s) / HOUR_S:.3f} to "
                f"{(period.end_s - delivery.began_s) / HOUR_S:.3f}",
                "in a gap" if error is None else f"{error:+.2f}",
            ]
        )
    return Table(
        name="overall",
        title="Mean error over each analysis period",
        columns=["", "period", "hours after the first command", "mean error / %"],
        rows=rows,
        note="Periods of dose cycles begin and end between doses, so that none counts by half.",
    )


def cycle_notes(points: Sequence[TrumpetPoint], interval_s: float) -> list[str]:
    """Warn of windows that are no whole number of dose cycles, and say which would be."""
    if not math.isfinite(interval_s):
        return []
    minutes, better = [], []
    for window_s in sorted({point.seen.window_s for point in points if point.seen.windows != SHOTS}):
        near = whole_cycles(window_s, interval_s)
        if near is not None:
            minutes.append(f"{window_s / 60.0:.4g}")
            better.append(" or ".join(f"{each / 60.0:.4g}" for each in near if each > 0.0))
    if not minutes:
        return []
    windows = ", ".join(minutes)
    return [
        f"Windows of {windows} min are no whole number of the pump's dose cycles ({interval_s:.4g} s): they hold now a"
        f" dose more, now one less, which the trumpet shows as error. Whole cycles would be {', '.join(better)} min."
    ]
