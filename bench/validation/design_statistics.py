"""What studies and labels tell of their designs, as functions of simulated pumps: shares, scatter, means, times."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.validation.designs import HOUR_S, Array, Pumps

_DOSES = 20
"""Pumps of the designs that count doses: more than the studies had, so that chance does not decide."""


def doses_beyond(rate: float, dose_u: float, limit_percent: float) -> Callable[[Pumps], float]:
    """Return the share in % of single doses over 20 h that are off by more than a limit."""
    return lambda made: _beyond_percent(made.doses(_DOSES, rate, 20.0) / dose_u - 1.0, limit_percent)


def doses_sd(rate: float, dose_u: float, count: int = 1, hours: float = 20.0) -> Callable[[Pumps], float]:
    """Return the standard deviation in % of means of so many doses in a row."""

    def found(made: Pumps) -> float:
        return 100.0 * float(_means(made.doses(_DOSES, rate, hours), count).std()) / dose_u

    return found


def means_beyond(rate: float, dose_u: float, count: int, limit_percent: float) -> Callable[[Pumps], float]:
    """Return the share in % of means of so many doses in a row that are off by more than a limit."""
    return lambda made: _beyond_percent(_means(made.doses(_DOSES, rate, 20.0), count) / dose_u - 1.0, limit_percent)


def _means(doses: Array, count: int) -> Array:
    whole: Array = doses[:, : doses.shape[1] // count * count].reshape(len(doses), -1, count)
    means: Array = whole.mean(axis=2)
    return means


def _window_errors(made: Pumps, pumps: int, rate: float, hours: float, window_h: float) -> Array:
    levels = made.basal(pumps, rate, tuple(np.arange(0.0, hours + window_h / 2, window_h)))
    errors: Array = np.diff(levels, axis=1) / (rate * window_h) - 1.0
    return errors


def windows_beyond(rate: float, hours: float, window_h: float, limit_percent: float) -> Callable[[Pumps], float]:
    """Return the share in % of windows that are off by more than a limit."""
    return lambda made: _beyond_percent(_window_errors(made, _DOSES, rate, hours, window_h), limit_percent)


def median_off(rate: float, hours: float, window_h: float) -> Callable[[Pumps], float]:
    """Return the median of the absolute errors of windows in %."""
    return lambda made: 100.0 * float(np.median(np.abs(_window_errors(made, _DOSES, rate, hours, window_h))))


_REPEATS = 9
"""Of the Ulm studies, each with a pump anew."""


def hourly_within(rate: float) -> Callable[[Pumps], float]:
    """Return the share in % of the 72 × 9 hourly windows within ±15 %."""
    return lambda made: 100.0 - _beyond_percent(_window_errors(made, _REPEATS, rate, 72.0, 1.0), 15.0)


def total_error(rate: float) -> Callable[[Pumps], float]:
    """Return the mean error in % over 72 h."""
    return lambda made: 100.0 * float(_window_errors(made, _REPEATS, rate, 72.0, 1.0).mean())


def bolus_errors(made: Pumps, volume: float) -> Array:
    """Return the errors of the boluses of the Ulm designs: 25, or 12 of 10 U, by nine pumps."""
    errors: Array = made.boluses(_REPEATS, volume, 12 if volume >= 10.0 else 25) / volume - 1.0
    return errors


def boluses_within(volume: float) -> Callable[[Pumps], float]:
    """Return the share in % of boluses within ±15 %."""
    return lambda made: 100.0 - _beyond_percent(bolus_errors(made, volume), 15.0)


def bolus_mean(volume: float) -> Callable[[Pumps], float]:
    """Return the mean error of boluses in %."""
    return lambda made: 100.0 * float(bolus_errors(made, volume).mean())


def bolus_sd(volume: float) -> Callable[[Pumps], float]:
    """Return the standard deviation of boluses in %."""
    return lambda made: 100.0 * float(bolus_errors(made, volume).std())


def boluses_counted(low_percent: float, high_percent: float) -> Callable[[Pumps], float]:
    """Return how many of 800 boluses of 0.05 U have from `low` to below `high` percent of their volume."""

    def found(made: Pumps) -> float:
        shares = 100.0 * made.boluses(32, 0.05, 25) / 0.05
        return float(np.sum((shares >= low_percent) & (shares < high_percent)))

    return found


def alarm_h(rate: float) -> Callable[[Pumps], float]:
    """Return the median time to an occlusion alarm in h."""
    return lambda made: float(np.median(made.alarm_s(_REPEATS, rate))) / HOUR_S


def alarm_in_bolus_s(volume: float) -> Callable[[Pumps], float]:
    """Return the median time to an occlusion alarm of a bolus in s."""
    return lambda made: float(np.median(made.alarm_s(_REPEATS, bolus_u=volume)))


def _beyond_percent(errors: Array, limit_percent: float) -> float:
    return 100.0 * float(np.mean(np.abs(errors) > limit_percent / 100.0))
