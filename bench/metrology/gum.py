"""The law of propagation of uncertainty (JCGM 100), done by GTC: correlated inputs and effective degrees of freedom.

GTC is slow to import, so that it is imported where it is used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bench.metrology.noise import Floats
from bench.results.model import Component, Correlation

Model = Callable[[Mapping[str, Any]], Any]
"""A measurement model: from inputs by name, as uncertain numbers or as arrays of draws, to the measurand."""
_SMALLEST_EIGENVALUE = -1e-9


class Combined(NamedTuple):
    """A measurand's estimate, its combined standard uncertainty and effective degrees of freedom (infinite: inf)."""

    estimate: float
    standard_uncertainty: float
    degrees_of_freedom: float


def evaluate(model: Model, inputs: Sequence[Component], correlations: Sequence[Correlation] = ()) -> Combined:
    """Propagate the inputs' uncertainties through a model, to first order.

    Args:
        model: a function of uncertain numbers by name; functions beside arithmetic come from GTC (`GTC.cos`).
        inputs: estimate, standard uncertainty and degrees of freedom of each; sensitivities are not used.
        correlations: between inputs, by name.

    Raises:
        ValueError: a correlation names no input, or the correlations contradict each other.

    """
    named = dict(zip([each.name for each in inputs], uncertain(inputs, correlations), strict=True))
    return _read(model(named))


def combine(components: Sequence[Component], correlations: Sequence[Correlation] = ()) -> Combined:
    """Return the combined uncertainty of a budget: the sum of its lines, each times its sensitivity, around 0.

    Raises:
        ValueError: as `evaluate`.

    """
    if not any(line.contribution for line in components):
        return Combined(0.0, 0.0, math.inf)
    numbers = uncertain([line.model_copy(update={"estimate": 0.0}) for line in components], correlations)
    return _read(sum(line.sensitivity * number for line, number in zip(components, numbers, strict=True)))


def uncertain(inputs: Sequence[Component], correlations: Sequence[Correlation] = ()) -> list[Any]:
    """Return the inputs as GTC's uncertain numbers, in their order.

    Inputs that are correlated, directly or through others, are one ensemble with the degrees of freedom of the least
    known of them: for one number of degrees of freedom Willink (Metrologia 44 (2007) 340) has an exact rule, and the
    least errs on the safe side.

    Raises:
        ValueError: as `evaluate`.

    """
    from GTC import inf, multiple_ureal, set_correlation, ureal  # type: ignore[import-untyped]  # slow

    matrix = correlation_matrix(inputs, correlations)
    numbers: list[Any] = [None] * len(inputs)
    for group in correlated_groups(matrix):
        degrees = min(_degrees(inputs[i]) for i in group)
        degrees = inf if math.isinf(degrees) else max(1.0, degrees)
        if len(group) == 1:
            (i,) = group
            numbers[i] = ureal(inputs[i].estimate, inputs[i].standard_uncertainty, degrees)
            continue
        estimates = [inputs[i].estimate for i in group]
        made = multiple_ureal(estimates, [inputs[i].standard_uncertainty for i in group], degrees)
        for i, number in zip(group, made, strict=True):
            numbers[i] = number
        for i, first in enumerate(group):
            for second in group[i + 1 :]:
                if matrix[first, second]:
                    set_correlation(float(matrix[first, second]), numbers[first], numbers[second])
    return numbers


def correlation_matrix(inputs: Sequence[Component], correlations: Sequence[Correlation]) -> Floats:
    """Return the matrix of correlation coefficients of the inputs.

    Raises:
        ValueError: a correlation names no input or one that occurs twice, or no errors can be correlated like that.

    """
    matrix = np.eye(len(inputs))
    names = [each.name for each in inputs]
    for each in correlations:
        for name in (each.first, each.second):
            if names.count(name) != 1:
                raise ValueError(
                    f"a correlation names {name!r}, of which there are {names.count(name)} in the budget"
                    f" ({', '.join(names)}); name one line each"
                )
        first, second = names.index(each.first), names.index(each.second)
        matrix[first, second] = matrix[second, first] = each.coefficient
    if correlations and float(np.linalg.eigvalsh(matrix)[0]) < _SMALLEST_EIGENVALUE:
        told = ", ".join(f"{each.first} – {each.second} {each.coefficient:g}" for each in correlations)
        raise ValueError(f"no errors can be correlated like that: {told}; make the coefficients smaller")
    return matrix


def correlated_groups(matrix: Floats) -> list[list[int]]:
    """Return the inputs in groups: those that are correlated, directly or through others, stand together."""
    left = set(range(len(matrix)))
    groups = []
    while left:
        group, new = set[int](), {min(left)}
        while new:
            group |= new
            new = {int(j) for i in new for j in np.flatnonzero(matrix[i])} - group
        groups.append(sorted(group))
        left -= group
    return groups


def _degrees(line: Component) -> float:
    return math.inf if line.degrees_of_freedom is None else line.degrees_of_freedom


def _read(number: Any) -> Combined:
    degrees = float(number.df)
    return Combined(float(number.x), float(number.u), degrees if math.isfinite(degrees) else math.inf)
