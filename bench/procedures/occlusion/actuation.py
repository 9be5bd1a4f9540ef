"""How long a clamp takes to shut the line, by the rig file or at the most."""

from __future__ import annotations

from dataclasses import dataclass

from bench.rig.instruments import OccluderSpec

LONGEST_ACTUATION_S = 0.5
"""A clamp of which the rig file says nothing has shut the line by then, at the latest."""


@dataclass(frozen=True, slots=True)
class Actuation:
    """How long after its relay the clamp shuts the line, in s."""

    mean_s: float
    half_width_s: float
    source: str


def actuation(spec: OccluderSpec | None) -> Actuation:
    """Return the delay that a rig file states of its occluder, or else anything up to half a second."""
    if spec is None or spec.actuation_delay is None:
        half_s = 0.5 * LONGEST_ACTUATION_S
        return Actuation(half_s, half_s, f"not stated in the rig file: 0 s to {LONGEST_ACTUATION_S:g} s")
    delay = spec.actuation_delay
    return Actuation(delay.mean.to("s"), delay.half_width.to("s"), f"rig file: {delay.mean} ± {delay.half_width}")
