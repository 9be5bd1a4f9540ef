"""Fits the balance's step response, and the drift of the run, to all pulses of a run together.

Lag, moving average and tail are the same for every pulse, mass and onset are each pulse's own. In each window level,
masses and onsets are eliminated (variable projection); what is left of all windows is fitted by damped Gauss-Newton
steps in the response's four parameters, the run's drift, and the delay that all onsets have in common. One window alone
could not tell tail from drift, since both slope; many windows with one drift can. What is known of such responses
beforehand holds what pulses too few or too noisy do not tell, and the covariance says how well the rest is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from bench.metrology.noise import Floats
from bench.metrology.pulse_window import Earlier, Solution, Whitened, solve
from bench.metrology.response_slopes import Beside, beside, by_parameters
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
_DISTURBED = 4.0
"""Times the usual mean square of what is left in a window beyond which more than pulses is in it."""
_ROUNDS = 14
_FIRST_ROUNDS, _NEXT_ROUNDS = 24, 12
"""Of the search for onsets, at most; it ends where they stay."""
_SEARCHED, _SEARCHED_PULSES = 6, 24
_MELTED = 0.6
"""Part of the pulses' interval that a moving average is shorter than: one as long as it would leave nothing of them."""


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


class _Begin(NamedTuple):
    response: StepResponse
    delay_s: float
    drift: float = 0.0


@dataclass(slots=True)
class _State:
    values: Floats
    drift: float
    delay_s: float
    solutions: list[Solution]
    normal: Floats
    gradient: Floats
    cost: float


def fit_shape(
    windows: Sequence[Whitened],
    start: Start,
    begin: RunShape | StepResponse | None = None,
    *,
    held: bool = False,
) -> RunShape:
    """Return response and drift that all windows have in common.

    Args:
        windows: of the run, none overlapping another; those without a pulse tell of the drift.
        start: onsets of all pulses of the run as far as they are known beforehand.
        begin: an earlier result, or a response, to begin with; without one a response is searched for.
        held: whether that response is known; then the drift alone is fitted.

    """
    holding = [window for window in windows if len(window.window.pulses)]
    match begin:
        case RunShape():
            begins = [_Begin(begin.response, begin.delay_s, begin.drift_mg_per_s)]
        case StepResponse():
            begins = [_likeliest(_costs(holding, start, [begin]))]
        case None:
            begins = _search(holding, start)
    free = np.array([True] + [not held] * 4 + [len(holding) > 0])
    state = min((_climb(windows, begin, start, free) for begin in begins), key=lambda each: each.cost)
    kept = _undisturbed(windows, state)
    if len(kept) < len(windows):
        state = min((_climb(kept, begin, start, free) for begin in begins), key=lambda each: each.cost)
    response = begins[0].response
    covariance = np.zeros((6, 6))
    covariance[np.ix_(free, free)] = np.linalg.inv(state.normal[np.ix_(free, free)])
    covariance = covariance[:5, :5]
    fitted = response.with_values(state.values)
    if held:
        covariance[1:, 1:] = response.covariance
    else:
        pulses = sum(len(window.window.pulses) for window in holding)
        fitted = replace(fitted, covariance=covariance[1:, 1:], source=f"fitted to {pulses} pulses")
    return RunShape(fitted, state.drift, state.delay_s, covariance)


def _undisturbed(windows: Sequence[Whitened], state: _State) -> Sequence[Whitened]:
    """Return the windows without those that no response fits: something else than pulses happened in them."""
    left = np.array(
        [
            float(solution.residual @ solution.residual) / len(window.time_s)
            for window, solution in zip(windows, state.solutions, strict=True)
        ]
    )
    worst = _DISTURBED * max(1.0, float(np.median(left)))
    kept = [window for window, each in zip(windows, left, strict=True) if each <= worst]
    return kept if any(len(window.window.pulses) for window in kept) else windows


def _climb(windows: Sequence[Whitened], begin: _Begin, start: Start, free: Floats) -> _State:
    """Fit from a response, a delay and a drift on, by damped Gauss-Newton steps."""
    response, delay_s, drift = begin
    prior, most = _prior(response), MOST.copy()
    most[1] = min(most[1], _longest_average_s(start))
    state = _evaluate(windows, response, start, (drift, delay_s), None, prior, free)
    damping = 1e-3
    for _ in range(_ROUNDS):
        matrix = state.normal + damping * np.diag(np.diag(state.normal))
        step = np.zeros(6)
        step[free] = np.linalg.solve(matrix[np.ix_(free, free)], state.gradient[free])
        values = np.clip(state.values + step[1:5], LEAST, most)
        # Creep slower than a few lags of the balance, or it would be the lag.
        values[3] = max(values[3], np.log(4.0 * values[0]))
        tried = _evaluate(
            windows,
            response.with_values(values),
            start,
            (state.drift + step[0], state.delay_s + step[5]),
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
    return state


def _prior(response: StepResponse) -> tuple[Floats, Floats]:
    """Return values held beforehand and the inverse squares of how firmly: tail by what is usual, filter hardly."""
    values = np.array([response.lag_s, response.average_s, _SHARE[0], _LOG_TAIL[0]])
    width = max(response.width_s, 0.1)
    return values, 1.0 / np.array([2.0 * width, 2.0 * width, _SHARE[1], _LOG_TAIL[1]]) ** 2


def _search(windows: Sequence[Whitened], start: Start) -> list[_Begin]:
    """Return what to begin with: the likeliest lag, and the likeliest moving average.

    Both, since one does not lead to the other: a lag has no moving average's end, and a tail of seconds may feign it.
    """
    lags = [replace(USUAL, lag_s=lag_s, average_s=0.5 * lag_s) for lag_s in _LAGS_S]
    averages = [replace(USUAL, lag_s=0.1 * average_s, average_s=average_s) for average_s in _AVERAGES_S]
    longest_s = _longest_average_s(start)
    families = [[each for each in family if each.average_s < longest_s] for family in (lags, averages)]
    return [_likeliest(_costs(windows, start, family)) for family in families if family]


def _longest_average_s(start: Start) -> float:
    intervals = np.diff(start.instants_s)
    return _MELTED * float(np.median(intervals)) if len(intervals) else np.inf


def _likeliest(costs: Sequence[tuple[float, _Begin]]) -> _Begin:
    return min(costs, key=lambda each: each[0])[1]


def _costs(windows: Sequence[Whitened], start: Start, candidates: Sequence[StepResponse]) -> list[tuple[float, _Begin]]:
    """Return what is left of some windows by each candidate, with the delay that leaves least."""
    if not windows:
        return [(0.0, _Begin(candidates[len(candidates) // 2], 0.0))]
    each = float(np.mean([len(window.window.pulses) for window in windows]))
    most = int(np.clip(np.ceil(_SEARCHED_PULSES / each), 2, _SEARCHED))
    chosen = [windows[i] for i in np.unique(np.linspace(0, len(windows) - 1, most).astype(int))]
    fixed = [
        window.turn(np.column_stack((window.mean_mg, np.ones(len(window.mean_mg)), window.time_s))) for window in chosen
    ]
    costs = []
    for response in candidates:
        step_s = max(0.05, min(0.5 * response.width_s, 0.25 * max(start.common_s, 0.1)))
        reach = int(np.ceil(start.common_s / step_s))
        delays_s = np.arange(-reach, reach + 1) * step_s
        found = np.zeros(len(delays_s))
        for window, columns in zip(chosen, fixed, strict=True):
            pulses = window.window.pulses
            onsets = np.add.outer(delays_s, start.instants_s[pulses.start : pulses.stop])
            # All delays are turned at once, which is many times faster than one after another.
            turned = window.turn(window.shown(response, onsets.ravel())).reshape(len(columns), *onsets.shape)
            found += [_left(columns, turned[:, number]) for number in range(len(delays_s))]
        least = int(np.argmin(found))
        costs.append((float(found[least]), _Begin(response, float(delays_s[least]))))
    return costs


def _left(columns: Floats, shown: Floats) -> float:
    """Return the sum of squares that level, drift and pulses leave of the first column."""
    basis = np.linalg.qr(np.column_stack((columns[:, 1:], shown)))[0]
    left = columns[:, 0] - basis @ (basis.T @ columns[:, 0])
    return float(left @ left)


def _evaluate(
    windows: Sequence[Whitened],
    response: StepResponse,
    start: Start,
    drift_and_delay: tuple[float, float],
    before: Sequence[Solution] | None,
    prior: tuple[Floats, Floats],
    free: Floats,
) -> _State:
    """Solve every window, and gather what is left of them as normal equations of drift, response and delay."""
    values = response.values
    drift, delay_s = drift_and_delay
    expected_s = start.instants_s + delay_s
    normal, gradient, cost = np.zeros((6, 6)), np.zeros(6), 0.0
    usual_mg = np.nan
    if before is not None:
        masses = np.concatenate([solution.masses_mg for solution in before])
        usual_mg = float(np.median(masses)) if len(masses) else np.nan
    solutions = []
    pairs = beside(response, LEAST) if free[1] else []
    for number, window in enumerate(windows):
        pulses = window.window.pulses
        expected = expected_s[pulses.start : pulses.stop]
        earlier = _earlier(window, expected_s, usual_mg, response)
        begin = None if before is None else (before[number].masses_mg, before[number].onsets_s)
        rounds = _FIRST_ROUNDS if before is None else _NEXT_ROUNDS
        solution = solve(window, response, expected, start.spread_s, begin, earlier, drift, rounds)
        solutions.append(solution)
        columns = [window.time_s, *_derivatives(window, pairs, solution, earlier)]
        rows, size = len(window.time_s), len(columns)
        whitened = np.zeros((solution.design.shape[0], 6))
        whitened[:rows, :size] = window.turn(np.column_stack(columns))
        # The delay shows only in how far onsets are from where they were expected.
        whitened[rows:, 5] = -1.0 / start.spread_s
        left = whitened - solution.design @ (solution.inverse @ (solution.design.T @ whitened))
        normal += left.T @ left
        gradient += left.T @ solution.residual
        cost += float(solution.residual @ solution.residual)
    if free[1]:
        away = values - prior[0]
        normal[1:5, 1:5] += np.diag(prior[1])
        gradient[1:5] -= prior[1] * away
        cost += float(away @ (prior[1] * away))
    # Anywhere within ± common_s is as likely; the search has looked there, and this only keeps the matrix regular.
    normal[5, 5] += 1.0 / max(start.common_s, start.spread_s) ** 2
    return _State(values, drift, delay_s, solutions, normal, gradient, cost)


def _earlier(window: Whitened, expected_s: Floats, usual_mg: float, response: StepResponse) -> Earlier | None:
    """Return the pulses before a window as far as their tails still show, all of the usual mass."""
    if not np.isfinite(usual_mg):
        return None
    last = window.window.pulses.start
    first = int(np.searchsorted(expected_s, window.begin_s[0] - max(response.tail_lasts_s, response.settling_s)))
    onsets = expected_s[first:last]
    return Earlier(onsets, np.full(len(onsets), usual_mg))


def _derivatives(window: Whitened, pairs: list[Beside], solution: Solution, earlier: Earlier | None) -> list[Floats]:
    """Return what the window would show more for each of the response's parameters that is fitted."""
    onsets, masses = solution.onsets_s, solution.masses_mg
    if earlier is not None:
        onsets, masses = np.concatenate((earlier.onsets_s, onsets)), np.concatenate((earlier.masses_mg, masses))
    return by_parameters(window, pairs, onsets, masses)
