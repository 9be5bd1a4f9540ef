"""What a change of the rate loses or adds, where the pump changes when it is told."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bench.procedures.base import MeasurementSpec
from bench.procedures.profile.responses import SAME_RATE, Response
from bench.procedures.shared.doses import LATE_S
from bench.procedures.shared.dosing import Dosing, Edge
from bench.procedures.shared.largest import largest_by_size, lines_of_largest
from bench.procedures.shared.periods import own_of
from bench.procedures.shared.stated import nothing_stated, stated
from bench.procedures.shared.times import clock
from bench.results.model import Component, Measurement


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


def losses(dosing: Dosing, followed: Sequence[Response]) -> list[Loss]:
    """Return what each change lost or added where the pump changed when it was told, by doses or levels around it."""
    strayed = [each.after.begin_s for each in followed if not each.on_time]
    hidden = [*dosing.busy(), *dosing.mixed()]
    found: list[Loss] = []
    for at_s, words in _changes(dosing):
        if dosing.unresolved or any(abs(at_s - each) < 1.0 for each in strayed):
            continue
        times_s = dosing.doses.time_s
        last = int(np.searchsorted(times_s, at_s + LATE_S, "right")) - 1
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
        if abs(after.rate_ul_per_h - before.rate_ul_per_h) > SAME_RATE * max(before.rate_ul_per_h, after.rate_ul_per_h):
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


def measure_losses(
    found: Sequence[Loss], dosing: Dosing, catalogue: Mapping[str, MeasurementSpec]
) -> list[Measurement]:
    """Return the mean loss of a change, and the largest by size."""
    names = ("lost_at_changes", "largest_loss_at_change")
    if not found:
        why = dosing.unresolved or "no change lies between two doses that were seen"
        return nothing_stated(catalogue, why, names)
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
    noisy = largest_by_size([each.lost_ul for each in found], [own_of(each.budget) for each in found])
    budget = dosing.budget([(worst.first, worst.last)], dosing.delivered_ul(worst.first, worst.last), per_u)
    return [
        stated(catalogue, "lost_at_changes", mean_u, lines, note),
        stated(
            catalogue,
            "largest_loss_at_change",
            (abs(worst.lost_ul) - noisy.excess) * per_u,
            lines_of_largest(budget, noisy, "µL", "changes", -per_u),
            where + noisy.told(worst.lost_ul, "U", per_u),
        ),
    ]
