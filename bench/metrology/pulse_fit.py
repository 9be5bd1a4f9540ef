"""Mass and time of every pulse of a run: generalised least squares with the balance's own step response.

Masses and onsets are fitted to all readings between a pulse and its neighbours, with noise of known colour (filtered
white, flicker, walk), drift and step response being the run's. Pulses that come fast are fitted together. A pulse's
mass is all that it will have brought once its slow tail has come.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.metrology.noise import Floats
from bench.metrology.noise_covariance import FilteredNoise
from bench.metrology.pulse_blocks import Blocks, cut
from bench.metrology.pulse_guard import guard_weights
from bench.metrology.pulse_layout import Layout, apart, layout_of, readings_interval, windows_of
from bench.metrology.pulse_window import Earlier, Roots, Solution, Whitened, Window, solve
from bench.metrology.response_slopes import Beside, beside, by_parameters
from bench.metrology.step_response import StepResponse
from bench.metrology.step_response_fit import RunShape, Start, fit_shape

DISAGREES = 4.0
"""Standard uncertainties of their difference beyond which fit and cross-check contradict each other."""
_SHAPE_WINDOWS, _FEW_WINDOWS = 60, 24
_SHARED = 5


@dataclass(frozen=True, slots=True)
class PulseFit:
    """The pulses of a run, in the order of their instants; masses in mg, times in s.

    Attributes:
        time_s: when each pulse began to show, less the balance's declared dead time; as it was given where a pulse does
            not stand out of the noise.
        time_uncertainty_s: standard uncertainty of that, as large as what was known beforehand where nothing was seen.
        mass_mg: what each pulse brought, its tail included.
        mass_uncertainty_mg: standard uncertainty, everything included.
        noise_mg: the part of it by the balance's noise, for drift and response known.
        rounding_mg: the part of it by rounding errors that do not average out.
        shared: what drift and the response's four parameters, of `shared_covariance`, change each mass by; (pulses, 5).
        guard_mg: the cross-check's masses; NaN where there is no room for one.
        guard_difference_mg: standard uncertainty of cross-check less fit.
        disagrees: whether they differ by more than four of these.
        misfit: mean square of what the fit leaves of each pulse's window, in units of the noise: about one.
        response: of the balance, with its uncertainty.
        drift_mg_per_s: of the balance and the vessel.
        drift_uncertainty_mg_per_s: its standard uncertainty.

    """

    time_s: Floats
    time_uncertainty_s: Floats
    mass_mg: Floats
    mass_uncertainty_mg: Floats
    noise_mg: Floats
    rounding_mg: float
    shared: Floats
    shared_covariance: Floats
    guard_mg: Floats
    guard_difference_mg: Floats
    disagrees: NDArray[np.bool_]
    misfit: Floats
    response: StepResponse
    drift_mg_per_s: float
    drift_uncertainty_mg_per_s: float
    noise: FilteredNoise
    _sums: _Sums

    def correlation(self, one: int, other: int) -> float:
        """Return the correlation of two pulses' masses by noise, near −0.5 for neighbours: they share a level."""
        if one == other:
            return 1.0
        weights = np.zeros(len(self.mass_mg))
        weights[[one, other]] = 1.0
        both = self._sums.variance(weights, self.noise)
        own = [self._sums.variance(np.eye(1, len(weights), k)[0], self.noise) for k in (one, other)]
        return 0.5 * (both - sum(own)) / math.sqrt(own[0] * own[1])

    def sum_uncertainty_mg(self, weights: Floats) -> float:
        """Return the standard uncertainty of a weighted sum of the masses, their correlations counted.

        A mean over n pulses has weights 1/n. Noise of neighbours mostly cancels in it; errors of drift and response
        are alike for all pulses and do not.
        """
        variance = self._sums.variance(weights, self.noise)
        shared = weights @ self.shared
        variance += float(shared @ self.shared_covariance @ shared)
        # Rounding errors of the levels between pulses cancel as the noise does; of a sum two levels are left.
        variance += self.rounding_mg**2 * float(np.max(np.abs(weights), initial=0.0)) ** 2
        return math.sqrt(max(0.0, variance))

    def mean_uncertainty_mg(self, chosen: Sequence[int] | NDArray[np.intp]) -> float:
        """Return the standard uncertainty of the mean of some pulses' masses."""
        weights = np.zeros(len(self.mass_mg))
        weights[np.asarray(chosen)] = 1.0 / len(chosen)
        return self.sum_uncertainty_mg(weights)


@dataclass(frozen=True, slots=True)
class _Sums:
    """What every pulse's mass weighs each block with, and the blocks."""

    blocks: Blocks
    weights: list[tuple[int, Floats]]

    def variance(self, weights: Floats, noise: FilteredNoise) -> float:
        """Return the variance by noise of a weighted sum of masses."""
        used = np.flatnonzero(weights)
        if len(used) == 0:
            return 0.0
        total = np.zeros(len(self.blocks.begin_s))
        for pulse in used:
            first, own = self.weights[pulse]
            total[first : first + len(own)] += weights[pulse] * own
        first = min(self.weights[pulse][0] for pulse in used)
        last = max(self.weights[pulse][0] + len(self.weights[pulse][1]) for pulse in used)
        return noise.of_sum(self.blocks.begin_s[first:last], self.blocks.end_s[first:last], total[first:last])


def fit_pulses(
    time_s: Floats,
    mass_mg: Floats,
    instants_s: Floats,
    noise: FilteredNoise,
    *,
    response: StepResponse | None = None,
    guess: StepResponse | None = None,
    instant_spread_s: float = 0.5,
    common_delay_s: float = 2.0,
) -> PulseFit:
    """Weigh every pulse of a run.

    Args:
        time_s: ascending times of the readings; blanks before and after the pulses help to tell drift from pulses.
        mass_mg: readings; NaN where there is none.
        instants_s: about when each pulse came, as found or as commanded, ascending. Every step of the balance belongs
            in, a disturbance and a missed pulse's empty slot, too: what is not named here is taken for noise.
        noise: of the balance, from `fit_noise`.
        response: of the balance where it is known; otherwise it is fitted.
        guess: a response to begin the fit with; without one it is searched for.
        instant_spread_s: standard uncertainty of each instant by itself.
        common_delay_s: by how much all pulses may come earlier or later than their instants.

    Raises:
        ValueError: there are no pulses, instants do not ascend or lie outside the readings, or readings are too few.

    """
    _check(time_s, mass_mg, instants_s)
    sample_s = readings_interval(time_s)
    start = Start(instants_s, common_delay_s, instant_spread_s)
    held = response is not None
    shape, blocks, layout = _shape(
        time_s, mass_mg, start, noise, response or guess, sample_s, _SHAPE_WINDOWS, held=held
    )
    expected = instants_s + shape.delay_s
    windows = windows_of(blocks, expected, layout)
    roots = Roots(noise)
    pairs = beside(shape.response, np.zeros(_SHARED - 1))
    count = len(instants_s)
    onset, mass = expected.copy(), np.full(count, np.nan)
    time_u, noise_u = np.full(count, instant_spread_s), np.full(count, np.nan)
    shared, misfit = np.zeros((count, _SHARED)), np.full(count, np.nan)
    guard, difference = np.full(count, np.nan), np.full(count, np.nan)
    sums: list[tuple[int, Floats]] = [(0, np.zeros(0))] * count
    for window in windows:
        if window.last - window.first < 2 * len(window.pulses) + 3:
            continue
        white = Whitened(blocks, window, roots)
        earlier = _before(window, onset, mass, white.begin_s[0], shape.response)
        own = expected[window.pulses.start : window.pulses.stop]
        found = solve(white, shape.response, own, instant_spread_s, None, earlier, shape.drift_mg_per_s)
        core = np.arange(window.core.start, window.core.stop) - window.pulses.start
        to = slice(window.core.start, window.core.stop)
        mass[to], onset[to] = found.masses_mg[core], found.onsets_s[core]
        noise_u[to] = found.mass_uncertainty_mg[core]
        time_u[to] = np.sqrt(np.diag(found.inverse)[1 + len(own) + core])
        rows = len(white.time_s)
        per_reading = white.back(found.design[:rows] @ found.inverse[:, 1 + core])
        shared[to] = -per_reading.T @ _shared_columns(white, pairs, found, earlier)
        misfit[to] = float(found.residual[:rows] @ found.residual[:rows]) / max(1, rows - 1 - 2 * len(own))
        for place, pulse in zip(core, window.core, strict=True):
            weights = per_reading[:, place - core[0]]
            sums[pulse] = window.first, weights
            guard[pulse], difference[pulse] = _guard(white, shape, found, earlier, int(place), weights, layout)
    rounding = math.sqrt(2.0) * noise.stuck_mg
    common = np.einsum("ij,jk,ik->i", shared, shape.covariance, shared)
    total_u = np.sqrt(noise_u**2 + common + rounding**2)
    difference = np.sqrt(difference**2 + rounding**2)
    with np.errstate(invalid="ignore"):
        disagrees = np.abs(guard - mass) > DISAGREES * difference
    return PulseFit(
        onset - shape.response.dead_s,
        time_u,
        mass,
        total_u,
        noise_u,
        rounding,
        shared,
        shape.covariance,
        guard,
        difference,
        disagrees,
        misfit,
        shape.response,
        shape.drift_mg_per_s,
        math.sqrt(shape.covariance[0, 0]),
        noise,
        _Sums(blocks, sums),
    )


def response_of_run(
    time_s: Floats,
    mass_mg: Floats,
    instants_s: Floats,
    noise: FilteredNoise,
    *,
    instant_spread_s: float = 0.5,
    common_delay_s: float = 2.0,
) -> StepResponse:
    """Return the step response that the pulses of a run show, from some of them; see `fit_pulses`.

    Raises:
        ValueError: as `fit_pulses` does.

    """
    _check(time_s, mass_mg, instants_s)
    start = Start(instants_s, common_delay_s, instant_spread_s)
    return _shape(time_s, mass_mg, start, noise, None, readings_interval(time_s), _FEW_WINDOWS)[0].response


def _check(time_s: Floats, mass_mg: Floats, instants_s: Floats) -> None:
    if len(instants_s) == 0:
        raise ValueError("there are no pulses to weigh")
    if np.any(np.diff(instants_s) <= 0.0):
        raise ValueError("the pulses' instants must ascend; sort them and name none twice")
    if np.any(np.diff(time_s) <= 0.0):
        raise ValueError("the readings' times must ascend; drop readings that go back or come twice")
    if np.count_nonzero(np.isfinite(mass_mg)) < 10:
        raise ValueError("fewer than 10 readings have a value")
    if instants_s[0] <= time_s[0] or instants_s[-1] >= time_s[-1]:
        raise ValueError("a pulse lies outside the readings; weigh only those with readings before and after")


def _shape(
    time_s: Floats,
    mass_mg: Floats,
    start: Start,
    noise: FilteredNoise,
    begin: StepResponse | None,
    sample_s: float,
    most: int,
    *,
    held: bool = False,
) -> tuple[RunShape, Blocks, Layout]:
    """Fit what the run's pulses have in common, twice where blocks were cut for another response than was found.

    `begin` is a response to begin with, or, where it is `held`, the response itself.
    """
    guess = begin or StepResponse(max(noise.lag_s, 0.3 * sample_s), noise.average_s, 0.05)

    def fitted(
        cut_for: StepResponse, onsets_s: Floats, uncertain_s: float, begin: RunShape | StepResponse | None, most: int
    ) -> RunShape:
        layout, spacing = layout_of(cut_for, min(uncertain_s, 5.0), sample_s)
        blocks = cut(time_s, mass_mg, onsets_s, spacing)
        chosen = apart(windows_of(blocks, onsets_s, layout))
        chosen = [chosen[i] for i in np.unique(np.linspace(0, len(chosen) - 1, most).astype(int))]
        roots = Roots(noise)
        whitened = [Whitened(blocks, window, roots) for window in chosen if window.last - window.first > 8]
        return fit_shape(whitened, start, begin, held=held)

    rough = fitted(guess, start.instants_s, start.common_s + start.spread_s, begin, _FEW_WINDOWS)
    shape = fitted(rough.response, start.instants_s + rough.delay_s, start.spread_s, rough, most)
    layout, spacing = layout_of(shape.response, start.spread_s, sample_s)
    return shape, cut(time_s, mass_mg, start.instants_s + shape.delay_s, spacing), layout


def _before(window: Window, onset: Floats, mass: Floats, begin_s: float, response: StepResponse) -> Earlier:
    """Return the pulses before a window of which something may still show in it."""
    reach_s = max(response.tail_lasts_s, 3.0 * response.settling_s)
    first = int(np.searchsorted(onset[: window.pulses.start], begin_s - reach_s))
    onsets, masses = onset[first : window.pulses.start], mass[first : window.pulses.start]
    return Earlier(onsets, np.where(np.isfinite(masses), masses, 0.0))


def _shared_columns(white: Whitened, pairs: list[Beside], found: Solution, earlier: Earlier) -> Floats:
    """Return what the window shows more for each unit of drift and of the response's parameters."""
    onsets = np.concatenate((earlier.onsets_s, found.onsets_s))
    masses = np.concatenate((earlier.masses_mg, found.masses_mg))
    return np.column_stack([white.time_s, *by_parameters(white, pairs, onsets, masses)])


def _guard(
    white: Whitened,
    shape: RunShape,
    found: Solution,
    earlier: Earlier,
    place: int,
    weights: Floats,
    layout: Layout,
) -> tuple[float, float]:
    """Return the cross-check's mass and the standard uncertainty of its difference from the fit."""
    onsets = found.onsets_s
    onset = float(onsets[place])
    begin_s = onsets[place - 1] + layout.settling_s if place else white.begin_s[0]
    end_s = onsets[place + 1] - layout.uncertain_s / 3.0 if place + 1 < len(onsets) else white.end_s[-1]
    lines = guard_weights(
        white.begin_s,
        white.end_s,
        onset,
        (float(begin_s), onset - 0.3 * layout.uncertain_s),
        (onset + shape.response.settling_s, float(end_s)),
    )
    if lines is None:
        return math.nan, math.nan
    all_onsets = np.concatenate((earlier.onsets_s, onsets))
    all_masses = np.concatenate((earlier.masses_mg, found.masses_mg))
    middle = white.middle_s[:, None] - all_onsets
    left = np.where(middle > 0.0, shape.response.tail_left(np.maximum(middle, 0.0)), 0.0) @ all_masses
    turned = white.root.T @ (lines - weights)
    return float(lines @ (white.mean_mg + left)), float(np.linalg.norm(turned))
