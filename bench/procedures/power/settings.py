"""What a plan can ask of a power test."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from bench.procedures.base import ProcedureSettings
from bench.quantities import Duration, Quantity, Rate, Voltage


class PowerSettings(ProcedureSettings):
    """What is delivered, how far the voltage is lowered, and how long the power is away."""

    rate: Rate = Field(description="basal rate before and after", examples=["3 U/h"])
    run_in: Duration = Field(
        default=Quantity(20.0, "min"), description="delivery before the voltage is lowered, and again after the return"
    )
    lowest: Voltage = Field(
        default=Quantity(1.0, "V"), description="voltage down to which the supply is lowered; the pump must still run"
    )
    step: Voltage = Field(default=Quantity(20.0, "mV"), description="by which it is lowered each time")
    step_time: Duration = Field(default=Quantity(30.0, "s"), description="how long each voltage stays")
    off_for: Duration = Field(default=Quantity(10.0, "min"), description="how long the power is away")
    start_timeout: Duration = Field(
        default=Quantity(2.0, "min"), description="longest wait for the pump's first answer after the return"
    )
    blank: Duration = Field(
        default=Quantity(10.0, "min"), description="weighing without delivery at the begin and at the end"
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for name in ("rate", "run_in", "lowest", "step", "step_time", "off_for", "start_timeout"):
            if getattr(self, name).value <= 0.0:
                raise ValueError(f"`{name}` must be more than nothing, not {getattr(self, name)}")
        if self.off_for.to("s") < 120.0:
            raise ValueError(f"`off_for` must be 2 min or more, not {self.off_for}: what comes meanwhile is weighed")
        if self.blank.value < 0.0:
            raise ValueError("`blank` cannot be negative")
        return self
