"""Which windows a trumpet looks through, by the type of the pump (IEC 60601-2-24 style, in our words).

| pump | samples | windows | analysis period |
|---|---|---|---|
| volumetric, syringe | 30 s | 2, 5, 11, 19, 31 min; labels add 1 min | second hour (T1), last hour (T2) |
| ambulatory 1, continuous | 15 min | 15, 60, 150, 330, 570, 930 min | after stabilisation |
| ambulatory 2, in shots | a shot cycle | 2, 5, 11, 19, 31 cycles | 100 cycles after stabilisation |
| ambulatory 3, boluses | – | no trumpet: each bolus is weighed (procedure `bolus`) | 25 at least, 25 at most |
| ambulatory 4 | 1 or 2 with boluses off, and 3 with basal at its least | as those | as those |
| ambulatory 5, profile | every step as its own type | as those | each step of the profile |

An insulin pump is of type 4: a `basal` test is its first half, a `bolus` test its second. A profile is a row of
periods, each with a rate of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from bench.metrology.cumulative import Cumulative, Floats
from bench.metrology.trumpet import Extremes, GridErrors, errors_of_cycles, errors_on_grid, extremes_anywhere

HOUR_S = 3600.0
AMBULATORY_SAMPLE_S = 900.0
AMBULATORY_WINDOWS_S = (900.0, 3600.0, 9000.0, 19800.0, 34200.0, 55800.0)
INFUSION_SAMPLE_S = 30.0
INFUSION_WINDOWS_S = (60.0, 120.0, 300.0, 660.0, 1140.0, 1860.0)
"""The first is an addition of labels; the other five are 4, 10, 22, 38 and 62 samples, as the ambulatory ones are."""
SHOT_WINDOWS = (2, 5, 11, 19, 31)
SHOT_CYCLES = 100
LATEST_S = 60.0
"""A dose that comes so late still belongs to the hour that it was due in."""
_MOST_DENOMINATOR = 64


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of constant commanded rate over which windows are compared, such as the second hour."""

    name: str
    start_s: float
    end_s: float
    rate_ul_per_h: float


@dataclass(frozen=True, slots=True)
class GridWindows:
    """Windows that begin at every sample interval from the begin of the period on."""

    name: str
    sample_s: float
    windows_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class CycleWindows:
    """Windows of whole dose cycles; `boundaries_s` are the instants between doses."""

    name: str
    cycles: tuple[int, ...]
    boundaries_s: Floats


@dataclass(frozen=True, slots=True)
class Observation:
    """Errors over windows of one length in one period: at every sample interval, and the extremes at any instant."""

    windows: str
    period: Period
    window_s: float
    errors: GridErrors
    anywhere: Extremes


def observe(record: Cumulative, windows: GridWindows | CycleWindows, period: Period) -> list[Observation]:
    """Return an observation for each window length that fits into a period."""
    if isinstance(windows, GridWindows):
        lengths = [
            (window_s, errors_on_grid(record, period.rate_ul_per_h, window_s, windows.sample_s, *_ends(period)))
            for window_s in windows.windows_s
        ]
    else:
        inside = windows.boundaries_s
        inside = inside[(inside >= period.start_s - 1e-6) & (inside <= period.end_s + 1e-6)]
        cycle_s = float(np.diff(inside).mean()) if len(inside) > 1 else math.nan
        lengths = [
            (cycles * cycle_s, errors_of_cycles(record, period.rate_ul_per_h, cycles, inside))
            for cycles in windows.cycles
        ]
    found = []
    for window_s, errors in lengths:
        if errors is None:
            continue
        anywhere = extremes_anywhere(record, period.rate_ul_per_h, window_s, *_ends(period))
        if anywhere is not None:
            found.append(Observation(windows.name, period, window_s, errors, anywhere))
    return found


def _ends(period: Period) -> tuple[float, float]:
    return period.start_s, period.end_s


def infusion_periods(start_s: float, end_s: float, rate_ul_per_h: float) -> list[Period]:
    """Return the second and the last hour of a delivery, or all of one that is shorter than two hours."""
    if end_s - start_s < 2.0 * HOUR_S - 1.0:
        return [Period("all of it", start_s, end_s, rate_ul_per_h)]
    second = Period("second hour (T1)", start_s + HOUR_S, start_s + 2.0 * HOUR_S, rate_ul_per_h)
    if end_s - start_s < 3.0 * HOUR_S - 1.0:
        return [second]
    return [second, Period("last hour (T2)", end_s - HOUR_S, end_s, rate_ul_per_h)]


def ambulatory_period(start_s: float, end_s: float, stabilisation_s: float, rate_ul_per_h: float) -> Period:
    """Return what follows stabilisation."""
    name = f"after {stabilisation_s / HOUR_S:g} h" if stabilisation_s > 0.0 else "from the first command"
    return Period(name, start_s + stabilisation_s, end_s, rate_ul_per_h)


def shot_period(boundaries_s: Floats, stabilised_s: float, end_s: float, rate_ul_per_h: float) -> Period | None:
    """Return 100 dose cycles after stabilisation, or all that there are; None where there is none."""
    inside = boundaries_s[(boundaries_s >= stabilised_s) & (boundaries_s <= end_s)]
    if len(inside) < 2:
        return None
    cycles = min(SHOT_CYCLES, len(inside) - 1)
    return Period(f"{cycles} dose cycles", float(inside[0]), float(inside[cycles]), rate_ul_per_h)


def cycle_boundaries(slots_s: Floats) -> Floats:
    """Return the instants half-way between doses, and one before the first and after the last; empty for one dose."""
    if len(slots_s) < 2:
        return np.empty(0)
    middles = 0.5 * (slots_s[1:] + slots_s[:-1])
    half_s = 0.5 * float(np.median(np.diff(slots_s)))
    return np.concatenate(([slots_s[0] - half_s], middles, [slots_s[-1] + half_s]))


def whole_cycles(window_s: float, interval_s: float) -> tuple[float, float] | None:
    """Return the whole numbers of dose cycles next below and above a window, in s; None where it is one itself.

    A window that is no whole number of cycles holds now one dose more and now one less, which is counting and not
    error. Below may be 0.
    """
    ratio = window_s / interval_s
    if abs(ratio - round(ratio)) < 1e-3:
        return None
    return math.floor(ratio) * interval_s, math.ceil(ratio) * interval_s


def common_step_s(sample_s: float, interval_s: float) -> float:
    """Return the longest step of which both a sample interval and a dose interval are whole numbers; 0 without one.

    Where doses are this far apart on the sample grid, the grid can be laid half such a step from all of them.
    """
    ratio = Fraction(sample_s / interval_s).limit_denominator(_MOST_DENOMINATOR)
    if ratio == 0 or abs(float(ratio) * interval_s / sample_s - 1.0) > 1e-4:
        return 0.0
    return interval_s / ratio.denominator


def between_doses_s(
    instant_s: float, slots_s: Floats, step_s: float, longest_s: float = math.inf, *, first_comes_early: bool = False
) -> float:
    """Return the instant near another that lies between doses, so that none counts by half.

    A dose counts up to an instant when it comes no later than a minute after it, or a quarter of `step_s` where that is
    less: a pump's clock is no better over days. Where a pump gives its first dose with the command, all of its doses
    come at the begin of what they are for, not at the end, and one that comes so much early counts after the instant.
    The instant returned is half a step, `longest_s` at most, away from the doses on a grid of `step_s`, and as near to
    the wanted one as that allows.

    Args:
        instant_s: the instant wanted.
        slots_s: when doses came or were due, shape (n,), n may be 0.
        step_s: the doses' interval, or what it has in common with a sample interval.
        longest_s: no need to be further away from a dose.
        first_comes_early: whether the first dose came in the first half of its interval after the command.

    """
    if len(slots_s) == 0 or step_s <= 0.0:
        return instant_s
    nearest_s = float(slots_s[np.argmin(np.abs(slots_s - instant_s))])
    late_s = min(0.25 * step_s, LATEST_S) * (-1.0 if first_comes_early else 1.0)
    latest_s = nearest_s + step_s * math.floor((instant_s + late_s - nearest_s) / step_s)
    guard_s = min(0.5 * step_s, longest_s)
    return min(max(instant_s, latest_s + guard_s), latest_s + step_s - guard_s)
