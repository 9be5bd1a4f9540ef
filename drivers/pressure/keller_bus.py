"""Keller pressure transmitters with RS-485 on the Keller bus: series 30 (33X, 35X, 36X, 39X), 40 and others.

Binary frames, 9600 or 115200 8N1; the commonest adapters hear what they send themselves (local echo). Functions used
(communication protocol for Series 30, section 5): 48 initialises a transmitter that was switched on and tells what it
is, 69 tells its serial number, 66 with address 0 tells a lone one's address, 73 reads a channel as a float in bar with
a status byte that tells whether it is right. Nothing is ever set.

What a transmitter measures from is not told on the bus: the rig file says it (`reference`), from the type plate: series
with PR are gauge, PA sealed gauge, PAA absolute. That an infinite value stands for a pressure beyond the range is from
memory; no page of the manual that was at hand says so.
"""

from __future__ import annotations

import math
import struct
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.quantities import Pressure
from drivers.beside_air import air_kpa
from drivers.errors import GarbledReplyError, InstrumentError, NoReplyError, RefusedError
from drivers.keller_frames import ERROR_BIT, ERRORS, NOT_INITIALISED, OVERHEAD, crc, frame
from drivers.link import Line, Link, SerialLine
from drivers.opening import opener, plain_line
from drivers.probe import Probe
from drivers.registry import DriverEntry
from drivers.roles import Identity, Reading

LONE = 250
"""The address to which every transmitter answers."""
_REPLY_S = 0.5
_QUIET_S = (0.05, 3.0, 7.0)
_NOISE_S = 2.0
_ADVICE = "Are address, baud rate and the adapter's direction control right, and is it alone on the bus at address 250?"

_INITIALISE, _ADDRESS, _SERIAL_NUMBER, _READ = 48, 66, 69, 73
_DATA_BYTES = {_INITIALISE: 6, _ADDRESS: 1, _SERIAL_NUMBER: 4, _READ: 5}
_CHANNELS = {"CH0": 0, "P1": 1, "P2": 2}
_WRONG = {"CH0": 0b1000_0001, "P1": 0b1001_0010, "P2": 0b1010_0100}
"""Bits of the status that speak against a channel: its own, its temperature's, and power-up mode."""
_KPA_PER_BAR = 100.0


class Options(BaseModel):
    """What a rig says of the transmitter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    baudrate: Literal[9600, 115200] = 9600
    bus_address: int = Field(LONE, ge=1, le=250, description="1 to 249; 250 for a transmitter alone on its bus")
    channel: Literal["CH0", "P1", "P2"] = Field("P1", description="what is read: a pressure, or the calculated channel")
    reference: Literal["gauge", "sealed gauge", "absolute"] = Field(
        description="what it measures from, by its type: PR gauge, PA sealed gauge, PAA absolute", examples=["gauge"]
    )
    ambient: Pressure | None = Field(
        None,
        description="air pressure at the bench, not reduced to sea level; for a transmitter that is not gauge only",
        examples=["1013 hPa"],
    )


class KellerBus:
    """A transmitter, asked for one channel at a time.

    Raises:
        NoReplyError: nothing answers.
        GarbledReplyError: what answers is no transmitter, or echo and answers do not fit.
        RefusedError: it lacks the channel; or `ambient` is declared and not needed, or the other way round.

    """

    def __init__(self, link: Link, options: Options) -> None:
        self._link = link
        self._clock = link.clock
        self._channel = options.channel
        self._in_step = True
        self._echoes = False
        self._unanswered = 0
        try:
            self._air_kpa = air_kpa(options.reference, options.ambient)
        except ValueError as error:
            raise RefusedError(link.name, str(error)) from error
        self._address = options.bus_address
        with link.turn:
            about = self._first()
            if self._address == LONE:
                self._address = self._exchange(_ADDRESS, b"\0").data[0] or LONE
            self._serial_number = self._exchange(_SERIAL_NUMBER).data
            self._exchange(_READ, self._number)
        self._identity = Identity(
            "Keller",
            f"class {about[0]}.{about[1]}",
            str(int.from_bytes(self._serial_number, "big")),
            f"{about[2]}.{about[3]}",
        )

    def identify(self) -> Identity:
        """Ask who the transmitter is (functions 48 and 69), as it told when it was opened."""
        return self._identity

    def read(self) -> Reading:
        """Read the pressure now (function 73), in kPa above the air.

        NaN where there is none: beyond the range (`overload`, `underload`), or where the status says that the channel
        is wrong (`error`).
        """
        with self._link.turn:
            if not self._in_step:
                self._find_step()
            answer = self._exchange(_READ, self._number)
        (bar,), status = struct.unpack(">f", answer.data[:4]), answer.data[4]
        text = f"{self._channel} {bar:.7g} bar, status {status:08b}"
        if math.isinf(bar):
            return Reading(answer.arrived_s, math.nan, "overload" if bar > 0.0 else "underload", text)
        if math.isnan(bar) or status & _WRONG[self._channel]:
            return Reading(answer.arrived_s, math.nan, "error", text)
        return Reading(answer.arrived_s, bar * _KPA_PER_BAR - self._air_kpa, "ok", text)

    def close(self) -> None:
        """Release the link."""
        self._link.close()

    # -- within the caller's turn

    @property
    def _number(self) -> bytes:
        return bytes((_CHANNELS[self._channel],))

    def _first(self) -> bytes:
        """Initialise the transmitter, and learn whether the adapter hears what it sends."""
        sent = frame(self._address, _INITIALISE)
        self._settle(_QUIET_S[0])
        self._in_step = False
        self._link.write(sent)
        deadline_s = self._clock.now_s() + _REPLY_S
        head = self._link.read_exactly(len(sent), deadline_s)
        if head is None:
            raise self._silence(sent)
        self._echoes = head.data == sent
        return self._answer(_INITIALISE, sent, deadline_s, None if self._echoes else head).data[1:]

    def _exchange(self, function: int, data: bytes = b"") -> Line:
        """Ask for a function and return its data; a transmitter that lost its supply meanwhile is initialised again."""
        sent = frame(self._address, function, data)
        for attempt in range(2):
            answer = self._once(function, sent)
            if answer.data[0] == function:
                return Line(answer.data[1:], answer.arrived_s)
            error = answer.data[1]
            if error != NOT_INITIALISED or attempt:
                break
            self._once(_INITIALISE, frame(self._address, _INITIALISE))
        what = ERRORS.get(error, f"refused the command by error {error}")
        raise RefusedError(self._link.name, what, sent=sent, seen=answer.data, advice=_ADVICE)

    def _once(self, function: int, sent: bytes) -> Line:
        self._link.discard_input()
        self._in_step = False
        self._link.write(sent)
        deadline_s = self._clock.now_s() + _REPLY_S
        if self._echoes:
            echo = self._link.read_echo(len(sent), deadline_s)
            if echo is None:
                raise self._silence(sent)
            if echo.data != sent:
                raise self._garbled("heard something else than what was sent", sent, echo.data)
        return self._answer(function, sent, deadline_s)

    def _answer(self, function: int, sent: bytes, deadline_s: float, begun: Line | None = None) -> Line:
        """Return an answer's function, or that of an error, with its data."""
        head = begun or self._link.read_exactly(2, deadline_s)
        if head is None:
            raise self._silence(sent)
        address, told = head.data[:2]
        if told not in (function, function | ERROR_BIT) or address not in self._own_addresses:
            raise self._garbled("sent no answer to what was asked", sent, head.data + self._link.unread)
        size = OVERHEAD + (_DATA_BYTES[function] if told == function else 1)
        rest = self._link.read_exactly(size - len(head.data), deadline_s)
        if rest is None:
            raise self._garbled("sent no whole frame", sent, head.data + self._link.unread)
        whole = head.data + rest.data
        if crc(whole[:-2]) != whole[-2:]:
            raise self._garbled("sent a frame whose checksum is wrong", sent, whole)
        self._in_step = True
        return Line(whole[1:-2], head.arrived_s)

    @property
    def _own_addresses(self) -> range:
        return range(1, LONE + 1) if self._address == LONE else range(self._address, self._address + 1)

    def _find_step(self) -> None:
        """Wait until it is quiet, and ask for the serial number, which is known.

        Answers have no number of their own. Where that question is not answered either, several answers may still be on
        their way: the next time it must have been quiet for longer.
        """
        self._settle(_QUIET_S[min(self._unanswered, len(_QUIET_S) - 1)])
        self._unanswered += 1
        number = self._exchange(_SERIAL_NUMBER).data
        if number != self._serial_number:
            self._in_step = False
            sent = frame(self._address, _SERIAL_NUMBER)
            raise self._garbled("has another serial number than before", sent, number)
        self._unanswered = 0

    def _settle(self, quiet_s: float) -> None:
        """Pass over what comes until the line has been quiet for so long."""
        end_s = self._clock.now_s() + quiet_s + _NOISE_S
        while self._link.read_exactly(1, self._clock.now_s() + quiet_s) is not None:
            self._link.discard_input()
            if self._clock.now_s() >= end_s:
                raise self._garbled("talks without being asked", b"", b"")

    def _silence(self, sent: bytes) -> InstrumentError:
        if self._link.unread:
            return self._garbled("sent no whole frame", sent, self._link.unread)
        heard = " (but for the adapter, which hears what is sent)" if self._echoes else ""
        problem = f"no answer within {_REPLY_S:g} s{heard}"
        return NoReplyError(self._link.name, problem, sent=sent, seen=b"", advice=_ADVICE)

    def _garbled(self, problem: str, sent: bytes, seen: bytes) -> GarbledReplyError:
        return GarbledReplyError(self._link.name, problem, sent=sent, seen=seen, advice=_ADVICE)


open_keller = opener("pressure", KellerBus, plain_line)


def _who(answer: bytes) -> dict[str, str] | None:
    """Return who answered whoever asked a lone transmitter for its serial number; None if it is no whole frame."""
    if crc(answer[:-2]) != answer[-2:]:
        return None
    told = answer[1] == _SERIAL_NUMBER
    return {"maker": "Keller", **({"serial": str(int.from_bytes(answer[2:-2], "big"))} if told else {})}


DRIVER = DriverEntry(
    name="keller_bus",
    role="pressure",
    instrument=KellerBus,
    factory=open_keller,
    probes=(
        # Serial number, or the error of one that was not initialised; what an adapter echoes is neither, by the CRC.
        Probe(
            frame(LONE, _SERIAL_NUMBER),
            rb"\xfa\x45.{6}|\xfa\xc5\x20..",
            (SerialLine(9600), SerialLine(115200)),
            read=_who,
        ),
    ),
    Options=Options,
    summary="a Keller pressure transmitter on the Keller bus (series 30 and 40, RS-485)",
)
