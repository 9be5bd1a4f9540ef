"""What a rig can tell of a bolus, foretold from its file before the pump is started."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bench.metrology.budget import combined, component
from bench.metrology.rounding import number
from bench.metrology.scatter import without_noise
from bench.metrology.shares import BAND_PERCENTS
from bench.procedures.base import Context
from bench.procedures.bolus.course import DEAD_HALF_WIDTH_S, LAG_HALF_WIDTH_S
from bench.procedures.shared.planning import in_words, step_components, ul_per_mg
from bench.results.model import Component

POLL_S = 0.5
"""How often the pump is asked whether a bolus is done."""
TYPICAL_SPEED_UL_PER_MIN = 15.0
"""1.5 U/min of U-100, the usual speed of a normal bolus; only what is foretold needs it."""


def planned_boluses(
    volume_ul: float, count: int, interval_s: float, blank_s: float, context: Context
) -> Mapping[str, tuple[float, str]]:
    """Return the expanded uncertainty (k = 2) of means, single boluses and their course, with the arithmetic in words.

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
    boluses = "one bolus" if count == 1 else f"{count} boluses"
    said_mean = f"{boluses} of {volume_ul / factor:.3g} mg; standard uncertainties: {in_words(mean, factor)}"
    found = {
        "mean_volume": (of_mean / ul_per_u, f"{said_mean}; U = {number(of_mean / ul_per_u, 2)} U"),
    }
    for name in ("mean_error", "reported_difference"):
        percent = 100.0 * of_mean / volume_ul
        found[name] = (percent, f"{said_mean}; U = {number(percent, 2)} %")
    found |= _course(volume_ul, count, one, factor)
    percent = 100.0 * of_one / volume_ul
    for name in ("largest_positive_deviation", "largest_negative_deviation"):
        found[name] = (percent, f"{said_one}; U = {number(percent, 2)} %")
    for band in BAND_PERCENTS:
        said, itself = f"{said_one}; U of one bolus {number(percent, 2)} %", f"the band of ±{band} % itself"
        # Where no single bolus can be told to lie inside the band, the share within it is anything.
        blind = percent >= band
        told = f"{said}, {'no less' if blind else 'less'} than {itself}"
        found[f"within_{band}_percent"] = (100.0 if blind else 0.0, told)
    return found


def _course(volume_ul: float, count: int, one: list[Component], factor: float) -> dict[str, tuple[float, str]]:
    """Return what is foretold of scatter, arrival and tail: by noise, the filter's lag, and asking the pump."""
    own_ul = combined([line for line in one if line.name in ("repeatability", "readability, of both levels")])
    own_percent = 100.0 * own_ul / volume_ul
    flow_ul_per_s = TYPICAL_SPEED_UL_PER_MIN / 60.0
    lag_s = math.hypot(LAG_HALF_WIDTH_S, DEAD_HALF_WIDTH_S) / math.sqrt(3.0)
    arrival_s = 2.0 * math.hypot(lag_s, own_ul / flow_ul_per_s / math.sqrt(count))
    open_percent = min(50.0, 100.0 * flow_ul_per_s * LAG_HALF_WIDTH_S / volume_ul)
    tail = 2.0 * math.hypot(open_percent / math.sqrt(3.0), own_percent / math.sqrt(count))
    weighed = f"a bolus of {volume_ul / factor:.3g} mg, weighed to {own_ul / factor:.2g} mg"
    found = {
        "delivery_time": (
            arrival_s,
            f"{weighed}; lag of the balance known to ±{LAG_HALF_WIDTH_S:g} s; U = {number(arrival_s, 2)} s",
        ),
        "tail_fraction": (
            tail,
            f"{weighed}; {open_percent:.2g} % come within what its lag leaves open; U = {number(tail, 2)} %",
        ),
    }
    if count > 1:
        # What weighing leaves open in a scatter as small as its own; in a larger one it leaves less.
        scatter = 2.0 * without_noise(math.sqrt(2.0) * own_percent, own_percent, count - 1.0)[1]
        words = f"{weighed}, which alone scatters by {own_percent:.2g} %; U = {number(scatter, 2)} %"
        found["bolus_sd"] = (scatter, words)
    return found


def _averaged(line: Component, count: int) -> float:
    if line.unit == "mg/h":
        return 1.0
    return 1.0 / count if line.name in ("calibration", "linearity") else 1.0 / math.sqrt(count)
