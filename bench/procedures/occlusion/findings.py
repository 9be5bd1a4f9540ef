"""What an occlusion test's own recording tells against its verdict: the clamp, the pressure, the alarm's level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bench.metrology.rounding import number
from bench.procedures.occlusion import line_pressure
from bench.procedures.occlusion.actuation import Actuation
from bench.procedures.occlusion.facts import LEVEL_TOLD, OcclusionFacts
from bench.procedures.occlusion.readings import OcclusionReadings
from bench.procedures.occlusion.settings import OcclusionSettings
from bench.quantities import Limit
from bench.recording.reader import Series, TestRecord
from bench.results.model import Measurement

MINUTE_S = 60.0
LARGEST_ZERO_KPA = 5.0
STILL_DELIVERING = frozenset({"basal", "bolus", "priming"})
THROUGH_SHARE = 0.5
"""A line through which so much of what was due came was not shut."""
NO_PRESSURE_KPA = 10.0
"""A shut line into which a pump pushes comes beyond this."""
LATE_SHARE, LEVEL_SHARE = 0.33, 0.05
"""In the last part of the wait a pressure that still builds up grows by more than this share of itself."""
SOFTER_SHARE = 0.1
"""A compliance that changes by so much from first to last occlusion is told."""
CAUGHT_UP_PERCENT = 90.0
"""Of what was missed less than this came after the opening: it is told."""
REACTION_S = 0.1
"""A relay may take so long beside the clamp's own delay, with the way of its command."""
LEAST_DUE_UL = 1.0
"""Of less the balance cannot tell whether it came through the clamp or from behind it."""


def occlusion_findings(seen: OcclusionReadings) -> list[str]:
    """Return what went wrong with the alarm."""
    facts = seen.facts
    found = []
    if facts.false_alarms and facts.closed is None:
        often = "an occlusion alarm" if facts.false_alarms == 1 else f"{facts.false_alarms} occlusion alarms"
        found.append(f"The pump raised {often} while it flowed freely; the test ended there.")
    if facts.waited_s is not None:
        waited = f"No occlusion alarm came within {facts.waited_s / MINUTE_S:.1f} min of the line being shut"
        found.append(f"{waited}{_pressed(seen)}.")
    if facts.alarm is not None and facts.state_after in STILL_DELIVERING:
        found.append(f"After its alarm the pump did not stop: it said of itself {facts.state_after}.")
    return found


def threshold_findings(measured: Mapping[str, Measurement], limits: Mapping[str, Limit]) -> list[str]:
    """Return whether an alarm beyond its limits came at the wrong pressure, or at the right one too late."""
    pressure, time = (measured.get(name) for name in ("pressure_at_alarm", "time_to_alarm"))
    if pressure is None or pressure.value is None or time is None or time.value is None or time.censored:
        return []
    lower, upper = limits["pressure_at_alarm"].to("kPa") if "pressure_at_alarm" in limits else (None, None)
    latest = limits["time_to_alarm"].to("min")[1] if "time_to_alarm" in limits else None
    came = f"{number(pressure.value, 3)} kPa, {number(time.value, 3)} min after the flow met the shut line"
    if upper is not None and pressure.value > upper:
        return [f"The alarm came only at {came}: its threshold is too high, or it comes too late."]
    if lower is not None and pressure.value < lower:
        return [f"The alarm came already at {came}: its threshold is too low."]
    if latest is None or time.value <= latest:
        return []
    soft = measured.get("compliance")
    how = "is as it should be" if upper is not None else "built up"
    softness = f" ({number(soft.value, 2)} µL/kPa)" if soft is not None and soft.value is not None else ""
    return [
        f"The alarm came late, at {came}, while its pressure {how}:"
        f" the line is soft{softness}, or less is pushed into it than was commanded."
    ]


def _pressed(seen: OcclusionReadings) -> str:
    """Return what the pressure did while no alarm came: it tells whether there was something to be found."""
    facts, pressure = seen.facts, seen.pressure
    if facts.origin is None or facts.ended_s is None or seen.zero is None:
        return ""
    begin_s, end_s = facts.origin.sent_s, facts.ended_s
    inside = (pressure.time_s >= begin_s) & (pressure.time_s <= end_s) & np.isfinite(pressure.value)
    if not inside.any():
        return ""
    kpa, time_s = pressure.value[inside] - seen.zero.value, pressure.time_s[inside]
    greatest = float(kpa.max())
    beyond = line_pressure.overload(pressure, begin_s, end_s)
    if beyond is not None:
        after_min = (beyond.since_s - begin_s) / MINUTE_S
        return (
            f", though the pressure in it rose to more than {greatest:.0f} kPa (beyond the sensor's range after"
            f" {after_min:.0f} min): the line was shut, and the pump pushed on"
        )
    if greatest < NO_PRESSURE_KPA:
        return f", and no pressure built up in it (at most {greatest:.2g} kPa): it was not shut, or it leaks"
    late = kpa[time_s >= end_s - LATE_SHARE * (end_s - begin_s)]
    first, second = late[: len(late) // 2], late[len(late) // 2 :]
    if len(first) and float(np.median(second) - np.median(first)) < LEVEL_SHARE * greatest:
        return f"; the pressure in it stayed at {float(np.median(late)):.0f} kPa: something gives way or leaks"
    return f", though the pressure in it rose to {greatest:.0f} kPa: the line was shut, and the pump pushed on"


def occlusion_notes(seen: OcclusionReadings, declared: Actuation) -> list[str]:
    """Return what a reader must know of the alarm beside its time.

    Args:
        seen: the test.
        declared: what the rig file says of how long the clamp takes to shut the line.

    """
    notes = _clamp_notes(seen.facts, declared)
    if seen.facts.before_bolus and seen.facts.alarm is not None:
        notes.append(
            "The occlusion alarm came before the bolus: times are from the shut line, nothing was due into it."
        )
    return notes


def _clamp_notes(facts: OcclusionFacts, declared: Actuation) -> list[str]:
    """Tell a clamp that shuts otherwise than the rig file says, and one of which nothing is known."""
    closed, told_s = facts.closed, facts.told_to_shut_s
    if closed is None or told_s is None or facts.origin is not closed:
        return []
    if not facts.shut_felt:
        if declared.declared:
            return []
        return [
            "How long the clamp takes to shut the line is neither declared in the rig file (`actuation_delay`) nor told"
            f" by a contact at it: {declared.source.partition(': ')[2]} is assumed; a slower one would not be seen."
        ]
    earliest_s, latest_s = closed.sent_s - told_s, closed.acknowledged_s - told_s
    least_s, most_s = declared.mean_s - declared.half_width_s, declared.mean_s + declared.half_width_s
    if not declared.declared or (earliest_s <= most_s + REACTION_S and latest_s >= least_s):
        return []
    return [
        f"The contact at the clamp told that the line was shut {latest_s:.2g} s after the command, where the rig file"
        f" says {declared.mean_s:.2g} s ± {declared.half_width_s:.2g} s: the contact is believed; correct the rig file."
    ]


def softness_findings(compliances: Sequence[Measurement], times: Sequence[Measurement]) -> list[str]:
    """Return that the line became softer or stiffer from one occlusion to the next, where it clearly did.

    Args:
        compliances: of the line in each occlusion, in µL/kPa.
        times: to the alarm in each, in min.

    """
    known = [one.value for one in compliances if one.value is not None]
    if len(known) < 2 or len(known) < len(compliances) or known[0] <= 0.0:
        return []
    change = known[-1] / known[0] - 1.0
    if abs(change) < SOFTER_SHARE:
        return []
    way = "softer" if change > 0.0 else "stiffer"
    listed = ", ".join(f"{each:.2f}" for each in known)
    told = f"The line became {way} with each occlusion: {listed} µL/kPa ({100.0 * change:+.0f} %)"
    minutes = [one.value for one in times if one.value is not None and one.censored is None]
    if len(minutes) == len(known) and (minutes[-1] - minutes[0]) * change > 0.0:
        came = "later" if change > 0.0 else "earlier"
        told += f", so the alarm came {came} each time: after {', '.join(f'{each:.1f}' for each in minutes)} min"
    return [f"{told}. Is there air in it, or does reservoir, plunger or tubing give way?"]


def release_findings(settings: OcclusionSettings, seen: OcclusionReadings) -> list[str]:
    """Return what went otherwise with a line that was to be opened before the alarm."""
    facts = seen.facts
    wanted = settings.release_before_alarm_at or settings.release_before_alarm_after
    if facts.released and facts.later_alarms:
        return ["An occlusion alarm came after the line had been opened."]
    if facts.released or facts.origin is None:
        return []
    if facts.alarm is not None:
        after_min = (facts.alarm.time_s - seen.begin_s) / MINUTE_S
        return [f"The alarm came after {after_min:.1f} min, before the line was to be opened ({wanted})."]
    return [f"The line was to be opened at {wanted}, which it did not reach within {settings.timeout}."]


def missing_findings(caught_up: Measurement, missing: Measurement) -> list[str]:
    """Return that what was missed while the line was shut clearly did not come after its opening.

    Args:
        caught_up: what of it came, in percent.
        missing: what never came, in U.

    """
    if caught_up.value is None or missing.value is None or caught_up.value >= CAUGHT_UP_PERCENT:
        return []
    if missing.value <= (missing.expanded_uncertainty or 0.0):
        return []
    came = f"only {number(caught_up.value, 2)} % of it came" if caught_up.value > 0.0 else "nothing of it came"
    return [
        f"What was missed while the line was shut did not come after it was opened: {came}, and"
        f" {number(missing.value, 2)} U that were due by the end never came. Does the line leak, or does the pump drop"
        " what it cannot deliver?"
    ]


def narrowed_findings(pressure: Measurement | None, limit: Limit | None, alarms: int) -> list[str]:
    """Return that the pressure of a flowing line, in kPa, is beyond the plan's limit, and what the pump said of it."""
    upper = limit.to("kPa")[1] if limit is not None else None
    if pressure is None or pressure.value is None or upper is None or pressure.value <= upper:
        return []
    said = "the pump's alarm told of it" if alarms else "the pump said nothing of it"
    return [
        f"{number(pressure.value, 3)} kPa stood in the line while it flowed, and a free line holds no more than"
        f" {number(upper)} kPa: it is narrowed, by a clogged cannula or a kinked tube, and {said}."
    ]


def occlusion_doubts(seen: OcclusionReadings, arrived_ul: float | None) -> list[str]:
    """Return why the shut line or its pressure cannot be trusted.

    Args:
        seen: the test.
        arrived_ul: what came while the line was shut; None where that is not known.

    """
    return [*_through(seen, arrived_ul), *_lost_pressure(seen)]


def zero_doubts(zero_kpa: float | None) -> list[str]:
    """Return why the pressure sensor's zero, None for unknown, cannot be trusted."""
    if zero_kpa is None:
        return ["The pressure sensor gave no reading during the blanks, so its zero is not known."]
    if abs(zero_kpa) > LARGEST_ZERO_KPA:
        return [
            f"The pressure sensor showed {zero_kpa:.1f} kPa with the line open and the pump at rest:"
            f" more than {LARGEST_ZERO_KPA:g} kPa is no zero, and no free line."
        ]
    return []


def _through(seen: OcclusionReadings, arrived_ul: float | None) -> list[str]:
    """Look whether the clamp shut the line at all: else nothing of the test is the pump's fault."""
    facts = seen.facts
    if arrived_ul is None or facts.ended_s is None or facts.closed is None:
        return []
    due_ul = facts.flow.due_ul(facts.ended_s - seen.begin_s)
    if due_ul < LEAST_DUE_UL or arrived_ul < THROUGH_SHARE * due_ul:
        return []
    return [
        f"The occluder said that it was shut, and {arrived_ul / seen.ul_per_u:.3g} U of"
        f" {due_ul / seen.ul_per_u:.3g} U came through all the same: the line was not shut; look at the clamp."
    ]


def _lost_pressure(seen: OcclusionReadings) -> list[str]:
    """Look for readings that are missing while the line was shut: the greatest pressure may be among them."""
    facts = seen.facts
    if facts.origin is None or facts.opened is None or len(seen.pressure) == 0:
        return []
    return pressure_gaps(seen.pressure, facts.origin.sent_s, facts.opened.sent_s, "while the line was shut")


def pressure_gaps(pressure: Series, start_s: float, end_s: float, when: str) -> list[str]:
    """Return a doubt where readings of the pressure are missing between two instants."""
    lost = line_pressure.losses(pressure, start_s, end_s)
    if not lost:
        return []
    first_s, last_s = max(lost, key=lambda window: window[1] - window[0])
    times = "once" if len(lost) == 1 else f"{len(lost)} times"
    after = (first_s - start_s) / MINUTE_S
    return [
        f"Readings of the pressure are missing {when}, {times}"
        f" (the longest {last_s - first_s:.0f} s from {after:.1f} min on): the greatest may be among them."
    ]


def level_findings(settings: OcclusionSettings, record: TestRecord) -> tuple[list[str], list[str]]:
    """Return `(notes, doubts)` about the level of the alarm that a test set."""
    told = record.events(LEVEL_TOLD)
    if settings.level is None or not told:
        return [], []
    level = str(told[0].data["level"])
    if level != settings.level:
        return [], [f"The pump was told the occlusion level {settings.level} and says that it is at {level}."]
    return [f"The pump's occlusion alarm was set to {level}, and put back after the test."], []


def finished(seen: OcclusionReadings) -> bool:
    """Return whether an occlusion was driven to its end: an alarm came or was waited for, and the line opened."""
    return seen.facts.opened is not None and seen.facts.ended_s is not None


def unfinished(settings: OcclusionSettings, seen: Sequence[OcclusionReadings]) -> list[str]:
    """Return a doubt where fewer occlusions came about than the plan asks for."""
    whole = sum(finished(one) for one in seen)
    if whole >= settings.repeats:
        return []
    return [f"Only {whole} of {settings.repeats} occlusions were driven to their end."]
