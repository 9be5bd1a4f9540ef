"""From the course of a power test to its measurements, each with its budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench.metrology.budget import bounded, measurement, scaled, undetermined
from bench.metrology.noise import Levels, Window
from bench.metrology.plateau import level, step
from bench.metrology.rounding import number
from bench.procedures.base import MeasurementSpec
from bench.procedures.power.facts import PowerFacts
from bench.procedures.shared.span import Span
from bench.procedures.shared.weighing import Weighing
from bench.results.model import Component, Measurement

LEVEL_S = 20.0
EBBING_S = 30.0
"""What the last pulse before the power was cut leaves in the soft parts has come by then."""
NEVER_CUT = "the power was never cut: an alarm came before"
NO_ANSWER = "the pump did not answer after its power had returned"
GAP = "the balance's readings have a gap"
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class PowerReadings:
    """Everything that a power test's measurements are made of; `accuracy_v` is the supply's, as ±."""

    facts: PowerFacts
    weighing: Weighing
    accuracy_v: float
    ul_per_u: float


def measure(seen: PowerReadings, catalogue: Mapping[str, MeasurementSpec]) -> list[Measurement]:
    """Return every measurement of the catalogue, in its order."""
    makers: dict[str, Callable[[PowerReadings, MeasurementSpec], Measurement]] = {
        "voltage_at_alarm": _voltage_at_alarm,
        "time_to_low_battery_alarm": _time_to_alarm,
        "delivered_while_off": _delivered_while_off,
        "time_to_return": _time_to_return,
        "alarm_after_return": _alarm_after_return,
        "resumed_by_itself": _resumed,
        "forgotten_volume": _forgotten_volume,
        "error_after_return": _error_after_return,
    }
    return [makers[name](seen, spec) for name, spec in catalogue.items()]


def _voltage_at_alarm(seen: PowerReadings, spec: MeasurementSpec) -> Measurement:
    name, facts = "voltage_at_alarm", seen.facts
    supply = bounded("reading of the supply", seen.accuracy_v, "V", source="rig file: its accuracy")
    if facts.warning is None:
        if not facts.lowest:
            return undetermined(name, spec.title, spec.unit, "the voltage was not lowered to its end")
        lowest_v = facts.steps[-2].read_v if len(facts.steps) > 1 else facts.steps[-1].read_v
        note = "no low-battery alarm down to the lowest voltage"
        return measurement(name, spec.title, lowest_v, spec.unit, [supply], censored="below", note=note)
    place = _step_of(facts, facts.warning.time_s)
    if place < 1:
        return undetermined(name, spec.title, spec.unit, "the alarm came before the voltage was lowered")
    above_v, below_v = facts.steps[place - 1].read_v, facts.steps[place].read_v
    half_v = 0.5 * abs(above_v - below_v)
    between = bounded("somewhere between two steps", half_v, "V", source=f"{above_v:.3f} V and {below_v:.3f} V")
    return measurement(name, spec.title, 0.5 * (above_v + below_v), spec.unit, [between, supply])


def _step_of(facts: PowerFacts, time_s: float) -> int:
    """Return the place of the step that was in force at an instant."""
    return max((i for i, each in enumerate(facts.steps) if each.span.sent_s <= time_s), default=0)


def _time_to_alarm(seen: PowerReadings, spec: MeasurementSpec) -> Measurement:
    name, facts = "time_to_low_battery_alarm", seen.facts
    if facts.warning is None:
        return undetermined(name, spec.title, spec.unit, "no low-battery alarm came")
    span = facts.steps[_step_of(facts, facts.warning.time_s)].span
    source = "from the command to the supply's answer"
    lines = [bounded("when the voltage fell", span.half_width_s, "s", -1.0, source=source), *facts.warning.budget]
    note = f"dated {facts.warning.source}"
    return measurement(name, spec.title, facts.warning.time_s - span.middle_s, spec.unit, lines, note=note)


def _delivered_while_off(seen: PowerReadings, spec: MeasurementSpec) -> Measurement:
    name, facts = "delivered_while_off", seen.facts
    if facts.off is None or facts.on is None:
        return undetermined(name, spec.title, spec.unit, NEVER_CUT)
    start_s = facts.off.acknowledged_s + EBBING_S
    found = _between(seen, (start_s, start_s + LEVEL_S), (facts.on.sent_s - LEVEL_S, facts.on.sent_s))
    if found is None:
        return undetermined(name, spec.title, spec.unit, GAP)
    volume_ul, lines = found
    minutes = (facts.on.sent_s - start_s) / 60.0
    note = f"from {EBBING_S:g} s after the cut until the return, {minutes:.1f} min"
    return measurement(name, spec.title, volume_ul / seen.ul_per_u, spec.unit, lines, note=note)


def _between(seen: PowerReadings, before: Window, after: Window) -> tuple[float, list[Component]] | None:
    """Return the volume that arrived between two windows in µL, and its budget in U."""
    weighing = seen.weighing
    first, second = (level(weighing.time_s, weighing.mass_mg, window) for window in (before, after))
    if first is None or second is None:
        return None
    volume_ul = step(first, second, -weighing.loss_mg_per_s) * weighing.conversion.ul_per_mg
    levels = Levels.difference(before, after)
    return volume_ul, weighing.components(volume_ul, 1.0 / seen.ul_per_u, levels, second.time_s - first.time_s)


def _time_to_return(seen: PowerReadings, spec: MeasurementSpec) -> Measurement:
    name, facts = "time_to_return", seen.facts
    if facts.on is None:
        return undetermined(name, spec.title, spec.unit, NEVER_CUT)
    if facts.answers_s is None:
        if facts.silent_s is None:
            return undetermined(name, spec.title, spec.unit, NO_ANSWER)
        return measurement(name, spec.title, facts.silent_s, spec.unit, [], censored="above", note=NO_ANSWER)
    # It may have been ready at any moment until it answered.
    longest_s = facts.answers_s - facts.on.sent_s
    line = bounded("ready before it was asked", 0.5 * longest_s, "s", -1.0, source="from the return to the answer")
    return measurement(name, spec.title, 0.5 * longest_s, spec.unit, [line], note=f"answered after {longest_s:.1f} s")


def _alarm_after_return(seen: PowerReadings, spec: MeasurementSpec) -> Measurement:
    name, facts = "alarm_after_return", seen.facts
    if facts.answers_s is None:
        return undetermined(name, spec.title, spec.unit, NEVER_CUT if facts.on is None else NO_ANSWER)
    note = ", ".join(facts.told) if facts.told else "the pump said nothing of it"
    return measurement(name, spec.title, float(bool(facts.told)), spec.unit, [], note=note)


def _resumed(seen: PowerReadings, spec: MeasurementSpec) -> Measurement:
    name, facts = "resumed_by_itself", seen.facts
    if facts.after is None:
        return undetermined(name, spec.title, spec.unit, NEVER_CUT if facts.on is None else NO_ANSWER)
    note = f"the pump said of itself: {facts.after.state}"
    return measurement(name, spec.title, float(facts.resumed), spec.unit, [], note=note)


def _forgotten_volume(seen: PowerReadings, spec: MeasurementSpec) -> Measurement:
    name, facts = "forgotten_volume", seen.facts
    if facts.before is None or facts.after is None:
        return undetermined(name, spec.title, spec.unit, NEVER_CUT if facts.on is None else NO_ANSWER)
    before_u, after_u = facts.before.delivered_ul / seen.ul_per_u, facts.after.delivered_ul / seen.ul_per_u
    note = f"{before_u:.4g} U before, {after_u:.4g} U after, by the pump's own count"
    if facts.resumed:
        note += "; what it has delivered since its return is in that, too"
    return measurement(name, spec.title, before_u - after_u, spec.unit, [], note=note)


def _error_after_return(seen: PowerReadings, spec: MeasurementSpec) -> Measurement:
    name, facts = "error_after_return", seen.facts
    begun = _begun(facts)
    if begun is None or facts.on is None or facts.stopped is None or facts.settled_s is None:
        return undetermined(name, spec.title, spec.unit, NEVER_CUT if facts.on is None else NO_ANSWER)
    found = _between(seen, (facts.on.sent_s - LEVEL_S, facts.on.sent_s), (facts.settled_s - LEVEL_S, facts.settled_s))
    duration_s = facts.stopped.middle_s - begun.middle_s
    due_ul = facts.rate_ul_per_h * duration_s / HOUR_S
    if found is None or due_ul <= 0.0:
        return undetermined(name, spec.title, spec.unit, GAP)
    volume_ul, lines = found
    share = volume_ul / due_ul
    per_s = 100.0 * share / duration_s
    source = "from the command to the pump's answer" if facts.again is not None else "from the return to the answer"
    budget = [
        *(scaled(line, 100.0 * seen.ul_per_u / due_ul) for line in lines),
        bounded("begin of the delivery", begun.half_width_s, "s", per_s, source=source),
        bounded("end of the delivery", facts.stopped.half_width_s, "s", -per_s, source="command to answer"),
    ]
    note = f"{volume_ul / seen.ul_per_u:.4g} U came of {due_ul / seen.ul_per_u:.4g} U"
    return measurement(name, spec.title, 100.0 * (share - 1.0), spec.unit, budget, note=note)


def _begun(facts: PowerFacts) -> Span | None:
    """Return since when the pump delivered again: started by the bench, or by itself before it answered."""
    if facts.again is not None:
        return facts.again
    if facts.on is None or facts.answers_s is None or not facts.resumed:
        return None
    return Span(facts.on.sent_s, facts.answers_s)


def power_findings(seen: PowerReadings) -> list[str]:
    """Return what went wrong, weightiest first."""
    facts = seen.facts
    found = []
    if facts.before is not None and facts.after is not None:
        before_u, after_u = (each.delivered_ul / seen.ul_per_u for each in (facts.before, facts.after))
        if before_u > after_u:
            found.append(
                f"The pump has forgotten {number(before_u - after_u, 4)} U that it had counted before: {before_u:.4g} U"
                f" before its power was cut, {after_u:.4g} U after."
            )
    if facts.off is not None and facts.answers_s is not None and not facts.told:
        stood = "" if facts.resumed else ", and stood still until it was started again"
        found.append(f"After its power had returned the pump said nothing of the loss{stood}.")
    if facts.warning is None and facts.lowest:
        found.append("No low-battery alarm came down to the lowest voltage.")
    return found
