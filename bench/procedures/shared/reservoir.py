"""What a warming reservoir delivers by itself: liquid that expands more than the vessel around it."""

from __future__ import annotations

import numpy as np

from bench.metrology.noise import Window
from bench.procedures.base import Context
from bench.procedures.shared.conversion import Conversion, while_delivering
from bench.recording.reader import TestRecord

CHANNEL = "climate.liquid_temperature_c"
"""Temperature of the liquid in the reservoir; an import may bring it, no driver here measures it."""
USUAL_RESERVOIR_UL = 3000.0
CONTAINER_PER_K = (0.01e-3, 0.30e-3)
"""Volume expansion of a reservoir: glass, and polypropylene."""
LEAST_K = 0.1
_EDGE_S = 300.0


def reservoir_notes(record: TestRecord, turned: Conversion, context: Context, delivered_ul: float) -> list[str]:
    """Return what a recorded change of the liquid's temperature moved by expansion; nothing where there was none.

    It is not taken off: the pump delivered it.
    """
    during = while_delivering(record)
    change = _change_k(record, during)
    if change is None or abs(change[1] - change[0]) < LEAST_K:
        return []
    told = context.plan.pump.reservoir
    reservoir_ul = USUAL_RESERVOIR_UL if told is None else told.to("µL", context.concentration)
    moved = sorted(_moved_ul(turned, change, reservoir_ul, per_k) for per_k in CONTAINER_PER_K)
    share = ""
    if delivered_ul > 0.0:
        share = f", up to {100.0 * max(map(abs, moved)) / delivered_ul:.2g} % of what was delivered"
    whose = "the reservoir" if told is not None else "a usual reservoir"
    return [
        f"The liquid went from {change[0]:.2f} °C to {change[1]:.2f} °C while it was delivered: by expansion the"
        f" {reservoir_ul / 1000.0:g} mL of {whose} moved {moved[0]:+.2g} µL to {moved[1]:+.2g} µL (by its"
        f" material, polypropylene or glass){share}. The pump delivered that, so it is not taken off."
    ]


def _moved_ul(turned: Conversion, change: tuple[float, float], reservoir_ul: float, container_per_k: float) -> float:
    liquid = turned.surroundings.liquid
    before, after = (liquid.density_kg_per_m3(each) for each in change)
    return reservoir_ul * (before / after - 1.0 - container_per_k * (change[1] - change[0]))


def _change_k(record: TestRecord, during: Window) -> tuple[float, float] | None:
    """Return the liquid's temperature when delivery began and when it ended; None without readings of both."""
    series = record.series(CHANNEL)
    means = []
    for begin, end in ((during[0] - _EDGE_S, during[0] + _EDGE_S), (during[1] - _EDGE_S, during[1] + _EDGE_S)):
        inside = (series.time_s >= begin) & (series.time_s <= end) & (series.value >= 0.0) & (series.value <= 40.0)
        if not np.any(inside):
            return None
        means.append(float(np.mean(series.value[inside])))
    return means[0], means[1]
