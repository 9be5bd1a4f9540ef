"""The largest of many measured errors as a measurement: what noise made of it is made good."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bench.metrology.budget import bounded, combined, scaled
from bench.metrology.extremes import Greatest
from bench.results.model import Component


def lines_of_largest(
    lines: Sequence[Component], own_names: Collection[str], by_noise: Greatest, what: str, per_excess: float = -1.0
) -> list[Component]:
    """Return the budget of the largest of many errors, from that of a single one.

    The lines of `own_names`, which each error has of its own, count by as much as the largest varies by them. What is
    made good, `by_noise.excess`, is a line as well, half of it left open.
    """
    own = combined([line for line in lines if line.name in own_names])
    kept = min(1.0, by_noise.standard_deviation / own) if own > 0.0 else 1.0
    source = "half of what is made good for it"
    return [
        *(scaled(line, kept) if line.name in own_names else line for line in lines),
        bounded(what, 0.5 * by_noise.excess, "%", per_excess, source=source, estimate=by_noise.excess),
    ]
