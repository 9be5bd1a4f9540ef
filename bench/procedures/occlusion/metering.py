"""What the pump pushes into a shut line, of what it was told to: as it did through the open line before, weighed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.metrology.budget import combined
from bench.metrology.noise import Window
from bench.procedures.occlusion.facts import OcclusionFacts
from bench.procedures.occlusion.readings import LEVEL_S, OcclusionReadings

ASSUMED_PERCENT = 5.0
"""How far what a pump pushes may be from what it was told to, either way, before anything was weighed."""
AGAINST_PRESSURE_PERCENT = 2.0
"""How far what a pump pushes into the shut line may be from what it pushed through the open one, either way."""
STEADY_S = 60.0
"""A flow through the open line is steady so long after its command, and a bolus has come so long after its end."""
FEWEST_CYCLES = 5
_AGREEMENT = 3.0


@dataclass(frozen=True, slots=True)
class Metering:
    """What the pump pushes, relative to what it was told to, with its standard uncertainty and where that is from."""

    ratio: float
    standard_uncertainty: float
    source: str


@dataclass(frozen=True, slots=True)
class RunIn:
    """What was weighed through the open line, in µL, its standard uncertainty, and what was commanded meanwhile."""

    weighed_ul: float
    u_weighed_ul: float
    commanded_ul: float


def metering(seen: OcclusionReadings, due_ul: float, dose_scatter: float) -> Metering:
    """Return what the pump pushes of what it is told to.

    The assumption and what was weighed through the open line are joined by their inverse variances; where they
    contradict each other the weighing is believed.

    Args:
        seen: the test.
        due_ul: what was commanded into the shut line.
        dose_scatter: relative standard uncertainty that the doses' own scatter leaves in the sum of those.

    """
    u_assumed = 0.01 * ASSUMED_PERCENT / math.sqrt(3.0)
    assumed = f"assumed: what it was told to, ±{ASSUMED_PERCENT:g} %"
    run_in = run_in_of(seen)
    if run_in is None:
        return Metering(1.0, u_assumed, assumed)
    ratio = run_in.weighed_ul / run_in.commanded_ul
    # As many doses scatter by the root of their number.
    u_doses = dose_scatter * math.sqrt(due_ul / run_in.commanded_ul)
    u_weighed = math.hypot(u_doses, run_in.u_weighed_ul / run_in.commanded_ul)
    contradicted = abs(ratio - 1.0) > _AGREEMENT * math.hypot(u_weighed, u_assumed)
    weight = 1.0 if contradicted else u_assumed**2 / (u_assumed**2 + u_weighed**2)
    u_pressure = 0.01 * AGAINST_PRESSURE_PERCENT / math.sqrt(3.0)
    return Metering(
        1.0 + weight * (ratio - 1.0),
        math.hypot(weight * u_weighed, (1.0 - weight) * u_assumed, u_pressure),
        f"{100.0 * ratio:.1f} % ± {100.0 * u_weighed:.1f} % of what was told came through the open line"
        + (f"; {assumed}" if not contradicted else "")
        + f"; ±{AGAINST_PRESSURE_PERCENT:g} % against the pressure",
    )


def run_in_of(seen: OcclusionReadings) -> RunIn | None:
    """Return what came through the open line before it was shut; None where that cannot be told."""
    windows = _windows(seen.facts, _cycle_s(seen))
    if windows is None:
        return None
    (before, after), commanded_ul = windows
    volume = seen.between(before, after)
    if volume is None:
        return None
    return RunIn(volume.volume_ul, combined(volume.budget) * seen.ul_per_u, commanded_ul)


def _cycle_s(seen: OcclusionReadings) -> float:
    """Return the time between two doses of the basal rate; a second where it flows, or where nobody knows."""
    rate = seen.facts.flow.rate_ul_per_h
    return 3600.0 * seen.increment_ul / rate if rate and math.isfinite(seen.increment_ul) else 1.0


def _windows(facts: OcclusionFacts, cycle_s: float) -> tuple[tuple[Window, Window], float] | None:
    """Return where the flow through the open line is weighed, and what was commanded between.

    A basal rate is weighed between means over whole dose cycles, whole cycles apart, so that none has a dose more than
    another; a bolus from before its command until the line is shut.
    """
    run_in, closed = facts.run_in, facts.closed
    if run_in is None or closed is None:
        return None
    rate = facts.flow.rate_ul_per_h
    if rate is None:
        after = (closed.sent_s - LEVEL_S, closed.sent_s)
        if run_in.volume_ul is None or run_in.end_s is None or run_in.end_s + STEADY_S > after[0]:
            return None
        return ((run_in.begin_s - LEVEL_S, run_in.begin_s), after), run_in.volume_ul
    width_s = cycle_s * math.ceil(0.5 * LEVEL_S / cycle_s)
    cycles = math.floor((closed.sent_s - run_in.begin_s - STEADY_S - width_s) / cycle_s)
    if cycles * cycle_s < FEWEST_CYCLES * max(cycle_s, 0.5 * LEVEL_S):
        return None
    apart_s = cycles * cycle_s
    after = (closed.sent_s - width_s, closed.sent_s)
    return ((after[0] - apart_s, after[1] - apart_s), after), rate * apart_s / 3600.0
