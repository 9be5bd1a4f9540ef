"""What is found in the weighing of a metering pump: its pulses, what disturbed the balance, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from bench.metrology.pulse_fit import PulseFit

Kind = Literal["expected", "missed", "doubled", "split", "extra"]
DisturbanceKind = Literal["bump", "jump", "swing", "drift"]

DENSE_S = 8.0
"""Pulses that come faster are found by their rhythm, not one by one."""
LOWEST, DOUBLED, HIGHEST = 0.4, 1.5, 2.75
"""Of a pulse's size: less is no pulse, more is two of them, more is no pulse but a disturbance."""


@dataclass(frozen=True, slots=True)
class FoundPulse:
    """One pulse, or the place of a missing one: mass in mg with its standard uncertainty by noise.

    `doubt` says why it may be none; it is empty for a pulse where the schedule has one. `disagrees` is whether the
    cross-check by line fits beside a guard interval contradicts the mass.
    """

    time_s: float
    mass_mg: float
    standard_uncertainty_mg: float
    kind: Kind
    time_standard_uncertainty_s: float = math.nan
    doubt: str = ""
    disagrees: bool = False


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Something that the balance showed and no pulse can be.

    A bump goes there and back and `step_mg` is its height; a jump stays; a swing takes tens of seconds; a drift takes
    minutes or hours.
    """

    time_s: float
    step_mg: float
    kind: DisturbanceKind = "jump"
    lasted_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Detection:
    """How surely pulses are told from noise: sizes in mg, probabilities for one pulse, or for one empty slot.

    A pulse of the usual size is missed when noise takes it below the threshold; an empty slot shows a pulse when noise
    alone goes beyond it; a pulse counts as doubled when noise takes it beyond `DOUBLED` times its size. The
    noise is taken to be normal.
    """

    size_mg: float
    noise_mg: float
    threshold_mg: float

    @property
    def d_prime(self) -> float:
        """Size of a pulse over the standard uncertainty of a size."""
        return self.size_mg / self.noise_mg

    @property
    def probability_of_miss(self) -> float:
        """That a pulse which came is not seen."""
        return _beyond((self.size_mg - self.threshold_mg) / self.noise_mg)

    @property
    def probability_of_false_detection(self) -> float:
        """That a slot without a pulse shows one."""
        return _beyond(self.threshold_mg / self.noise_mg)

    @property
    def probability_of_false_doubling(self) -> float:
        """That a single pulse counts as two."""
        return _beyond((DOUBLED - 1.0) * self.d_prime)


@dataclass(frozen=True, slots=True)
class PulseTrain:
    """All that was found; `unresolved` says why single pulses cannot be told, and then there are none.

    `fit` is what the pulses were weighed by.
    """

    pulses: list[FoundPulse] = field(default_factory=list)
    disturbances: list[Disturbance] = field(default_factory=list)
    interval_s: float = math.nan
    pulse_mg: float = math.nan
    unresolved: str = ""
    detection: Detection | None = None
    fit: PulseFit | None = None

    def of(self, *kinds: Kind) -> list[FoundPulse]:
        """Return the pulses of some kinds."""
        return [pulse for pulse in self.pulses if pulse.kind in kinds]


def _beyond(standard_uncertainties: float) -> float:
    """Return the probability that a normal quantity exceeds its mean by so much."""
    return 0.5 * math.erfc(standard_uncertainties / math.sqrt(2.0))
