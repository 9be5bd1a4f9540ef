"""What a rig can tell of a pump at rest, foretold from its file."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bench.metrology.budget import scaled
from bench.metrology.loss_slope import SECONDS_PER_HOUR
from bench.metrology.rounding import number
from bench.procedures.base import Context
from bench.procedures.idle.watch import levels_of, reach
from bench.procedures.shared.planning import in_words, planned_levels, step_components, ul_per_mg
from bench.procedures.shared.weighing import declared_loss

NOT_DECLARED = (
    "the rig file declares no `evaporation:`, and a leak and evaporation change the mass alike, so that no rate can be"
    " told: weigh a blank with the line out of the vessel and declare what it loses"
)


def planned_idle(duration_s: float, context: Context) -> Mapping[str, tuple[float, str]]:
    """Return the expanded uncertainty of volume and rate, the reach of the upper limit, and the detection limit."""
    if declared_loss(context)[0] is None:
        names = ("unintended_volume", "unintended_rate", "unintended_rate_limit", "detection_limit")
        return dict.fromkeys(names, (math.inf, NOT_DECLARED))
    before, after = levels_of((0.0, duration_s))
    interval_s = 0.5 * (sum(after) - sum(before))
    volume_u, words = planned_levels(interval_s, 0.0, context)
    hours, factor = interval_s / SECONDS_PER_HOUR, ul_per_mg(context)
    lines = step_components(interval_s, 0.0, context)
    one_sided = reach([scaled(line, 1.0 / hours / context.concentration.ul_per_u) for line in lines])
    said = f"over {hours:.3g} h; standard uncertainties: {in_words(lines, factor)}"
    return {
        "unintended_volume": (volume_u, words),
        "unintended_rate": (volume_u / hours, f"{said}; U = {number(volume_u / hours, 2)} U/h"),
        "unintended_rate_limit": (one_sided, f"{said}; one-sided reach = {number(one_sided, 2)} U/h"),
        "detection_limit": (2.0 * one_sided, f"{said}; detection limit = {number(2.0 * one_sided, 2)} U/h"),
    }
