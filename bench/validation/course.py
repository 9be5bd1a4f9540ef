"""One test as it really went: its recording beside the twin's truth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.recording.reader import TestRecord
from bench.twin.truth import Truth

Floats = npt.NDArray[np.float64]
HOUR_S = 3600.0
_LOOKS = 101
"""Instants over which a mean is taken."""


@dataclass(frozen=True, slots=True)
class Course:
    """One test as it really went, with what converts volumes into U."""

    record: TestRecord
    truth: Truth
    ul_per_u: float

    def between_ul(self, start_s: float, end_s: float) -> float:
        """Return what reached the vessel between two instants."""
        return self.truth.delivered_ul(end_s) - self.truth.delivered_ul(start_s)

    def mean_ul(self, start_s: float, end_s: float) -> float:
        """Return the mean liquid in the vessel between two instants."""
        return float(np.mean([self.truth.delivered_ul(float(at_s)) for at_s in np.linspace(start_s, end_s, _LOOKS)]))

    def air(self) -> tuple[Floats, Floats]:
        """Return the instants at which the air's temperature was drawn, and what it was; straight in between."""
        air = next(note for note in self.truth.notes if note["kind"] == "air")
        warmth: Floats = np.array(air["temperature_c"])
        return air["knot_s"] * np.arange(len(warmth)), warmth

    def warmth_c(self, time_s: float) -> float:
        """Return the air's temperature at an instant."""
        return float(np.interp(time_s, *self.air()))

    def event_s(self, kind: str) -> float:
        """Return when the first event of a kind was recorded; NaN for none."""
        events = self.record.events(kind)
        return float(events[0].time_s) if events else math.nan

    def event_s_after(self, kind: str, after_s: float) -> float:
        """Return when an event of a kind was first recorded after an instant, the record's end for never."""
        times = (float(event.time_s) for event in self.record.events(kind))
        return next((time_s for time_s in times if time_s > after_s), self.record.end_s)

    def noted_s(self, kind: str, after_s: float) -> float:
        """Return when something was first noted in the truth after an instant; NaN for never."""
        times = (float(note["time_s"]) for note in self.truth.notes if note["kind"] == kind)
        return next((time_s for time_s in times if time_s > after_s), math.nan)
