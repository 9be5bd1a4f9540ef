"""What a rig can tell in a blank, foretold from its file before anything runs."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bench.metrology.rounding import number
from bench.procedures.base import Context
from bench.procedures.shared.planning import pulse_noise_mg, repeatability_mg

_NOISE_10S = 0.4
"""Allan deviation over ten seconds in repeatabilities, about; with flicker it is hardly less."""
_CHANCE = 0.1
"""Part of a single pulse's uncertainty that a blank leaves open, about."""


def planned_blank(
    hours: float, pulse_ul: float | None, rate_ul_per_h: float, ul_per_mg: float, context: Context
) -> Mapping[str, tuple[float, str]]:
    """Return the expanded uncertainty (k = 2) of what a blank of so many hours tells, with the arithmetic in words.

    Args:
        hours: length of the blank.
        pulse_ul: the pump's basal increment; None where the plan tells none.
        rate_ul_per_h: how fast such pulses come.
        ul_per_mg: volume of a milligram.
        context: plan and rig.

    """
    own_mg = repeatability_mg(context.rig.balance)
    found = {}
    if own_mg > 0.0:
        rate = 2.0 * own_mg / hours
        words = f"a balance that repeats to {own_mg:.2g} mg, over {hours:.3g} h"
        found["evaporation_rate"] = (rate, f"{words}; U = {number(rate, 2)} mg/h")
        # Each half is half as long, and the two are independent.
        change = 2.0 * math.sqrt(2.0) * rate
        found["rate_stability"] = (change, f"{words}, half against half; U = {number(change, 2)} mg/h")
        differences = 360.0 * hours
        noise = 2.0 * _NOISE_10S * own_mg / math.sqrt(2.0 * differences)
        found["noise_10s"] = (noise, f"{words}: {differences:.0f} differences; U = {number(noise, 2)} mg")
    if pulse_ul is not None and own_mg > 0.0:
        one = 200.0 * pulse_noise_mg(context.rig.balance, 3600.0 * pulse_ul / rate_ul_per_h) * ul_per_mg / pulse_ul
        percent = 2.0 * _CHANCE * one
        found["pulse_uncertainty"] = (
            percent,
            f"a pulse of {pulse_ul / ul_per_mg:.3g} mg, some {one:.2g} % itself; U = {number(percent, 2)} %",
        )
    chance = 2.0 * math.sqrt(0.5) / hours
    found["disturbances_per_hour"] = (chance, f"none in {hours:.3g} h, Poisson; U = {number(chance, 2)}")
    return found
