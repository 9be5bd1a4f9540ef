"""Faults that the twin can have: each acts at the place where it happens in reality.

A fault is one model with its own parameters; `REGISTRY` names them all. A rig file switches one on by an entry of
`simulation.faults`, such as `{fault: dose_scale_error, factor: 1.12}`.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field

from bench.quantities import (
    Duration,
    Length,
    Mass,
    MassRate,
    Pressure,
    Quantity,
    Ratio,
    Temperature,
    Volume,
)

Device = Literal["pump", "balance", "pressure", "occluder", "climate"]
_Kind = TypeVar("_Kind", bound=BaseModel)
_Every = Annotated[int, Field(ge=2)]


class _Fault(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DoseScaleError(_Fault):
    """Pump: every pulse meters `factor` times its volume."""

    fault: Literal["dose_scale_error"]
    factor: float = Field(default=1.25, gt=0, le=10)


class MissedPulses(_Fault):
    """Pump: every Nth pulse meters nothing, and the pump counts it as delivered."""

    fault: Literal["missed_pulses"]
    every: _Every = 5


class ExtraPulses(_Fault):
    """Pump: every Nth pulse is metered twice, and the pump counts it once."""

    fault: Literal["extra_pulses"]
    every: _Every = 5


class SlowLeak(_Fault):
    """Line: a leak between pump and outlet takes `share` of a free flow, and lets an occluded line's pressure go."""

    fault: Literal["slow_leak"]
    share: Ratio = Quantity(25, "%")


class NoAlarm(_Fault):
    """Pump: the occlusion alarm never sounds; the motor stalls at its stall pressure."""

    fault: Literal["no_alarm"]


class LateAlarm(_Fault):
    """Pump: the occlusion alarm sounds late by `delay`, while the pump goes on."""

    fault: Literal["late_alarm"]
    delay: Duration = Quantity(40, "min")


class FalseAlarm(_Fault):
    """Pump: it raises an occlusion alarm at every Nth pulse, whatever the pressure."""

    fault: Literal["false_alarm"]
    every: _Every = 12


class Bubble(_Fault):
    """Line: an air bubble makes the line softer, and leaves instead of liquid once `ahead` of liquid has gone."""

    fault: Literal["bubble"]
    volume: Volume = Quantity(10, "µL")
    ahead: Volume = Quantity(5, "µL")


class BalanceBump(_Fault):
    """Balance: something falls on the pan: a step of `step` after `first` and then `every` so often."""

    fault: Literal["balance_bump"]
    step: Mass = Quantity(3, "mg")
    first: Duration = Quantity(20, "min")
    every: Duration = Quantity(20, "min")


class BalanceDrift(_Fault):
    """Balance: its zero drifts steadily, from `first` on."""

    fault: Literal["balance_drift"]
    rate: MassRate = Quantity(5, "mg/h")
    first: Duration = Quantity(1, "h")


class BalanceFrozen(_Fault):
    """Balance: it repeats its last value for `lasting`, after `first` and then `every` so often."""

    fault: Literal["balance_frozen"]
    first: Duration = Quantity(20, "min")
    every: Duration = Quantity(30, "min")
    lasting: Duration = Quantity(10, "min")


class BalanceScaleError(_Fault):
    """Balance: its sensitivity is off by `error`, beyond its calibration."""

    fault: Literal["balance_scale_error"]
    error: Ratio = Quantity(20, "%")


class Evaporation(_Fault):
    """Vessel: no oil film lies on the water, which evaporates at `rate`."""

    fault: Literal["evaporation"]
    rate: MassRate = Quantity(6, "mg/h")


class BolusCutShort(_Fault):
    """Pump: a bolus ends after `share` of its pulses, and the pump reports all of it."""

    fault: Literal["bolus_cut_short"]
    share: Ratio = Quantity(90, "%")


class BolusNotDelivered(_Fault):
    """Pump: it reports every Nth bolus as delivered and moves nothing."""

    fault: Literal["reported_not_delivered"]
    every: _Every = 3


class StartupOverdelivery(_Fault):
    """Pump: it delivers `excess` too much at first, dying away with the time constant `decay`."""

    fault: Literal["startup_overdelivery"]
    excess: Ratio = Quantity(60, "%")
    decay: Duration = Quantity(2, "h")


class WeakStiffness(_Fault):
    """Line: reservoir, plunger and tubing are softer by `factor`, so an occlusion is found late."""

    fault: Literal["weak_stiffness"]
    factor: float = Field(default=4.0, gt=0, le=100)


class PartialOcclusion(_Fault):
    """Line: the cannula is nearly clogged: the outflow resistance is `factor` times its own."""

    fault: Literal["partial_occlusion"]
    factor: float = Field(default=300.0, gt=1, le=1e6)


class EmptyReservoir(_Fault):
    """Pump: the reservoir holds only `contents`, whatever the pump believes; then pulses deliver nothing."""

    fault: Literal["empty_reservoir"]
    contents: Volume = Quantity(0.5, "U")


class OccluderLeaks(_Fault):
    """Occluder: closed, it lets liquid pass at `factor` times the line's own resistance."""

    fault: Literal["occluder_leaks"]
    factor: float = Field(default=100.0, gt=1, le=1e6)


class SensorOffset(_Fault):
    """Pressure transducer: its zero is off by `pressure`."""

    fault: Literal["sensor_offset"]
    pressure: Pressure = Quantity(50, "kPa")


class WarmRoom(_Fault):
    """Room: the air is at `temperature` instead of its setting."""

    fault: Literal["warm_room"]
    temperature: Temperature = Quantity(30, "°C")


class ThickNeedle(_Fault):
    """Vessel: the dipping needle is `diameter` thick, so rising liquid buoys it and the balance reads too much."""

    fault: Literal["thick_needle"]
    diameter: Length = Quantity(8, "mm")


class SilentInstrument(_Fault):
    """Wire: the instrument stops answering after `first`. Acts in the emulators, not in the physics."""

    fault: Literal["silent_instrument"]
    instrument: Device
    first: Duration = Quantity(0, "s")


class GarbledLine(_Fault):
    """Wire: every Nth line of the instrument arrives garbled. Acts in the emulators, not in the physics."""

    fault: Literal["garbled_line"]
    instrument: Device
    every: Annotated[int, Field(ge=1)] = 1
    first: Duration = Quantity(0, "s")


Fault = Annotated[
    DoseScaleError
    | MissedPulses
    | ExtraPulses
    | SlowLeak
    | NoAlarm
    | LateAlarm
    | FalseAlarm
    | Bubble
    | BalanceBump
    | BalanceDrift
    | BalanceFrozen
    | BalanceScaleError
    | Evaporation
    | BolusCutShort
    | BolusNotDelivered
    | StartupOverdelivery
    | WeakStiffness
    | PartialOcclusion
    | EmptyReservoir
    | OccluderLeaks
    | SensorOffset
    | WarmRoom
    | ThickNeedle
    | SilentInstrument
    | GarbledLine,
    Field(discriminator="fault"),
]


def _registry() -> dict[str, type[BaseModel]]:
    kinds: tuple[type[BaseModel], ...] = get_args(get_args(Fault)[0])
    return {str(get_args(kind.model_fields["fault"].annotation)[0]): kind for kind in kinds}


REGISTRY: dict[str, type[BaseModel]] = _registry()
"""Name of every fault and its model; the model's docstring tells what it does."""


class FaultSet:
    """The faults of one simulation, asked for by kind."""

    def __init__(self, faults: list[Fault]) -> None:
        self._by_kind: dict[type[BaseModel], BaseModel] = {type(fault): fault for fault in faults}

    def get(self, kind: type[_Kind]) -> _Kind | None:
        """Return the fault of a kind, or None where it is not switched on."""
        fault = self._by_kind.get(kind)
        return fault if isinstance(fault, kind) else None
