"""What each measurement of a day on a pump should have been: profile, boluses, temporary rates, suspensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bench.recording.reader import Event
from bench.validation.course import Course
from bench.validation.told import Told, acted_s

Floats = npt.NDArray[np.float64]
HOUR_S = 3600.0
BAND_PERCENT = 15.0
_DAY_S, _PART_S = 86_400.0, 21_600.0
_FROM_DOSE_S = 60.0
_SETTLED_S = 120.0
_ROOM_S = 16.0
"""A level that is taken between a pulse and what follows it takes so long."""
_STUCK = 0.1
"""A pulse of less than this share of what it should be has stuck."""


class _Day:
    """One test: when its basal pulses really came, what was due, and its boluses."""

    def __init__(self, course: Course) -> None:
        self.course = course
        record, truth = course.record, course.truth
        self.told = Told.of(record)
        self.begin_s = acted_s(record.events("profile commanded")[0])
        self.end_s = acted_s(record.events("basal stopped")[-1])
        basal = np.array([stream == "basal" for stream in truth.pulse_stream], dtype=np.bool_)
        basal &= (truth.pulse_time_s > self.begin_s) & (truth.pulse_time_s <= self.end_s + 1.0)
        self.times_s = truth.pulse_time_s[basal]
        self.volumes_ul = truth.pulse_volume_ul[basal]
        done = {int(event.data["index"]): event for event in record.events("bolus done")}
        self.boluses = [
            (event, done.get(int(event.data["index"])))
            for event in record.events()
            if event.kind in ("bolus commanded", "extended bolus commanded")
        ]

    @staticmethod
    def programmed_ul(bolus: Event) -> float:
        data = bolus.data
        return float(data["volume_ul"]) if "volume_ul" in data else float(data["now_ul"]) + float(data["extended_ul"])

    def spans_s(self) -> list[tuple[float, float]]:
        """Return from when to when boluses came."""
        return [(acted_s(told), self.end_s if done is None else done.time_s) for told, done in self.boluses]

    def last_before(self, time_s: float) -> float:
        """Return the last basal pulse up to an instant; NaN without one."""
        last = int(np.searchsorted(self.times_s, time_s, "right")) - 1
        return float(self.times_s[last]) if last >= 0 else math.nan

    def first_after(self, bolus_end_s: float) -> float:
        """Return the pulse from which basal counts again: the last within two minutes of a bolus' end, or the next."""
        last_s = self.last_before(bolus_end_s + _SETTLED_S)
        if last_s > bolus_end_s:
            return last_s
        later = self.times_s[self.times_s > bolus_end_s]
        return float(later[0]) if len(later) else math.nan

    def edge(self, time_s: float) -> tuple[float, float]:
        """Return the last basal pulse up to an instant, and what was in the vessel between it and the next."""
        last = int(np.searchsorted(self.times_s, time_s + 1.0, "right")) - 1
        dose_s = float(self.times_s[last]) if last >= 0 else self.begin_s
        next_s = float(self.times_s[last + 1]) if last + 1 < len(self.times_s) else self.end_s + 60.0
        guard_s = min(0.5 * (next_s - dose_s), _FROM_DOSE_S)
        level_s = min(max(time_s, dose_s + guard_s), next_s - guard_s)
        return dose_s, level_s

    def error_ul(self, begin_s: float, end_s: float) -> tuple[float, float]:
        """Return delivered less due between two instants, and what was due."""
        first, last = self.edge(begin_s), self.edge(end_s)
        due_ul = self.told.due_ul(first[0], last[0])
        due_ul += sum(self.programmed_ul(told) for told, _ in self.boluses if first[1] < acted_s(told) < last[1])
        return self.course.between_ul(first[1], last[1]) - due_ul, due_ul


def day_truths(course: Course) -> dict[str, float]:
    """Return the truths of a profile.

    - `mean_error`, `total_volume`: in the vessel from the first command until the line has settled.
    - segments, temporary rates, changes: from the last true basal pulse before to the last one in it, the vessel looked
      at between pulses, a minute from them at most.
    - `basal_error`: what the motor metered of the basal rate from the last pulse within two minutes of a bolus, or the
      first after them, to the last before the next that a level can follow. `bolus_error`: what it metered of the
      boluses.
    - `response_delay`: to the first basal pulse that moved anything after the change of a pump that obeys.
    - `suspended_volume`: what the motor metered meanwhile. `interaction`: due around a bolus less whole pulses given.
    """
    day = _Day(course)
    total_ul = course.between_ul(day.begin_s, course.event_s("settled"))
    due_ul = day.told.due_ul(day.begin_s, day.end_s) + sum(day.programmed_ul(told) for told, _ in day.boluses)
    found = {"mean_error": 100.0 * (total_ul / due_ul - 1.0), "total_volume": total_ul / course.ul_per_u}
    return found | _segments(day) | _basal(day) | _boluses(day) | _changes(day) | _overlays(day)


def _segments(day: _Day) -> dict[str, float]:
    segments = day.course.record.events("profile commanded")[0].data["segments"]
    days = range(int((day.end_s - day.begin_s) // _DAY_S) + 1)
    starts_s = [day.begin_s + each * _DAY_S + float(start_s) for each in days for start_s, _ in segments]
    edges = [*(each for each in starts_s if each < day.end_s - 1.0), day.end_s]
    errors = [day.error_ul(a, b) for a, b in pairwise(edges)]
    percents = [100.0 * error / due for error, due in errors if due > 0.0]
    return {
        "largest_segment_error": max(map(abs, percents)),
        "segments_within_15_percent": 100.0 * float(np.mean([abs(each) <= BAND_PERCENT for each in percents])),
    }


def _basal(day: _Day) -> dict[str, float]:
    due_ul = given_ul = 0.0
    begins_s = [day.begin_s, *(day.first_after(end_s) for _, end_s in day.spans_s())]
    ends_s = [*(day.last_before(begin_s - _ROOM_S) for begin_s, _ in day.spans_s()), day.last_before(day.end_s)]
    for first_s, last_s in zip(begins_s, ends_s, strict=True):
        if last_s > first_s:
            inside = (day.times_s > first_s) & (day.times_s <= last_s)
            given_ul += float(day.volumes_ul[inside].sum())
            due_ul += day.told.due_ul(first_s, last_s)
    gaps_s, pulse_ul = np.diff(day.times_s), float(day.course.truth.pulse_commanded_ul[0])
    rates = np.array([day.told.rate_ul_per_h(float(each)) for each in 0.5 * (day.times_s[1:] + day.times_s[:-1])])
    due_s = pulse_ul / np.maximum(rates, 1e-9) * HOUR_S
    near = np.abs(gaps_s / due_s - 1.0) < 0.1
    fast = 100.0 * (float(due_s[near].sum() / gaps_s[near].sum()) - 1.0)
    return {"basal_error": 100.0 * (given_ul / due_ul - 1.0), "clock_error": fast}


def _boluses(day: _Day) -> dict[str, float]:
    if not day.boluses:
        return {}
    truth = day.course.truth
    given = []
    for (told, _), (begin_s, end_s) in zip(day.boluses, day.spans_s(), strict=True):
        given.append((truth.metered_ul(begin_s, end_s + 5.0, "bolus"), day.programmed_ul(told)))
    errors = [100.0 * (volume_ul / due_ul - 1.0) for volume_ul, due_ul in given]
    found = {
        "bolus_error": 100.0 * (sum(each[0] for each in given) / sum(each[1] for each in given) - 1.0),
        "largest_bolus_error": max(map(abs, errors)),
    }
    lost = [_out_of_step(day, *span) for span in day.spans_s()]
    known = [each for each in lost if math.isfinite(each)]
    return found | ({"interaction": float(np.mean(known)) / day.course.ul_per_u} if known else {})


def _out_of_step(day: _Day, begin_s: float, end_s: float) -> float:
    """Return what was due from the last basal pulse before a bolus to the first after it, less the pulses given."""
    last = int(np.searchsorted(day.times_s, begin_s)) - 1
    first = int(np.searchsorted(day.times_s, end_s + 15.0))
    if last < 0 or first >= len(day.times_s):
        return math.nan
    span = float(day.times_s[last]), float(day.times_s[first])
    if day.told.rate_ul_per_h(span[0]) != day.told.rate_ul_per_h(span[1]):
        return math.nan
    return day.told.due_ul(*span) - (first - last) * float(day.course.truth.pulse_commanded_ul[0])


def _changes(day: _Day) -> dict[str, float]:
    changes = [
        at_s
        for at_s in day.told.changes_s(day.begin_s + 1.0, day.end_s - 1.0)
        if _changed(day, at_s) and not any(a - 2.0 < at_s < b + 2.0 for a, b in day.spans_s())
    ]
    # A pulse that sticks moves nothing: what it owes comes with the next one, and so does the answer to a change.
    times_s = day.times_s[day.volumes_ul > _STUCK * float(day.course.truth.pulse_commanded_ul[0])]
    delays, lost_ul, spans = [], [], set()
    for at_s in changes:
        first = int(np.searchsorted(times_s, at_s + 1.5))
        if first == 0 or first >= len(times_s):
            continue
        rates = day.told.rate_ul_per_h(at_s - 1.0), day.told.rate_ul_per_h(at_s + 1.0)
        if min(rates) > 0.0:
            delays.append((float(times_s[first]) - at_s) / 60.0)
        if first not in spans:
            spans.add(first)
            lost_ul.append(-day.error_ul(float(times_s[first - 1]), float(times_s[first]))[0])
    if not delays:
        return {}
    lost_u = [each / day.course.ul_per_u for each in lost_ul]
    return {
        "response_delay": float(np.mean(delays)),
        "largest_response_delay": max(delays),
        "lost_at_changes": float(np.mean(lost_u)),
        "largest_loss_at_change": max(map(abs, lost_u)),
    }


def _changed(day: _Day, at_s: float) -> bool:
    before, after = day.told.rate_ul_per_h(at_s - 1.0), day.told.rate_ul_per_h(at_s + 1.0)
    return abs(after - before) > 0.05 * max(before, after)


def _overlays(day: _Day) -> dict[str, float]:
    record, found = day.course.record, {}
    told = record.events("temporary basal commanded")
    temporaries = [(acted_s(each), float(each.data["duration_s"])) for each in told]
    if temporaries:
        errors = [day.error_ul(at_s, at_s + lasting_s)[0] for at_s, lasting_s in temporaries]
        due_ul = sum(day.told.due_ul(at_s, at_s + lasting_s) for at_s, lasting_s in temporaries)
        found["temporary_error"] = 100.0 * sum(errors) / due_ul
    spans = _suspended(record.events("delivery suspended"), record.events("delivery resumed"))
    if spans:
        metered = [day.course.truth.metered_ul(a, b) for a, b in spans]
        found["suspended_volume"] = sum(metered) / day.course.ul_per_u
    return found


def _suspended(begins: Sequence[Event], ends: Sequence[Event]) -> list[tuple[float, float]]:
    return [(acted_s(a), acted_s(b)) for a, b in zip(begins, ends, strict=True)]


def wear_truths(course: Course) -> dict[str, float]:
    """Return the truths of days of wear without a change of the reservoir: those of a day, and by day and six hours."""
    day = _Day(course)
    lasts_s = day.end_s - day.begin_s
    found = day_truths(course)
    whole = _parts(day, _DAY_S)
    found["largest_daily_error"] = max(map(abs, whole))
    found["days_within_15_percent"] = 100.0 * float(np.mean([abs(each) <= BAND_PERCENT for each in whole]))
    if lasts_s >= _PART_S - 1.0:
        error_ul, due_ul = day.error_ul(day.begin_s, day.begin_s + _PART_S)
        found["first_6h_error"] = 100.0 * error_ul / due_ul
    parts = _parts(day, _PART_S)
    if len(parts) > 3:
        ends_s = np.minimum(_PART_S * np.arange(1.0, len(parts) + 1.0), lasts_s)
        middles = 0.5 * (_PART_S * np.arange(float(len(parts))) + ends_s) / _DAY_S
        found["error_drift"] = float(np.polyfit(middles, parts, 1)[0])
    return found


def _parts(day: _Day, length_s: float) -> list[float]:
    count = max(1, math.ceil((day.end_s - day.begin_s) / length_s - 0.5))
    edges = [day.begin_s + number * length_s for number in range(count)]
    pairs = [day.error_ul(at_s, min(at_s + length_s, day.end_s)) for at_s in edges]
    return [100.0 * error_ul / due_ul for error_ul, due_ul in pairs]
