"""What a balance shows of a pulse: its own filter's answer to a step, and the slow tail of what lies before it.

A unit pulse that begins to arrive at an onset shows as

    (1 − p)·F(t) + p·G(t)

F is a first-order lag behind a moving average (either may be nothing), G the same after creep of a time constant of
many seconds, out of plunger and tubing. Both end at one, so that the tail belongs to the pulse's mass. All of it is
known in closed form, its mean over a block of readings too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PARAMETERS = ("lag_s", "average_s", "tail_share", "log_tail_s")
_SHARP = 1e-6
_SHORTEST_AVERAGE_S = 1e-3


@dataclass(frozen=True, slots=True)
class StepResponse:
    """Answer of the balance to a unit pulse.

    `covariance` is that of `PARAMETERS`, zero where the response is known; `source` says where it comes from.
    `dead_s` is the balance's own delay, between a pulse's arrival and the onset of what is shown: no recording can tell
    it from a pulse that comes later.
    """

    lag_s: float = 1.0
    average_s: float = 0.0
    tail_share: float = 0.0
    tail_s: float = 20.0
    dead_s: float = 0.0
    covariance: Floats = field(default_factory=lambda: np.zeros((4, 4)))
    source: str = "given"

    @property
    def delay_s(self) -> float:
        """Mean delay of the fast part."""
        return self.lag_s + 0.5 * self.average_s

    @property
    def width_s(self) -> float:
        """Standard deviation of the fast part's delay: over how long a step is smeared."""
        return float(np.hypot(self.lag_s, self.average_s / np.sqrt(12.0)))

    @property
    def settling_s(self) -> float:
        """Time after which the fast part lacks less than 1 % of a pulse."""
        return 5.0 * self.lag_s + self.average_s

    @property
    def tail_lasts_s(self) -> float:
        """Time after which the tail lacks less than 0.001 of itself."""
        return 7.0 * self.tail_s if self.tail_share > 0.0 else 0.0

    @property
    def values(self) -> Floats:
        """The `PARAMETERS`."""
        return np.array([self.lag_s, self.average_s, self.tail_share, np.log(self.tail_s)])

    def with_values(self, values: Floats) -> StepResponse:
        """Return the response with other `PARAMETERS`."""
        lag_s, average_s, share, log_tail = (float(value) for value in values)
        return replace(self, lag_s=lag_s, average_s=average_s, tail_share=share, tail_s=float(np.exp(log_tail)))

    def at(self, since_s: Floats) -> Floats:
        """Return what is shown of a unit pulse at times after its onset."""
        if self.average_s < _SHORTEST_AVERAGE_S:
            return self._lagged(since_s, _step)
        return (self._lagged(since_s, _ramp) - self._lagged(since_s - self.average_s, _ramp)) / self.average_s

    def integral(self, since_s: Floats) -> Floats:
        """Return the integral from the onset of what is shown of a unit pulse, in s."""
        if self.average_s < _SHORTEST_AVERAGE_S:
            return self._lagged(since_s, _ramp)
        return (self._lagged(since_s, _bend) - self._lagged(since_s - self.average_s, _bend)) / self.average_s

    def means(self, spans_s: Floats) -> Floats:
        """Return means over blocks that begin and end at times after the onset, `spans_s` of shape (2, …)."""
        begun, ended = self.integral(spans_s)
        return np.asarray((ended - begun) / (spans_s[1] - spans_s[0]))

    def slopes(self, spans_s: Floats) -> Floats:
        """Return the mean rate of change over blocks, per s; `spans_s` as for `means`."""
        begun, ended = self.at(spans_s)
        return np.asarray((ended - begun) / (spans_s[1] - spans_s[0]))

    def tail_left(self, since_s: Floats) -> Floats:
        """Return what has not come yet, long after the onset when only the tail is left."""
        share = self.tail_share * self.tail_s / max(self.tail_s - self.lag_s, _SHARP)
        return share * np.exp(-np.maximum(since_s - 0.5 * self.average_s, 0.0) / self.tail_s)

    def _lagged(self, since_s: Floats, integral: _Integral) -> Floats:
        """Return an integral of the response without its moving average."""
        # A lag after creep answers as the two alone, weighted by their time constants over the constants' difference.
        share = self.tail_share / max(self.tail_s - self.lag_s, _SHARP)
        slow = share * self.tail_s
        fast = 1.0 - slow
        arrived_s = np.maximum(since_s, 0.0)
        shown = fast * integral(arrived_s, self.lag_s)
        return shown + slow * integral(arrived_s, self.tail_s) if slow else shown


class _Integral:
    """An integral, nought to twice, of 1 − e^(−t/τ) for t ≥ 0."""

    def __init__(self, times: int) -> None:
        self._times = times

    def __call__(self, t: Floats, constant_s: float) -> Floats:
        if constant_s < _SHARP:
            return np.where(t > 0.0, 1.0, 0.0) if self._times == 0 else t**self._times / self._times
        left = np.expm1(t / -constant_s)
        if self._times == 0:
            return np.asarray(-left)
        once = t + constant_s * left
        return np.asarray(once if self._times == 1 else 0.5 * t * t - constant_s * once)


_step, _ramp, _bend = _Integral(0), _Integral(1), _Integral(2)
