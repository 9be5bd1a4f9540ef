"""What a rig can tell of a basal rate, foretold from its file before the pump is started."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bench.metrology.budget import combined, component
from bench.procedures.base import Context
from bench.procedures.shared.conversion import assumed_surroundings, immersion_of
from bench.procedures.shared.planning import evaporation_mg_per_h, repeatability_mg
from bench.procedures.shared.weighing import balance_components
from bench.results.model import Component


def planned(
    rate_ul_per_h: float, hours: float, blank_hours: float, context: Context
) -> Mapping[str, tuple[float, str]]:
    """Return the expanded uncertainty (k = 2) of each volume and of the mean error, with the arithmetic in words."""
    ul_per_u = context.concentration.ul_per_u
    found = {}
    for name, of_hours in (("total_volume", hours), *((f"delivered_{h}h", float(h)) for h in (1, 6, 12))):
        if of_hours <= hours:
            uncertainty_ul, words = _volume(rate_ul_per_h, of_hours, blank_hours, context)
            found[name] = (uncertainty_ul / ul_per_u, f"{words} = {uncertainty_ul / ul_per_u:.2g} U")
    uncertainty_ul, words = _volume(rate_ul_per_h, hours, blank_hours, context)
    percent = 100.0 * uncertainty_ul / (rate_ul_per_h * hours)
    found["mean_error"] = (percent, f"{words} = {percent:.2g} %")
    return found


def _volume(rate_ul_per_h: float, hours: float, blank_hours: float, context: Context) -> tuple[float, str]:
    balance = context.rig.balance
    factor = assumed_surroundings(context).factor_ul_per_mg() * immersion_of(balance)
    mass_mg = rate_ul_per_h * hours / factor
    lines = [
        component("repeatability", repeatability_mg(balance), "mg", math.sqrt(2.0) * factor),
        *balance_components(balance, factor),
        component(
            "evaporation and steady drift", evaporation_mg_per_h(balance, blank_hours, context), "mg/h", factor * hours
        ),
    ]
    expanded_ul = 2.0 * combined(lines)
    largest = sorted(lines, key=lambda line: -line.contribution)[:3]
    parts = ", ".join(_in_words(line, factor) for line in largest)
    return expanded_ul, (
        f"{hours:g} h at {rate_ul_per_h:g} µL/h = {mass_mg:.4g} mg; standard uncertainties: {parts};"
        f" U = {expanded_ul / factor:.2g} mg"
    )


def _in_words(line: Component, factor: float) -> str:
    return f"{line.name} {line.contribution / factor:.2g} mg"
