"""SCPI bench supplies (Keysight E36100 and E36200 series, Rohde & Schwarz, Rigol …) in place of the pump's battery.

The output is set to the battery's nominal voltage and switched on when the supply is opened, since a pump that lives on
it cannot answer before.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from bench.quantities import Quantity, Voltage
from drivers.errors import InstrumentError
from drivers.link import Link
from drivers.opening import opener, plain_line
from drivers.probe import scpi_probe
from drivers.registry import DriverEntry
from drivers.roles import Identity
from drivers.scpi import REMOTE, ScpiSession, on_serial_line

_ADVICE = "Is it switched on, is its language SCPI, and is no one at its front panel?"


class Options(BaseModel):
    """What a rig says of the supply."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    voltage: Voltage = Field(description="nominal voltage of the pump's battery", examples=["1.5 V"])
    accuracy: Voltage = Field(Quantity(5.0, "mV"), description="how far the voltage that it measures may be off, as ±")
    current_limit_a: float = Field(1.0, gt=0.0, le=10.0, description="largest current in A")
    channel: int | None = Field(None, ge=1, le=4, description="output of a supply that has several")
    baudrate: int = Field(9600, ge=600, le=115200, description="of a serial line; 8 data bits, no parity")
    remote: bool | None = Field(None, description=REMOTE)


class ScpiSupply:
    """One output of a supply.

    Opening sets current limit and voltage, and switches the output on; `as_it_stands` leaves all of that alone.

    Raises:
        NoReplyError: nothing answers.
        GarbledReplyError: what answers speaks no SCPI.
        RefusedError: it does not take voltage, current or output.

    """

    def __init__(self, link: Link, options: Options, *, as_it_stands: bool = False, serial: bool = False) -> None:
        self._scpi = ScpiSession(link, _ADVICE)
        self._scpi.go_remote(options.remote, serial=serial)
        self.nominal_v = options.voltage.to("V")
        if options.channel is not None:
            self._scpi.command(f"INST:NSEL {options.channel}")
        if as_it_stands:
            return
        self._scpi.command(f"CURR {options.current_limit_a:g}")
        self.set_voltage_v(self.nominal_v)
        self.switch_on()

    def identify(self) -> Identity:
        """Ask who the supply is (`*IDN?`), as it told when it was opened."""
        return self._scpi.identity

    def set_voltage_v(self, voltage_v: float) -> None:
        """Set the voltage of the output, on or off (`VOLT`)."""
        self._scpi.command(f"VOLT {voltage_v:.4f}")

    def switch_on(self) -> None:
        """Start feeding the pump (`OUTP ON`), and confirm it (`OUTP?`)."""
        self._switch(on=True)

    def switch_off(self) -> None:
        """Stop feeding the pump (`OUTP OFF`), and confirm it (`OUTP?`)."""
        self._switch(on=False)

    def read_voltage_v(self) -> float:
        """Read the voltage measured at the output (`MEAS:VOLT?`)."""
        return self._scpi.ask_number("MEAS:VOLT?")

    def read_current_a(self) -> float:
        """Read the measured current that the pump draws (`MEAS:CURR?`)."""
        return self._scpi.ask_number("MEAS:CURR?")

    def close(self) -> None:
        """Release the link; the output stays as it is."""
        self._scpi.close()

    def _switch(self, *, on: bool) -> None:
        self._scpi.command(f"OUTP {'ON' if on else 'OFF'}")
        text, _ = self._scpi.ask("OUTP?")
        if text not in ("0", "1"):
            raise self._scpi.garbled("neither 0 nor 1", "OUTP?", text.encode())
        if (text == "1") != on:
            stays = "off" if on else "on"
            raise InstrumentError(self._scpi.name, f"its output stays {stays}: is its protection tripped?")


def _switched_on(link: Link, options: Options) -> ScpiSupply:
    return ScpiSupply(link, options, as_it_stands=False, serial=on_serial_line(link.address))


def _as_it_stands(link: Link, options: Options) -> ScpiSupply:
    return ScpiSupply(link, options, as_it_stands=True, serial=on_serial_line(link.address))


open_supply = opener("power", _switched_on, plain_line)
reopen_supply = opener("power", _as_it_stands, plain_line)
"""Opens a supply whose link was lost, and leaves its output as it is: it may be off on purpose."""

DRIVER = DriverEntry(
    name="scpi_supply",
    role="power",
    instrument=ScpiSupply,
    factory=open_supply,
    reopen=reopen_supply,
    probes=(scpi_probe(rb"E36\d\d"),),
    Options=Options,
    summary="a SCPI bench supply in place of the pump's battery",
)
