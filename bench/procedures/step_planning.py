"""What a rig can tell of a bolus, or of a volume between two levels, foretold from its file before anything runs."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bench.metrology.budget import combined, component
from bench.procedures.basal_planning import evaporation_mg_per_h, repeatability_mg
from bench.procedures.base import Context
from bench.procedures.bolus_bins import BAND_PERCENTS
from bench.procedures.conversion import assumed_surroundings, immersion_of
from bench.procedures.weighing import balance_components
from bench.results.model import Component

MOST_NAMED = 3


def planned_boluses(
    volume_ul: float, count: int, interval_s: float, blank_s: float, context: Context
) -> Mapping[str, tuple[float, str]]:
    """Return the expanded uncertainty (k = 2) of the mean and of a single bolus, with the arithmetic in words.

    Noise averages out over the boluses; calibration and linearity count once for all of them; evaporation stays.
    """
    ul_per_u = context.concentration.ul_per_u
    one, factor = _lines(interval_s, blank_s, context), _factor(context)
    mean = [
        component(line.name, line.standard_uncertainty, line.unit, line.sensitivity * _averaged(line, count))
        for line in one
    ]
    of_one, of_mean = 2.0 * combined(one), 2.0 * combined(mean)
    said_one = f"{volume_ul / factor:.3g} mg; standard uncertainties: {_words(one, factor)}"
    said_mean = f"{count} boluses of {volume_ul / factor:.3g} mg; standard uncertainties: {_words(mean, factor)}"
    found = {
        "mean_volume": (of_mean / ul_per_u, f"{said_mean}; U = {of_mean / ul_per_u:.2g} U"),
    }
    for name in ("mean_error", "reported_difference"):
        percent = 100.0 * of_mean / volume_ul
        found[name] = (percent, f"{said_mean}; U = {percent:.2g} %")
    percent = 100.0 * of_one / volume_ul
    for name in ("largest_positive_deviation", "largest_negative_deviation"):
        found[name] = (percent, f"{said_one}; U = {percent:.2g} %")
    for band in BAND_PERCENTS:
        if percent >= band:
            # No single bolus can be told to lie inside the band, so the share within it is anything.
            said = f"{said_one}; U of one bolus = {percent:.2g} %, no less than the band of ±{band} % itself"
            found[f"within_{band}_percent"] = (100.0, said)
    return found


def planned_levels(interval_s: float, blank_s: float, context: Context) -> tuple[float, str]:
    """Return the expanded uncertainty (k = 2) in U of a volume between two levels that lie `interval_s` apart."""
    lines, factor = _lines(interval_s, blank_s, context), _factor(context)
    uncertainty_u = 2.0 * combined(lines) / context.concentration.ul_per_u
    words = f"two levels {interval_s / 60.0:.3g} min apart; standard uncertainties: {_words(lines, factor)}"
    return uncertainty_u, f"{words}; U = {uncertainty_u:.2g} U"


def _factor(context: Context) -> float:
    return assumed_surroundings(context).factor_ul_per_mg() * immersion_of(context.rig.balance)


def _lines(interval_s: float, blank_s: float, context: Context) -> list[Component]:
    balance, factor = context.rig.balance, _factor(context)
    lost = evaporation_mg_per_h(balance, blank_s / 3600.0, context)
    return [
        component("repeatability", repeatability_mg(balance), "mg", math.sqrt(2.0) * factor),
        *balance_components(balance, factor),
        component("evaporation and steady drift", lost, "mg/h", factor * interval_s / 3600.0),
    ]


def _averaged(line: Component, count: int) -> float:
    if line.unit == "mg/h":
        return 1.0
    return 1.0 / count if line.name in ("calibration", "linearity") else 1.0 / math.sqrt(count)


def _words(lines: list[Component], factor: float) -> str:
    largest = sorted(lines, key=lambda line: -line.contribution)[:MOST_NAMED]
    return ", ".join(f"{line.name} {line.contribution / factor:.2g} mg" for line in largest)
