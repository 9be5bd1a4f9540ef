"""A line that is opened before the alarm while the pump goes on: is what was missed delivered afterwards?"""

from __future__ import annotations

from bench.metrology.budget import bounded, measurement, scaled, undetermined
from bench.procedures.base import MeasurementSpec
from bench.procedures.occlusion.readings import LEVEL_S, OcclusionReadings, Volume
from bench.procedures.shared.weighing import OF_LEVELS
from bench.results.model import Component, Measurement

SHORTEST_MISSED_U = 1e-9
NOT_RELEASED = "the line was not opened before the alarm"


def missed_after_release(seen: OcclusionReadings, spec: MeasurementSpec) -> Measurement:
    """Return what was due from the shut line to the stop, and never arrived."""
    name, found = "missed_after_release", _still_missing(seen)
    if isinstance(found, str):
        return undetermined(name, spec.title, spec.unit, found)
    note = "due from the shut line to the stop, less what arrived until the line had settled"
    return measurement(name, spec.title, found.missing_u, spec.unit, found.lines, note=note)


def caught_up_fraction(seen: OcclusionReadings, spec: MeasurementSpec) -> Measurement:
    """Return how much of what was missed while the line was shut came after its opening, beside what was due then."""
    name, found = "caught_up_fraction", _still_missing(seen)
    missed = _arrived_shut(seen)
    if isinstance(found, str) or missed is None:
        why = found if isinstance(found, str) else "the balance's readings have a gap"
        return undetermined(name, spec.title, spec.unit, why)
    missed_u = _due_by_opening_u(seen) - missed.volume_u
    if missed_u <= SHORTEST_MISSED_U:
        return undetermined(name, spec.title, spec.unit, "nothing was missed while the line was shut")
    lines = [scaled(line, -100.0 / missed_u) for line in found.lines]
    # Nearly nothing arrived while shut, so that of this volume its own levels alone count.
    by_missed = 100.0 * found.missing_u / missed_u**2
    lines += [scaled(_of_shut(line), by_missed) for line in missed.budget if line.name in OF_LEVELS]
    told = (
        f"{missed_u:.3g} U were missed by the opening, {found.missing_u:.3g} U of them for good;"
        " what the pump meters wrongly counts, too"
    )
    share = 100.0 * (1.0 - found.missing_u / missed_u)
    return measurement(name, spec.title, share, spec.unit, lines, note=told)


class _Missing:
    """What was due and did not arrive, in U, with its budget."""

    def __init__(self, missing_u: float, lines: list[Component]) -> None:
        self.missing_u = missing_u
        self.lines = lines


def _still_missing(seen: OcclusionReadings) -> _Missing | str:
    facts = seen.facts
    if not facts.released or facts.origin is None or facts.opened is None:
        return NOT_RELEASED
    if facts.stopped is None or facts.settled_s is None:
        return "the test ended before the line had settled"
    arrived = _between(seen, (facts.settled_s - LEVEL_S, facts.settled_s))
    if arrived is None:
        return "the balance's readings have a gap"
    duration_s = facts.stopped.middle_s - seen.begin_s
    per_s = facts.flow.due_per_s(duration_s) / seen.ul_per_u
    due_u = facts.flow.due_ul(duration_s) / seen.ul_per_u
    lines = [
        *(scaled(line, -1.0) for line in arrived.budget),
        *seen.begin_lines(-per_s),
        bounded("when the pump was stopped", facts.stopped.half_width_s, "s", per_s, source="command to answer"),
    ]
    return _Missing(due_u - arrived.volume_u, lines)


def _due_by_opening_u(seen: OcclusionReadings) -> float:
    if seen.facts.opened is None:
        return 0.0
    return seen.facts.flow.due_ul(seen.opened_s - seen.begin_s) / seen.ul_per_u


def _arrived_shut(seen: OcclusionReadings) -> Volume | None:
    opened = seen.facts.opened
    return None if opened is None else _between(seen, (opened.sent_s - LEVEL_S, opened.sent_s))


def _of_shut(line: Component) -> Component:
    return line.model_copy(update={"name": f"{line.name}, while shut"})


def _between(seen: OcclusionReadings, after: tuple[float, float]) -> Volume | None:
    before = seen.before_flow()
    return None if before is None else seen.between(before, after)
