"""Weighs the steps that were found in a weighing: every pulse, or part of one, beside what disturbed the balance."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from bench.metrology.noise import Floats
from bench.metrology.noise_covariance import FilteredNoise
from bench.metrology.pulse_events import Step
from bench.metrology.pulse_fit import PulseFit, fit_pulses
from bench.metrology.pulse_train import Disturbance
from bench.metrology.step_response import StepResponse

_APART_S = 0.1
_END_S = 3.0
"""What begins so shortly before the last reading is not seen to arrive."""
_SPREAD_S = 0.5
_SPREAD_SHARE = 0.1
"""An instant that was found is good to so much, or to this part of the pulses' interval."""
_DELAY_S = 2.0
_DELAY_SHARE = 0.3
_SHORTEST_BUMP_S = 1.0
_FITS = 1.5
"""Mean square of what is left, in units of the noise, beyond which more than noise is left."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """A pulse as weighed, all its parts together; `disagrees` is whether fit and cross-check contradict each other."""

    time_s: float
    time_uncertainty_s: float
    mass_mg: float
    uncertainty_mg: float
    disagrees: bool


def weigh(
    pulses: Sequence[Sequence[Step]],
    disturbances: Sequence[Disturbance],
    time_s: Floats,
    mass_mg: Floats,
    noise: FilteredNoise,
    interval_s: float,
    guess: StepResponse | None = None,
) -> tuple[list[Weighed], PulseFit | None]:
    """Return every pulse as weighed, in the order given, and the fit; what lies beyond the readings stays as found.

    Args:
        pulses: the steps that each pulse consists of, empty slots included.
        disturbances: jumps and bumps are steps of their own; what takes longer no step can tell.
        time_s: ascending times of the readings.
        mass_mg: readings; NaN where there is none.
        noise: of the balance.
        interval_s: between pulses.
        guess: a response to begin the fit with.

    """
    known = np.isfinite(mass_mg)
    first_s, last_s = float(time_s[known][0]), float(time_s[known][-1])

    def weighable(instant_s: float) -> bool:
        return first_s < instant_s < last_s - _END_S

    own = [[step.time_s for step in parts if weighable(step.time_s)] for parts in pulses]
    beside = [each for each in _edges(disturbances) if weighable(each)]
    inside = np.array([*itertools.chain(*own), *beside])
    if len(inside) == 0:
        return [_as_found(parts) for parts in pulses], None
    order = np.argsort(inside, kind="stable")
    instants = _apart(inside[order])
    fit = fit_pulses(time_s, mass_mg, instants, noise, guess=guess, **known_of_instants(interval_s))
    place = np.empty(len(order), dtype=np.intp)
    place[order] = np.arange(len(order))
    found, used = [], 0
    for parts, instants_s in zip(pulses, own, strict=True):
        numbers = place[used : used + len(instants_s)]
        used += len(instants_s)
        fitted = len(instants_s) == len(parts) and bool(np.all(np.isfinite(fit.mass_mg[numbers])))
        found.append(_weighed(fit, numbers) if fitted else _as_found(parts))
    return found, fit


class KnownOfInstants(TypedDict):
    """What `fit_pulses` is told of the instants that pulses were found at."""

    instant_spread_s: float
    common_delay_s: float


def known_of_instants(interval_s: float) -> KnownOfInstants:
    """Return how well instants are known that were found for pulses so far apart.

    Their common delay is less than half an interval, or pulses would be taken for their neighbours.
    """
    return {
        "instant_spread_s": min(_SPREAD_S, _SPREAD_SHARE * interval_s),
        "common_delay_s": min(_DELAY_S, _DELAY_SHARE * interval_s),
    }


def _weighed(fit: PulseFit, chosen: NDArray[np.intp]) -> Weighed:
    if len(chosen) == 1:
        uncertainty = float(fit.mass_uncertainty_mg[chosen[0]])
    else:
        weights = np.zeros(len(fit.mass_mg))
        weights[chosen] = 1.0
        uncertainty = fit.sum_uncertainty_mg(weights)
    misfit = float(np.max(fit.misfit[chosen]))
    first = int(chosen[0])
    return Weighed(
        float(fit.time_s[first]),
        float(fit.time_uncertainty_s[first]),
        float(np.sum(fit.mass_mg[chosen])),
        uncertainty * (math.sqrt(misfit) if misfit > _FITS else 1.0),
        bool(np.any(fit.disagrees[chosen])),
    )


def _as_found(parts: Sequence[Step]) -> Weighed:
    own = math.sqrt(sum(part.standard_uncertainty_mg**2 for part in parts))
    return Weighed(parts[0].time_s, math.nan, sum(part.size_mg for part in parts), own, False)


def _edges(disturbances: Sequence[Disturbance]) -> list[float]:
    """Return when disturbances stepped."""
    edges = []
    for each in disturbances:
        if each.kind == "jump":
            edges.append(each.time_s)
        elif each.kind == "bump":
            edges += [each.time_s, each.time_s + max(each.lasted_s, _SHORTEST_BUMP_S)]
    return edges


def _apart(instants: Floats) -> Floats:
    """Return ascending instants of which none coincide."""
    number = np.arange(len(instants)) * _APART_S
    return np.asarray(np.maximum.accumulate(instants - number) + number)
