"""How soon a pump follows a change of its rate, by the doses that come after it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bench.metrology.budget import bounded, component
from bench.metrology.noise import Floats
from bench.procedures.base import MeasurementSpec
from bench.procedures.profile.dose_clock import metered_by_interval
from bench.procedures.shared.doses import DOSE_LAG_HALF_S, DOSE_LAG_S, LATE_S, SEPARATE_S, U_DOSE_S
from bench.procedures.shared.dosing import Dosing
from bench.procedures.shared.stated import nothing_stated, stated
from bench.procedures.shared.times import HOUR_S, clock
from bench.procedures.shared.told_rates import Stretch
from bench.results.model import Component, Measurement

SAME_RATE = 0.05
"""Rates that differ by no larger share are taken for one."""
_CLEARLY = 0.5
"""By so much (a sum of logarithms of intervals) another instant must explain the doses better than the one told."""


@dataclass(frozen=True, slots=True)
class Response:
    """One change between two rates that doses tell apart.

    `delay_s` is from the change to the first dose at the new interval, `allowed_s` an interval of the new rate: what
    a pump takes that drops the pulse under way. `on_time` is whether the doses agree with the change as told.
    """

    before: Stretch
    after: Stretch
    delay_s: float
    allowed_s: float
    on_time: bool


def responses(dosing: Dosing) -> list[Response]:
    """Return how the pump followed each change that its doses tell of."""
    if not metered_by_interval(dosing):
        return []
    found = []
    stretches = dosing.programme.stretches
    for before, after in pairwise(stretches):
        if before.rate_ul_per_h <= 0.0 or after.rate_ul_per_h <= 0.0:
            continue
        intervals_s = [dosing.increment_ul / each.rate_ul_per_h * HOUR_S for each in (before, after)]
        if abs(math.log(intervals_s[1] / intervals_s[0])) < 2.0 * SAME_RATE or min(intervals_s) < SEPARATE_S:
            continue
        at_s = after.begin_s
        window = next((w for w in dosing.basal_alone(before.begin_s, after.end_s) if w[0] < at_s < w[1]), None)
        if window is None:
            continue
        one = _response(dosing.doses_within(*window), before, after, intervals_s)
        found += [one] if one is not None else []
    return found


def _response(doses_s: Floats, before: Stretch, after: Stretch, intervals_s: Sequence[float]) -> Response | None:
    """Return where the doses go over to the new interval: by the least sum of logarithms that they are off."""
    at_s = after.begin_s
    if np.count_nonzero(doses_s > at_s) < 2 or not np.any(doses_s <= at_s):
        return None
    logs = np.log(np.diff(doses_s))
    old = np.concatenate(([0.0], np.cumsum(np.abs(logs - math.log(intervals_s[0])))))
    new = np.concatenate((np.cumsum(np.abs(logs - math.log(intervals_s[1]))[::-1])[::-1], [0.0]))
    # Dose i is the last at the old interval: intervals up to it are old, those after the next one new.
    cost = old[:-1] + new[1:]
    told = int(np.searchsorted(doses_s, at_s + LATE_S, "right")) - 1
    if told >= len(cost) or told < 0:
        return None
    best = int(np.argmin(cost))
    on_time = bool(cost[told] <= cost[best] + _CLEARLY)
    first_s = float(doses_s[(told if on_time else best) + 1])
    return Response(before, after, first_s - at_s, intervals_s[1], on_time)


def measure_responses(
    found: Sequence[Response], dosing: Dosing, catalogue: Mapping[str, MeasurementSpec]
) -> list[Measurement]:
    """Return mean and largest delay, and by how much the latest came beyond an interval of its new rate."""
    names = ("response_delay", "largest_response_delay", "largest_excess_delay")
    if not found:
        why = dosing.unresolved or "the doses tell of no change between two rates"
        return nothing_stated(catalogue, why, names)
    delays = [each.delay_s / 60.0 for each in found]
    largest = max(found, key=lambda each: abs(each.delay_s))
    latest = max(found, key=_excess_s)
    commands = math.hypot(*(each.after.half_s for each in found)) / len(found)
    mean = _timing(len(found), commands, dosing)
    early = [each for each in found if not each.on_time]
    allowed = float(np.mean([each.allowed_s for each in found])) / 60.0
    note = f"{len(found)} changes; a pump that drops the pulse under way takes {allowed:.3g} min"
    if early:
        note += f"; {len(early)} not when told"
    return [
        stated(catalogue, "response_delay", float(np.mean(delays)), mean, note),
        stated(
            catalogue,
            "largest_response_delay",
            abs(largest.delay_s) / 60.0,
            _timing(1, largest.after.half_s, dosing),
            f"{_told(largest, dosing)}: {'late' if largest.delay_s >= 0.0 else 'EARLY'}",
        ),
        stated(
            catalogue,
            "largest_excess_delay",
            _excess_s(latest) / 60.0,
            _timing(1, latest.after.half_s, dosing),
            f"{_told(latest, dosing)}; beyond the interval of the new rate, or early by so much",
        ),
    ]


def _excess_s(one: Response) -> float:
    """Return by how much a change came later than its rule allows, or earlier than told."""
    return max(0.0, one.delay_s - one.allowed_s, -one.delay_s)


def _told(one: Response, dosing: Dosing) -> str:
    return f"change at {clock(one.after.begin_s - dosing.began_s)} ({one.after.reason})"


def _timing(number: int, command_half_s: float, dosing: Dosing) -> list[Component]:
    per_min = 1.0 / 60.0
    return [
        component("instant of the dose", U_DOSE_S / math.sqrt(number), "s", per_min, source=f"{U_DOSE_S:g} s"),
        bounded(
            "lag of the balance", DOSE_LAG_HALF_S, "s", per_min, source=f"{DOSE_LAG_S:g} s ± {DOSE_LAG_HALF_S:g} s"
        ),
        bounded("instant of the command", command_half_s, "s", per_min, source="sent and acknowledged"),
        *dosing.weighing.lateness(per_min),
    ]
