"""Faults between the pump and the pan: line, occluder and vessel."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bench.quantities import Length, MassRate, Quantity, Ratio, Volume
from bench.twin.faults.base import OneFault


class SlowLeak(OneFault):
    """Line: a leak between pump and outlet takes `share` of a free flow, and lets an occluded line's pressure go."""

    fault: Literal["slow_leak"]
    share: Ratio = Quantity(25, "%")


class Bubble(OneFault):
    """Line: an air bubble makes the line softer, and leaves instead of liquid once `ahead` of liquid has gone."""

    fault: Literal["bubble"]
    volume: Volume = Quantity(10, "µL")
    ahead: Volume = Quantity(5, "µL")


class Evaporation(OneFault):
    """Vessel: no oil film lies on the water, which evaporates at `rate`."""

    fault: Literal["evaporation"]
    rate: MassRate = Quantity(6, "mg/h")


class WeakStiffness(OneFault):
    """Line: reservoir, plunger and tubing are softer by `factor`, so an occlusion is found late."""

    fault: Literal["weak_stiffness"]
    factor: float = Field(default=4.0, gt=0, le=100)


class PartialOcclusion(OneFault):
    """Line: the cannula is nearly clogged: the outflow resistance is `factor` times its own."""

    fault: Literal["partial_occlusion"]
    factor: float = Field(default=300.0, gt=1, le=1e6)


class OccluderLeaks(OneFault):
    """Occluder: closed, it lets liquid pass at `factor` times the line's own resistance."""

    fault: Literal["occluder_leaks"]
    factor: float = Field(default=100.0, gt=1, le=1e6)


class StiffnessFades(OneFault):
    """Line: each occlusion leaves reservoir, plunger and tubing softer by `growth`."""

    fault: Literal["stiffness_fades"]
    growth: Ratio = Quantity(30, "%")


class ValveStuckOpen(OneFault):
    """Occluder: its relay switches and says so, and the clamp stays open."""

    fault: Literal["valve_stuck_open"]


class ThickNeedle(OneFault):
    """Vessel: the dipping needle is `diameter` thick, so rising liquid buoys it and the balance reads too much."""

    fault: Literal["thick_needle"]
    diameter: Length = Quantity(8, "mm")


Kinds = (
    SlowLeak
    | Bubble
    | Evaporation
    | WeakStiffness
    | PartialOcclusion
    | OccluderLeaks
    | StiffnessFades
    | ValveStuckOpen
    | ThickNeedle
)
