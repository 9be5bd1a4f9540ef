"""SCPI multimeters (Keysight 34461A and 34465A, Keithley DMM6500 …) that read a pressure transducer's voltage.

So does a 34970A, 34972A or DAQ970A, which scans one channel of its multiplexer (`channel`; from memory: those pages of
its manual were not at hand). Lines end with LF, over USBTMC or VXI-11 with the message, on RS-232 with CR LF.

Pressure in kPa is voltage × scale + offset, both from the transducer's certificate by way of the rig file.
"""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict, Field

from bench.quantities import Pressure, PressurePerVoltage, Quantity, Voltage
from drivers.link import Link
from drivers.opening import opener, plain_line
from drivers.probe import scpi_probe
from drivers.registry import DriverEntry
from drivers.roles import Identity, Reading
from drivers.scpi import REMOTE, ScpiSession, on_serial_line

_ADVICE = "Is it switched on, is its language SCPI, and is no one at its front panel?"
_OVERLOAD_V = 9.0e37  # SCPI-1999: ±9.9E+37 stands for an infinite value, 9.91E+37 for none


class Options(BaseModel):
    """What a rig says of the multimeter and the transducer that it reads."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scale: PressurePerVoltage = Field(description="pressure for one volt, as certified", examples=["20 kPa/V"])
    offset: Pressure = Field(Quantity(0.0, "kPa"), description="pressure at no voltage")
    range: Voltage = Field(Quantity(10.0, "V"), description="the multimeter's range")
    power_line_cycles: float = Field(1.0, ge=0.001, le=100.0, description="integration time of a reading (NPLC)")
    channel: int | None = Field(
        None, ge=101, le=899, description="of a multiplexer in a 34970A, 34972A or DAQ970A; none in a multimeter"
    )
    baudrate: int = Field(9600, ge=600, le=115200, description="of a serial line; 8 data bits, no parity")
    remote: bool | None = Field(None, description=REMOTE)


class ScpiDmm:
    """A multimeter on DC volts, one reading at a time.

    Raises:
        NoReplyError: nothing answers.
        GarbledReplyError: what answers speaks no SCPI.
        RefusedError: it does not take range or integration time.

    """

    def __init__(self, link: Link, options: Options, *, serial: bool = False) -> None:
        self._scpi = ScpiSession(link, _ADVICE)
        self._scpi.go_remote(options.remote, serial=serial)
        self._kpa_per_v = options.scale.to("kPa/V")
        self._offset_kpa = options.offset.to("kPa")
        self._reading_timeout_s = 3.0 + 0.1 * options.power_line_cycles
        where = "" if options.channel is None else f",(@{options.channel})"
        self._scpi.command(f"CONF:VOLT:DC {options.range.to('V'):g}{where}")
        self._scpi.command(f"VOLT:DC:NPLC {options.power_line_cycles:g}{where}")

    def identify(self) -> Identity:
        """Ask who the multimeter is (`*IDN?`), as it told when it was opened."""
        return self._scpi.identity

    def read(self) -> Reading:
        """Read the pressure now, in kPa; NaN with status `overload` beyond the multimeter's range."""
        text, arrived_s = self._scpi.ask("READ?", self._reading_timeout_s)
        voltage_v = self._scpi.number(text, "READ?")
        if abs(voltage_v) >= _OVERLOAD_V:
            return Reading(arrived_s, math.nan, "overload", text)
        return Reading(arrived_s, voltage_v * self._kpa_per_v + self._offset_kpa, "ok", text)

    def close(self) -> None:
        """Release the link."""
        self._scpi.close()


def _dmm(link: Link, options: Options) -> ScpiDmm:
    return ScpiDmm(link, options, serial=on_serial_line(link.address))


open_dmm = opener("pressure", _dmm, plain_line)


DRIVER = DriverEntry(
    name="scpi_dmm",
    role="pressure",
    instrument=ScpiDmm,
    factory=open_dmm,
    probes=(scpi_probe(rb"344\d\d|DMM\d"),),
    Options=Options,
    summary="a pressure transducer read by a SCPI multimeter",
)
