"""Fits the balance's step response, and the drift of the run, to all pulses of a run together.

Lag, moving average and tail are the same for every pulse, mass and onset are each pulse's own. In each window level,
masses and onsets are eliminated (variable projection); what is left of all windows is fitted by damped Gauss-Newton
steps in the response's four parameters and the run's drift. One window alone could not tell tail from drift, since both
slope; many windows with one drift can. What is known of such responses beforehand holds what pulses too few or too
noisy do not tell, and the covariance says how well the rest is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from bench.metrology.noise import Floats
from bench.metrology.pulse_window import Earlier, Solution, Whitened, solve
from bench.metrology.step_response import StepResponse

LEAST = np.array([0.01, 0.0, 0.0, np.log(4.0)])
MOST = np.array([8.0, 8.0, 0.25, np.log(80.0)])
USUAL = StepResponse(
    1.0,
    0.0,
    0.05,
    20.0,
    covariance=np.diag([0.5**2, 0.5**2, 0.05**2, 0.6**2]),
    source="usual: no pulses to fit it to",
)
"""What is usual of balances and pumps: a lag of a second, a twentieth of a pulse that creeps for some 20 s."""
_SHARE, _LOG_TAIL = (0.05, 0.08), (float(np.log(20.0)), 0.6)
_LAGS_S = (0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.2, 3.3, 5.0)
_AVERAGES_S = (0.3, 0.6, 1.0, 2.0, 4.0)
_STEP = np.array([1e-4, 1e-3, 1e-3, 1e-3])
_ROUNDS = 14
_SEARCHED = 6


class Start(NamedTuple):
    """Onsets as they are known beforehand, less a delay that all have in common and that is within ± `common_s`."""

    instants_s: Floats
    common_s: float
    spread_s: float


@dataclass(frozen=True, slots=True)
class RunShape:
    """What a run's pulses have in common; `covariance` is that of drift and the response's four parameters."""

    response: StepResponse
    drift_mg_per_s: float
    delay_s: float
    covariance: Floats


@dataclass(slots=True)
class _State:
    values: Floats
    drift: float
    solutions: list[Solution]
    normal: Floats
    gradient: Floats
    cost: float


def fit_shape(
    windows: Sequence[Whitened],
    start: Start,
    known: StepResponse | None = None,
    near: RunShape | None = None,
    guess: StepResponse | None = None,
) -> RunShape:
    """Return response and drift that all windows have in common.

    Args:
        windows: of the run, none overlapping another; those without a pulse tell of the drift.
        start: onsets of all pulses of the run as far as they are known beforehand.
        known: the response where it is known; then the drift alone is fitted.
        near: an earlier result to begin with.
        guess: a response to begin with, where that is all that is known.

    """
    holding = [window for window in windows if len(window.window.pulses)]
    if near is not None:
        response, delay_s = near.response, near.delay_s
    elif known is None and guess is None:
        response, delay_s = _search(holding, start)
    else:
        response, delay_s = _delay(holding, start, [each for each in (known or guess,) if each is not None])
    expected = start.instants_s + delay_s
    free = np.array([True] + [known is None] * 4)
    prior = _prior(response)
    state = _evaluate(windows, response, expected, start.spread_s, 0.0, None, prior, free)
    damping = 1e-3
    for _ in range(_ROUNDS):
        matrix = state.normal + damping * np.diag(np.diag(state.normal))
        step = np.zeros(5)
        step[free] = np.linalg.solve(matrix[np.ix_(free, free)], state.gradient[free])
        values = np.clip(state.values + step[1:], LEAST, MOST)
        # Creep slower than a few lags of the balance, or it would be the lag.
        values[3] = max(values[3], np.log(4.0 * values[0]))
        tried = _evaluate(
            windows,
            response.with_values(values),
            expected,
            start.spread_s,
            state.drift + step[0],
            state.solutions,
            prior,
            free,
        )
        better = state.cost - tried.cost
        if better >= 0.0:
            state, damping = tried, max(0.2 * damping, 1e-6)
            if better < 1e-3:
                break
        else:
            damping = min(10.0 * damping, 1e6)
            if damping >= 1e5:
                break
    covariance = np.zeros((5, 5))
    covariance[np.ix_(free, free)] = np.linalg.inv(state.normal[np.ix_(free, free)])
    fitted = response.with_values(state.values)
    if known is None:
        pulses = sum(len(window.window.pulses) for window in holding)
        fitted = replace(fitted, covariance=covariance[1:, 1:], source=f"fitted to {pulses} pulses")
    else:
        covariance[1:, 1:] = known.covariance
    return RunShape(fitted, state.drift, delay_s, covariance)


def _prior(response: StepResponse) -> tuple[Floats, Floats]:
    """Return values held beforehand and the inverse squares of how firmly: tail by what is usual, filter hardly."""
    values = np.array([response.lag_s, response.average_s, _SHARE[0], _LOG_TAIL[0]])
    width = max(response.width_s, 0.1)
    return values, 1.0 / np.array([2.0 * width, 2.0 * width, _SHARE[1], _LOG_TAIL[1]]) ** 2


def _search(windows: Sequence[Whitened], start: Start) -> tuple[StepResponse, float]:
    """Return the likeliest of a coarse set of responses, and the common delay of the onsets."""
    candidates = [replace(USUAL, lag_s=lag_s, average_s=0.5 * lag_s) for lag_s in _LAGS_S]
    candidates += [replace(USUAL, lag_s=0.1 * average_s, average_s=average_s) for average_s in _AVERAGES_S]
    return _delay(windows, start, candidates)


def _delay(windows: Sequence[Whitened], start: Start, candidates: Sequence[StepResponse]) -> tuple[StepResponse, float]:
    chosen = [windows[i] for i in np.unique(np.linspace(0, len(windows) - 1, _SEARCHED).astype(int))] if windows else []
    if not chosen:
        return candidates[len(candidates) // 2], 0.0
    fixed = [
        window.turn(np.column_stack((window.mean_mg, np.ones(len(window.mean_mg)), window.time_s))) for window in chosen
    ]
    best = (np.inf, candidates[0], 0.0)
    for response in candidates:
        step_s = max(0.05, min(0.5 * response.width_s, 0.25 * max(start.common_s, 0.1)))
        reach = int(np.ceil(start.common_s / step_s))
        delays_s = np.arange(-reach, reach + 1) * step_s
        costs = np.zeros(len(delays_s))
        for window, columns in zip(chosen, fixed, strict=True):
            pulses = window.window.pulses
            onsets = np.add.outer(delays_s, start.instants_s[pulses.start : pulses.stop])
            # All delays are turned at once, which is many times faster than one after another.
            turned = window.turn(window.shown(response, onsets.ravel())).reshape(len(columns), *onsets.shape)
            costs += [_left(columns, turned[:, number]) for number in range(len(delays_s))]
        least = int(np.argmin(costs))
        if costs[least] < best[0]:
            best = (float(costs[least]), response, float(delays_s[least]))
    return best[1], best[2]


def _left(columns: Floats, shown: Floats) -> float:
    """Return the sum of squares that level, drift and pulses leave of the first column."""
    basis = np.linalg.qr(np.column_stack((columns[:, 1:], shown)))[0]
    left = columns[:, 0] - basis @ (basis.T @ columns[:, 0])
    return float(left @ left)


def _evaluate(
    windows: Sequence[Whitened],
    response: StepResponse,
    expected_s: Floats,
    spread_s: float,
    drift: float,
    before: Sequence[Solution] | None,
    prior: tuple[Floats, Floats],
    free: Floats,
) -> _State:
    """Solve every window, and gather what is left of them as normal equations of drift and response."""
    values = response.values
    normal, gradient, cost = np.zeros((5, 5)), np.zeros(5), 0.0
    usual_mg = np.nan
    if before is not None:
        masses = np.concatenate([solution.masses_mg for solution in before])
        usual_mg = float(np.median(masses)) if len(masses) else np.nan
    solutions = []
    for number, window in enumerate(windows):
        pulses = window.window.pulses
        expected = expected_s[pulses.start : pulses.stop]
        earlier = _earlier(window, expected_s, usual_mg, response)
        start = None if before is None else (before[number].masses_mg, before[number].onsets_s)
        solution = solve(window, response, expected, spread_s, start, earlier, drift, 3 if before is None else 1)
        solutions.append(solution)
        columns = [window.time_s]
        if free[1]:
            columns += _derivatives(window, response, solution, earlier)
        whitened = np.zeros((solution.design.shape[0], len(columns)))
        whitened[: len(window.time_s)] = window.turn(np.column_stack(columns))
        left = whitened - solution.design @ (solution.inverse @ (solution.design.T @ whitened))
        size = len(columns)
        normal[:size, :size] += left.T @ left
        gradient[:size] += left.T @ solution.residual
        cost += float(solution.residual @ solution.residual)
    if free[1]:
        away = values - prior[0]
        normal[1:, 1:] += np.diag(prior[1])
        gradient[1:] -= prior[1] * away
        cost += float(away @ (prior[1] * away))
    return _State(values, drift, solutions, normal, gradient, cost)


def _earlier(window: Whitened, expected_s: Floats, usual_mg: float, response: StepResponse) -> Earlier | None:
    """Return the pulses before a window as far as their tails still show, all of the usual mass."""
    if not np.isfinite(usual_mg):
        return None
    last = window.window.pulses.start
    first = int(np.searchsorted(expected_s, window.begin_s[0] - max(response.tail_lasts_s, response.settling_s)))
    onsets = expected_s[first:last]
    return Earlier(onsets, np.full(len(onsets), usual_mg))


def _derivatives(window: Whitened, response: StepResponse, solution: Solution, earlier: Earlier | None) -> list[Floats]:
    """Return what the window would show more for each of the response's parameters, by differences."""
    onsets, masses = solution.onsets_s, solution.masses_mg
    if earlier is not None:
        onsets, masses = np.concatenate((earlier.onsets_s, onsets)), np.concatenate((earlier.masses_mg, masses))
    columns = []
    for index, step in enumerate(_STEP):
        up, down = response.values, response.values
        up[index] += step
        down[index] = max(down[index] - step, LEAST[index])
        more = window.shown(response.with_values(up), onsets) - window.shown(response.with_values(down), onsets)
        columns.append(more @ masses / (up[index] - down[index]))
    return columns
