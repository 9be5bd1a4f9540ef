"""What a rig can tell of a day on a pump, foretold from its file before the pump is started."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from bench.metrology.rounding import number
from bench.procedures.base import Context
from bench.procedures.shared.commands import (
    BASAL_STOPPED,
    BOLUS,
    EXTENDED_BOLUS,
    PROFILE,
    RESUMED,
    SUSPENDED,
    TEMPORARY,
)
from bench.procedures.shared.day import Act, Segment, profile_of
from bench.procedures.shared.periods import USUAL_WANDER
from bench.procedures.shared.planning import planned_levels
from bench.procedures.shared.programme import Programme, programme
from bench.procedures.shared.times import DAY_S
from bench.procedures.shared.told_boluses import ToldBolus
from bench.quantities import Concentration
from bench.recording.reader import Event

HOUR_S = 3600.0
_BOLUS_S = 300.0
_CHANGE_S = 600.0


def planned_programme(
    segments: Sequence[Segment], acts: Sequence[Act], duration_s: float, concentration: Concentration
) -> Programme:
    """Return what the pump will be told, the first command at 0."""
    profile = [list(each) for each in profile_of(segments, concentration)]
    events = [_event(0.0, PROFILE, segments=profile), _event(duration_s, BASAL_STOPPED)]
    for index, act in enumerate(acts, start=1):
        overlay = act.overlay
        now_ul = overlay.bolus.to("µL", concentration) if overlay.bolus is not None else 0.0
        lasting_s = overlay.lasting.to("s") if overlay.lasting is not None else 0.0
        if act.what == "bolus":
            events.append(_event(act.at_s, BOLUS, index=index, volume_ul=now_ul))
        elif overlay.extended is not None:
            spread_ul = overlay.extended.to("µL", concentration)
            parts = {"now_ul": now_ul, "extended_ul": spread_ul, "duration_s": lasting_s}
            events.append(_event(act.at_s, EXTENDED_BOLUS, index=index, **parts))
        elif overlay.temporary is not None and overlay.temporary.dimension == "ratio":
            events.append(_event(act.at_s, TEMPORARY, percent=overlay.temporary.to("%"), duration_s=lasting_s))
        elif overlay.temporary is not None:
            rate = overlay.temporary.to("µL/h", concentration)
            events.append(_event(act.at_s, TEMPORARY, rate_ul_per_h=rate, duration_s=lasting_s))
        else:
            events.append(_event(act.at_s, SUSPENDED if act.what == "suspend" else RESUMED))
    return programme(sorted(events, key=lambda event: event.time_s), duration_s, concentration.ul_per_u)


def _event(at_s: float, kind: str, **data: object) -> Event:
    return Event(at_s, kind, {**data, "sent_s": at_s, "acknowledged_s": at_s})


def planned_day(
    told: Programme, duration_s: float, blank_s: float, context: Context
) -> Mapping[str, tuple[float, str]]:
    """Return the expanded uncertainty (k = 2) of what is measured of a profile, with the arithmetic in words."""
    return dict(_planned(told, duration_s, blank_s, context))


def _planned(
    told: Programme, duration_s: float, blank_s: float, context: Context
) -> Iterator[tuple[str, tuple[float, str]]]:
    per_u = 1.0 / context.concentration.ul_per_u
    whole_u, words = planned_levels(duration_s, blank_s, context)
    yield "total_volume", (whole_u, words)
    yield "mean_error", _percent(whole_u, told.volume_ul(0.0, duration_s) * per_u, words)
    basal_u = told.basal_ul(0.0, duration_s) * per_u
    pieces = len(told.boluses) + 1
    yield "basal_error", _percent(whole_u * math.sqrt(pieces), basal_u, f"{words}, for each of {pieces} pieces")
    segments = [(a, b) for a, b in pairwise(_edges(told, duration_s)) if told.volume_ul(a, b) > 0.0]
    if segments:
        worst = min(
            segments, key=lambda each: told.volume_ul(*each) / planned_levels(each[1] - each[0], blank_s, context)[0]
        )
        part_u, words = planned_levels(worst[1] - worst[0], blank_s, context)
        percent = _percent(part_u, told.volume_ul(*worst) * per_u, words)
        yield "largest_segment_error", percent
        blind = percent[0] >= 15.0
        band = f"{'no less' if blind else 'less'} than the band of ±15 % itself"
        yield "segments_within_15_percent", (100.0 if blind else 0.0, f"{percent[1]}, {band}")
    if told.boluses:
        single = [_bolus(told, each, blank_s, context) for each in told.boluses]
        together_u = math.hypot(*(each[0] for each in single))
        yield "bolus_error", _percent(together_u, sum(each.volume_ul for each in told.boluses) * per_u, single[0][1])
        relative = [_percent(u, each.volume_ul * per_u, w) for (u, w), each in zip(single, told.boluses, strict=True)]
        yield "largest_bolus_error", max(relative, key=lambda each: each[0])
    change_u, words = planned_levels(_CHANGE_S, blank_s, context)
    yield "largest_loss_at_change", (change_u, words)
    yield "lost_at_changes", (change_u / math.sqrt(max(1, len(segments) - 1)), f"{words}, over all changes")
    temporary = [each for each in told.stretches if each.kind == "temporary"]
    if sum(each.volume_ul for each in temporary) > 0.0:
        lasts_s = sum(each.end_s - each.begin_s for each in temporary)
        part_u, words = planned_levels(lasts_s, blank_s, context)
        yield "temporary_error", _percent(part_u, sum(each.volume_ul for each in temporary) * per_u, words)
    still_s = sum(
        each.end_s - each.begin_s for each in told.stretches if each.rate_ul_per_h == 0.0 and each.kind != "stopped"
    )
    if still_s > 0.0:
        yield "suspended_volume", planned_levels(still_s, blank_s, context)


def _bolus(told: Programme, bolus: ToldBolus, blank_s: float, context: Context) -> tuple[float, str]:
    """Return U in U of one bolus, the basal that is taken out of it included."""
    weighed_u, words = planned_levels(bolus.end_s - bolus.begin_s + _BOLUS_S, blank_s, context)
    basal_ul = told.basal_ul(bolus.begin_s - 0.5 * _BOLUS_S, bolus.end_s + 0.5 * _BOLUS_S)
    basal_u = basal_ul / context.concentration.ul_per_u
    taken_u = 2.0 * USUAL_WANDER * basal_u
    return math.hypot(weighed_u, taken_u), f"{words}; basal of {basal_u:.2g} U taken out to {100.0 * USUAL_WANDER:g} %"


def _edges(told: Programme, duration_s: float) -> list[float]:
    edges: list[float] = []
    before: tuple[int | None, int] = (None, -1)
    for stretch in told.stretches:
        now = (stretch.segment, int(stretch.begin_s // DAY_S))
        if now != before and stretch.kind != "stopped":
            edges.append(stretch.begin_s)
        before = now
    return [*edges, duration_s]


def _percent(uncertainty_u: float, due_u: float, words: str) -> tuple[float, str]:
    percent = 100.0 * uncertainty_u / due_u if due_u > 0.0 else math.inf
    return percent, f"{words}, of {due_u:.4g} U = {number(percent, 2)} %"
