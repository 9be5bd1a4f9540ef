"""The pressure in the delivery line around an occlusion: its zero by the blank, at an instant, and at its peak."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from bench.metrology.noise import Floats, Window
from bench.recording.reader import Series

SMOOTHING_S = 1.0
_BY_NOISE = 4.0
"""Standard deviations within which noise may have made one second greater than another."""
_APART_IN_A_SECOND = 2.5
"""Overlapping means over a second that scatter as if they were apart, by simulation."""
LOST_INTERVALS = 3.0
"""Readings that lie further apart than so many usual intervals have lost something between them."""


@dataclass(frozen=True, slots=True)
class Pressure:
    """A pressure above the zero of the blank, with what its reading leaves open; all in kPa.

    `noise` is the standard uncertainty of the mean by noise, `spread` the half width that the instant leaves open;
    `excess` was taken off, since noise makes a peak greater.
    """

    value: float
    noise: float
    spread: float
    excess: float = 0.0


@dataclass(frozen=True, slots=True)
class Overload:
    """Readings that the sensor did not give because the pressure was beyond its range."""

    since_s: float
    number: int


@dataclass(frozen=True, slots=True)
class Zero:
    """What the sensor shows without pressure, in kPa, and the noise of a mean over a second."""

    value: float
    standard_uncertainty: float
    noise_of_a_second: float


def zero(readings: Series, blanks: list[Window]) -> Zero | None:
    """Return the sensor's zero from the blanks; None without readings there.

    Two blanks that differ leave the zero between them open (rectangular).
    """
    means, scatters = [], []
    for start_s, end_s in blanks:
        inside = (readings.time_s >= start_s) & (readings.time_s <= end_s) & np.isfinite(readings.value)
        if int(inside.sum()) >= 3:
            smooth = _seconds(readings.time_s[inside], readings.value[inside])
            means.append(float(smooth.mean()))
            scatters.append(float(smooth.std(ddof=1)) if smooth.size > 1 else 0.0)
    if not means:
        return None
    noise = math.sqrt(sum(scatter**2 for scatter in scatters) / len(scatters))
    half = 0.5 * (max(means) - min(means))
    return Zero(sum(means) / len(means), math.hypot(half / math.sqrt(3.0), noise / math.sqrt(10.0)), noise)


def at(readings: Series, zeroed: Zero, time_s: float, half_width_s: float) -> Pressure | None:
    """Return the pressure at an instant that is known to ±`half_width_s`: the mean over a second around it."""
    near = _between(readings, time_s - 0.5 * SMOOTHING_S, time_s + 0.5 * SMOOTHING_S)
    if near is None:
        # A slow sensor: straight between the readings around the instant, if they are not far away.
        around = _between(readings, time_s - 10.0, time_s + 10.0)
        if around is None or not around[0][0] <= time_s <= around[0][-1]:
            return None
        value = float(np.interp(time_s, *around))
    else:
        value = float(near[1].mean())
    wide = _between(readings, time_s - half_width_s - SMOOTHING_S, time_s + half_width_s + SMOOTHING_S)
    spread = 0.0
    if wide is not None and half_width_s > 0.0:
        early, late = (np.interp(time_s + sign * half_width_s, *wide) for sign in (-1.0, 1.0))
        spread = 0.5 * abs(float(late) - float(early))
    return Pressure(value - zeroed.value, zeroed.noise_of_a_second, spread)


def peak(readings: Series, zeroed: Zero, start_s: float, end_s: float) -> Pressure | None:
    """Return the greatest mean over a second, less what noise makes it too great.

    The greatest of n values that are alike but for noise exceeds them by the normal quantile of (n − 3/8)/(n + 1/4)
    (Blom); n counts the running means that are so close to the greatest that noise may have chosen, as many of a second
    as are not just each other's neighbours. Half of the correction is left open.
    """
    inside = _between(readings, start_s, end_s)
    if inside is None:
        return None
    means, noise = _seconds(*inside), zeroed.noise_of_a_second
    greatest = float(means.max())
    close = int(np.count_nonzero(means >= greatest - _BY_NOISE * noise))
    usual_s = float(np.median(np.diff(inside[0]))) if inside[0].size > 1 else SMOOTHING_S
    number = max(1.0, close * min(1.0, _APART_IN_A_SECOND * usual_s / SMOOTHING_S))
    excess = noise * max(0.0, NormalDist().inv_cdf((number - 0.375) / (number + 0.25)))
    return Pressure(greatest - zeroed.value - excess, noise, 0.5 * excess, excess)


def no_less(greatest: Pressure, other: Pressure) -> Pressure:
    """Return a peak that is no less than the pressure at an instant, which was there, too.

    Noise did not choose that instant: what it shows above the peak was taken off too much.
    """
    if other.value <= greatest.value:
        return greatest
    excess = max(0.0, greatest.excess - (other.value - greatest.value))
    return replace(greatest, value=other.value, excess=excess, spread=0.5 * excess)


def overload(readings: Series, start_s: float, end_s: float) -> Overload | None:
    """Return what was beyond the sensor's range between two instants; None where nothing was."""
    times = readings.time_s[readings.beyond]
    times = times[(times >= start_s) & (times <= end_s)]
    return Overload(float(times[0]), len(times)) if len(times) else None


def beyond_at(readings: Series, time_s: float, half_width_s: float) -> bool:
    """Return whether the pressure may have been beyond the sensor's range at an instant known to ±`half_width_s`.

    The readings just before and just after count, too: at the instant itself there need be none.
    """
    reach_s = max(half_width_s, 0.5 * SMOOTHING_S)
    first = np.searchsorted(readings.time_s, time_s - reach_s, "right") - 1
    last = np.searchsorted(readings.time_s, time_s + reach_s, "left") + 1
    return bool(readings.beyond[max(0, int(first)) : int(last)].any())


def losses(readings: Series, start_s: float, end_s: float) -> list[Window]:
    """Return from when to when readings are missing between two instants; beyond the range is not missing."""
    known = readings.time_s[np.isfinite(readings.value) | readings.beyond]
    if len(known) < 2:
        return [(start_s, end_s)]
    usual_s = float(np.median(np.diff(readings.time_s)))
    stamps = np.concatenate(([start_s], known[(known > start_s) & (known < end_s)], [end_s]))
    long = np.flatnonzero(np.diff(stamps) > LOST_INTERVALS * usual_s)
    return [(float(stamps[i]), float(stamps[i + 1])) for i in long]


def _between(readings: Series, start_s: float, end_s: float) -> tuple[Floats, Floats] | None:
    first, last = np.searchsorted(readings.time_s, start_s, "left"), np.searchsorted(readings.time_s, end_s, "right")
    valid = np.isfinite(readings.value[first:last])
    if not valid.any():
        return None
    return readings.time_s[first:last][valid], readings.value[first:last][valid]


def _seconds(time_s: Floats, value: Floats) -> Floats:
    """Return running means over the second before each reading."""
    summed = np.concatenate(([0.0], np.cumsum(value)))
    first = np.searchsorted(time_s, time_s - SMOOTHING_S, "right")
    last = np.arange(1, time_s.size + 1)
    return np.asarray((summed[last] - summed[first]) / (last - first), dtype=np.float64)
