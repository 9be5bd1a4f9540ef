"""Simulate the confidence that the tolerance interval for a future dose of a future device really has.

    ./run python benchmarks/tolerance_confidence.py [DRAWS]     (default: 20000 draws a cell; a minute or two)

For so many devices with so many doses each, and for several shares of a dose's variance that lie between devices, the
mean squares and the mean are drawn from their distributions; counted is how often the interval that is to hold 95 % of
all doses with 95 % confidence does so.
"""

from __future__ import annotations

import math
import sys

import numpy as np
from scipy.special import ndtr  # type: ignore[import-untyped]

from bench.metrology.random_effects import half_width
from bench.metrology.variance_components import MeanSquare

SHARES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
DEVICES = (2, 3, 4, 6, 12, 32)
DOSES = (2, 5, 25)
COVERAGE = CONFIDENCE = 0.95


def confidence(device_count: int, doses: int, share: float, draws: int) -> float:
    """Return how often the interval holds what it should; `share` of a dose's variance lies between devices."""
    rng = np.random.default_rng([device_count, doses, round(100 * share)])
    of_mean = share + (1.0 - share) / doses
    freedom = device_count - 1.0, device_count * (doses - 1.0)
    between = of_mean * rng.chisquare(freedom[0], draws) / freedom[0]
    within = (1.0 - share) * rng.chisquare(freedom[1], draws) / freedom[1]
    mean = rng.normal(0.0, math.sqrt(of_mean / device_count), draws)
    factors = 1.0 + 1.0 / device_count, 1.0 - 1.0 / doses
    half = np.array(
        [
            half_width(
                [(factors[0], MeanSquare(b, freedom[0])), (factors[1], MeanSquare(w, freedom[1]))],
                device_count,
                COVERAGE,
                CONFIDENCE,
            )
            for b, w in zip(between.tolist(), within.tolist(), strict=True)
        ]
    )
    return float(np.mean(ndtr(mean + half) - ndtr(mean - half) >= COVERAGE))


def main() -> None:
    """Simulate and print a table."""
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    heads = " | ".join(f"{100 * share:g} %" for share in SHARES)
    print(f"| devices | doses each | {heads} |\n|---|---|{'---|' * len(SHARES)}")
    for device_count in DEVICES:
        for doses in DOSES:
            cells = (f"{100 * confidence(device_count, doses, share, draws):.1f}" for share in SHARES)
            print(f"| {device_count} | {doses} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
