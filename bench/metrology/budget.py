"""Uncertainty budgets after the GUM: components, their root sum of squares, and the coverage factor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from bench.results.model import Component, Measurement

COVERAGE = 0.954499736103642
"""Coverage probability of every expanded uncertainty: the one for which k is 2 with infinite degrees of freedom."""

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
) -> Component:
    """Return one line of a budget.

    Args:
        name: what is uncertain.
        standard_uncertainty: in `unit`.
        unit: the input's own unit.
        sensitivity: change of the measurement per change of the input.
        degrees_of_freedom: of the standard uncertainty; None is infinite.
        distribution: what the standard uncertainty was taken from.
        source: where the figure comes from.

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
    )


def bounded(
    name: str,
    half_width: float,
    unit: str,
    sensitivity: float = 1.0,
    *,
    distribution: Distribution = "rectangular",
    source: str = "",
) -> Component:
    """Return a budget line for an input known only to lie within ±`half_width`."""
    return component(
        name, half_width / _DIVISORS[distribution], unit, sensitivity, distribution=distribution, source=source
    )


def scaled(line: Component, factor: float) -> Component:
    """Return a budget line of a measurement that is `factor` times another."""
    return line.model_copy(
        update={"sensitivity": line.sensitivity * factor, "contribution": line.contribution * abs(factor)}
    )


def combined(components: Sequence[Component]) -> float:
    """Return the combined standard uncertainty: the root sum of squares of the contributions."""
    return math.hypot(*(line.contribution for line in components))


def effective_degrees_of_freedom(components: Sequence[Component]) -> float:
    """Return the effective degrees of freedom (Welch–Satterthwaite, GUM G.4.1); infinite where no line has any."""
    denominator = sum(
        line.contribution**4 / line.degrees_of_freedom for line in components if line.degrees_of_freedom is not None
    )
    return combined(components) ** 4 / denominator if denominator > 0.0 else math.inf


def coverage_factor(degrees_of_freedom: float) -> float:
    """Return Student's factor for 95.45 % coverage, the degrees of freedom not truncated (GUM G.6.4 allows it)."""
    if degrees_of_freedom > 1e6:
        return 2.0
    from scipy.special import stdtrit  # type: ignore[import-untyped]  # slow, and many budgets need none

    return float(stdtrit(max(1.0, degrees_of_freedom), 0.5 * (1.0 + COVERAGE)))


def expanded(components: Sequence[Component]) -> tuple[float, float]:
    """Return the expanded uncertainty and its coverage factor."""
    factor = coverage_factor(effective_degrees_of_freedom(components))
    return factor * combined(components), factor


def measurement(
    name: str,
    title: str,
    value: float,
    unit: str,
    components: Sequence[Component],
    *,
    censored: Literal["above", "below"] | None = None,
    note: str = "",
) -> Measurement:
    """Return a value with the expanded uncertainty of its budget."""
    uncertainty, factor = expanded(components)
    return Measurement(
        name=name,
        title=title,
        value=value,
        unit=unit,
        expanded_uncertainty=uncertainty,
        coverage_factor=factor,
        censored=censored,
        note=note,
        budget=list(components),
    )


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
