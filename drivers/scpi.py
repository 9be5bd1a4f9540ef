r"""SCPI over a link: lines ending with `\n`, queries that answer one line, and an error queue (SCPI-1999, IEEE 488.2).

A command answers nothing, so each is followed by `SYST:ERR?`: its answer tells that the command was taken, or why not.
A query that an instrument does not understand answers nothing either, and leaves an entry in the error queue.
"""

from __future__ import annotations

import re

from drivers.errors import GarbledReplyError, InstrumentError, NoReplyError, RefusedError
from drivers.link import Line, Link, is_visa
from drivers.roles import Identity

REPLY_TIMEOUT_S = 3.0
_QUIET_S = 0.1
REMOTE = "whether it is told SYST:REM first; by itself on serial lines, where it need not know it"
"""What a rig file's key `remote` is for."""
_QUEUE_LIMIT = 40
_LATE_S = 10.0
"""No answer is waited for longer than this after it was due."""
_ERROR_FORM = re.compile(rb'\s*([+-]?\d+)\s*,\s*"(.*)"\s*\Z')
_NUMBER_FORM = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\Z")


class ScpiSession:
    """One instrument's commands and queries, each a whole exchange.

    Opening clears the error queue (`*CLS`) and asks for the identity, by which the session finds back into step after a
    reply that came too late.

    Raises:
        NoReplyError: nothing answers to `*IDN?`.
        GarbledReplyError: the answer is no identity.

    """

    def __init__(self, link: Link, advice: str, timeout_s: float = REPLY_TIMEOUT_S) -> None:
        self._link = link
        self._clock = link.clock
        self._advice = advice
        self._timeout_s = timeout_s
        self._in_step = True
        self._identities_due_s: list[float] = []
        with link.turn:
            link.write(b"*CLS\n")
            line = self._exchange(b"*IDN?", timeout_s)
        self._identity = line.data
        self.identity = self._parse_identity(line.data)

    @property
    def name(self) -> str:
        """The instrument and its address."""
        return self._link.name

    def ask(self, query: str, timeout_s: float | None = None) -> tuple[str, float]:
        """Ask `query` and return the answer and the instant at which it arrived.

        Raises:
            NoReplyError: nothing came within `timeout_s`.
            RefusedError: nothing came, and the error queue tells why.
            GarbledReplyError: what came is no ASCII line.

        """
        sent = query.encode("ascii")
        with self._link.turn:
            self._begin()
            try:
                line = self._exchange(sent, timeout_s or self._timeout_s)
            except NoReplyError as error:
                self._explain(error, sent)
                raise
            self._in_step = True
        try:
            return line.data.decode("ascii").strip(), line.arrived_s
        except UnicodeDecodeError as error:
            raise self.garbled("an answer that is not ASCII", query, line.data) from error

    def ask_number(self, query: str, timeout_s: float | None = None) -> float:
        """Ask for one number."""
        text, _ = self.ask(query, timeout_s)
        return self.number(text, query)

    def command(self, command: str) -> None:
        """Set or start something, and ask whether it was taken.

        Raises:
            RefusedError: the instrument's error queue has an entry.
            NoReplyError: it does not answer.
            GarbledReplyError: what came is no entry of an error queue.

        """
        sent = command.encode("ascii")
        with self._link.turn:
            self._begin()
            self._link.write(sent + b"\n")
            entry = self._next_error(sent)
            if entry is not None:
                for _ in range(_QUEUE_LIMIT):
                    if self._next_error(sent) is None:
                        break
            self._in_step = True
        if entry is not None:
            raise RefusedError(self.name, f"refused: {entry}", sent=sent)

    def go_remote(self, wanted: bool | None, *, serial: bool) -> None:
        """Tell an older instrument on RS-232 that it is controlled from here (`SYST:REM`); many know no such thing.

        Args:
            wanted: whether the rig file wants it; None for: on a serial line, where it is no harm that it is not known.
            serial: whether it is on a serial line.

        Raises:
            RefusedError: the rig file wants it, and the instrument does not take it.

        """
        if wanted or (wanted is None and serial):
            try:
                self.command("SYST:REM")
            except RefusedError:
                if wanted:
                    raise

    def number(self, text: str, query: str) -> float:
        """Read a decimal number out of an answer.

        Raises:
            GarbledReplyError: it is none.

        """
        if _NUMBER_FORM.match(text.strip()) is None:
            raise self.garbled("no number", query, text.encode())
        return float(text)

    def garbled(self, what: str, sent: str, seen: bytes) -> GarbledReplyError:
        """Make the error for an answer that is not what its query answers: the next exchange finds into step first."""
        self._in_step = False
        return GarbledReplyError(self.name, f"answered {what}", sent=sent.encode(), seen=seen, advice=self._advice)

    def close(self) -> None:
        """Release the link."""
        self._link.close()

    # -- within the caller's turn

    def _begin(self) -> None:
        """Be in step, with an empty error queue where that had to be found; the exchange that follows ends it."""
        if not self._in_step or self._link.unread:
            self._find_step()
            self._link.write(b"*CLS\n")  # entries of an earlier exchange
        self._in_step = False

    def _exchange(self, sent: bytes, timeout_s: float) -> Line:
        self._link.write(sent + b"\n")
        line = self._link.read_line(self._clock.now_s() + timeout_s)
        if line is None:
            raise self._silence(sent, timeout_s)
        return line

    def _silence(self, sent: bytes, timeout_s: float) -> InstrumentError:
        seen = self._link.unread
        if seen:
            return GarbledReplyError(
                self.name, f"no whole line within {timeout_s:g} s", sent=sent, seen=seen, advice=self._advice
            )
        return NoReplyError(self.name, f"no answer within {timeout_s:g} s", sent=sent, seen=b"", advice=self._advice)

    def _next_error(self, sent: bytes) -> str | None:
        """Take the oldest entry of the error queue; None when it is empty."""
        line = self._exchange(b"SYST:ERR?", self._timeout_s)
        entry = _ERROR_FORM.match(line.data)
        if entry is None:
            raise GarbledReplyError(
                self.name,
                "answered no error-queue entry",
                sent=sent + b"\nSYST:ERR?",
                seen=line.data,
                advice=self._advice,
            )
        return None if int(entry[1]) == 0 else line.data.decode("latin-1").strip()

    def _explain(self, silence: NoReplyError, sent: bytes) -> None:
        """Ask the error queue why a query was not answered, and raise what it says, if it says something."""
        try:
            self._find_step()
            entry = self._next_error(sent)
            self._link.write(b"*CLS\n")
        except InstrumentError:
            return  # it is as silent as before
        if entry is not None:
            raise RefusedError(self.name, f"refused: {entry}", sent=sent) from silence

    def _find_step(self) -> None:
        """Pass over late answers: they come before the answer to a new `*IDN?`, which is known.

        So do those to an earlier one that was not answered in time: each is waited for, as long as it may come.
        """
        self._in_step = False
        asked_s = self._clock.now_s()
        while self._clock.now_s() < asked_s + _QUIET_S and (line := self._link.read_line(asked_s)) is not None:
            self._is_identity(line)
        self._link.discard_input()
        self._identities_due_s = [due_s for due_s in self._identities_due_s if asked_s - due_s < _LATE_S]
        self._link.write(b"*IDN?\n")
        self._identities_due_s.append(asked_s)
        deadline_s = asked_s + self._timeout_s
        known = False
        while self._identities_due_s and (line := self._link.read_line(deadline_s)) is not None:
            known = self._is_identity(line) or known
        if not known:
            raise self._silence(b"*IDN?", self._timeout_s)
        self._identities_due_s.clear()
        while self._link.read_line(self._clock.now_s() + _QUIET_S) is not None:
            if self._clock.now_s() > deadline_s:
                raise GarbledReplyError(self.name, "talks without being asked", sent=b"*IDN?", advice=self._advice)
        self._in_step = True

    def _is_identity(self, line: Line) -> bool:
        """Tell whether a line answers an `*IDN?`, the earliest of those that are not answered."""
        if line.data != self._identity:
            return False
        if self._identities_due_s:
            del self._identities_due_s[0]
        return True

    def _parse_identity(self, line: bytes) -> Identity:
        parts = [part.strip().strip('"') for part in line.decode("latin-1").split(",", 3)]
        if len(parts) != 4 or not line.isascii() or not parts[1]:
            raise self.garbled("no identity", "*IDN?", line)
        return Identity(parts[0], parts[1], parts[2], parts[3])


def on_serial_line(address: str) -> bool:
    """Tell whether an instrument at `address` is on a serial line, and not on a network or a bus of messages.

    A raw socket may lead to either: it counts as a network.
    """
    if is_visa(address):
        return address.upper().startswith("ASRL")
    return not address.startswith("socket://")
