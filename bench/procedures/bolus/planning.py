"""What a rig can tell of a bolus, foretold from its file before the pump is started."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bench.metrology.budget import combined, component
from bench.procedures.base import Context
from bench.procedures.bolus.bins import BAND_PERCENTS
from bench.procedures.shared.planning import in_words, step_components, ul_per_mg
from bench.results.model import Component


def planned_boluses(
    volume_ul: float, count: int, interval_s: float, blank_s: float, context: Context
) -> Mapping[str, tuple[float, str]]:
    """Return the expanded uncertainty (k = 2) of the mean and of a single bolus, with the arithmetic in words.

    Noise averages out over the boluses; calibration and linearity count once for all of them; evaporation stays.
    """
    ul_per_u = context.concentration.ul_per_u
    one, factor = step_components(interval_s, blank_s, context), ul_per_mg(context)
    mean = [
        component(line.name, line.standard_uncertainty, line.unit, line.sensitivity * _averaged(line, count))
        for line in one
    ]
    of_one, of_mean = 2.0 * combined(one), 2.0 * combined(mean)
    said_one = f"{volume_ul / factor:.3g} mg; standard uncertainties: {in_words(one, factor)}"
    said_mean = f"{count} boluses of {volume_ul / factor:.3g} mg; standard uncertainties: {in_words(mean, factor)}"
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


def _averaged(line: Component, count: int) -> float:
    if line.unit == "mg/h":
        return 1.0
    return 1.0 / count if line.name in ("calibration", "linearity") else 1.0 / math.sqrt(count)
