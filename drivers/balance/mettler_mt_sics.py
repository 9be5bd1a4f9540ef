"""Mettler Toledo balances that speak MT-SICS (reference manuals 11780711, 11781363, 30324923).

ASCII lines ending with CR LF, one request and one reply at a time, as the manual demands; replies are matched by their
first word. Weights are in g, whatever unit the balance shows.
"""

from __future__ import annotations

from typing import NoReturn

from pydantic import BaseModel, ConfigDict, Field

from bench.clock import Clock
from drivers.errors import GarbledReplyError, InstrumentError, NoReplyError, RefusedError
from drivers.link import Line, Link, WireLog, open_link
from drivers.mt_sics import ADVICE_BAUD, is_foreign, is_reply, parse_text, parse_weight, raise_error_reply, unknown_unit
from drivers.registry import DriverEntry
from drivers.roles import Identity, Reading

REPLY_TIMEOUT_S = 3.0
_RESET_TIMEOUT_S = 5.0


class Options(BaseModel):
    """What a rig may say of this balance."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    baudrate: int = Field(9600, ge=600, le=115200, description="as set in the balance's menu; 8 data bits, no parity")
    stable_timeout_s: float = Field(
        60.0, ge=5.0, le=180.0, description="how long to wait for a stable pan; longer than the balance itself does (s)"
    )
    update_rate_hz: float | None = Field(None, gt=0.0, le=100.0, description="rate of the stream, where it can be set")


class MettlerMtSics:
    """A balance on a serial line or a raw socket.

    Opening resets the balance to its state after power-up (`@`), which ends a stream that an earlier host left, and
    clears the tare. `as_it_stands` does without: a stream of before is ended by asking for one weight.

    Raises:
        NoReplyError: nothing answers as a balance does.
        GarbledReplyError: something answers, but no MT-SICS.

    """

    def __init__(self, link: Link, options: Options, *, as_it_stands: bool = False) -> None:
        self._link = link
        self._clock = link.clock
        self._options = options
        self._serial_number = ""
        self._wants_stream = False
        self._streams = False
        self._in_step = False
        with self._link.turn:
            if as_it_stands:
                self._find_step()
            else:
                self._reset()

    # -- who

    def identify(self) -> Identity:
        """Ask type (`I2`), software (`I3`) and serial number (`I4`); ends and restarts a stream."""
        with _Exchange(self):
            model = self._ask_text("I2")
            firmware = self._ask_text("I3")
            serial_number = self._ask_text("I4")
        if not serial_number:
            raise GarbledReplyError(self._link.name, "tells no serial number", sent=b"I4", advice=ADVICE_BAUD)
        return Identity("Mettler Toledo", _model(model), serial_number, firmware.split(" ")[0])

    def levels(self) -> str:
        """Ask which levels and versions of MT-SICS the balance speaks (`I1`)."""
        with _Exchange(self):
            return self._ask_text("I1")

    # -- one reading

    def read(self) -> Reading:
        """Read the pan now, stable or not, in g (`SI`; the next line of a running stream)."""
        return self._read_from_stream(stable=False) if self._wants_stream else self._weigh("SI", REPLY_TIMEOUT_S)

    def read_stable(self) -> Reading:
        """Read the pan once it is stable, in g (`S`; the next stable line of a running stream).

        Raises:
            RefusedError: the pan does not come to rest within the balance's own limit.

        """
        if self._wants_stream:
            return self._read_from_stream(stable=True)
        return self._weigh("S", self._options.stable_timeout_s)

    # -- zero and tare

    def zero(self) -> None:
        """Set zero once the pan is stable (`Z`)."""
        self._act("Z", self._options.stable_timeout_s)

    def zero_now(self) -> None:
        """Set zero now, stable or not (`ZI`)."""
        self._act("ZI", REPLY_TIMEOUT_S)

    def tare(self) -> None:
        """Set the tare to the load once the pan is stable (`T`)."""
        self._act("T", self._options.stable_timeout_s)

    def tare_now(self) -> None:
        """Set the tare to the load now, stable or not (`TI`)."""
        self._act("TI", REPLY_TIMEOUT_S)

    def clear_tare(self) -> None:
        """Set the tare to none (`TAC`)."""
        self._act("TAC", REPLY_TIMEOUT_S)

    # -- the stream

    def set_update_rate(self, rate_hz: float) -> None:
        """Set the rate of the stream in Hz (`UPD`); the balance takes the nearest that it has."""
        self._act(f"UPD {rate_hz:g}", REPLY_TIMEOUT_S)

    def start_stream(self) -> None:
        """Start readings without end (`SIR`), stable or not."""
        if self._wants_stream:
            return
        if self._options.update_rate_hz is not None:
            self.set_update_rate(self._options.update_rate_hz)
        self._wants_stream = True
        try:
            with _Exchange(self):
                pass  # leaving an exchange starts the stream that is wanted
        except BaseException:
            self._wants_stream = False
            raise

    def next_reading(self, deadline_s: float) -> Reading | None:
        """Read the next line of the stream, in g; None when none has come by `deadline_s`.

        Raises:
            RefusedError: no stream was started, or the balance reports an error.
            GarbledReplyError: a line that is no weight.

        """
        turn = self._link.turn
        if not turn.take(deadline_s):
            return None
        try:
            if not self._streams:
                self._resume_stream()
            line = self._link.read_line(deadline_s)
        finally:
            turn.end()
        if line is None:
            return None
        weight = parse_weight(line.data)
        if weight is None:
            self._fail(None, line)
        return Reading(line.arrived_s, weight[0], weight[1], line.data.decode("latin-1"))

    def stop_stream(self) -> None:
        """Stop the stream (`@`, which may also clear the tare) and wait until its last line has passed."""
        self._wants_stream = False
        if self._streams or not self._in_step:
            with self._link.turn:
                self._reset()

    def close(self) -> None:
        """Stop the stream, if one runs, and release the link."""
        try:
            if self._streams:
                self._wants_stream = self._streams = False
                self._link.write(b"@\r\n")
        except InstrumentError:
            return
        finally:
            self._link.close()

    # -- exchanges, each in the caller's turn

    def _weigh(self, command: str, timeout_s: float) -> Reading:
        with _Exchange(self):
            line = self._request(command, timeout_s)
        weight = parse_weight(line.data, command.encode())
        if weight is None:
            self._fail(command, line)
        if weight[1] == "busy":
            raise RefusedError(
                self._link.name,
                "cannot weigh now, or the pan did not come to rest",
                sent=command.encode(),
                seen=line.data,
                advice="Shield it from draughts and vibration, or wait until nothing flows.",
            )
        return Reading(line.arrived_s, weight[0], weight[1], line.data.decode("latin-1"))

    def _act(self, command: str, timeout_s: float) -> None:
        with _Exchange(self):
            line = self._request(command, timeout_s)
        words = line.data.split()
        # A: done; S, D: done, followed by the tare weight or alone.
        if len(words) > 1 and words[1] in (b"A", b"S", b"D"):
            return
        self._fail(command, line)

    def _ask_text(self, command: str) -> str:
        try:
            line = self._request(command, REPLY_TIMEOUT_S)
        except RefusedError:
            return ""  # not every balance has I2 and I3
        return parse_text(line.data)

    def _request(self, command: str, timeout_s: float) -> Line:
        """Send `command` and return its reply; lines with another id are late or unasked for, and passed over."""
        sent = command.encode()
        self._link.write(sent + b"\r\n")
        deadline_s = self._clock.now_s() + timeout_s
        passed_over: bytes | None = None
        while (line := self._link.read_line(deadline_s)) is not None:
            if is_reply(line.data, sent):
                return line
            raise_error_reply(self._link.name, sent, line.data)
            if not line.data.strip():
                continue
            if is_foreign(line.data):
                raise GarbledReplyError(
                    self._link.name, "answered no MT-SICS", sent=sent, seen=line.data, advice=ADVICE_BAUD
                )
            passed_over = line.data
        raise self._silence(sent, timeout_s, passed_over)

    def _silence(self, sent: bytes, timeout_s: float, passed_over: bytes | None) -> InstrumentError:
        seen = self._link.unread or passed_over
        if self._link.unread:
            return GarbledReplyError(
                self._link.name, f"no whole line within {timeout_s:g} s", sent=sent, seen=seen, advice=ADVICE_BAUD
            )
        return NoReplyError(
            self._link.name,
            f"no answer within {timeout_s:g} s",
            sent=sent,
            seen=seen or b"",
            advice=f"Is it switched on, and is its host interface set to MT-SICS? {ADVICE_BAUD}",
        )

    def _reset(self) -> None:
        """Cancel everything (`@`) and pass over whatever was still on its way, up to the reply."""
        self._in_step = self._streams = False
        self._link.write(b"@\r\n")
        self._pass_over(b"@\r\n")

    def _pass_over(self, sent: bytes) -> None:
        """Read up to the serial number, the last that `sent` is answered by; what comes before may be anything."""
        deadline_s = self._clock.now_s() + _RESET_TIMEOUT_S
        other: bytes | None = None
        while (line := self._link.read_line(deadline_s)) is not None:
            if is_reply(line.data, b"I4"):
                self._in_step = True
                return
            if line.data.strip():
                other = line.data
        if other is not None and is_foreign(other):
            raise GarbledReplyError(
                self._link.name, "answered no MT-SICS to a reset", sent=sent, seen=other, advice=ADVICE_BAUD
            )
        raise self._silence(sent, _RESET_TIMEOUT_S, other)

    def _find_step(self) -> None:
        """End whatever stream there is (`SI`), and pass over all lines up to the serial number that was asked for."""
        self._link.write(b"SI\r\n")
        self._link.write(b"I4\r\n")
        self._pass_over(b"SI\r\nI4\r\n")

    def _resume_stream(self) -> None:
        if not self._wants_stream:
            raise RefusedError(self._link.name, "no stream was started")
        if not self._in_step:
            self._reset()
        self._link.write(b"SIR\r\n")
        self._streams = True

    def _read_from_stream(self, stable: bool) -> Reading:
        timeout_s = self._options.stable_timeout_s if stable else REPLY_TIMEOUT_S
        deadline_s = self._clock.now_s() + timeout_s
        while (reading := self.next_reading(deadline_s)) is not None:
            if not stable or reading.status == "stable":
                return reading
            if self._clock.now_s() >= deadline_s:
                raise RefusedError(
                    self._link.name,
                    f"the pan did not come to rest within {timeout_s:g} s",
                    seen=reading.text.encode(),
                    advice="Shield it from draughts and vibration, or wait until nothing flows.",
                )
        raise NoReplyError(
            self._link.name,
            f"the stream gave nothing for {timeout_s:g} s",
            sent=b"SIR\r\n",
            seen=self._link.unread,
            advice="Is it switched on?",
        )

    def _fail(self, command: str | None, line: Line) -> NoReturn:
        sent = (command or "SIR").encode()
        raise_error_reply(self._link.name, sent, line.data)
        words = line.data.split()
        if command is not None and len(words) == 2 and words[1] in _REFUSALS:
            problem, advice = _REFUSALS[words[1]]
            raise RefusedError(self._link.name, problem, sent=sent, seen=line.data, advice=advice)
        if words[:1] == [b"I4"]:
            self._in_step = self._streams = False
            raise GarbledReplyError(
                self._link.name,
                "has been restarted or reset by hand, which ended the stream",
                seen=line.data,
                advice="Was its power interrupted?",
            )
        if unit := unknown_unit(line.data):
            raise GarbledReplyError(
                self._link.name,
                f"sent no weight in a known unit, but in {unit}",
                sent=sent,
                seen=line.data,
                advice="Set the balance's host unit to g in its menu.",
            )
        raise GarbledReplyError(self._link.name, "sent no weight", sent=sent, seen=line.data, advice=ADVICE_BAUD)


class _Exchange:
    """One conversation: takes the turn, halts a stream, gets back in step, and goes on streaming afterwards."""

    __slots__ = ("_balance",)

    def __init__(self, balance: MettlerMtSics) -> None:
        self._balance = balance

    def __enter__(self) -> None:
        balance = self._balance
        balance._link.turn.__enter__()
        try:
            if balance._streams or not balance._in_step:
                balance._reset()
            balance._in_step = False  # until the exchange has ended well
        except BaseException:
            balance._link.turn.end()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        balance = self._balance
        try:
            balance._in_step = error is None or isinstance(error, RefusedError)
            if balance._in_step and balance._wants_stream:
                balance._resume_stream()
        finally:
            balance._link.turn.end()


_REFUSALS = {
    b"I": (
        "did not do it: busy, or the pan did not come to rest",
        "Shield it from draughts and vibration, and repeat.",
    ),
    b"L": ("does not take that value", "See the balance's manual for the range."),
    b"+": ("overloaded, or above the range for zero", "Take the load off, or tare instead of zero."),
    b"-": ("underloaded, or below the range for zero", "Put pan and vessel on."),
}


def _model(text: str) -> str:
    """Strip the capacity from I2's text: `XS204 Excellence 220.0090 g` is an `XS204 Excellence`."""
    words = text.split()
    if len(words) > 2 and words[-2].replace(".", "", 1).isdigit():
        words = words[:-2]
    return " ".join(words)


def _opened(link: Link, options: Options, *, as_it_stands: bool) -> MettlerMtSics:
    try:
        return MettlerMtSics(link, options, as_it_stands=as_it_stands)
    except BaseException:
        link.close()
        raise


def open_balance(
    address: str, options: Options, clock: Clock, wire_log: WireLog | None = None, visa_library: str = "@py"
) -> MettlerMtSics:
    """Open a balance at a device path, a pyserial URL or a VISA resource."""
    link = open_link(
        address,
        clock,
        instrument="balance",
        wire_log=wire_log,
        visa_library=visa_library,
        baudrate=options.baudrate,
    )
    return _opened(link, options, as_it_stands=False)


def reopen_balance(
    address: str, options: Options, clock: Clock, wire_log: WireLog | None = None, visa_library: str = "@py"
) -> MettlerMtSics:
    """Open a balance whose link was lost, and leave its tare as it is."""
    link = open_link(
        address, clock, instrument="balance", wire_log=wire_log, visa_library=visa_library, baudrate=options.baudrate
    )
    return _opened(link, options, as_it_stands=True)


DRIVER = DriverEntry(
    name="mettler_mt_sics",
    role="balance",
    instrument=MettlerMtSics,
    factory=open_balance,
    reopen=reopen_balance,
    Options=Options,
    summary="Mettler Toledo balances with MT-SICS on RS-232, USB or a raw socket",
)
