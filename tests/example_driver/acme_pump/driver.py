"""The Acme P1 insulin pump (an invented one), by its maker's interface description, rev. C.

A command is a line that ends with CR. The pump answers `=` and a value, or `!` and a number of an error, each with CR.
It counts in U; this driver converts by the concentration that the pump is set to.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from bench.clock import Clock
from drivers.errors import GarbledReplyError, NoReplyError, RefusedError
from drivers.link import Link, WireLog, open_link
from drivers.registry import DriverEntry
from drivers.roles import BolusStatus, DeliveryState, Identity

_TIMEOUT_S = 2.0
_ADVICE = "Is the pump switched on, and is it an Acme P1?"
_STATES = {"STOP": DeliveryState.STOPPED, "BASAL": DeliveryState.BASAL, "BOLUS": DeliveryState.BOLUS}
_ERRORS = {"1": "does not know the command", "2": "does not take that value", "3": "cannot do that now"}


class Options(BaseModel):
    """What a rig may say of the pump."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    baudrate: int = Field(38400, ge=9600, le=115200, description="of a serial line; 8 data bits, no parity")


class AcmePump:
    """A pump on a serial line or a socket.

    Raises:
        NoReplyError: nothing answers.
        GarbledReplyError: what answers is no Acme pump.

    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._in_step = False
        concentration = self._number("CONC")
        if not concentration > 0.0:
            raise GarbledReplyError(link.name, "tells no concentration", sent=b"CONC", advice=_ADVICE)
        self.concentration_u_per_ml: float | None = concentration
        self._ul_per_u = 1000.0 / concentration

    def identify(self) -> Identity:
        """Ask maker, model, serial number and firmware (`ID`)."""
        parts = self._ask("ID").split(",")
        if len(parts) != 4:
            raise GarbledReplyError(self._link.name, "tells no identity", sent=b"ID", advice=_ADVICE)
        return Identity(*parts)

    def state(self) -> DeliveryState:
        """Ask what the pump is doing (`STAT`)."""
        text = self._ask("STAT")
        if text not in _STATES:
            raise GarbledReplyError(self._link.name, "tells no state", sent=b"STAT", advice=_ADVICE)
        return _STATES[text]

    def stop(self) -> None:
        """Stop all delivery at once (`STOP`)."""
        self._ask("STOP")

    def start_basal(self, rate_ul_per_h: float) -> None:
        """Start a basal rate in µL/h, or change it (`BASAL`)."""
        self._ask(f"BASAL {rate_ul_per_h / self._ul_per_u:.4f}")

    def start_bolus(self, volume_ul: float) -> None:
        """Start a bolus in µL (`BOLUS`)."""
        self._ask(f"BOLUS {volume_ul / self._ul_per_u:.4f}")

    def bolus_status(self) -> BolusStatus:
        """Ask how far the bolus is, in µL (`BOLUS?`)."""
        parts = self._ask("BOLUS?").split(",")
        if len(parts) != 3 or parts[0] not in ("0", "1"):
            raise GarbledReplyError(self._link.name, "tells no state of a bolus", sent=b"BOLUS?", advice=_ADVICE)
        programmed, delivered = (self._as_number(part, "BOLUS?") * self._ul_per_u for part in parts[1:])
        return BolusStatus(parts[0] == "1", programmed, delivered)

    def cancel_bolus(self) -> None:
        """Stop the bolus now (`BOLUS 0`)."""
        self._ask("BOLUS 0")

    def delivered_ul(self) -> float:
        """Ask for the total delivered volume in µL (`TOTAL`)."""
        return self._number("TOTAL") * self._ul_per_u

    def reservoir_ul(self) -> float:
        """Ask for the remaining volume in the reservoir in µL (`RES`)."""
        return self._number("RES") * self._ul_per_u

    def battery_pct(self) -> float:
        """Ask for the battery's charge in percent (`BATT`)."""
        return self._number("BATT")

    def close(self) -> None:
        """Release the link; the pump goes on as it is."""
        self._link.close()

    # -- one question, one answer

    def _number(self, command: str) -> float:
        return self._as_number(self._ask(command), command)

    def _as_number(self, text: str, command: str) -> float:
        if not text.replace(".", "", 1).isdecimal():
            raise GarbledReplyError(self._link.name, "tells no number", sent=command.encode(), advice=_ADVICE)
        return float(text)

    def _ask(self, command: str) -> str:
        sent = command.encode("ascii")
        with self._link.turn:
            if not self._in_step:
                self._link.discard_input()  # the answer to a question that was given up
            self._in_step = False
            self._link.write(sent + b"\r")
            line = self._link.read_until(b"\r", self._link.clock.now_s() + _TIMEOUT_S)
            if line is None:
                seen = self._link.unread
                problem = f"no answer within {_TIMEOUT_S:g} s"
                raise NoReplyError(self._link.name, problem, sent=sent, seen=seen, advice=_ADVICE)
            self._in_step = True
        kind, text = line.data[:1], line.data[1:].decode("ascii", "replace")
        if kind == b"!":
            problem = _ERRORS.get(text, f"reports error {text}")
            raise RefusedError(self._link.name, problem, sent=sent, seen=line.data)
        if kind != b"=":
            problem = "answers as no Acme pump does"
            raise GarbledReplyError(self._link.name, problem, sent=sent, seen=line.data, advice=_ADVICE)
        return text


def open_pump(
    address: str, options: Options, clock: Clock, wire_log: WireLog | None = None, visa_library: str = "@py"
) -> Any:
    """Open a pump at a device path, a pyserial URL or a VISA resource."""
    link = open_link(
        address, clock, instrument="pump", wire_log=wire_log, visa_library=visa_library, baudrate=options.baudrate
    )
    try:
        return AcmePump(link)
    except BaseException:
        link.close()
        raise


DRIVER = DriverEntry(
    name="acme_pump",
    role="pump",
    instrument=AcmePump,
    factory=open_pump,
    Options=Options,
    summary="the Acme P1 insulin pump",
    confidential=True,
    api_version=1,
)
