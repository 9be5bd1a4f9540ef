"""What an occlusion test's measurements are made of: the course, the balance, the pressure and what the rig tells."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from bench.metrology.budget import bounded, combined, component, scaled
from bench.metrology.noise import Levels, Window, block_means, estimate
from bench.metrology.plateau import level, step
from bench.metrology.readings import within
from bench.metrology.tail import Tail, tail_after
from bench.procedures.base import Context
from bench.procedures.occlusion import line_pressure
from bench.procedures.occlusion.actuation import FELT, Actuation, actuation, opening
from bench.procedures.occlusion.facts import OcclusionFacts
from bench.procedures.occlusion.line_pressure import Zero
from bench.procedures.shared.span import Span
from bench.procedures.shared.weighing import BY_NOISE, Weighing
from bench.recording.reader import Series
from bench.results.model import Component

AFTER_SHUT_S = 2.0
"""What flowed before the line was shut is on the balance so much later."""
LEVEL_S = 20.0
"""Levels are means over so long: long enough for the noise, short enough for a line that leaks."""
AFTER_SHUT_S = 2.0
"""What flowed before the line was shut is on the balance so much later."""
TAIL_BLOCK_S = 5.0
TAIL_SHARE = 0.8
"""The tail is fitted from where so much of what came back was there."""


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume between two levels of the balance, in µL and in U, with its budget in U.

    `tail_ul` of it were still to come at the second level.
    """

    volume_ul: float
    volume_u: float
    budget: list[Component]
    tail_ul: float = 0.0


@dataclass(frozen=True, slots=True)
class OcclusionReadings:
    """Everything that an occlusion test's measurements are made of."""

    facts: OcclusionFacts
    weighing: Weighing
    pressure: Series
    zero: Zero | None
    end_of_release_s: float
    pressure_uncertainty_kpa: float
    certificate: str
    actuation: Actuation
    opening: Actuation
    ul_per_u: float
    increment_ul: float
    pressure_late_s: float = 0.0
    """By how much a reading of the pressure may have been stamped late."""

    @property
    def begin_s(self) -> float:
        """When the flow met the shut line; NaN where it never did."""
        facts = self.facts
        if facts.origin is None:
            return math.nan
        # A bolus meets a line that was shut long before its command.
        return facts.origin.middle_s + (self.actuation.mean_s if facts.origin is facts.closed else 0.0)

    def begin_lines(self, per_s: float) -> list[Component]:
        """Return the budget lines of `begin_s` for a measurement that changes by `per_s` a second."""
        facts = self.facts
        if facts.origin is None:
            return []
        if facts.origin is not facts.closed:
            half_s, source = facts.origin.half_width_s, "from the command to its confirmation"
            return [bounded("when the bolus began", half_s, "s", per_s, source=source)]
        names = "when the occluder was switched", "actuation delay of the occluder"
        return _moving_lines(facts.origin, facts.shut_felt, self.actuation, names, per_s)

    @property
    def opened_s(self) -> float:
        """When the line was open again; NaN where it never was."""
        opened = self.facts.opened
        return opened.middle_s + self.opening.mean_s if opened is not None else math.nan

    def opening_lines(self, per_s: float) -> list[Component]:
        """Return the budget lines of `opened_s` for a measurement that changes by `per_s` a second."""
        facts = self.facts
        if facts.opened is None:
            return []
        names = "when the occluder was opened", "opening delay of the occluder"
        return _moving_lines(facts.opened, facts.opening_felt, self.opening, names, per_s)

    def before_flow(self) -> Window | None:
        """Return where the level of the shut line is weighed before anything presses on it; None if never shut."""
        facts = self.facts
        if facts.closed is None or facts.origin is None:
            return None
        if facts.origin is not facts.closed and facts.origin.sent_s - facts.closed.acknowledged_s > LEVEL_S:
            return (facts.origin.sent_s - LEVEL_S, facts.origin.sent_s)
        start_s = facts.closed.acknowledged_s + AFTER_SHUT_S
        ended_s = facts.ended_s if facts.ended_s is not None else start_s + LEVEL_S
        return (start_s, max(start_s + 1.0, min(start_s + LEVEL_S, ended_s)))

    def between(self, before: Window, after: Window) -> Volume | None:
        """Return the volume that arrived between two windows."""
        return volume_between(self.weighing, before, after, self.ul_per_u)

    def stored(self) -> Volume | None:
        """Return what the opened line gave back: until the end of the observation, and its tail thereafter."""
        opened, end_s = self.facts.opened, self.end_of_release_s
        if self.facts.origin is None or opened is None or self.facts.released:
            return None
        last = (end_s - LEVEL_S, end_s)
        seen = self.between((opened.sent_s - LEVEL_S, opened.sent_s), last)
        if seen is None:
            return None
        tail = self._tail(opened.sent_s, seen.volume_ul, last)
        if tail is None:
            return seen
        whole_ul = seen.volume_ul + tail.volume
        return Volume(
            whole_ul, whole_ul / self.ul_per_u, _with_tail(seen.budget, tail, 1.0 / self.ul_per_u), tail.volume
        )

    def _tail(self, opened_s: float, volume_ul: float, last: Window) -> Tail | None:
        """Return what came after the middle of the last window; None where nothing came at all, or too short a look."""
        weighing = self.weighing
        per_mg = weighing.conversion.ul_per_mg
        at_s, mass = within(weighing.time_s, weighing.mass_mg, (opened_s, last[1]))
        mass = mass + weighing.loss_mg_per_s * (at_s - opened_s)
        middles_s, means_mg = block_means(at_s, mass, TAIL_BLOCK_S)
        known = np.isfinite(means_mg)
        middles_s, means_ul = middles_s[known], means_mg[known] * per_mg
        if len(means_ul) == 0:
            return None
        missing = np.flatnonzero(means_ul < means_ul[-1] - (1.0 - TAIL_SHARE) * volume_ul)
        first = int(missing[-1]) + 1 if len(missing) else 0
        # Slow noise looks like a tail, too: what counts is how far means differ that lie half the look apart.
        apart_s = max(2.0 * TAIL_BLOCK_S, 0.5 * (last[1] - middles_s[min(first, len(middles_s) - 1)]))
        spread = weighing.noise.difference((0.0, TAIL_BLOCK_S), (apart_s, apart_s + TAIL_BLOCK_S))
        noise_ul = spread.standard_uncertainty * per_mg / math.sqrt(2.0)
        middle_s = max(0.5 * (last[0] + last[1]), float(middles_s[-1]) - 0.5 * (last[1] - last[0]))
        if volume_ul <= 0.0 or noise_ul <= 0.0:
            return None
        return tail_after(middles_s[first:], means_ul[first:], noise_ul, middle_s, last[0])


def _moving_lines(span: Span, felt: bool, delay: Actuation, names: tuple[str, str], per_s: float) -> list[Component]:
    """Return the budget lines of when a clamp had moved: its switching and its delay, or what its contact told."""
    if felt:
        source = f"{delay.source}, between two questions"
        return [bounded(names[0], span.half_width_s, "s", per_s, source=source)]
    source = "from the command to its confirmation"
    return [
        bounded(names[0], span.half_width_s, "s", per_s, source=source),
        bounded(names[1], delay.half_width_s, "s", per_s, source=delay.source, estimate=delay.mean_s),
    ]


def volume_between(weighing: Weighing, before: Window, after: Window, ul_per_u: float) -> Volume | None:
    """Return the volume that arrived between two windows; None where one of them has too few readings."""
    first, second = (level(weighing.time_s, weighing.mass_mg, window) for window in (before, after))
    if first is None or second is None:
        return None
    added_ul = step(first, second, -weighing.loss_mg_per_s) * weighing.conversion.ul_per_mg
    levels = Levels.difference(before, after)
    budget = weighing.components(added_ul, 1.0 / ul_per_u, levels, second.time_s - first.time_s)
    return Volume(added_ul, added_ul / ul_per_u, budget)


def _with_tail(budget: list[Component], tail: Tail, per_ul: float) -> list[Component]:
    """Return the budget of a volume with its tail, which was fitted to the last level, too.

    What the level's noise does to the tail is in the noise's own line; the tail's has the rest (`GivenLevels`).
    """
    by_noise = combined([line for line in budget if line.name in BY_NOISE])
    own, correlation = per_ul * tail.standard_uncertainty, 0.0
    if by_noise > 0.0 and own > 0.0:
        correlation = max(-1.0, min(1.0, per_ul**2 * tail.with_level / (by_noise * own)))
    follows = correlation * own / by_noise if correlation else 0.0
    line = component(
        "tail after the observation",
        tail.standard_uncertainty * math.sqrt(1.0 - correlation**2),
        "µL",
        per_ul,
        source=f"exponentials fitted to what came at last; r = {correlation:.2f} with the noise, in whose line that is",
        estimate=tail.volume,
    )
    return [*(scaled(each, 1.0 + follows) if each.name in BY_NOISE else each for each in budget), line]


def readings(
    facts: OcclusionFacts,
    weighing: Weighing,
    pressure: Series,
    release_s: float,
    context: Context,
    pressure_late_s: float = 0.0,
) -> OcclusionReadings:
    """Gather what the measurements are made of; `release_s` is how long the opened line was watched."""
    spec = context.rig.pressure
    increment, pulsed = context.plan.pump.basal_increment, context.plan.pump.delivery == "pulsed"
    calibration = spec.calibration if spec is not None else None
    shuts = FELT if facts.shut_felt else actuation(context.rig.occluder)
    opens = FELT if facts.opening_felt else opening(context.rig.occluder)
    if facts.released and facts.opened is not None:
        facts = replace(facts, ended_s=facts.opened.middle_s + opens.mean_s)
    return OcclusionReadings(
        facts=facts,
        weighing=_with_shut_line(weighing, facts),
        pressure=pressure,
        zero=line_pressure.zero(pressure, list(weighing.blanks)),
        end_of_release_s=facts.opened.acknowledged_s + release_s if facts.opened is not None else 0.0,
        pressure_uncertainty_kpa=calibration.expanded_uncertainty.to("kPa") / calibration.k if calibration else 0.0,
        certificate=f"certificate {calibration.certificate}" if calibration else "no certificate in the rig file",
        actuation=shuts,
        opening=opens,
        ul_per_u=context.concentration.ul_per_u,
        increment_ul=increment.to("µL", context.concentration) if increment is not None and pulsed else math.nan,
        pressure_late_s=pressure_late_s,
    )


def _with_shut_line(weighing: Weighing, facts: OcclusionFacts) -> Weighing:
    """Return the weighing with its noise from the shut line, too: nothing is delivered through it, as in a blank.

    It is the very stretch that the levels of the missed volume lie at both ends of. A steady leak does no harm; one
    that comes in doses counts as noise, which then is more than the balance's own.
    """
    end_s = facts.opened.sent_s if facts.opened is not None else facts.ended_s
    if facts.closed is None or end_s is None or not weighing.quiet:
        return weighing
    shut = (facts.closed.acknowledged_s + AFTER_SHUT_S, end_s)
    still = [within(weighing.time_s, weighing.mass_mg, window) for window in (*weighing.quiet, shut)]
    source = f"{weighing.noise_source} and of the shut line"
    return replace(weighing, noise=estimate(still, weighing.readability_mg), noise_source=source)
