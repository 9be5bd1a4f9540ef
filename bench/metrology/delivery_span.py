"""From when to when a delivery shows in readings of which nobody says when the pump was started and stopped.

Separate pulses are looked for first, as steps of equal intervals. Where there are none, two hinges are laid through the
readings by least squares: a line, a steeper one, and the first one's slope again.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bench.metrology.noise import Floats, block_means

FLAT_INTERVALS = 1.25
"""What lies so many intervals from the nearest pulse is no delivery; a gap of one interval is part of it."""
SHORTEST_FLAT_S = 30.0
"""A shorter flat beside a steady flow cannot be told from its begin."""
_BLOCKS_S = (2.0, 5.0, 10.0, 20.0, 60.0)
_READINGS_OF_A_BLOCK = 3
_BEYOND_NOISE = 7.0
_DIGITS = 1.5
_DIGIT_SHARE = 0.1
_BLOCKS_BETWEEN = 5.0
"""Steps that are nearer than so many blocks are no separate pulses."""
_SIZES = (0.3, 3.0)
"""Steps of other sizes, in parts of their median, are no pulses of the same train."""
_BUMP_S = 60.0
_OFF_SCHEDULE = 0.25
_REGULAR = 0.7
_EXPLAINED = 0.5
_FEWEST_PULSES = 3
_MOST_BLOCKS = 1000
_HINGES = 40
_FLAT_SLOPE = 0.1
"""What rises more steeply beside a delivery, in parts of the delivery's own slope, is a slow delivery and no flat."""
_BETTER = 0.5
"""Hinges must leave less of the squares than so much of what a straight line leaves."""
_LEAST_HALF_S = 10.0


@dataclass(frozen=True, slots=True)
class DeliverySpan:
    """Begin and end of a delivery, each known to within ± `half_s`; None where the readings are not flat outside.

    Of separate pulses, `pulses` are seen in as many or more `intervals` of `interval_s`, from `first_s` to `last_s`;
    the span is that of the intervals. For a steady flow there are 0, and the interval is NaN.
    """

    begin_s: float | None = None
    end_s: float | None = None
    half_s: float = math.nan
    pulses: int = 0
    intervals: int = 0
    interval_s: float = math.nan
    first_s: float = math.nan
    last_s: float = math.nan


class _Steps(NamedTuple):
    time_s: Floats
    size_mg: Floats


def delivery_span(time_s: Floats, mass_mg: Floats) -> DeliverySpan:
    """Return from when to when a mass grows by delivery.

    Args:
        time_s: ascending, shape (n,).
        mass_mg: shape (n,), NaN where there is none; evaporation may be in it.

    """
    known = np.isfinite(mass_mg)
    time_s, mass_mg = time_s[known], mass_mg[known]
    if len(time_s) < 2 * _READINGS_OF_A_BLOCK:
        return DeliverySpan()
    return _of_pulses(time_s, mass_mg) or _of_flow(time_s, mass_mg)


def pulse_instants(time_s: Floats, mass_mg: Floats) -> Floats | None:
    """Return about when separate pulses of equal intervals came, shape (n,), to within some seconds; None without such.

    Args:
        time_s: ascending, shape (n,).
        mass_mg: shape (n,), NaN where there is none.

    """
    known = np.isfinite(mass_mg)
    if np.count_nonzero(known) < 2 * _READINGS_OF_A_BLOCK:
        return None
    found = _instants(time_s[known], mass_mg[known])
    return found[0] if found is not None else None


def mean_interval_s(instants_s: Floats) -> float:
    """Return the interval of pulses, of which some may be missing, from the first to the last."""
    span_s = float(instants_s[-1] - instants_s[0])
    return span_s / max(1, round(span_s / float(np.median(np.diff(instants_s)))))


def _instants(time_s: Floats, mass_mg: Floats) -> tuple[Floats, float] | None:
    """Return the instants of a train and the length of the means in which it stands out."""
    shortest_s = _READINGS_OF_A_BLOCK * float(np.median(np.diff(time_s)))
    changes = np.abs(np.diff(mass_mg))
    digit_mg = float(np.min(changes[changes > 0.0], initial=math.inf))
    if not math.isfinite(digit_mg):
        return None
    for block_s in sorted({max(each, shortest_s) for each in _BLOCKS_S}):
        instants_s = _train(time_s, mass_mg, block_s, digit_mg)
        if instants_s is not None:
            return instants_s, block_s
    return None


def _of_pulses(time_s: Floats, mass_mg: Floats) -> DeliverySpan | None:
    found = _instants(time_s, mass_mg)
    if found is None:
        return None
    instants_s, block_s = found
    interval_s = float(np.median(np.diff(instants_s)))
    first_s, last_s = float(instants_s[0]), float(instants_s[-1])
    half_s, flat_s = 0.5 * interval_s, FLAT_INTERVALS * interval_s + block_s
    return DeliverySpan(
        begin_s=first_s - half_s if first_s - time_s[0] > flat_s else None,
        end_s=last_s + half_s if time_s[-1] - last_s > flat_s else None,
        half_s=half_s + block_s,
        pulses=len(instants_s),
        intervals=round((last_s - first_s) / interval_s) + 1,
        interval_s=interval_s,
        first_s=first_s,
        last_s=last_s,
    )


def _train(time_s: Floats, mass_mg: Floats, block_s: float, digit_mg: float) -> Floats | None:
    """Return the instants of pulses that stand out in means over so long, at equal intervals; None without such."""
    middle, mean = block_means(time_s, mass_mg, block_s)
    if len(mean) < 2 * _FEWEST_PULSES:
        return None
    change = mean[2:] - mean[:-2]
    drift = float(np.nanmedian(change))
    change = np.nan_to_num(change - drift)
    # Readings without noise go from level to level: their smallest step is a pulse, and no digit.
    digit_mg = min(digit_mg, _DIGIT_SHARE * float(np.max(np.abs(change))))
    threshold = max(_BEYOND_NOISE * 1.4826 * float(np.median(np.abs(change))), _DIGITS * digit_mg)
    up, down = _steps(middle[1:-1], change, threshold), _steps(middle[1:-1], -change, threshold)
    up = _without_bumps(up, down)
    if len(up.time_s) < _FEWEST_PULSES:
        return None
    relative = up.size_mg / float(np.median(up.size_mg))
    alike = (relative > _SIZES[0]) & (relative < _SIZES[1])
    kept = _Steps(up.time_s[alike], up.size_mg[alike])
    if len(kept.time_s) < _FEWEST_PULSES:
        return None
    kept = _without_strays(kept)
    gaps_s = np.diff(kept.time_s)
    if len(gaps_s) < _FEWEST_PULSES - 1 or float(np.median(gaps_s)) < _BLOCKS_BETWEEN * block_s:
        return None
    in_intervals = gaps_s / float(np.median(gaps_s))
    regular = np.abs(in_intervals - np.round(in_intervals)) < _OFF_SCHEDULE
    whole_mg = _gain_mg(middle, mean, kept, block_s, 0.5 * drift / block_s)
    if float(np.mean(regular)) < _REGULAR or float(np.sum(kept.size_mg)) < _EXPLAINED * whole_mg:
        return None
    return kept.time_s


def _steps(time_s: Floats, change_mg: Floats, threshold_mg: float) -> _Steps:
    """Return the largest change of every run beyond a threshold."""
    beyond = np.flatnonzero(change_mg > threshold_mg)
    runs = np.split(beyond, np.flatnonzero(np.diff(beyond) > 1) + 1) if len(beyond) else []
    peaks = np.array([run[np.argmax(change_mg[run])] for run in runs], dtype=np.intp)
    return _Steps(time_s[peaks], change_mg[peaks])


def _without_bumps(up: _Steps, down: _Steps) -> _Steps:
    """Leave out what goes back, or comes back, within a minute."""
    apart_s = np.abs(np.subtract.outer(up.time_s, down.time_s))
    alike = np.greater.outer(2.0 * up.size_mg, down.size_mg) & np.less.outer(up.size_mg, 2.0 * down.size_mg)
    bump = np.any((apart_s < _BUMP_S) & alike, axis=1)
    return _Steps(up.time_s[~bump], up.size_mg[~bump])


def _without_strays(steps: _Steps) -> _Steps:
    """Leave out steps at either end that follow no schedule: a jump of the balance before or after the delivery."""
    interval_s = float(np.median(np.diff(steps.time_s)))
    time_s, size_mg = steps
    while len(time_s) > _FEWEST_PULSES and _stray(time_s[1] - time_s[0], interval_s):
        time_s, size_mg = time_s[1:], size_mg[1:]
    while len(time_s) > _FEWEST_PULSES and _stray(time_s[-1] - time_s[-2], interval_s):
        time_s, size_mg = time_s[:-1], size_mg[:-1]
    return _Steps(time_s, size_mg)


def _stray(gap_s: float, interval_s: float) -> bool:
    gap = gap_s / interval_s
    return abs(gap - round(gap)) > _OFF_SCHEDULE


def _gain_mg(middle: Floats, mean: Floats, steps: _Steps, block_s: float, drift_mg_per_s: float) -> float:
    """Return what came from the first to the last step, but for the drift between them."""
    edges_s = float(steps.time_s[0]) - 2.0 * block_s, float(steps.time_s[-1]) + 2.0 * block_s
    known = np.isfinite(mean)
    before, after = np.interp(edges_s, middle[known], mean[known])
    return float(after - before) - drift_mg_per_s * (edges_s[1] - edges_s[0])


def _of_flow(time_s: Floats, mass_mg: Floats) -> DeliverySpan:
    length_s = float(time_s[-1] - time_s[0])
    block_s = max(length_s / _MOST_BLOCKS, _READINGS_OF_A_BLOCK * float(np.median(np.diff(time_s))))
    middle, mean = block_means(time_s, mass_mg, block_s)
    known = np.isfinite(mean)
    middle, mean = middle[known], mean[known]
    if len(mean) < 2 * _READINGS_OF_A_BLOCK:
        return DeliverySpan()
    hinges = _best_hinges(middle, mean, (float(time_s[0]), float(time_s[-1])))
    slopes, squares = _laid(middle, mean, hinges)
    line_squares = _laid(middle, mean, (float(time_s[0]), float(time_s[-1])))[1]
    outside, extra = slopes
    if extra <= 0.0 or outside > _FLAT_SLOPE * extra or squares > _BETTER * line_squares:
        return DeliverySpan()
    # How far a hinge may be off: by what is left of the readings, at the slope that it bends to.
    half_s = max(_LEAST_HALF_S, block_s, 2.0 * math.sqrt(squares / len(mean)) / extra)
    shortest_s = max(SHORTEST_FLAT_S, half_s)
    return DeliverySpan(
        begin_s=hinges[0] if hinges[0] - time_s[0] >= shortest_s else None,
        end_s=hinges[1] if time_s[-1] - hinges[1] >= shortest_s else None,
        half_s=half_s,
    )


def _best_hinges(time_s: Floats, mass_mg: Floats, span: tuple[float, float]) -> tuple[float, float]:
    """Return where two hinges leave the least squares: on a coarse grid, then on ever finer ones around the best."""
    candidates = np.linspace(*span, _HINGES)
    best = min(itertools.combinations(candidates.tolist(), 2), key=lambda each: _laid(time_s, mass_mg, each)[1])
    width_s = float(candidates[1] - candidates[0])
    while width_s > 0.5:
        width_s *= 0.5
        around = [
            (first, last)
            for first, last in itertools.product(*((each - width_s, each, each + width_s) for each in best))
            if span[0] <= first < last <= span[1]
        ]
        best = min(around, key=lambda each: _laid(time_s, mass_mg, each)[1])
    return best


def _laid(time_s: Floats, mass_mg: Floats, hinges: tuple[float, float]) -> tuple[tuple[float, float], float]:
    """Return the slope outside the hinges and what is added to it within, in mg/s, and the squares that are left."""
    from_s = time_s - time_s[0]
    risen_s = np.clip(time_s, *hinges) - hinges[0]
    columns = np.column_stack((np.ones(len(time_s)), from_s, risen_s))
    wanted = mass_mg - mass_mg[0]
    found = np.linalg.lstsq(columns, wanted, rcond=None)[0]
    rest = wanted - columns @ found
    return (float(found[1]), float(found[2])), float(rest @ rest)
