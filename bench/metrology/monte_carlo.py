"""Propagation of distributions by drawing (JCGM 101), and whether it confirms a budget after the GUM."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from bench.metrology.coverage import COVERAGE
from bench.metrology.draws import draw
from bench.metrology.gum import Model, correlation_matrix
from bench.metrology.noise import Floats
from bench.results.model import Component, Correlation, Measurement, MonteCarlo

MOST_DRAWS = 1_000_000
_BLOCK = 10_000
_FEWEST_BLOCKS = 5
_FEWEST_DRAWS = 1000
_KNOWN_SPREAD = 4.0
"""With as few degrees of freedom or fewer, a standard deviation of draws never settles: only the interval's ends do."""


class Propagated(NamedTuple):
    """What draws of a measurand show; `stable` says whether more of them would not change the digits that count."""

    mean: float
    standard_uncertainty: float
    low: float
    high: float
    shortest_low: float
    shortest_high: float
    draws: int
    stable: bool


def propagate(
    model: Model,
    inputs: Sequence[Component],
    correlations: Sequence[Correlation] = (),
    *,
    draws: int | None = None,
    seed: int = 1,
    probability: float = COVERAGE,
    digits: int = 2,
) -> Propagated:
    """Propagate the inputs' distributions through a model.

    Args:
        model: a function of arrays of draws by the inputs' names.
        inputs: estimate, standard uncertainty, distribution and degrees of freedom of each; sensitivities are not used.
        correlations: between inputs, by name.
        draws: how many; None draws until mean, standard uncertainty and the interval's ends are stable to `digits`
            (JCGM 101, 7.9), or to a million draws.
        seed: of the random numbers: one seed, one result.
        probability: that the intervals have.
        digits: significant digits of the standard uncertainty that count.

    Raises:
        ValueError: fewer than 1000 draws; a correlation that cannot be.

    """
    names = [each.name for each in inputs]

    def named(columns: list[Floats]) -> Floats:
        return np.asarray(model(dict(zip(names, columns, strict=True))), dtype=np.float64)

    return _propagate(named, inputs, correlations, draws, seed, probability, digits)


def confirm(measured: Measurement, *, draws: int | None = None, seed: int = 1) -> Measurement:
    """Return a measurement with its Monte Carlo check; as it is where it has no value or no uncertainty.

    The inputs of its budget are drawn and put into its measurement model (`bench.metrology.budget`). The budget is
    confirmed where both ends of the interval agree with U to the two digits of the standard uncertainty (JCGM 101, 8).

    Raises:
        ValueError: as `propagate`.

    """
    spread = measured.standard_uncertainty
    if measured.value is None or not spread:
        return measured
    found = _propagate(form(measured), measured.budget, measured.correlations, draws, seed, COVERAGE, 2)
    reach, tolerance = measured.coverage_factor * spread, numerical_tolerance(spread)
    low, high = measured.value - reach, measured.value + reach
    check = MonteCarlo(
        draws=found.draws,
        seed=seed,
        stable=found.stable,
        probability=COVERAGE,
        mean=found.mean,
        standard_uncertainty=found.standard_uncertainty,
        low=found.low,
        high=found.high,
        shortest_low=found.shortest_low,
        shortest_high=found.shortest_high,
        gum_low=low,
        gum_high=high,
        tolerance=tolerance,
        validated=max(abs(found.low - low), abs(found.high - high)) <= tolerance,
    )
    return measured.model_copy(update={"monte_carlo": check})


def form(measured: Measurement) -> Callable[[list[Floats]], Floats]:
    """Return a measurement's model as a function of its inputs' values, in the order of its budget."""
    value, lines = measured.value or 0.0, measured.budget

    def model(columns: list[Floats]) -> Floats:
        terms, every = np.zeros_like(columns[0]), np.ones_like(columns[0])
        factors: dict[float, Floats] = {}
        for line, drawn in zip(lines, columns, strict=True):
            error = drawn - line.estimate
            if line.form == "term":
                terms += line.sensitivity * error
            else:
                every *= 1.0 + error
                factors[line.sensitivity] = factors.get(line.sensitivity, 1.0) * (1.0 + error)
        relative = sum((at * (factor - 1.0) for at, factor in factors.items()), np.zeros_like(terms))
        return np.asarray(value + terms * every + relative, dtype=np.float64)

    return model


def numerical_tolerance(standard_uncertainty: float, digits: int = 2) -> float:
    """Return half of the last of a standard uncertainty's significant digits (JCGM 101, 7.9.2)."""
    exponent = math.floor(math.log10(standard_uncertainty)) - digits + 1
    if round(standard_uncertainty / 10.0**exponent) >= 10**digits:
        exponent += 1
    return float(0.5 * 10.0**exponent)


def symmetric_interval(ordered: Floats, probability: float) -> tuple[float, float]:
    """Return the interval that leaves equal probabilities on both sides, of draws in increasing order (7.7.2)."""
    low, high = np.quantile(ordered, [0.5 * (1.0 - probability), 0.5 * (1.0 + probability)])
    return float(low), float(high)


def shortest_interval(ordered: Floats, probability: float) -> tuple[float, float]:
    """Return the shortest interval of a probability, of draws in increasing order (7.7.4)."""
    inside = min(len(ordered) - 1, round(probability * len(ordered)))
    first = int(np.argmin(ordered[inside:] - ordered[: len(ordered) - inside]))
    return float(ordered[first]), float(ordered[first + inside])


def _propagate(
    model: Callable[[list[Floats]], Floats],
    inputs: Sequence[Component],
    correlations: Sequence[Correlation],
    draws: int | None,
    seed: int,
    probability: float,
    digits: int,
) -> Propagated:
    if draws is not None and draws < _FEWEST_DRAWS:
        raise ValueError(f"{draws} draws tell nothing of an interval: ask for {_FEWEST_DRAWS} or more")
    matrix = correlation_matrix(inputs, correlations)
    generator = np.random.default_rng(seed)
    block = max(_BLOCK, math.ceil(100.0 / (1.0 - probability)))
    whole = draws if draws is not None else MOST_DRAWS
    settles = all(line.degrees_of_freedom is None or line.degrees_of_freedom > _KNOWN_SPREAD for line in inputs)
    parts: list[Floats] = []
    summaries: list[tuple[float, ...]] = []
    made, stable = 0, False
    while made < whole and not (stable and draws is None):
        parts.append(np.sort(model(draw(inputs, matrix, min(block, whole - made), generator))))
        made += len(parts[-1])
        summaries.append((*symmetric_interval(parts[-1], probability), *(_moments(parts[-1]) if settles else ())))
        spread = float(np.mean([np.std(part) for part in parts]))
        stable = _is_stable(np.array(summaries), spread, digits)
    ordered = np.sort(np.concatenate(parts))
    return Propagated(
        *_moments(ordered),
        *symmetric_interval(ordered, probability),
        *shortest_interval(ordered, probability),
        made,
        stable,
    )


def _moments(values: Floats) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values, ddof=1))


def _is_stable(summaries: Floats, spread: float, digits: int) -> bool:
    """Return whether twice the standard deviation of each block's average is below the tolerance (7.9.4)."""
    if len(summaries) < _FEWEST_BLOCKS or spread <= 0.0:
        return spread <= 0.0
    deviations = np.std(summaries, axis=0, ddof=1) / math.sqrt(len(summaries))
    return bool(np.all(2.0 * deviations <= numerical_tolerance(spread, digits)))
