"""What a rig can tell of a bolus test of any kind, foretold before the pump is started."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bench.metrology.budget import combined
from bench.metrology.rounding import number
from bench.procedures.base import Context
from bench.procedures.bolus.catalogue import lacking
from bench.procedures.bolus.courses import planned_course
from bench.procedures.bolus.planning import planned_boluses
from bench.procedures.bolus.settings import BolusSettings
from bench.procedures.shared.planning import in_words, step_components, ul_per_mg

Planned = dict[str, tuple[float, str]]


def foretold(settings: BolusSettings, context: Context) -> Mapping[str, tuple[float, str]]:
    """Return what the rig file foretells; without end for what a test of this kind does not measure."""
    concentration = context.concentration
    smallest_ul = settings.sizes[0].to("µL", concentration)
    interval_s = settings.lasting_s(smallest_ul, concentration) + settings.interval.to("s")
    blank_s = settings.blank.to("s")
    without = lacking(settings.kind)
    planned = dict(planned_boluses(smallest_ul, settings.count, interval_s, blank_s, context))
    if settings.kind == "sizes":
        expanded, words = planned["mean_error"]
        planned["largest_size_error"] = (expanded, f"the smallest size: {words}")
    if settings.kind == "cancelled":
        share = settings.cancelled_share(smallest_ul, concentration)
        planned |= _of_cancelled(planned, share, (interval_s, blank_s), context)
    if settings.kind == "spread":
        lines, factor = step_components(interval_s, blank_s, context), ul_per_mg(context)
        percent = planned_course(smallest_ul, lines)
        words = f"a level {interval_s / 60.0:.3g} min after that before; {in_words(lines, factor)}"
        planned["course_error"] = (percent, f"{words}; U = {number(percent, 2)} %")
    kept = {name: told for name, told in planned.items() if name not in without}
    return {**kept, **{name: (math.inf, why) for name, why in without.items()}}


def _of_cancelled(planned: Planned, share: float, times_s: tuple[float, float], context: Context) -> Planned:
    interval_s, blank_s = times_s
    expanded, words = planned["mean_error"]
    lines, factor = step_components(interval_s, blank_s, context), ul_per_mg(context)
    late_u = 2.0 * combined(lines) / context.concentration.ul_per_u
    part = max(share, 1e-3)
    return {
        "cancelled_difference": (
            expanded / part,
            f"{words}; about {100.0 * part:.3g} % of a bolus come; U = {number(expanded / part, 2)} %",
        ),
        "after_cancel": (late_u, f"two levels of one bolus; {in_words(lines, factor)}; U = {number(late_u, 2)} U"),
    }
