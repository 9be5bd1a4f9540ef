"""What happens where the rate changes: how soon the pump follows, and what a change loses or adds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bench.metrology.budget import bounded, combined, component, measurement, scaled, undetermined
from bench.metrology.noise import Floats
from bench.procedures.base import MeasurementSpec
from bench.procedures.shared.dosing import (
    DOSE_LAG_HALF_S,
    DOSE_LAG_S,
    SEPARATE_S,
    U_DOSE_S,
    Dosing,
    Edge,
)
from bench.procedures.shared.periods import another_largest
from bench.procedures.shared.programme import Stretch
from bench.procedures.shared.times import clock
from bench.results.model import Component, Measurement, Table

HOUR_S = 3600.0
_SAME_RATE = 0.05
_LATE_S = 1.5
_CLEARLY = 0.5
"""By so much (a sum of logarithms of intervals) another instant must explain the doses better than the one told."""
_NOMINAL_SHARE = 0.25
_NEAR_INTERVAL = 0.1
_FEWEST_INTERVALS = 5


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


@dataclass(frozen=True, slots=True)
class Loss:
    """What was due from the last dose before a change (or some that follow closely) to the first after it, less what
    came."""

    at_s: float
    words: str
    first: Edge
    last: Edge
    lost_ul: float
    budget: tuple[Component, ...]


def responses(dosing: Dosing) -> list[Response]:
    """Return how the pump followed each change that its doses tell of."""
    if not _metered_by_interval(dosing):
        return []
    found = []
    stretches = dosing.programme.stretches
    hidden = [*dosing.busy(), *dosing.mixed()]
    for before, after in pairwise(stretches):
        if before.rate_ul_per_h <= 0.0 or after.rate_ul_per_h <= 0.0:
            continue
        intervals_s = [dosing.increment_ul / each.rate_ul_per_h * HOUR_S for each in (before, after)]
        if abs(math.log(intervals_s[1] / intervals_s[0])) < 2.0 * _SAME_RATE or min(intervals_s) < SEPARATE_S:
            continue
        at_s = after.begin_s
        window = next((w for w in dosing.free(hidden, before.begin_s, after.end_s) if w[0] < at_s < w[1]), None)
        if window is None:
            continue
        one = _response(dosing.doses_within(*window), before, after, intervals_s)
        found += [one] if one is not None else []
    return found


def _metered_by_interval(dosing: Dosing) -> bool:
    """Whether the pump makes rates by the interval of doses of its increment."""
    if dosing.unresolved or len(dosing.doses.time_s) < _FEWEST_INTERVALS:
        return False
    due_ul = counted = 0.0
    for begin_s, end_s in dosing.free([*dosing.busy(), *dosing.mixed()], dosing.began_s, dosing.ended_s):
        due_ul += dosing.programme.basal_ul(begin_s, end_s)
        counted += len(dosing.doses_within(begin_s, end_s))
    return due_ul > 0.0 and abs(counted * dosing.increment_ul / due_ul - 1.0) < _NOMINAL_SHARE


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
    told = int(np.searchsorted(doses_s, at_s + _LATE_S, "right")) - 1
    if told >= len(cost) or told < 0:
        return None
    best = int(np.argmin(cost))
    on_time = bool(cost[told] <= cost[best] + _CLEARLY)
    first_s = float(doses_s[(told if on_time else best) + 1])
    return Response(before, after, first_s - at_s, intervals_s[1], on_time)


def losses(dosing: Dosing, followed: Sequence[Response]) -> list[Loss]:
    """Return what each change lost or added where the pump changed when it was told, by doses or levels around it."""
    strayed = [each.after.begin_s for each in followed if not each.on_time]
    hidden = [*dosing.busy(), *dosing.mixed()]
    found: list[Loss] = []
    for at_s, words in _changes(dosing):
        if dosing.unresolved or any(abs(at_s - each) < 1.0 for each in strayed):
            continue
        times_s = dosing.doses.time_s
        last = int(np.searchsorted(times_s, at_s + _LATE_S, "right")) - 1
        if last < 0 or last + 1 >= len(times_s):
            continue
        span = (float(times_s[last]), float(times_s[last + 1]))
        if any(begin_s < span[1] and end_s > span[0] for begin_s, end_s in hidden):
            continue
        if found and found[-1].first.counted_s == span[0]:
            found[-1] = _loss(dosing, span, found[-1].at_s, f"{found[-1].words}; {words}") or found[-1]
            continue
        one = _loss(dosing, span, at_s, words)
        found += [one] if one is not None else []
    return found


def _changes(dosing: Dosing) -> Iterator[tuple[float, str]]:
    for before, after in pairwise(dosing.programme.stretches):
        if after.kind == "stopped" or before.kind == "stopped":
            continue
        if abs(after.rate_ul_per_h - before.rate_ul_per_h) > _SAME_RATE * max(
            before.rate_ul_per_h, after.rate_ul_per_h
        ):
            per_u = 1.0 / dosing.ul_per_u
            words = f"{before.rate_ul_per_h * per_u:.3g} → {after.rate_ul_per_h * per_u:.3g} U/h, {after.reason}"
            yield after.begin_s, words


def _loss(dosing: Dosing, span: tuple[float, float], at_s: float, words: str) -> Loss | None:
    first, last = dosing.edge(span[0]), dosing.edge(span[1])
    if not (first.at_dose and last.at_dose) or first.counted_s != span[0] or last.counted_s != span[1]:
        return None
    delivered_ul = dosing.delivered_ul(first, last)
    if not math.isfinite(delivered_ul):
        return None
    lost_ul = dosing.due_ul(first, last) - delivered_ul
    return Loss(at_s, words, first, last, lost_ul, tuple(dosing.budget([(first, last)], delivered_ul, -1.0)))


def measure_responses(
    found: Sequence[Response], dosing: Dosing, catalogue: Mapping[str, MeasurementSpec]
) -> list[Measurement]:
    """Return mean and largest delay, and by how much the latest came beyond an interval of its new rate."""
    names = ("response_delay", "largest_response_delay", "largest_excess_delay")
    if not found:
        why = dosing.unresolved or "the doses tell of no change between two rates"
        return [undetermined(name, catalogue[name].title, catalogue[name].unit, why) for name in names]
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
        _made(catalogue, "response_delay", float(np.mean(delays)), mean, note),
        _made(
            catalogue,
            "largest_response_delay",
            abs(largest.delay_s) / 60.0,
            _timing(1, largest.after.half_s, dosing),
            f"{_told(largest, dosing)}: {'late' if largest.delay_s >= 0.0 else 'EARLY'}",
        ),
        _made(
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


def measure_losses(
    found: Sequence[Loss], dosing: Dosing, catalogue: Mapping[str, MeasurementSpec]
) -> list[Measurement]:
    """Return the mean loss of a change, and the largest by size."""
    names = ("lost_at_changes", "largest_loss_at_change")
    if not found:
        why = dosing.unresolved or "no change lies between two doses that were seen"
        return [undetermined(name, catalogue[name].title, catalogue[name].unit, why) for name in names]
    per_u = 1.0 / dosing.ul_per_u
    mean_u = float(np.mean([each.lost_ul for each in found])) * per_u
    pieces = [(each.first, each.last) for each in found]
    total_ul = math.fsum(dosing.delivered_ul(*piece) for piece in pieces)
    lines = dosing.budget(pieces, total_ul, -per_u / len(found))
    worst = max(found, key=lambda each: abs(each.lost_ul))
    note = (
        f"{len(found)} changes; {per_u * math.fsum(each.lost_ul for each in found):+.3f} U in all; a dose is"
        f" {dosing.increment_ul * per_u:g} U"
    )
    where = f"at {clock(worst.at_s - dosing.began_s)} ({worst.words}): {'lost' if worst.lost_ul > 0.0 else 'added'}"
    lost_ul, own_ul = [each.lost_ul for each in found], [combined(each.budget) for each in found]
    return [
        _made(catalogue, "lost_at_changes", mean_u, lines, note),
        _made(
            catalogue,
            "largest_loss_at_change",
            abs(worst.lost_ul) * per_u,
            [
                *dosing.budget([(worst.first, worst.last)], dosing.delivered_ul(worst.first, worst.last), per_u),
                scaled(another_largest(lost_ul, own_ul, combined(worst.budget), "µL"), per_u),
            ],
            where,
        ),
    ]


def measure_clock(dosing: Dosing, catalogue: Mapping[str, MeasurementSpec]) -> Measurement:
    """Return by how much the pump's clock is fast, from the intervals between its doses."""
    spec = catalogue["clock_error"]
    told_s = found_s = 0.0
    runs = intervals = 0
    if _metered_by_interval(dosing):
        hidden = [*dosing.busy(), *dosing.mixed()]
        for stretch in dosing.programme.stretches:
            if stretch.rate_ul_per_h <= 0.0:
                continue
            interval_s = dosing.increment_ul / stretch.rate_ul_per_h * HOUR_S
            if interval_s < SEPARATE_S:
                continue
            for window in dosing.free(hidden, stretch.begin_s, stretch.end_s):
                gaps_s = np.diff(dosing.doses_within(*window))
                near = gaps_s[np.abs(gaps_s / interval_s - 1.0) < _NEAR_INTERVAL]
                if len(near):
                    told_s, found_s = told_s + interval_s * len(near), found_s + float(near.sum())
                    runs, intervals = runs + 1, intervals + len(near)
    if intervals < _FEWEST_INTERVALS:
        why = dosing.unresolved or "too few doses follow each other at the interval of a rate"
        return undetermined("clock_error", spec.title, spec.unit, why)
    lines = [
        component(
            "instants of doses",
            U_DOSE_S * math.sqrt(2.0 * runs),
            "s",
            100.0 / found_s,
            source=f"{intervals} intervals in {runs} rows",
        )
    ]
    return _made(catalogue, "clock_error", 100.0 * (told_s / found_s - 1.0), lines, f"{intervals} intervals of doses")


def changes_table(followed: Sequence[Response], lost: Sequence[Loss], dosing: Dosing) -> Table:
    """Return every change with its delay, and what it lost."""
    per_u = 1.0 / dosing.ul_per_u
    by_instant = {round(each.after.begin_s): each for each in followed}
    rows = []
    for one in lost:
        response = by_instant.pop(round(one.at_s), None)
        rows.append((one.at_s, _row(one.words, response, one, dosing.began_s, per_u)))
    for each in by_instant.values():
        words = f"{each.before.rate_ul_per_h * per_u:.3g} → {each.after.rate_ul_per_h * per_u:.3g} U/h"
        rows.append((each.after.begin_s, _row(f"{words}, {each.after.reason}", each, None, dosing.began_s, per_u)))
    return Table(
        name="changes",
        title="Changes of the rate: how the pump followed, and what they lost (+) or added (−)",
        columns=["at", "change", "first dose after / min", "interval of the new rate / min", "when told", "lost / U"],
        rows=[row for _, row in sorted(rows)],
        note="Lost: due from the last dose before the change to the first after it, less what came. A pump that carries"
        " the part of a dose over loses nothing; one that drops it loses half a dose on average. ±: k = 2.",
    )


def _row(words: str, response: Response | None, loss: Loss | None, began_s: float, per_u: float) -> list[str]:
    at_s = loss.at_s if loss is not None else response.after.begin_s if response is not None else began_s
    told = "–"
    if loss is not None:
        told = f"{loss.lost_ul * per_u:+.4f} ± {2.0 * combined(loss.budget) * per_u:.4f}"
    if response is None:
        return [clock(at_s - began_s), words, "–", "–", "", told]
    return [
        clock(at_s - began_s),
        words,
        f"{response.delay_s / 60.0:+.2f}",
        f"{response.allowed_s / 60.0:.2f}",
        "yes" if response.on_time else "NO",
        told,
    ]


def _made(
    catalogue: Mapping[str, MeasurementSpec], name: str, value: float, lines: Sequence[Component], note: str = ""
) -> Measurement:
    return measurement(name, catalogue[name].title, value, catalogue[name].unit, lines, note=note)
