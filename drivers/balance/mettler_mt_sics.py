"""Mettler Toledo balances that speak MT-SICS (reference manuals 11780711, 11781363, 30324923; pages are of 11781363).

Weights are in g, whatever unit the balance shows. A bench needs no display and no keys, so `D`, `DW` and `K` are left
alone, and of the ways to repeat a weight it uses `SIR`. What a balance has beside the commands of level 0, it is asked
for once (`I0`); what it lacks is refused, or done another way.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from drivers.errors import NoReplyError, RefusedError
from drivers.link import Line, Link, SerialLine
from drivers.local_stability import LocalStability
from drivers.mt_sics import digit_g, parse_weight
from drivers.mt_sics_inquiries import (
    Abilities,
    ask_identity,
    ask_range,
    ask_rate_hz,
    ask_tare_g,
    ask_temperatures_c,
    ask_text,
    set_rate_hz,
    weigh_in_g,
)
from drivers.mt_sics_talk import REPLY_TIMEOUT_S, MtSicsTalk
from drivers.opening import opener, plain_line
from drivers.probe import Probe
from drivers.registry import DriverEntry
from drivers.roles import Identity, Reading, WeighingRange

ADJUSTMENT_TIMEOUT_S = 300.0
_POLL_S = 0.1
_LONGEST_SC_MS = 65535
_SETTLED = ("stable", "overload", "underload")
_ADVICE_REST = "Shield it from draughts and vibration, or wait until nothing flows."
_NOT_ADJUSTED = {
    b"I": (
        "did not adjust itself: busy, or the pan did not come to rest, or is loaded",
        "Empty the pan, close the draught shield, and repeat.",
    ),
    b"L": ("cannot adjust itself", "It has no built-in weight, or as an approved balance does not permit it."),
}


class Options(BaseModel):
    """What a rig may say of this balance."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    baudrate: int = Field(9600, ge=600, le=115200, description="as set in the balance's menu; 8 data bits, no parity")
    stable_timeout_s: float = Field(
        60.0, ge=5.0, le=180.0, description="how long to wait for a stable pan; longer than the balance itself does (s)"
    )
    update_rate_hz: float | None = Field(None, gt=0.0, le=1000.0, description="rate of the stream, where it can be set")
    stable_within_digits: float | None = Field(
        None,
        ge=0.0,
        description="for a balance that never says stable: at rest while readings keep within so many digits",
    )
    stable_for_s: float = Field(
        1.0, ge=0.2, le=60.0, description="for so long; it should span several readings (s); counts with the digits"
    )


class MettlerMtSics:
    """A balance on a serial line or a raw socket.

    Opening resets the balance to its state after power-up (`@`), which also ends a stream that an earlier host left,
    and has it send weights in g (`M21`) if it was set to something else. Any question beside a running stream halts
    that by `@`, too, since only its answer tells where the stream ends: older models forget their tare then.
    `as_it_stands` opens without: a stream of before is ended by asking for one weight.

    Raises:
        NoReplyError: nothing answers as a balance does.
        GarbledReplyError: something answers, but no MT-SICS.

    """

    def __init__(self, link: Link, options: Options, *, as_it_stands: bool = False) -> None:
        self._link = link
        self._clock = link.clock
        self._options = options
        self._rate_is_set = False
        digits = options.stable_within_digits
        self._rest = LocalStability(digits, options.stable_for_s) if digits is not None else None
        self._talk = MtSicsTalk(link, as_it_stands=as_it_stands)
        self._abilities = Abilities(self._talk)
        if not as_it_stands:
            weigh_in_g(self._talk)

    # -- who

    def identify(self) -> Identity:
        """Ask type (`I2`), software (`I3`) and serial number (`I4`); ends and restarts a stream."""
        with self._talk.exchange():
            return ask_identity(self._talk)

    def levels(self) -> str:
        """Ask which levels and versions of MT-SICS the balance speaks (`I1`)."""
        with self._talk.exchange():
            return ask_text(self._talk, "I1")

    def commands(self) -> frozenset[str]:
        """Ask once what the balance can do (`I0`); empty if it does not tell."""
        if self._abilities.known is not None:
            return self._abilities.known
        with self._talk.exchange():
            return self._abilities.listed()

    def weighing_range(self) -> WeighingRange:
        """Ask for maximum and readability in g (`I2`); NaN where it does not tell.

        The readability is the last digit of the maximum, as the manual has it. A balance that counts in steps of 2 or 5
        digits tells so only by `SIS`, which is asked where there is one.
        """
        with self._talk.exchange():
            return ask_range(self._talk, self._abilities)

    def temperatures_c(self) -> tuple[float, ...]:
        """Ask the balance's own sensors for their temperatures in °C (`M28`).

        Raises:
            RefusedError: it has none.

        """
        with self._talk.exchange():
            self._abilities.need("M28")
            return ask_temperatures_c(self._talk)

    # -- one reading

    def read(self) -> Reading:
        """Read the pan now, stable or not, in g (`SI`; the next line of a running stream)."""
        if self._talk.wants_stream:
            return self._next_of_stream(self._clock.now_s() + REPLY_TIMEOUT_S)
        return self._weigh("SI")

    def read_stable(self) -> Reading:
        """Read the pan once it is stable, in g (`S`; the next stable line of a running stream).

        Raises:
            RefusedError: the pan does not come to rest within the balance's own limit.

        """
        if not self._talk.wants_stream and self._rest is None:
            return self._weigh("S", self._options.stable_timeout_s)
        timeout_s = self._options.stable_timeout_s
        reading = self._await_rest(self._clock.now_s() + timeout_s)
        if reading.status not in _SETTLED:
            raise RefusedError(
                self._link.name,
                f"the pan did not come to rest within {timeout_s:g} s",
                seen=reading.text.encode("latin-1"),
                advice=_ADVICE_REST,
            )
        return reading

    def read_within(self, timeout_s: float) -> Reading:
        """Read the pan once it is stable, or as it is after `timeout_s` (`SC`; else by asking again and again)."""
        time_ms = max(0, round(timeout_s * 1000.0))
        alone = not self._talk.wants_stream and self._rest is None
        if alone and time_ms <= _LONGEST_SC_MS and "SC" in self.commands():
            return self._weigh(f"SC {time_ms}", timeout_s + REPLY_TIMEOUT_S)
        return self._await_rest(self._clock.now_s() + timeout_s)

    # -- zero and tare

    def zero(self) -> None:
        """Set zero once the pan is stable (`Z`, by a rule of the bench's own `ZI`)."""
        self._at_rest("Z", "ZI")

    def zero_now(self) -> None:
        """Set zero now, stable or not (`ZI`, which approved balances lack)."""
        self._act("ZI", needs=True)

    def tare(self) -> None:
        """Set the tare to the load once the pan is stable (`T`, by a rule of the bench's own `TI`)."""
        self._at_rest("T", "TI")

    def tare_now(self) -> None:
        """Set the tare to the load now, stable or not (`TI`, which approved balances lack)."""
        self._act("TI", needs=True)

    def tare_g(self) -> float:
        """Ask for the tare in g (`TA`)."""
        with self._talk.exchange():
            self._abilities.need("TA")
            return ask_tare_g(self._talk)

    def clear_tare(self) -> None:
        """Set the tare to none (`TAC`)."""
        self._act("TAC", needs=True)

    # -- adjustment

    def adjust(self) -> None:
        """Set the sensitivity by the built-in weight (`C3`), with nothing on the pan; takes a minute or more.

        Raises:
            RefusedError: there is no such weight, or the adjustment was aborted.

        """
        with self._talk.exchange():
            self._abilities.need("C3")
            line = self._talk.request("C3")
            if line.data == b"C3 B":
                line = self._talk.further("C3", ADJUSTMENT_TIMEOUT_S)
            if line.data != b"C3 A":
                self._talk.fail("C3", line, _NOT_ADJUSTED)

    # -- the stream

    def update_rate_hz(self) -> float:
        """Ask for the rate of the stream in Hz (`UPD`)."""
        with self._talk.exchange():
            self._abilities.need("UPD")
            return ask_rate_hz(self._talk)

    def set_update_rate(self, rate_hz: float) -> float:
        """Set the rate of the stream in Hz (`UPD`) to the nearest that the balance has, and return that.

        The balance keeps it for good, so it is set only where it is another one.
        """
        with self._talk.exchange():
            self._abilities.need("UPD")
            return set_rate_hz(self._talk, rate_hz)

    def start_stream(self) -> None:
        """Start readings without end (`SIR`), stable or not."""
        if self._talk.wants_stream:
            return
        if self._options.update_rate_hz is not None and not self._rate_is_set:
            self.set_update_rate(self._options.update_rate_hz)
            self._rate_is_set = True
        self._talk.wants_stream = True
        try:
            with self._talk.exchange():
                pass  # leaving an exchange starts the stream that is wanted
        except BaseException:
            self._talk.wants_stream = False
            raise

    def next_reading(self, deadline_s: float) -> Reading | None:
        """Read the next line of the stream, in g; None when none has come by `deadline_s`.

        Raises:
            RefusedError: no stream was started, or the balance reports an error.
            GarbledReplyError: a line that is no weight, or tells of a restart, after which the stream begins anew.

        """
        line = self._talk.next_line(deadline_s)
        if line is None:
            return None
        weight = parse_weight(line.data)
        if weight is None:
            self._talk.fail(None, line)
        if self._rest is not None:
            return self._reading(line, weight)
        return Reading(line.arrived_s, weight[0], weight[1], line.data.decode("latin-1"))

    def stop_stream(self) -> None:
        """Stop the stream (`@`, which on older models also clears the tare) and wait until its last line has passed."""
        self._talk.stop_stream()

    def close(self) -> None:
        """Stop the stream, if one runs, and release the link; safe to call twice."""
        self._talk.close()

    # -- waiting for rest

    def _at_rest(self, when_stable: str, now: str) -> None:
        """Do what is asked for once the pan is at rest: by the balance's rule, or by the bench's."""
        if self._rest is None:
            self._act(when_stable, self._options.stable_timeout_s)
        else:
            self.read_stable()
            self._act(now, self._options.stable_timeout_s, instead=when_stable)

    def _await_rest(self, deadline_s: float) -> Reading:
        """Return the first reading that is at rest or out of range, or the last one by `deadline_s`."""
        while True:
            if self._talk.wants_stream:
                reading = self._next_of_stream(self._clock.now_s() + REPLY_TIMEOUT_S)
            else:
                reading = self._weigh("SI")
            now_s = self._clock.now_s()
            if reading.status in _SETTLED or now_s >= deadline_s:
                return reading
            if not self._talk.wants_stream:
                self._clock.sleep_s(min(_POLL_S, deadline_s - now_s))

    def _next_of_stream(self, deadline_s: float) -> Reading:
        reading = self.next_reading(deadline_s)
        if reading is None:
            raise NoReplyError(
                self._link.name,
                f"the stream gave nothing for {REPLY_TIMEOUT_S:g} s",
                sent=b"SIR\r\n",
                seen=self._link.unread,
                advice="Is it switched on?",
            )
        return reading

    def _reading(self, line: Line, weight: tuple[float, str]) -> Reading:
        value_g, status = weight
        if self._rest is not None:
            status = self._rest.status(line.arrived_s, value_g, status, digit_g(line.data))
        return Reading(line.arrived_s, value_g, status, line.data.decode("latin-1"))

    # -- exchanges

    def _weigh(self, command: str, timeout_s: float | None = None) -> Reading:
        with self._talk.exchange():
            line = self._talk.request(command, timeout_s)
            weight = parse_weight(line.data, command.encode())
            if weight is None:
                self._talk.fail(command, line)
            if weight[1] == "busy":
                raise RefusedError(
                    self._link.name,
                    "cannot weigh now, or the pan did not come to rest",
                    sent=command.encode(),
                    seen=line.data,
                    advice=_ADVICE_REST,
                )
        return self._reading(line, weight)

    def _act(self, command: str, timeout_s: float | None = None, *, needs: bool = False, instead: str = "") -> None:
        """Have something done; `needs` refuses at once what the balance lacks, `instead` is what it does then."""
        with self._talk.exchange():
            if needs:
                self._abilities.need(command)
            if instead and self._abilities.lacks(command):
                command = instead
            line = self._talk.request(command, timeout_s)
            words = line.data.split()
            # A: done; S, D: done, followed by the tare weight or alone.
            if len(words) < 2 or words[1] not in (b"A", b"S", b"D"):
                self._talk.fail(command, line)


def _as_it_stands(link: Link, options: Options) -> MettlerMtSics:
    return MettlerMtSics(link, options, as_it_stands=True)


open_balance = opener("balance", MettlerMtSics, plain_line)
reopen_balance = opener("balance", _as_it_stands, plain_line)
"""Opens a balance whose link was lost, and leaves its tare as it is."""


DRIVER = DriverEntry(
    name="mettler_mt_sics",
    role="balance",
    instrument=MettlerMtSics,
    factory=open_balance,
    reopen=reopen_balance,
    probes=(
        Probe(
            b"I4\r\n",
            rb'I4 A "(?P<serial>[^"\r\n]+)"\r\n',
            (SerialLine(9600), SerialLine(19200), SerialLine(38400), SerialLine(115200)),
        ),
    ),
    Options=Options,
    summary="Mettler Toledo balances with MT-SICS on RS-232, USB or a raw socket",
)
