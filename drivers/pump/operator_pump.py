"""Pumps without a remote interface, as most insulin pumps are: a person programs them at their keys.

Every command becomes a prompt to the rig's operator (`drivers/pump_by_hand.py` says which, and what is known of when it
was carried out). What the pump can do, in which steps and within which limits, the rig file says from its label. Its
alarms are noticed by the rig's alarm input, or noted by the operator, by `a` and Enter whenever one sounds.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.clock import Clock
from bench.quantities import Concentration, Duration, InsulinConcentration, Quantity, Rate, Ratio, Volume
from drivers.beside import Beside
from drivers.by_hand_alarms import AlarmWatch
from drivers.errors import InstrumentError
from drivers.link import WireLog
from drivers.pump_by_hand import Label, PumpByHand, Way
from drivers.pump_by_hand_abilities import pump_that_can
from drivers.pump_label import Scale, Speed
from drivers.registry import DriverEntry

Ability = Literal[
    "basal",
    "bolus",
    "extended_bolus",
    "temporary_basal",
    "profile",
    "suspend",
    "prime",
    "occlusion_level",
    "reservoir",
]


class Options(BaseModel):
    """What the pump's label says, and how its operator works."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    manufacturer: str = Field("", description="by its label")
    model: str = Field(min_length=1, description="by its label")
    insulin: InsulinConcentration | None = Field(
        None, description="concentration that the pump counts in, such as U-100; where it is missing it counts in mL"
    )
    can: tuple[Ability, ...] = Field(
        ("basal", "bolus"), min_length=1, description="what can be programmed at its keys, beside stopping it"
    )
    basal_increment: Rate = Field(description="step of its basal rate", examples=["0.05 U/h"])
    basal_minimum: Rate = Field(description="least basal rate beside 0", examples=["0.05 U/h"])
    basal_maximum: Rate = Field(description="greatest basal rate", examples=["30 U/h"])
    bolus_increment: Volume = Field(description="step of a bolus; the least one, too", examples=["0.05 U"])
    bolus_maximum: Volume = Field(description="greatest bolus", examples=["25 U"])
    bolus_rate: Rate = Field(description="how fast a bolus is given", examples=["1.5 U/min"])
    bolus_rate_within: Ratio = Field(default=Quantity(10, "%"), description="how far that may be off, as ±")
    prime_rate: Rate | None = Field(None, description="how fast it primes; as a bolus where it is missing")
    confirmed_within: Duration | None = Field(
        None,
        description="how soon after a key the operator confirms it, at the most; where it is missing the key may have"
        " been pressed at any moment since the prompt",
        examples=["5 s"],
    )
    patience: Duration = Field(
        default=Quantity(30, "min"), description="how long to wait for the operator until the test is an error"
    )
    alarm_code: str = Field(
        "OCCLUSION", pattern=r"^[A-Z0-9]{1,16}$", description="what an alarm is taken for of which nobody tells more"
    )
    alarm_noted_within: Duration = Field(
        default=Quantity(10, "s"), description="how long after it began the operator notes an alarm, at the most"
    )
    look_every: Duration = Field(
        default=Quantity(250, "ms"), description="how often to look at the alarm input; less than its shortest beep"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        amounts = {
            name: value for name in type(self).model_fields if isinstance(value := getattr(self, name), Quantity)
        }
        counted = [name for name, value in amounts.items() if value.unit.startswith("U")]
        if counted and self.insulin is None:
            raise ValueError(f"`{counted[0]}` in U needs `insulin`, such as U-100; or write it in mL")
        not_above = [name for name, value in amounts.items() if value.value <= 0.0]
        if not_above:
            raise ValueError(f"`{not_above[0]}` {amounts[not_above[0]]} is not above zero")
        if self.bolus_rate_within.to("%") >= 100.0:
            raise ValueError(f"`bolus_rate_within` {self.bolus_rate_within} leaves no rate at all")
        return self


def _label(options: Options) -> Label:
    insulin = options.insulin
    unit, ul = ("U", insulin.ul_per_u) if insulin is not None else ("mL", 1000.0)

    def volume(quantity: Quantity) -> float:
        return quantity.to("µL", insulin) / ul

    def rate(quantity: Quantity) -> float:
        return quantity.to("µL/h", insulin) / ul

    step = volume(options.bolus_increment)
    least, most = rate(options.basal_minimum), rate(options.basal_maximum)
    return Label(
        options.manufacturer,
        options.model,
        insulin.u_per_ml if insulin is not None else None,
        Scale("basal rate", f"{unit}/h", ul, rate(options.basal_increment), least, most, may_be_zero=True),
        Scale("bolus", unit, ul, step, step, volume(options.bolus_maximum)),
        _speed(options, options.bolus_rate, insulin),
        _speed(options, options.prime_rate or options.bolus_rate, insulin),
    )


def _speed(options: Options, rate: Quantity, insulin: Concentration | None) -> Speed:
    step_ul = options.bolus_increment.to("µL", insulin)
    return Speed(rate.to("µL/h", insulin) / 3600.0, options.bolus_rate_within.to("%") / 100.0, step_ul)


def _kind(options: Options) -> type[PumpByHand]:
    return pump_that_can(frozenset(options.can))


def open_pump(
    address: str,
    options: Options,
    clock: Clock,
    wire_log: WireLog | None = None,
    visa_library: str = "@py",
    beside: Beside | None = None,
) -> PumpByHand:
    """Open nothing: ask the operator whether the pump stands there, stopped.

    Raises:
        InstrumentError: there is no operator, or the pump is not as it should be.

    """
    del address, wire_log, visa_library
    if beside is None:
        raise InstrumentError("pump", "is programmed by the rig's operator", advice="Open it as part of a rig")
    alarms = AlarmWatch(beside, clock, options.alarm_code, options.alarm_noted_within.to("s"))
    within_s = options.confirmed_within.to("s") if options.confirmed_within is not None else None
    way = Way(options.patience.to("s"), within_s, options.look_every.to("s"))
    return _kind(options)(beside, clock, _label(options), way, alarms)


DRIVER = DriverEntry(
    name="operator_pump",
    role="pump",
    instrument=pump_that_can(frozenset({"basal", "bolus"})),
    factory=open_pump,
    Options=Options,
    summary="a pump without a remote interface, which the rig's operator programs by hand",
    needs_address=False,
    needs=("operator",),
    able=_kind,
)
