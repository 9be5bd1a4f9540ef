"""Random draws of the inputs of a measurement, each from the distribution that is known of it (JCGM 101, 6.4)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from bench.metrology.gum import correlated_groups
from bench.metrology.noise import Floats
from bench.results.model import Component


def _rectangular(level: Floats) -> Floats:
    return 2.0 * level - 1.0


def _triangular(level: Floats) -> Floats:
    tail = np.sqrt(2.0 * np.minimum(level, 1.0 - level))
    return np.where(level < 0.5, tail - 1.0, 1.0 - tail)


def _u_shaped(level: Floats) -> Floats:
    return -np.cos(math.pi * level)


_BOUNDED: dict[str, tuple[float, Callable[[Floats], Floats]]] = {
    "rectangular": (math.sqrt(3.0), _rectangular),
    "triangular": (math.sqrt(6.0), _triangular),
    "u-shaped": (math.sqrt(2.0), _u_shaped),
}
"""Half width per standard uncertainty, and the quantile function on -1 to 1."""


def draw(inputs: Sequence[Component], matrix: Floats, number: int, generator: np.random.Generator) -> list[Floats]:
    """Return `number` draws of each input.

    Normal inputs with finite degrees of freedom are drawn from the scaled and shifted t distribution (6.4.9). Bounded
    ones with finite degrees of freedom have limits that are themselves uncertain (6.4.3, GUM G.4.2). Correlated inputs
    are drawn jointly, from a normal or, with the degrees of freedom of the least known of them, a multivariate t
    distribution; where bounded inputs are among them the coefficients are those of normal scores, which differ from
    their own by a few hundredths at most.

    Args:
        inputs: estimate, standard uncertainty, distribution and degrees of freedom of each.
        matrix: correlation coefficients of the inputs.
        number: how many.
        generator: where chance comes from.

    """
    drawn: list[Floats] = [np.empty(0)] * len(inputs)
    for group in correlated_groups(matrix):
        scores: Floats = generator.standard_normal((number, len(group)))
        if len(group) > 1:
            scores = scores @ _root(matrix[np.ix_(group, group)]).T
        degrees = min(_degrees(inputs[i]) for i in group)
        stretch = np.sqrt(degrees / generator.chisquare(degrees, number)) if math.isfinite(degrees) else None
        for column, i in enumerate(group):
            score = np.ascontiguousarray(scores[:, column])
            drawn[i] = inputs[i].estimate + inputs[i].standard_uncertainty * _shaped(
                inputs[i], score, stretch, generator
            )
    return drawn


def _shaped(line: Component, score: Floats, stretch: Floats | None, generator: np.random.Generator) -> Floats:
    """Turn normal scores into draws of unit standard uncertainty."""
    if line.distribution not in _BOUNDED:
        return score if stretch is None else score * stretch
    from scipy.special import ndtr  # type: ignore[import-untyped]  # slow

    half_width, quantile = _BOUNDED[line.distribution]
    shaped = half_width * quantile(ndtr(score))
    degrees = _degrees(line)
    if math.isfinite(degrees):
        inexact = min(1.0, math.sqrt(1.5 / degrees))
        shaped *= 1.0 + inexact * (2.0 * generator.random(len(shaped)) - 1.0)
    return np.asarray(shaped, dtype=np.float64)


def _root(matrix: Floats) -> Floats:
    """Return a matrix that times its transpose is `matrix`; with coefficients of ±1, too."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)), dtype=np.float64)


def _degrees(line: Component) -> float:
    return math.inf if line.degrees_of_freedom is None else max(1.0, line.degrees_of_freedom)
