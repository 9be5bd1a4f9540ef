"""How values scatter between devices, between runs of a device, and within a run: a nested random-effects analysis.

Value = mean + device + run of the device + dose. The numbers of runs and doses may differ: the mean squares are those
of unweighted means (Thomas and Hultquist), which are exact for equal numbers and close otherwise.

Sources: Thomas and Hultquist, Annals of Statistics 6 (1978) 582; Ting, Burdick, Graybill, Jeyaratnam and Lu, Journal of
Statistical Computation and Simulation 35 (1990) 135; Burdick and Graybill, Confidence Intervals on Variance
Components (1992), chs. 3 to 5.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.metrology.tolerance import finite

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MeanSquare:
    """A mean square and its degrees of freedom; with none of these its value is 0 and says nothing."""

    value: float
    freedom: float


@dataclass(frozen=True, slots=True)
class Variance:
    """A variance component: its estimate, never below 0, and a two-sided 95 % confidence interval."""

    estimate: float
    lower: float
    upper: float

    @property
    def sd(self) -> float:
        """The standard deviation."""
        return math.sqrt(self.estimate)

    @property
    def sd_interval(self) -> tuple[float, float]:
        """The confidence interval of the standard deviation."""
        return math.sqrt(self.lower), math.sqrt(self.upper)


@dataclass(frozen=True, slots=True)
class Scatter:
    """What an analysis by device, run and dose found; values are in the unit of the data, variances in its square.

    The mean squares have these expectations: `doses` σ²_dose; `runs` σ²_run + `dose_in_run` · σ²_dose; `devices`
    σ²_device + `run_in_device` · σ²_run + `dose_in_device` · σ²_dose.
    """

    mean: float
    device_count: int
    run_count: int
    count: int
    devices: MeanSquare
    runs: MeanSquare
    doses: MeanSquare
    dose_in_run: float
    run_in_device: float
    dose_in_device: float
    device_means: tuple[float, ...]
    residuals: tuple[float, ...]

    @property
    def within(self) -> Variance | None:
        """The variance of a run's doses; None where no run has two."""
        return _of_square(self.doses) if self.doses.freedom else None

    @property
    def between_runs(self) -> Variance | None:
        """The variance between runs of a device; None where no device has two, so that it counts as the device's."""
        if not self.runs.freedom:
            return None
        return difference(self.runs, MeanSquare(self.dose_in_run * self.doses.value, self.doses.freedom))

    @property
    def between_devices(self) -> Variance | None:
        """The variance between devices; None where there is only one."""
        if not self.devices.freedom:
            return None
        parts = [(self.run_in_device, self.runs), (self.dose_in_device - self._run_share, self.doses)]
        return difference(self.devices, _satterthwaite([(factor, square) for factor, square in parts if factor > 0.0]))

    @property
    def variance_of_one(self) -> float:
        """The variance of a dose of a run of a device, each drawn anew."""
        return sum(part.estimate for part in (self.within, self.between_runs, self.between_devices) if part)

    @property
    def effective_count(self) -> float:
        """How many independent doses would tell the mean as well as these do; no more than there are."""
        of_mean = self.devices.value / self.device_count
        return min(float(self.count), self.variance_of_one / of_mean) if of_mean > 0.0 else float(self.count)

    @property
    def _run_share(self) -> float:
        return self.run_in_device * self.dose_in_run if self.runs.freedom else 0.0


def analyse_scatter(
    values: Sequence[float] | Floats, devices: Sequence[Hashable], runs: Sequence[Hashable] | None = None
) -> Scatter:
    """Analyse values by device and run.

    Args:
        values: one a dose, of any unit.
        devices: which device gave each value.
        runs: which of the device's runs gave each value; None where a device's values are one run.

    Raises:
        ValueError: fewer than two values, one that is not finite, or labels that are not one a value.

    """
    sample = finite(values, 2)
    run_labels: Sequence[Hashable] = devices if runs is None else runs
    if not len(devices) == len(run_labels) == sample.size:
        raise ValueError(
            f"{sample.size} values need as many devices and runs, not {len(devices)} and {len(run_labels)}"
        )
    grouped = _grouped(sample, devices, run_labels)
    run_means = [np.array([float(np.mean(run)) for run in one]) for one in grouped]
    run_inverses = [np.array([1.0 / run.size for run in one]) for one in grouped]
    means = np.array([float(np.mean(one)) for one in run_means])
    run_count, device_count = sum(one.size for one in run_means), means.size
    centred = [run - np.mean(run) for one in grouped for run in one]
    # A residual of a run of n has the variance (n − 1)/n · σ²; made good, so that they can be looked at together.
    inflated = [run * math.sqrt(run.size / (run.size - 1.0)) for run in centred if run.size > 1]
    run_freedom = run_count - device_count
    dose_in_run = sum((one.size - 1) * float(np.mean(one)) for one in run_inverses) / max(run_freedom, 1)
    return Scatter(
        mean=float(np.mean(means)),
        device_count=device_count,
        run_count=run_count,
        count=sample.size,
        devices=_mean_square(means - np.mean(means), device_count - 1),
        runs=_mean_square(np.concatenate([one - np.mean(one) for one in run_means]), run_freedom),
        doses=_mean_square(np.concatenate(centred), sample.size - run_count),
        dose_in_run=dose_in_run,
        run_in_device=float(np.mean([1.0 / one.size for one in run_means])),
        dose_in_device=float(np.mean([np.sum(one) / one.size**2 for one in run_inverses])),
        device_means=tuple(float(each) for each in means),
        residuals=tuple(float(each) for run in inflated for each in run),
    )


def difference(first: MeanSquare, second: MeanSquare, confidence: float = 0.95) -> Variance:
    """Return the difference of two expected mean squares with its interval by the modified large-sample method.

    Estimate and interval end at 0, since a variance does. Source: Ting et al. (1990), as in Burdick and Graybill
    (1992), section 3.3.
    """
    estimate = first.value - second.value
    if not second.freedom or second.value == 0.0:
        return _of_square(first, confidence)
    tail = 0.5 * (1.0 - confidence)
    low_1, high_1 = _relative(first.freedom, tail)
    low_2, high_2 = _relative(second.freedom, tail)
    upper_f, lower_f = _f_quantile(1.0 - tail, first, second), _f_quantile(tail, first, second)
    cross_low = ((upper_f - 1.0) ** 2 - (low_1 * upper_f) ** 2 - high_2**2) / upper_f
    cross_high = ((1.0 - lower_f) ** 2 - (high_1 * lower_f) ** 2 - low_2**2) / lower_f
    squares, product = (first.value**2, second.value**2), first.value * second.value
    below = low_1**2 * squares[0] + high_2**2 * squares[1] + cross_low * product
    above = high_1**2 * squares[0] + low_2**2 * squares[1] + cross_high * product
    return Variance(
        max(0.0, estimate),
        max(0.0, estimate - math.sqrt(max(0.0, below))),
        max(0.0, estimate + math.sqrt(max(0.0, above))),
    )


def upper_excess(freedom: float, confidence: float) -> float:
    """Return by what share of itself a mean square's upper confidence limit exceeds it."""
    from scipy.special import chdtri  # type: ignore[import-untyped]  # slow to import

    return freedom / float(chdtri(freedom, confidence)) - 1.0


def _grouped(sample: Floats, devices: Sequence[Hashable], runs: Sequence[Hashable]) -> list[list[Floats]]:
    found: dict[Hashable, dict[Hashable, list[float]]] = {}
    for value, device, run in zip(sample, devices, runs, strict=True):
        found.setdefault(device, {}).setdefault(run, []).append(float(value))
    return [[np.array(run) for run in of_device.values()] for of_device in found.values()]


def _mean_square(deviations: Floats, freedom: int) -> MeanSquare:
    return MeanSquare(float(np.sum(deviations**2)) / freedom if freedom else 0.0, float(freedom))


def _of_square(square: MeanSquare, confidence: float = 0.95) -> Variance:
    tail = 0.5 * (1.0 - confidence)
    low, high = _relative(square.freedom, tail)
    return Variance(square.value, square.value * (1.0 - low), square.value * (1.0 + high))


def _relative(freedom: float, tail: float) -> tuple[float, float]:
    """Return how far a variance's one-sided limits lie below and above its estimate, as shares of it."""
    return -upper_excess(freedom, tail), upper_excess(freedom, 1.0 - tail)


def _f_quantile(probability: float, first: MeanSquare, second: MeanSquare) -> float:
    from scipy.special import fdtri

    return float(fdtri(first.freedom, second.freedom, probability))


def _satterthwaite(parts: Sequence[tuple[float, MeanSquare]]) -> MeanSquare:
    """Return a sum of mean squares as one, with Satterthwaite's degrees of freedom."""
    known = [(factor * square.value, square.freedom) for factor, square in parts if square.freedom]
    value = sum(part for part, _ in known)
    if value == 0.0:
        return MeanSquare(0.0, sum(freedom for _, freedom in known))
    return MeanSquare(value, value**2 / sum(part**2 / freedom for part, freedom in known))
