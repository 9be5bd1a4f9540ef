"""Uncertainty budgets after the GUM: components, what they come to together, and the coverage factor.

A measurement is `y = y0 + T·F + Σ S·(f − 1)`: `T` is the sum of its terms' errors, each times its sensitivity, `F` the
product of all its factors, and `f` the product of those factors that multiply the same value `S`. Where all of them
multiply the same value, as those of a volume do, that is `y0 − S + (S + T)·F`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from bench.metrology.coverage import coverage_factor_of
from bench.metrology.gum import combine, correlation_matrix
from bench.results.model import Component, Correlation, Measurement

Distribution = Literal["normal", "rectangular", "triangular", "u-shaped", "student"]
_DIVISORS: dict[Distribution, float] = {
    "rectangular": math.sqrt(3.0),
    "triangular": math.sqrt(6.0),
    "u-shaped": math.sqrt(2.0),
}


def component(
    name: str,
    standard_uncertainty: float,
    unit: str,
    sensitivity: float = 1.0,
    *,
    degrees_of_freedom: float | None = None,
    distribution: Distribution = "normal",
    source: str = "",
    estimate: float = 0.0,
    form: Literal["term", "factor"] = "term",
) -> Component:
    """Return one line of a budget.

    Args:
        name: what is uncertain.
        standard_uncertainty: in `unit`.
        unit: the input's own unit.
        sensitivity: change of the measurement per change of the input; of a factor the value that it multiplies.
        degrees_of_freedom: of the standard uncertainty; None is infinite.
        distribution: what the standard uncertainty was taken from.
        source: where the figure comes from.
        estimate: the input's value, in `unit`; 0 where the input is an error that is made good or has no known size.
        form: whether the input's error, times its sensitivity, adds to the measurement (`term`), or is relative and
            multiplies it by one plus itself (`factor`).

    """
    if degrees_of_freedom is not None and not math.isfinite(degrees_of_freedom):
        degrees_of_freedom = None
    return Component(
        name=name,
        standard_uncertainty=standard_uncertainty,
        unit=unit,
        distribution=distribution,
        degrees_of_freedom=degrees_of_freedom,
        sensitivity=sensitivity,
        contribution=abs(sensitivity) * standard_uncertainty,
        source=source,
        estimate=estimate,
        form=form,
    )


def bounded(
    name: str,
    half_width: float,
    unit: str,
    sensitivity: float = 1.0,
    *,
    distribution: Distribution = "rectangular",
    degrees_of_freedom: float | None = None,
    source: str = "",
    estimate: float = 0.0,
    form: Literal["term", "factor"] = "term",
) -> Component:
    """Return a budget line for an input known only to lie within ±`half_width` of its estimate."""
    return component(
        name,
        half_width / _DIVISORS[distribution],
        unit,
        sensitivity,
        degrees_of_freedom=degrees_of_freedom,
        distribution=distribution,
        source=source,
        estimate=estimate,
        form=form,
    )


def scaled(line: Component, factor: float) -> Component:
    """Return a budget line of a measurement that is `factor` times another."""
    return line.model_copy(
        update={"sensitivity": line.sensitivity * factor, "contribution": line.contribution * abs(factor)}
    )


def combined(components: Sequence[Component]) -> float:
    """Return the combined standard uncertainty of lines that are not correlated: their root sum of squares.

    For plans, and for sums within a budget; a measurement's own uncertainty is combined by `measurement`.
    """
    return math.hypot(*(line.contribution for line in components))


def effective_degrees_of_freedom(components: Sequence[Component], correlations: Sequence[Correlation] = ()) -> float:
    """Return a budget's effective degrees of freedom (Welch–Satterthwaite, GUM G.4.1; Willink where correlated)."""
    return combine(components, correlations).degrees_of_freedom


def expanded(components: Sequence[Component], correlations: Sequence[Correlation] = ()) -> tuple[float, float]:
    """Return the expanded uncertainty of a budget and its coverage factor."""
    total = combine(components, correlations)
    factor = coverage_factor_of(components, total.standard_uncertainty, total.degrees_of_freedom)
    return factor * total.standard_uncertainty, factor


def measurement(
    name: str,
    title: str,
    value: float,
    unit: str,
    components: Sequence[Component],
    *,
    censored: Literal["above", "below"] | None = None,
    note: str = "",
    correlations: Sequence[Correlation] = (),
) -> Measurement:
    """Return a value with the expanded uncertainty of its budget.

    Raises:
        ValueError: a correlation names no line, or the correlations contradict each other.

    """
    total = combine(components, correlations)
    factor = coverage_factor_of(components, total.standard_uncertainty, total.degrees_of_freedom)
    return Measurement(
        name=name,
        title=title,
        value=value,
        unit=unit,
        expanded_uncertainty=factor * total.standard_uncertainty,
        coverage_factor=factor,
        standard_uncertainty=total.standard_uncertainty,
        degrees_of_freedom=total.degrees_of_freedom if math.isfinite(total.degrees_of_freedom) else None,
        censored=censored,
        note=note,
        budget=_with_shares(components, correlations),
        correlations=list(correlations),
    )


def _with_shares(components: Sequence[Component], correlations: Sequence[Correlation]) -> list[Component]:
    """Return the lines with their shares of the variance; half of a covariance goes to each of its two lines."""
    signed = np.array([line.sensitivity * line.standard_uncertainty for line in components])
    parts = signed * (correlation_matrix(components, correlations) @ signed)
    total = float(parts.sum())
    if total <= 0.0:
        return list(components)
    return [
        line.model_copy(update={"share": 100.0 * float(part) / total})
        for line, part in zip(components, parts, strict=True)
    ]


def kept_possible(measured: Measurement, natural: tuple[float | None, float | None]) -> Measurement:
    """Return a measurement whose interval ends where its values do: at 0 % and 100 % of a share.

    Its expanded uncertainty becomes the larger of the two sides that are left; a note tells where that is less than
    the budget comes to.
    """
    value, uncertainty = measured.value, measured.expanded_uncertainty
    if value is None or uncertainty is None:
        return measured
    low, high = natural
    below = uncertainty if low is None else max(0.0, min(uncertainty, value - low))
    above = uncertainty if high is None else max(0.0, min(uncertainty, high - value))
    if max(below, above) == uncertainty:
        return measured
    ends = " to ".join(f"{end:g} {measured.unit}".strip() for end in natural if end is not None)
    told = f"U ends where the values do ({ends}); the budget comes to {uncertainty:.2g} {measured.unit}".rstrip()
    note = f"{measured.note}; {told}" if measured.note else told
    return measured.model_copy(update={"expanded_uncertainty": max(below, above), "note": note})


def undetermined(name: str, title: str, unit: str, why: str) -> Measurement:
    """Return a measurement that could not be made; `why` is what a reader is told."""
    return Measurement(name=name, title=title, value=None, unit=unit, expanded_uncertainty=None, note=why)
