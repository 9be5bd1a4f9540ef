"""Climate from the rig file, for a laboratory that has no sensor beside the balance: marked as not measured."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from bench.clock import Clock
from bench.quantities import Pressure, Ratio, Temperature
from drivers.link import WireLog
from drivers.registry import DriverEntry
from drivers.roles import Climate, Identity


class Options(BaseModel):
    """What a rig declares of the air beside the balance."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature: Temperature = Field(description="air temperature beside the balance")
    pressure: Pressure = Field(description="air pressure at the place, not reduced to sea level")
    humidity: Ratio = Field(description="relative humidity")


class FixedClimate:
    """Declared values in place of a sensor."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self._clock = clock
        self._temperature_c = options.temperature.to("°C")
        self._pressure_hpa = options.pressure.to("hPa")
        self._humidity_pct = options.humidity.to("%")

    def identify(self) -> Identity:
        """Ask nobody: the values are declared in the rig file."""
        return Identity("rig file", "declared climate", "")

    def read(self) -> Climate:
        """Read the declared values, marked as not measured."""
        return Climate(
            self._clock.now_s(), self._temperature_c, self._pressure_hpa, self._humidity_pct, False, "declared"
        )

    def close(self) -> None:
        """Release nothing."""


def open_fixed_climate(
    address: str, options: Options, clock: Clock, wire_log: WireLog | None = None, visa_library: str = "@py"
) -> FixedClimate:
    """Make a declared climate; there is no address."""
    del address, wire_log, visa_library
    return FixedClimate(options, clock)


DRIVER = DriverEntry(
    name="fixed_climate",
    role="climate",
    instrument=FixedClimate,
    factory=open_fixed_climate,
    Options=Options,
    summary="climate declared in the rig file, where there is no sensor",
    needs_address=False,
)
