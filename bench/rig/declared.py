"""What a rig file declares of the bench: certificates, needle and vessel, the clamp's delay, evaporation."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

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


class Section(BaseModel):
    """A section of a rig file: other keys than its own are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Calibration(Section):
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


class Immersion(Section):
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


class Vessel(Section):
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


class ActuationDelay(Section):
    """How long after its relay has switched a clamp has shut or opened the line, as measured on this bench."""

    mean: Annotated[Duration, NotNegative] = Field(
        description="from the relay's switching until the line is shut or open", examples=["50 ms"]
    )
    half_width: Annotated[Duration, NotNegative] = Field(
        description="how far the delay may be off, as ±", examples=["50 ms"]
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.half_width.to("s") > self.mean.to("s"):
            raise ValueError(
                f"no clamp moves before it is told to: `half_width` {self.half_width} must not exceed"
                f" `mean` {self.mean}"
            )
        return self


class DeclaredEvaporation(Section):
    """What the vessel loses into the air, as known from blanks on this bench."""

    rate: Annotated[MassRate, NotNegative] = Field(description="rate of evaporation", examples=["0.05 mg/h"])
    half_width: Annotated[MassRate, NotNegative] = Field(
        description="how far the rate may be off, as ±", examples=["0.05 mg/h"]
    )
