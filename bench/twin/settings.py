"""The `simulation:` section of a rig file: everything that the twin is made of. Pure data, with every default.

Ranges and defaults follow published figures: compliance and resistance, pulse scatter, noise of balances.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    PrivateAttr,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema

from bench.quantities import (
    Compliance,
    Concentration,
    Duration,
    Frequency,
    InsulinConcentration,
    Length,
    Mass,
    MassRate,
    Pressure,
    PressurePerVoltage,
    Quantity,
    Rate,
    Ratio,
    Resistance,
    Temperature,
    TemperatureDifference,
    Voltage,
    Volume,
)
from bench.twin.emulators.registry import DEFAULTS, EmulatorEntry, cast, emulators_of
from bench.twin.faults import Fault


def _positive(quantity: Quantity) -> Quantity:
    if quantity.value <= 0:
        raise ValueError(f"{quantity} is not above zero")
    return quantity


def _not_negative(quantity: Quantity) -> Quantity:
    if quantity.value < 0:
        raise ValueError(f"{quantity} is negative")
    return quantity


_Positive = AfterValidator(_positive)
_NotNegative = AfterValidator(_not_negative)


MODEL_ENDINGS = (".yaml", ".yml")
"""What the name of a pump model's file ends with, by which a file is told from a model's own name."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Sentence = Annotated[str, Field(min_length=1)]


class PumpSettings(_Section):
    """The pump: how it meters, what it believes, when it alarms.

    A rig file names a pump model's file in its place, or as `model` beside the settings that are to be others. What is
    recorded has that file's content there.
    """

    model: Annotated[
        str,
        WithJsonSchema(
            {
                "description": "file of a pump model, beside the rig file; its settings hold but for those given here",
                "examples": ["pumps/patch-pump.yaml"],
                "anyOf": [{"type": "string"}, {"type": "object"}],
            }
        ),
    ] = ""
    """Name of the pump model; empty for a pump made up in the rig file."""
    source: list[Sentence] = []
    """Where the model's figures come from."""
    not_modelled: list[Sentence] = []
    """What the model leaves out, or does not match."""
    serial_number: str = "SIM-PUMP-1"
    insulin: InsulinConcentration = Concentration(100.0)
    rule: Literal["frequency", "volume", "both"] = "frequency"
    """How a basal rate is made: interval of fixed pulses, volume of pulses at a fixed interval, or both."""
    pulse: Annotated[Volume, _Positive] = Quantity(0.05, "U")
    pulse_interval: Annotated[Duration, _Positive] = Quantity(3, "min")
    """Interval of basal pulses by rule `volume`; shortest interval by rule `both`."""
    partial_pulse: Literal["carried", "dropped"] = "carried"
    """What becomes of the part of a pulse that is due when the rate changes or delivery is suspended."""
    basal_minimum: Annotated[Rate, _Positive] = Quantity(0.05, "U/h")
    basal_maximum: Annotated[Rate, _Positive] = Quantity(30, "U/h")
    bolus_maximum: Annotated[Volume, _Positive] = Quantity(30, "U")
    bolus_pulse_interval: Annotated[Duration, _Positive] = Quantity(2, "s")
    prime_maximum: Annotated[Volume, _Positive] = Quantity(30, "U")
    prime_pulse_interval: Annotated[Duration, _Positive] = Quantity(1, "s")
    reservoir: Annotated[Volume, _NotNegative] = Quantity(300, "U")
    low_reservoir: Annotated[Volume, _NotNegative] = Quantity(20, "U")
    battery_life: Annotated[Duration, _Positive] = Quantity(30, "d")
    low_battery: Annotated[Ratio, _NotNegative] = Quantity(20, "%")
    nominal_voltage: Annotated[Voltage, _Positive] = Quantity(1.5, "V")
    """Of a full battery; this and what follows count only where a bench supply stands in for it (`supply:`)."""
    low_voltage: Annotated[Voltage, _Positive] = Quantity(1.2, "V")
    """Below it the pump warns."""
    least_voltage: Annotated[Voltage, _Positive] = Quantity(0.9, "V")
    """Below it the pump is off."""
    start_time: Annotated[Duration, _NotNegative] = Quantity(2, "s")
    """From the return of its power until the pump has started."""
    after_power_loss: Literal["stopped", "resumes"] = "stopped"
    """Whether a pump that delivered a basal rate raises an alarm and waits, or goes on without a word."""
    occlusion_low: Annotated[Pressure, _Positive] = Quantity(60, "kPa")
    occlusion_medium: Annotated[Pressure, _Positive] = Quantity(100, "kPa")
    occlusion_high: Annotated[Pressure, _Positive] = Quantity(150, "kPa")
    occlusion_latency: Annotated[Duration, _NotNegative] = Quantity(1, "s")
    """Time from the pulse that finds the threshold exceeded to the alarm."""
    stall_pressure: Annotated[Pressure, _Positive] = Quantity(300, "kPa")
    """Pressure against which the motor cannot push, at its full force; a pulse there delivers nothing."""
    clock_offset: Annotated[Duration, _NotNegative] = Quantity(1, "h")
    """What the pump's own clock shows when the run starts."""
    clock_drift: Ratio = Quantity(10, "ppm")
    device_bias_sd: Annotated[Ratio, _NotNegative] = Quantity(0.5, "%")
    """Spread of the metered volume between pumps; each seed is another pump."""
    pulse_sd: Annotated[Ratio, _NotNegative] = Quantity(8, "%")
    """Scatter of pulses that nothing makes up for."""
    stop_sd: Annotated[Volume, _NotNegative] = Quantity(0, "U")
    """Scatter of where the plunger stops after a pulse; the next pulse makes up for it."""
    slow_sd: Annotated[Ratio, _NotNegative] = Quantity(3, "%")
    """Spread of a slowly wandering scale: independent pulses are refuted by published data."""
    slow_correlation: Annotated[Duration, _Positive] = Quantity(3, "h")
    slow_rest: Annotated[Duration, _NotNegative] = Quantity(0, "s")
    """Rest before a pulse that brings the slow wander in; pulses in quick succession hardly have it. 0 s: all do."""
    stiction: Annotated[Ratio, _NotNegative] = Quantity(0.1, "%")
    """Probability that a pulse does not move the plunger; the next one then brings both."""
    stiction_most: Annotated[Volume, _Positive] = Quantity(0.15, "U")
    """Travel after which a stuck plunger breaks away; of a larger pulse, only so much is held back."""
    startup_excess: Ratio = Quantity(2, "%")
    startup_decay: Annotated[Duration, _Positive] = Quantity(1, "h")
    startup_volume: Annotated[Volume, _NotNegative] = Quantity(0, "U")
    """Volume that comes beside the pulses at first, with the same decay, whatever the rate."""
    screw_error: Annotated[Ratio, _NotNegative] = Quantity(0.5, "%")
    """Amplitude of the lead screw's periodic error of flow."""
    screw_turn: Annotated[Volume, _Positive] = Quantity(36.6, "µL")
    """Volume of one turn of the lead screw: 0.5 mm pitch at 9.65 mm bore."""
    _changed: tuple[str, ...] = PrivateAttr(default=())

    @property
    def changed(self) -> tuple[str, ...]:
        """Settings that the rig file gives beside its pump model, in their order."""
        return self._changed

    @model_validator(mode="wrap")
    @classmethod
    def _over_its_model(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Lay the keys beside `model` over the model's own."""
        if not (isinstance(data, dict) and isinstance(data.get("model"), dict)):
            return handler(data)
        over = {key: value for key, value in data.items() if key != "model"}
        made = handler({**data["model"], **over})
        made._changed = tuple(over)
        return made

    @model_validator(mode="after")
    def _a_model_tells_its_source(self) -> Self:
        if self.model and not (self.source and self.not_modelled):
            raise ValueError(
                f"a pump model ({self.model!r}) tells `source` and `not_modelled`, and its file is named with its"
                " ending: pumps/patch-pump.yaml"
            )
        return self


class PumpModelFile(PumpSettings):
    """A file that describes a kind of pump: `PumpSettings`, and what the figures rest on."""

    model: Annotated[str, Field(min_length=1)]
    source: Annotated[list[Sentence], Field(min_length=1)]
    not_modelled: Annotated[list[Sentence], Field(min_length=1)]

    @field_validator("model")
    @classmethod
    def _a_name(cls, model: str) -> str:
        if model.endswith(MODEL_ENDINGS):
            raise ValueError(f"{model!r} is a file; a model's own file has its name here")
        return model


class _OrModelFile:
    """In JSON Schemas: a pump may be a file's name."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        by_name = {
            "type": "string",
            "pattern": r"\.ya?ml$",
            "description": "file of a pump model, beside the rig file",
            "examples": ["pumps/patch-pump.yaml"],
        }
        return {"anyOf": [by_name, handler(schema)]}


class PlantSettings(_Section):
    """What lies between the pump's plunger and the balance's pan."""

    compliance: Annotated[Compliance, _Positive] = Quantity(0.15, "µL/kPa")
    resistance: Annotated[Resistance, _Positive] = Quantity(1.5, "kPa·s/µL")
    slow_share: Annotated[Ratio, _NotNegative] = Quantity(8, "%")
    """Share of every pulse that creeps out of soft parts instead of following at once."""
    slow_time: Annotated[Duration, _Positive] = Quantity(20, "s")
    head_height: Length = Quantity(0, "mm")
    """Of the reservoir above the outlet; it drives a flow only through a pump that does not hold (`siphon`)."""
    evaporation: Annotated[MassRate, _NotNegative] = Quantity(0.05, "mg/h")
    """Under an oil film."""
    needle_diameter: Annotated[Length, _NotNegative] = Quantity(0.5, "mm")
    """Outer diameter of the dipping needle."""
    vessel_diameter: Annotated[Length, _Positive] = Quantity(20, "mm")
    """Inner diameter of the vessel at the liquid's surface."""
    vessel_mass: Annotated[Mass, _NotNegative] = Quantity(25, "g")
    """Vessel with the liquid that it holds at the start."""
    vessel_volume: Annotated[Volume, _NotNegative] = Quantity(15, "mL")
    """Air that vessel and first liquid displace."""
    liquid_warmer: TemperatureDifference = Quantity(0, "K")
    """How much warmer than the air the liquid in the vessel is."""


class BalanceSettings(_Section):
    """The balance, up to its unrounded indication; rounding is the instrument's format."""

    serial_number: str = "SIM-BALANCE-1"
    maximum: Annotated[Mass, _Positive] = Quantity(120, "g")
    readability: Annotated[Mass, _Positive] = Quantity(0.01, "mg")
    output_rate: Annotated[Frequency, _Positive] = Quantity(10, "Hz")
    lag: Annotated[Duration, _Positive] = Quantity(1, "s")
    """Time constant of the balance's own first-order filter; noise passes it, too."""
    dead_time: Annotated[Duration, _NotNegative] = Quantity(100, "ms")
    noise_white: Annotated[Mass, _NotNegative] = Quantity(0.015, "mg")
    """Standard deviation of white noise, after the filter."""
    noise_flicker: Annotated[Mass, _NotNegative] = Quantity(0.003, "mg")
    """Innovation of flicker noise per output."""
    noise_walk: Annotated[Mass, _NotNegative] = Quantity(0.0002, "mg")
    """Step of the random walk per output."""
    drift: MassRate = Quantity(0, "mg/h")
    zero_per_kelvin: Mass = Quantity(0.02, "mg")
    """Change of the zero for each kelvin of the air."""
    scale_error: Ratio = Quantity(0, "%")
    load_error: Annotated[Mass, _NotNegative] = Quantity(0, "mg")
    """Standard deviation of the error of a difference of two loads, further apart than `load_error_step`: what a
    calibration has left and what deviates from a straight line."""
    load_error_step: Annotated[Mass, _Positive] = Quantity(0.5, "mg")
    """Distance of the loads at which the error is another; straight in between."""
    stable_within: Annotated[float, Field(gt=0)] = 10.0
    """An indication is stable while it keeps within so many digits over the stability time."""
    stable_time: Annotated[Duration, _Positive] = Quantity(1.5, "s")


class TransducerSettings(_Section):
    """The pressure transducer behind the voltmeter; what its zero and noise are at its output."""

    serial_number: str = "SIM-DMM-1"
    scale: Annotated[PressurePerVoltage, _Positive] = Quantity(20, "kPa/V")
    offset: Voltage = Quantity(0, "V")
    noise: Annotated[Voltage, _NotNegative] = Quantity(2, "mV")


class ClimateSettings(_Section):
    """Air in the room. A wander is the doubled standard deviation of a slow random swing about the mean."""

    serial_number: str = "SIM-PTU-1"
    temperature: Temperature = Quantity(23, "°C")
    temperature_wander: Annotated[TemperatureDifference, _NotNegative] = Quantity(0.3, "K")
    temperature_correlation: Annotated[Duration, _Positive] = Quantity(2, "h")
    pressure: Annotated[Pressure, _Positive] = Quantity(1013.25, "hPa")
    pressure_wander: Annotated[Pressure, _NotNegative] = Quantity(3, "hPa")
    pressure_correlation: Annotated[Duration, _Positive] = Quantity(12, "h")
    humidity: Annotated[Ratio, _NotNegative] = Quantity(50, "%")
    humidity_wander: Annotated[Ratio, _NotNegative] = Quantity(5, "%")
    humidity_correlation: Annotated[Duration, _Positive] = Quantity(3, "h")
    temperature_error: TemperatureDifference = Quantity(0, "K")
    """What the sensor shows too much, within its calibration."""
    pressure_error: Pressure = Quantity(0, "hPa")
    humidity_error: Ratio = Quantity(0, "%")


class OccluderSettings(_Section):
    """The relay board that works the clamp."""

    serial_number: str = "SIM-RELAY-1"
    closing_time: Annotated[Duration, _NotNegative] = Quantity(50, "ms")
    """From the command until the line is shut."""
    opening_time: Annotated[Duration, _NotNegative] = Quantity(50, "ms")
    """From the command until the line is open."""


class OperatorSettings(_Section):
    """The person beside the bench."""

    serial_number: str = "SIM-HANDS-1"
    reaction: Annotated[Duration, _Positive] = Quantity(20, "s")
    """From a request to its being done."""
    weight_error: Mass = Quantity(0, "mg")
    """What the check weight has too much, beyond its nominal mass."""
    key_reaction: Annotated[Duration, _NotNegative] = Quantity(1, "s")
    """From being asked to press a key of the pump until it is pressed, on average."""
    key_answer: Annotated[Duration, _NotNegative] = Quantity(0.7, "s")
    """From the pressing of a key until that is confirmed, on average."""
    notes_alarms: bool = False
    """Whether the operator listens for the pump's alarm and notes it unasked."""
    alarm_reaction: Annotated[Duration, _NotNegative] = Quantity(4, "s")
    """From an alarm until it is noted, on average."""
    spread: Annotated[Ratio, _NotNegative, Field(description="how far each of these times may be off, as ±")] = (
        Quantity(50, "%")
    )
    """How far each of these three may be off, as ±, each time anew."""


class SupplySettings(_Section):
    """The bench supply."""

    serial_number: str = "SIM-SUPPLY-1"
    connected: bool = False
    """Whether the pump lives on it instead of a battery of its own."""
    voltage: Annotated[Voltage, _Positive] = Quantity(1.5, "V")
    """What it is set to when the run starts."""
    maximum: Annotated[Voltage, _Positive] = Quantity(6, "V")
    load_ma: Annotated[float, Field(ge=0)] = 20.0
    """What the pump draws, in mA."""


class DoserSettings(_Section):
    """The reference doser: a syringe pump whose line ends in the same vessel."""

    error: Ratio = Quantity(0, "%")
    """What every dose has too much."""
    dose_sd: Annotated[Ratio, _NotNegative] = Quantity(0.05, "%")
    """Scatter from dose to dose."""
    step: Annotated[Volume, _Positive] = Quantity(0.02, "µL")
    """Volume of a motor step."""
    shortest_step: Annotated[Duration, _Positive] = Quantity(100, "ms")
    """Steps that come faster are taken together."""
    syringe: Annotated[Volume, _NotNegative] = Quantity(5, "mL")
    """What it holds when the run starts."""


class _OfEachRole:
    """In JSON Schemas: the emulators of each instrument."""

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {role: self._one_of(list(emulators_of(role).values())) for role in DEFAULTS},
        }

    def _one_of(self, able: list[EmulatorEntry]) -> dict[str, Any]:
        choices: list[dict[str, Any]] = [{"enum": [entry.name for entry in able]}]
        for entry in able:
            options = entry.Options.model_json_schema()
            choices.append(
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["emulator"],
                    "properties": {"emulator": {"const": entry.name}, **options.get("properties", {})},
                }
            )
        return {"anyOf": choices}


class Simulation(_Section):
    """The twin: what is simulated, from which seed, with which faults."""

    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    start: str = "2026-01-01 00:00:00"
    """UTC date and time at which the simulated run starts."""
    pump: Annotated[PumpSettings, _OrModelFile()] = PumpSettings()
    plant: PlantSettings = PlantSettings()
    balance: BalanceSettings = BalanceSettings()
    transducer: TransducerSettings = TransducerSettings()
    climate: ClimateSettings = ClimateSettings()
    occluder: OccluderSettings = OccluderSettings()
    operator: OperatorSettings = OperatorSettings()
    supply: SupplySettings = SupplySettings()
    doser: DoserSettings = DoserSettings()
    emulators: Annotated[dict[str, Any], _OfEachRole()] = Field(default_factory=lambda: dict(DEFAULTS))
    """Who plays each instrument: by name, or as `emulator` with its options; the usual ones unless told."""
    faults: list[Fault] = []

    @field_validator("start")
    @classmethod
    def _start_is_an_instant(cls, start: str) -> str:
        try:
            dt.datetime.fromisoformat(start)
        except ValueError:
            raise ValueError(f"{start!r} is no date and time; write it as '2026-01-01 00:00:00' (UTC)") from None
        return start

    @field_validator("emulators")
    @classmethod
    def _are_known(cls, emulators: dict[str, Any]) -> dict[str, Any]:
        for role, told in emulators.items():
            if not isinstance(told, str | dict):
                raise ValueError(f"{role}: found {told!r}; an emulator's name is meant, or `emulator` with its options")
            cast(role, told)
        return DEFAULTS | emulators

    @field_validator("faults")
    @classmethod
    def _one_of_each_kind(cls, faults: list[Fault]) -> list[Fault]:
        names = [fault.fault for fault in faults]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"a fault may be given once: {', '.join(doubled)}")
        return faults

    @property
    def start_utc(self) -> dt.datetime:
        """The start as an instant."""
        start = dt.datetime.fromisoformat(self.start)
        return start.replace(tzinfo=dt.UTC) if start.tzinfo is None else start.astimezone(dt.UTC)
