"""What a rig file says of each instrument: its driver, where it is, and the figures that uncertainty is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, PrivateAttr

from bench.quantities import Mass, MassRate, NotNegative, Positive
from bench.rig.declared import (
    ActuationDelay,
    BalanceCalibration,
    ClimateCalibration,
    DoserCalibration,
    Immersion,
    PressureCalibration,
    Section,
    Vessel,
)


class InstrumentSpec(Section):
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


class OccluderSpec(InstrumentSpec):
    """A clamp that shuts the delivery line.

    Delays are those of a clamp without a contact that tells when it has moved.
    """

    actuation_delay: ActuationDelay | None = Field(
        default=None, description="from the relay's switching until the line is shut; 0 s to 0.5 s where it is not said"
    )
    opening_delay: ActuationDelay | None = Field(
        default=None, description="from the relay's switching until the line is open; as for shutting where not said"
    )


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
    "alarm": InstrumentSpec,
}

_DRIVERS_OF = {"doser": "pump"}


def driver_role(role: str) -> str:
    """Return the role of the drivers that an instrument of a rig may have: a doser is a pump."""
    return _DRIVERS_OF.get(role, role)
