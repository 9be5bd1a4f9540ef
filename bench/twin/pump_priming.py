"""Priming: a volume that fills the tubing, as fast as the pump goes. In U and s."""

from __future__ import annotations

import math

from bench.twin.pulses import PulseTrain
from bench.twin.refusal import pulses_of
from bench.twin.settings import PumpSettings


class Priming:
    """The prime under way, if there is one."""

    def __init__(self, settings: PumpSettings) -> None:
        insulin = settings.insulin
        self._increment_u = settings.pulse.to("U", insulin)
        self._maximum_u = settings.prime_maximum.to("U", insulin)
        self._step_s = settings.prime_pulse_interval.to("s")
        self._train: PulseTrain | None = None

    @property
    def under_way(self) -> bool:
        """Whether a pulse is still to come."""
        return self._train is not None

    @property
    def next_s(self) -> float:
        """When its next pulse is due; `inf` while there is none."""
        return self._train.next_s if self._train else math.inf

    def train(self, volume_u: float) -> PulseTrain:
        """Return the pulses that make a volume; refuse what is beyond the pump's limits."""
        return PulseTrain(pulses_of(volume_u, self._increment_u, self._maximum_u), self._step_s)

    def start(self, train: PulseTrain, time_s: float) -> None:
        """Start to give pulses."""
        self._train = train
        train.start(time_s)

    def give(self) -> float:
        """Count a pulse; return what part of it the motor does."""
        train = self._train
        if train is None:
            return 0.0
        part = train.give()
        if train.finished:
            self._train = None
        return part

    def stop(self) -> None:
        """End it."""
        self._train = None
