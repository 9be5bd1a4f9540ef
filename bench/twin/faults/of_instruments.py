"""Faults of the instruments, of the room and of the wires."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bench.quantities import Duration, Mass, MassRate, Positive, Pressure, Quantity, Ratio, Temperature
from bench.twin.faults.base import Device, OneFault


class BalanceBump(OneFault):
    """Balance: something falls on the pan: a step of `step` after `first` and then `every` so often."""

    fault: Literal["balance_bump"]
    step: Mass = Quantity(3, "mg")
    first: Duration = Quantity(20, "min")
    every: Duration = Quantity(20, "min")


class BalanceDrift(OneFault):
    """Balance: its zero drifts steadily, from `first` on."""

    fault: Literal["balance_drift"]
    rate: MassRate = Quantity(5, "mg/h")
    first: Duration = Quantity(1, "h")


class BalanceFrozen(OneFault):
    """Balance: it repeats its last value for `lasting`, after `first` and then `every` so often."""

    fault: Literal["balance_frozen"]
    first: Duration = Quantity(20, "min")
    every: Duration = Quantity(30, "min")
    lasting: Duration = Quantity(10, "min")


class BalanceScaleError(OneFault):
    """Balance: its sensitivity is off by `error`, beyond its calibration."""

    fault: Literal["balance_scale_error"]
    error: Ratio = Quantity(20, "%")


class Draught(OneFault):
    """Balance: air moves over the pan for `lasting`, after `first` and then `every` so often, with gusts of `force`."""

    fault: Literal["draught"]
    force: Mass = Quantity(1, "mg")
    first: Duration = Quantity(20, "min")
    every: Annotated[Duration, Positive] = Quantity(10, "min")
    lasting: Duration = Quantity(2, "min")


class NeedleTouching(OneFault):
    """Vessel: the needle leans on its wall from `first` on; its force grows at `rate` and slips off at `slips_at`."""

    fault: Literal["needle_touching"]
    rate: Annotated[MassRate, Positive] = Quantity(12, "mg/h")
    slips_at: Annotated[Mass, Positive] = Quantity(2, "mg")
    first: Duration = Quantity(20, "min")


class TareInMidRun(OneFault):
    """Balance: somebody presses its tare key, after `first`. Acts in the emulator, not in the physics."""

    fault: Literal["tare_in_mid_run"]
    first: Duration = Quantity(30, "min")


class WrongUnit(OneFault):
    """Balance: it answers in `unit` instead of g, `mom` being 3.75 g. Acts in the emulator, not in the physics."""

    fault: Literal["wrong_unit"]
    unit: Literal["mg", "ct", "oz", "mom"] = "mom"


class SensorOffset(OneFault):
    """Pressure transducer: its zero is off by `pressure`."""

    fault: Literal["sensor_offset"]
    pressure: Pressure = Quantity(50, "kPa")


class WarmRoom(OneFault):
    """Room: the air is at `temperature` instead of its setting."""

    fault: Literal["warm_room"]
    temperature: Temperature = Quantity(30, "°C")


class SilentInstrument(OneFault):
    """Wire: the instrument stops answering after `first`. Acts in the emulators, not in the physics."""

    fault: Literal["silent_instrument"]
    instrument: Device
    first: Duration = Quantity(0, "s")


class GarbledLine(OneFault):
    """Wire: every Nth line of the instrument arrives garbled. Acts in the emulators, not in the physics."""

    fault: Literal["garbled_line"]
    instrument: Device
    every: Annotated[int, Field(ge=1)] = 1
    first: Duration = Quantity(0, "s")


class Unplugged(OneFault):
    """Wire: the instrument's cable is out for `lasting`, after `first`. Acts at the port, not in the physics."""

    fault: Literal["unplugged"]
    instrument: Device
    first: Duration = Quantity(20, "min")
    lasting: Annotated[Duration, Positive] = Quantity(1, "min")


Kinds = (
    BalanceBump
    | BalanceDrift
    | BalanceFrozen
    | BalanceScaleError
    | Draught
    | NeedleTouching
    | TareInMidRun
    | WrongUnit
    | SensorOffset
    | WarmRoom
    | SilentInstrument
    | GarbledLine
    | Unplugged
)
