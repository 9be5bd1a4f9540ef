"""What a rig file says of the doses of a pump whose pulses its driver times (`drivers/run_dosing.py`)."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.quantities import Duration, InsulinConcentration, Quantity, Rate, Volume
from drivers.pulse_schedule import PulseSchedule


class DosingOptions(BaseModel):
    """How basal rates and boluses are made, and what of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    basal: Literal["steady", "pulsed"] = Field("steady", description="how a basal rate is made")
    pulse: Volume | None = Field(None, description="of a pulsed basal: volume of each pulse", examples=["0.5 µL"])
    pulse_interval: Duration | None = Field(
        None, description="of a pulsed basal: interval of the pulses, whose volume goes with the rate"
    )
    bolus_rate: Rate = Field(
        default=Quantity(15.0, "µL/min"), description="at which boluses and pulses are pumped", examples=["15 µL/min"]
    )
    insulin: InsulinConcentration | None = Field(
        None, description="what the syringe holds, to be compared with the plan's; volumes are µL to the pump"
    )

    @model_validator(mode="after")
    def _check_basal(self) -> Self:
        if (self.basal == "pulsed") != ((self.pulse is None) != (self.pulse_interval is None)):
            raise ValueError("`basal: pulsed` goes with either `pulse` or `pulse_interval`, and `steady` with neither")
        return self

    def check_units(self, **plain: str) -> None:
        """Refuse a quantity in U where it is not told what the syringe holds.

        Args:
            plain: units without insulin, by the names of the quantities.

        Raises:
            ValueError: there is one.

        """
        for name, unit in plain.items():
            told = getattr(self, name)
            if told is not None and told.unit.startswith("U") and self.insulin is None:
                raise ValueError(f"`{name}` in U needs `insulin`, such as U-100; or write it in {unit}")

    def schedule(self) -> PulseSchedule | None:
        """Return the schedule of a pulsed basal rate; None for a steady one."""
        if self.basal == "steady":
            return None
        return PulseSchedule(
            self.pulse.to("µL", self.insulin) if self.pulse is not None else None,
            self.pulse_interval.to("s") if self.pulse_interval is not None else None,
        )
