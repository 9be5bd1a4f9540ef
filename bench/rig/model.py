"""What a rig file says, once it has been read: instruments by role, their addresses, certificates and figures."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, WithJsonSchema, model_validator

from bench.plan.names import Line, Slug
from bench.quantities import (
    Duration,
    LengthWithin,
    Mass,
    MassRate,
    NotNegative,
    Positive,
    Pressure,
    Quantity,
    TemperatureDifference,
    Tolerance,
    ToleranceOf,
    Volume,
)
from bench.twin.settings import Simulation


def _iso_date(value: Any) -> Any:
    try:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            return dt.date.fromisoformat(value)
    except ValueError:
        pass  # a day that no calendar has
    if isinstance(value, dt.date):
        return value
    raise ValueError(f"found {value!r}; a date is meant, written as 2027-03-01")


IsoDate = Annotated[
    dt.date,
    BeforeValidator(_iso_date),
    WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$", "examples": ["2027-03-01"]}),
]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Calibration(_Section):
    """What every calibration certificate says."""

    certificate: Annotated[str, Field(min_length=1, description="number of the certificate")]
    due: IsoDate | None = Field(default=None, description="when the next calibration is due", examples=["2027-03-01"])
    k: Annotated[float, Field(ge=1.0, le=4.0, description="coverage factor of the expanded uncertainty")] = 2.0


class BalanceCalibration(Calibration):
    """Certificate of a balance."""

    expanded_uncertainty: Annotated[Mass, Positive] = Field(
        description="expanded uncertainty in use at the loads of a test", examples=["0.03 mg"]
    )


class PressureCalibration(Calibration):
    """Certificate of a pressure sensor."""

    expanded_uncertainty: Annotated[Pressure, Positive] = Field(
        description="expanded uncertainty over the range that is used", examples=["0.5 kPa"]
    )


class ClimateCalibration(Calibration):
    """Certificate of a climate sensor; temperature is what the density of water hangs on."""

    expanded_uncertainty: Annotated[TemperatureDifference, Positive] = Field(
        description="expanded uncertainty of the temperature", examples=["0.2 K"]
    )


class DoserCalibration(Calibration):
    """Certificate of a reference doser."""

    expanded_uncertainty: Annotated[Volume, Positive] = Field(
        description="expanded uncertainty of the delivered volume at the doses in use", examples=["0.3 µL"]
    )

    @model_validator(mode="after")
    def _a_volume(self) -> Self:
        if self.expanded_uncertainty.unit == "U":
            raise ValueError(f"{self.expanded_uncertainty} is insulin: write the volume in µL")
        return self


class Immersion(_Section):
    """Needle that dips into the vessel: rising liquid lifts it."""

    needle_outer_diameter: LengthWithin = Field(
        description="outer diameter of the dipping needle", examples=["0.5 mm", "0.5 mm ± 0.02 mm"]
    )
    vessel_inner_diameter: LengthWithin = Field(
        description="inner diameter of the vessel at the surface of the liquid", examples=["20 mm", "20 mm ± 0.2 mm"]
    )

    @model_validator(mode="after")
    def _needle_fits(self) -> Self:
        needle, vessel = self.needle_mm, self.vessel_mm
        if needle.nominal + needle.half_width >= vessel.nominal - vessel.half_width:
            raise ValueError(
                f"a needle of {self.needle_outer_diameter} does not fit into a vessel of {self.vessel_inner_diameter}"
            )
        return self

    @property
    def needle_mm(self) -> Tolerance:
        """The needle's outer diameter in mm; a half width of 0 where the file tells none."""
        return _within(self.needle_outer_diameter, "mm")

    @property
    def vessel_mm(self) -> Tolerance:
        """The vessel's inner diameter in mm; a half width of 0 where the file tells none."""
        return _within(self.vessel_inner_diameter, "mm")


def _within(size: Quantity | Tolerance, unit: str) -> Tolerance:
    return size.to(unit) if isinstance(size, Tolerance) else Tolerance(size.to(unit), 0.0, unit)


class Vessel(_Section):
    """The vessel on the pan, with the liquid that it holds at the start: air that grows denser lifts it."""

    displaced_volume: ToleranceOf("volume") = Field(  # type: ignore[valid-type]
        description="volume of air that vessel and first liquid displace: their masses over their densities",
        examples=["20 mL ± 5 mL"],
    )

    @model_validator(mode="after")
    def _a_volume(self) -> Self:
        volume: Tolerance = self.displaced_volume
        if volume.unit == "U":
            raise ValueError(f"`displaced_volume` {volume} is a volume of air: write it in mL")
        if volume.nominal < volume.half_width:
            raise ValueError(f"`displaced_volume` {volume} may be less than nothing")
        return self

    @property
    def displaced_ml(self) -> Tolerance:
        """The displaced volume in mL."""
        volume: Tolerance = self.displaced_volume
        return volume.to("mL")


class InstrumentSpec(_Section):
    """One instrument: its driver, where it is, and what the driver has to know."""

    driver: Annotated[str, Field(description="name of the driver")]
    address: str = Field(
        default="",
        description="what pyserial opens (device, socket://, rfc2217://, sim://) or a VISA resource",
        examples=["/dev/serial/by-id/usb-…", "TCPIP0::192.0.2.7::5025::SOCKET"],
    )
    visa_library: Annotated[
        str, Field(alias="visa", min_length=1, description="VISA library: @py, @twin or the path of a vendor's")
    ] = "@py"
    serial_number: str | None = Field(
        default=None, description="refuse any other instrument than the one with this serial number"
    )
    _options: Any = PrivateAttr(default=None)

    @property
    def options(self) -> Any:
        """The driver's `Options`; in the file its keys stand beside the others."""
        return self._options

    def with_options(self, options: BaseModel) -> Self:
        """Return the same instrument with its driver's options."""
        spec = self.model_copy()
        spec._options = options
        return spec


class BalanceSpec(InstrumentSpec):
    """A balance, and the figures that its uncertainty is made of."""

    readability: Annotated[Mass, Positive] = Field(description="smallest step of its display", examples=["0.01 mg"])
    repeatability: Annotated[Mass, Positive] | None = Field(
        default=None, description="standard deviation of repeated weighings", examples=["0.02 mg"]
    )
    linearity: Annotated[Mass, NotNegative] | None = Field(
        default=None, description="largest deviation from the straight line, as ±", examples=["0.05 mg"]
    )
    drift: Annotated[MassRate, NotNegative] | None = Field(
        default=None, description="largest drift of its zero at steady temperature, as ±", examples=["0.02 mg/h"]
    )
    calibration: BalanceCalibration | None = None
    immersion: Immersion | None = None
    vessel: Vessel | None = None


class PressureSpec(InstrumentSpec):
    """A pressure sensor in the delivery line."""

    calibration: PressureCalibration | None = None


class ActuationDelay(_Section):
    """How long after its relay has switched a clamp has shut the line."""

    mean: Annotated[Duration, NotNegative] = Field(
        description="from the relay's switching until the line is shut", examples=["50 ms"]
    )
    half_width: Annotated[Duration, NotNegative] = Field(
        description="how far the delay may be off, as ±", examples=["50 ms"]
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.half_width.to("s") > self.mean.to("s"):
            raise ValueError(
                f"no line is shut before it is told to be: `half_width` {self.half_width} must not exceed"
                f" `mean` {self.mean}"
            )
        return self


class OccluderSpec(InstrumentSpec):
    """A clamp that shuts the delivery line."""

    actuation_delay: ActuationDelay | None = None


class ClimateSpec(InstrumentSpec):
    """A sensor for the air beside the balance."""

    calibration: ClimateCalibration | None = None


class DoserSpec(InstrumentSpec):
    """A reference doser: another pump, whose line ends in the same vessel and whose volume is known."""

    calibration: DoserCalibration | None = None


SPECS: Mapping[str, type[InstrumentSpec]] = {
    "pump": InstrumentSpec,
    "balance": BalanceSpec,
    "pressure": PressureSpec,
    "occluder": OccluderSpec,
    "climate": ClimateSpec,
    "operator": InstrumentSpec,
    "power": InstrumentSpec,
    "doser": DoserSpec,
}

_DRIVERS_OF = {"doser": "pump"}


def driver_role(role: str) -> str:
    """Return the role of the drivers that an instrument of a rig may have: a doser is a pump."""
    return _DRIVERS_OF.get(role, role)


class DeclaredEvaporation(_Section):
    """What the vessel loses into the air, as known from blanks on this bench."""

    rate: Annotated[MassRate, NotNegative] = Field(description="rate of evaporation", examples=["0.05 mg/h"])
    half_width: Annotated[MassRate, NotNegative] = Field(
        description="how far the rate may be off, as ±", examples=["0.05 mg/h"]
    )


class RigHead(_Section):
    """The keys of a rig file beside its instruments."""

    rig: Slug = Field(description="the rig's own id", examples=["bench-3"])
    title: Line | None = Field(default=None, description="for people; the id where it is missing")
    evaporation: DeclaredEvaporation | None = None
    liquid_temperature: ToleranceOf("temperature") | None = Field(  # type: ignore[valid-type]
        default=None,
        description="temperature of the liquid in the vessel; that of the air where it is missing",
        examples=["23 °C ± 1 °C"],
    )
    simulated: bool = Field(
        default=False, description="true for a twin that is served in real time: nothing is measured"
    )
    simulation: Simulation | None = Field(
        default=None, description="the twin that stands in for the instruments, in simulated time"
    )


_Spec = TypeVar("_Spec", bound=InstrumentSpec)


@dataclass(frozen=True, slots=True)
class Rig:
    """A rig, with the text that it was read from; a pump model that the file names stands in it."""

    rig: str
    title: str
    instruments: Mapping[str, InstrumentSpec]
    evaporation: DeclaredEvaporation | None = None
    liquid_temperature: Tolerance | None = None
    simulation: Simulation | None = None
    declared_simulated: bool = False
    """The file's own `simulated: true`: a twin that is served in real time."""
    text: str = ""
    file: str = ""
    path: str = ""
    """Where the file really is on this machine, which is not recorded; empty for a rig from text."""

    @property
    def simulated(self) -> bool:
        """Whether nothing that comes from this rig was ever measured."""
        return self.declared_simulated or self.simulation is not None

    @property
    def pump(self) -> InstrumentSpec | None:
        """The pump under test."""
        return self.instruments.get("pump")

    @property
    def balance(self) -> BalanceSpec | None:
        """The balance, with its figures."""
        return self._as("balance", BalanceSpec)

    @property
    def pressure(self) -> PressureSpec | None:
        """The pressure sensor."""
        return self._as("pressure", PressureSpec)

    @property
    def occluder(self) -> OccluderSpec | None:
        """The occluder, with its delay."""
        return self._as("occluder", OccluderSpec)

    @property
    def climate(self) -> ClimateSpec | None:
        """The climate sensor."""
        return self._as("climate", ClimateSpec)

    @property
    def power(self) -> InstrumentSpec | None:
        """The supply in place of the pump's battery."""
        return self.instruments.get("power")

    @property
    def doser(self) -> DoserSpec | None:
        """The reference doser, if there is one beside the pump."""
        return self._as("doser", DoserSpec)

    def _as(self, role: str, kind: type[_Spec]) -> _Spec | None:
        spec = self.instruments.get(role)
        return spec if isinstance(spec, kind) else None
