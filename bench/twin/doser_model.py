"""A reference doser: a syringe pump beside the one under test, with a line of its own into the same vessel."""

from __future__ import annotations

import math
from collections.abc import Callable

from bench.twin.noise import Key, generator
from bench.twin.plant import Line
from bench.twin.settings import DoserSettings
from bench.twin.syringe_drive import Stream, SyringeDrive
from bench.twin.truth import TruthWriter

_REST_S = 1.0
"""A rest of the motor after which what comes is another dose."""


class DoserModel:
    """The doser: what it delivers reaches the vessel at once, whatever the pump's line does."""

    def __init__(
        self, settings: DoserSettings, seed: int, line: Line, truth: TruthWriter, now: Callable[[], float]
    ) -> None:
        self._rng = generator(seed, Key.DOSER)
        self._error = settings.error.to("%") / 100.0
        self._dose_sd = settings.dose_sd.to("%") / 100.0
        self._left_ul = settings.syringe.to("µL")
        self._line = line
        self._truth = truth
        self._now = now
        self._factor = 1.0
        self._last_s = -math.inf
        self.drive = SyringeDrive(settings.step.to("µL"), settings.shortest_step.to("s"), self._push, lambda: None)

    def _push(self, counted_ul: float, volume_ul: float, stream: Stream) -> bool:
        del stream
        now_s = self._now()
        if volume_ul > self._left_ul:
            return False
        if now_s - self._last_s > _REST_S:
            self._factor = 1.0 + self._error + self._dose_sd * self._rng.standard_normal()
        self._last_s = now_s
        self._left_ul -= volume_ul
        metered_ul = volume_ul * self._factor
        self._line.pour(metered_ul, now_s)
        self._truth.note(now_s, "doser", commanded_ul=counted_ul, volume_ul=metered_ul)
        return True
