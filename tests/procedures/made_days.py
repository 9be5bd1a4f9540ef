"""Recordings of days on a pump whose every dose is known: doses where a rate's interval puts them, or where told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.procedures.base import Context
from bench.procedures.profile.procedure import PROCEDURE
from bench.results.model import Evaluation, Measurement, Table
from tests.procedures.made_contexts import PUMP, UL_PER_MG
from tests.procedures.made_recordings import Happening, Made, pulses_mg
from tests.procedures.test_profile_settings import of, settings

BLANK_S = 600.0
INCREMENT_UL = 0.5
HOUR_S = 3600.0


@dataclass
class MadeDay:
    """One test from its first command at `BLANK_S` on; times of commands and doses count from that command."""

    settings: str
    segments: str
    hours: float
    doses: list[tuple[float, float]] = field(default_factory=list)
    told: list[Happening] = field(default_factory=list)
    driven_hours: float | None = None
    pump: str = PUMP

    def rate(self, begin_s: float, end_s: float, rate_u_per_h: float, size: float = 1.0, due: float = 0.0) -> float:
        """Add the doses of a rate, of `size` increments each; `due` is the part of one that is due at the begin.

        Return the part that is due at the end.
        """
        interval_s = INCREMENT_UL / (10.0 * rate_u_per_h) * HOUR_S
        times_s = np.arange(begin_s + (1.0 - due) * interval_s, end_s + 1e-6, interval_s)
        self.doses += [(float(at_s), size * INCREMENT_UL) for at_s in times_s]
        last_s = float(times_s[-1]) if len(times_s) else begin_s - due * interval_s
        return (end_s - last_s) / interval_s

    def bolus(self, begin_s: float, volume_ul: float, index: int = 1, given: float = 1.0) -> None:
        """Add a normal bolus, a dose every 2 s, `given` of it really."""
        count = round(volume_ul / INCREMENT_UL)
        end_s = begin_s + 2.0 * count
        self.doses += [(begin_s + 2.0 * i, INCREMENT_UL * given) for i in range(1, count + 1)]
        at_s = BLANK_S + begin_s
        self.say(begin_s, "bolus commanded", index=index, volume_ul=volume_ul)
        done = {"index": index, "reported_ul": volume_ul, "active_s": BLANK_S + end_s - 0.25}
        self.told.append((at_s + 2.0 * count + 0.25, "bolus done", done))

    def say(self, at_s: float, kind: str, **data: object) -> None:
        """Add a command."""
        instant_s = BLANK_S + at_s
        self.told.append((instant_s, kind, {**data, "sent_s": instant_s, "acknowledged_s": instant_s}))

    def context(self) -> Context:
        """Return plan and rig."""
        return of(f", blank: 10 min, duration: {self.hours} h{self.settings}", self.segments, self.pump)

    def evaluate(self, seed: int | None = 1, doses: Sequence[tuple[float, float]] | None = None) -> Evaluation:
        """Evaluate the recording, with the balance's noise where a seed is given."""
        context = self.context()
        profile = [
            [segment.at.to("s"), segment.rate.to("µL/h", context.concentration)]
            for segment in settings(context).segments
        ]
        driven_s = (self.hours if self.driven_hours is None else self.driven_hours) * HOUR_S
        end_s = BLANK_S + driven_s
        made = Made(end_s + 60.0 + BLANK_S)
        self.say(0.0, "profile commanded", segments=profile)
        self.say(driven_s, "basal stopped")
        made.events = [
            *self.told,
            (0.0, "blank started", {}),
            (BLANK_S, "blank ended", {}),
            (end_s + 60.0, "settled", {}),
            (end_s + 60.0, "blank started", {}),
            (made.duration_s, "blank ended", {}),
        ]
        doses = sorted(self.doses if doses is None else doses)
        pulses = [(BLANK_S + at_s, volume_ul / UL_PER_MG) for at_s, volume_ul in doses]
        made.balance(lambda time_s: pulses_mg(time_s, pulses), seed, 0.5)
        made.climate()
        return PROCEDURE.evaluate(settings(context), made.in_memory(), context)


def measured(evaluation: Evaluation, name: str) -> Measurement:
    return next(each for each in evaluation.measurements if each.name == name)


def value(evaluation: Evaluation, name: str) -> float:
    found = measured(evaluation, name).value
    assert found is not None, measured(evaluation, name).note
    return found


def table(evaluation: Evaluation, name: str) -> Table:
    return next(each for each in evaluation.tables if each.name == name)
