"""What each correction does to a volume, one after the other, so that the effects add up to the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One correction: a mass that it adds (mg), or a factor that it multiplies by; applied or not."""

    name: str
    applied: bool
    inputs: str
    source: str
    added_mg: float = 0.0
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Effect:
    """What one correction changed, in µL; of one that was not applied, what it would have changed."""

    step: Step
    effect_ul: float


@dataclass(frozen=True, slots=True)
class Effects:
    """A reading taken as 1 µL/mg, each correction's effect, and the volume that they come to."""

    reading_ul: float
    effects: tuple[Effect, ...]
    volume_ul: float


def effects_of(reading_mg: float, steps: Sequence[Step]) -> Effects:
    """Return the effect of each step in turn upon a reading; the applied ones add up to the volume exactly.

    Masses are added first, then factors multiply, whatever the order of `steps`; an added mass counts as 1 µL/mg, and
    what the factors do to it is among their effects.
    """
    ordered = sorted(steps, key=lambda step: step.factor != 1.0 and step.added_mg == 0.0)
    volume = reading_mg
    found = []
    for step in ordered:
        after = (volume + step.added_mg) * step.factor
        found.append(Effect(step, after - volume))
        if step.applied:
            volume = after
    return Effects(reading_mg, tuple(found), volume)
