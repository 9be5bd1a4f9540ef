"""The trumpet of a basal delivery: flow errors over windows of many lengths, beside what counting pulses explains."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.metrology.budget import bounded, measurement, undetermined
from bench.metrology.noise import Floats
from bench.metrology.trumpet import (
    AMBULATORY_SAMPLE_S,
    AMBULATORY_WINDOWS_S,
    INFUSION_SAMPLE_S,
    INFUSION_WINDOWS_S,
    SHOT_WINDOWS,
    Extremes,
    extremes_anywhere,
    extremes_on_grid,
    ideal_envelope,
    noise_floor_percent,
)
from bench.procedures.basal.delivery import HOUR_S, Delivery
from bench.procedures.base import MeasurementSpec
from bench.results.model import Measurement, Table


@dataclass(frozen=True, slots=True)
class WindowSet:
    """Observation windows, and the sample interval at which they may begin."""

    name: str
    sample_s: float
    windows_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class TrumpetPoint:
    """One observation window: extremes at every sample interval and at any instant, pulses counted, and noise."""

    windows: str
    window_s: float
    on_grid: Extremes
    anywhere: Extremes
    envelope_percent: tuple[float, float] | None
    noise_percent: float


AMBULATORY = WindowSet("ambulatory", AMBULATORY_SAMPLE_S, AMBULATORY_WINDOWS_S)
INFUSION = WindowSet("infusion", INFUSION_SAMPLE_S, INFUSION_WINDOWS_S)


def window_sets(choice: str, interval_s: float) -> list[WindowSet]:
    """Return the observation windows of a choice; `interval_s` between pulses is NaN for a continuous pump."""
    shots: list[WindowSet] = []
    if math.isfinite(interval_s):
        shots = [WindowSet("shot cycles", interval_s, tuple(number * interval_s for number in SHOT_WINDOWS))]
    chosen: dict[str, list[WindowSet]] = {
        "ambulatory": [AMBULATORY],
        "infusion": [INFUSION],
        "shot cycles": shots,
        "by pump": [*(shots or [INFUSION]), AMBULATORY],
    }
    return chosen[choice]


def trumpet_of(
    delivery: Delivery,
    curve: tuple[Floats, Floats],
    sets: Sequence[WindowSet],
    interval_s: float,
    first_pulse_s: float,
    start_s: float,
) -> list[TrumpetPoint]:
    """Return a point for every window that fits between `start_s` and the stop.

    Shot cycles begin half-way between two pulses, so that none falls on an edge.
    """
    time_s, volume_ul = curve
    points = []
    for windows in sets:
        from_s = start_s
        if windows.name == "shot cycles" and math.isfinite(first_pulse_s):
            half_way = first_pulse_s - 0.5 * interval_s
            from_s = half_way + interval_s * max(0, math.ceil((start_s - half_way) / interval_s))
        for window_s in windows.windows_s:
            rate, end_s = delivery.rate_ul_per_h, delivery.ended_s
            on_grid = extremes_on_grid(time_s, volume_ul, rate, window_s, windows.sample_s, from_s, end_s + 1.0)
            anywhere = extremes_anywhere(time_s, volume_ul, rate, window_s, start_s, max(end_s, start_s + window_s))
            if on_grid is None or anywhere is None:
                continue
            envelope = ideal_envelope(interval_s, window_s) if math.isfinite(interval_s) else None
            noise = _noise_percent(delivery, window_s, on_grid.windows)
            points.append(TrumpetPoint(windows.name, window_s, on_grid, anywhere, envelope, noise))
    return points


def _noise_percent(delivery: Delivery, window_s: float, windows: int) -> float:
    before = (0.0, min(10.0, 0.5 * window_s))
    after = (window_s, window_s + before[1])
    noise_mg = delivery.weighing.noise.difference(before, after).standard_uncertainty
    noise_ul = noise_mg * delivery.weighing.conversion.ul_per_mg
    return noise_floor_percent(noise_ul, delivery.rate_ul_per_h, window_s, windows)


def measure_trumpet(
    delivery: Delivery, points: Sequence[TrumpetPoint], catalogue: Mapping[str, MeasurementSpec]
) -> list[Measurement]:
    """Return the largest error, by size, over each ambulatory window."""
    found = []
    by_window = {point.window_s: point for point in points if point.windows == AMBULATORY.name}
    for window_s in AMBULATORY_WINDOWS_S:
        name = f"trumpet_error_{window_s / 60.0:.0f}min"
        spec, point = catalogue[name], by_window.get(window_s)
        if point is None:
            why = f"no window of {window_s / 60.0:.0f} min was evaluated: it does not fit, or was not chosen"
            found.append(undetermined(name, spec.title, spec.unit, why))
            continue
        extremes = point.on_grid
        largest = max(abs(extremes.least_percent), abs(extremes.largest_percent))
        before = delivery.middle(0.0)
        after = delivery.middle(window_s)
        nominal_ul = delivery.rate_ul_per_h * window_s / HOUR_S
        lines = delivery.components(nominal_ul, 100.0 / nominal_ul, before, after)
        lines.append(
            bounded("largest of many windows by noise", point.noise_percent, "%", source="noise of the blanks")
        )
        note = f"{extremes.least_percent:+.2f} % to {extremes.largest_percent:+.2f} % over {extremes.windows} windows"
        if point.envelope_percent is not None and point.envelope_percent != (0.0, 0.0):
            low, high = point.envelope_percent
            note += f"; equal pulses at equal intervals give {low:+.2f} % to {high:+.2f} %"
        found.append(measurement(name, spec.title, largest, spec.unit, lines, note=note))
    return found


def trumpet_table(points: Sequence[TrumpetPoint]) -> Table:
    """Return every window with its extremes, the pulse envelope and the noise."""
    rows = [
        [
            f"{point.window_s / 60.0:.4g}",
            point.windows,
            str(point.on_grid.windows),
            f"{point.on_grid.least_percent:+.2f}",
            f"{point.on_grid.largest_percent:+.2f}",
            f"{point.anywhere.least_percent:+.2f}",
            f"{point.anywhere.largest_percent:+.2f}",
            "–" if point.envelope_percent is None else "{:+.2f} to {:+.2f}".format(*point.envelope_percent),
            f"±{point.noise_percent:.2g}",
        ]
        for point in points
    ]
    return Table(
        name="trumpet",
        title="Trumpet: flow error over observation windows, in %",
        columns=[
            "window / min",
            "windows",
            "number",
            "least",
            "largest",
            "least, any start",
            "largest, any start",
            "equal pulses, any phase",
            "noise",
        ],
        rows=rows,
        note="Least and largest: windows begin at every sample interval (15 min ambulatory, 30 s infusion, one pulse"
        " interval for shot cycles), IEC 60601-2-24 style. Any start: windows begin anywhere. Equal pulses: what a"
        " perfect pump of these pulses shows, by counting alone.",
    )
