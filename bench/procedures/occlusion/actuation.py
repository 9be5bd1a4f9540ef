"""How long a clamp takes to shut or open the line: as its own contact told, by the rig file, or at the most."""

from __future__ import annotations

from dataclasses import dataclass

from bench.rig.declared import ActuationDelay
from bench.rig.instruments import OccluderSpec

LONGEST_ACTUATION_S = 0.5
"""A clamp of which the rig file says nothing has shut the line by then, at the latest."""


@dataclass(frozen=True, slots=True)
class Actuation:
    """How long after its relay the clamp shuts or opens the line, in s; `declared` where the rig file says so."""

    mean_s: float
    half_width_s: float
    source: str
    declared: bool = True


FELT = Actuation(0.0, 0.0, "by the contact at the valve")
"""Of a clamp whose contact told when it moved: there is nothing to be added."""


def actuation(spec: OccluderSpec | None) -> Actuation:
    """Return the delay of shutting that a rig file states of its occluder, or else anything up to half a second."""
    return _stated(spec.actuation_delay if spec is not None else None)


def opening(spec: OccluderSpec | None) -> Actuation:
    """Return the delay of opening that a rig file states of its occluder, or else that of shutting."""
    if spec is None or spec.opening_delay is None:
        return actuation(spec)
    return _stated(spec.opening_delay)


def _stated(delay: ActuationDelay | None) -> Actuation:
    if delay is None:
        half_s = 0.5 * LONGEST_ACTUATION_S
        source = f"not stated in the rig file: 0 s to {LONGEST_ACTUATION_S:g} s"
        return Actuation(half_s, half_s, source, declared=False)
    return Actuation(delay.mean.to("s"), delay.half_width.to("s"), f"rig file: {delay.mean} ± {delay.half_width}")
