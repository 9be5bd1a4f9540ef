"""One host's half of a conversation in MT-SICS: one request and one reply at a time, as the manuals demand.

Replies are matched by their first word. Whatever else comes (a print key's weight, a key's notice) is passed over.
After a time-out, or anything that was not expected, the next exchange begins with `@`, up to whose answer all is passed
over, so that no late reply is taken for another's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from drivers.errors import GarbledReplyError, InstrumentError, NoReplyError, RefusedError
from drivers.link import Line, Link
from drivers.mt_sics import ADVICE_BAUD, is_foreign, is_reply, raise_error_reply, unknown_unit

REPLY_TIMEOUT_S = 3.0
_RESET_TIMEOUT_S = 5.0
_BLOCK_TIMEOUT_S = 60.0
_BLOCK_LINES = 1000
_WEIGHTS = (b"S", b"SI", b"SIR", b"SC")

Refusals = Mapping[bytes, tuple[str, str]]
"""What a status that refuses means for a command, and the way out."""

REFUSALS: Refusals = {
    b"I": (
        "did not do it: busy, or the pan did not come to rest",
        "Shield it from draughts and vibration, and repeat.",
    ),
    b"L": ("does not take that value", "See the balance's manual for the range."),
    b"+": ("overloaded, or above the range for zero", "Take the load off, or tare instead of zero."),
    b"-": ("underloaded, or below the range for zero", "Put pan and vessel on."),
}


class MtSicsTalk:
    """The conversation over one link.

    Args:
        link: to the balance.
        as_it_stands: end a stream of before by asking for one weight, and not by `@`, which may clear the tare.

    Raises:
        NoReplyError: nothing answers as a balance does.
        GarbledReplyError: something answers, but no MT-SICS.

    """

    def __init__(self, link: Link, *, as_it_stands: bool = False) -> None:
        self.link = link
        self.wants_stream = False
        """Whether the stream is to go on after an exchange."""
        self._streams = False
        self._in_step = False
        with link.turn:
            if as_it_stands:
                self._find_step()
            else:
                self._reset()

    def exchange(self) -> _Exchange:
        """Take the turn for requests: halts a stream, gets back in step, and lets the stream go on afterwards."""
        return _Exchange(self)

    # -- requests, each within an exchange

    def request(self, command: str, timeout_s: float | None = None) -> Line:
        """Send `command` and return its reply; it may take the usual time unless told.

        Raises:
            RefusedError: the reply is an error.
            NoReplyError: none came in time.
            GarbledReplyError: what came is no MT-SICS.

        """
        self.link.discard_input()
        self.link.write(command.encode() + b"\r\n")
        return self.further(command, timeout_s)

    def further(self, command: str, timeout_s: float | None = None) -> Line:
        """Return the next line of the reply to `command`; errors as `request`."""
        wait_s = REPLY_TIMEOUT_S if timeout_s is None else timeout_s
        sent = command.encode()
        deadline_s = self.link.clock.now_s() + wait_s
        passed_over: bytes | None = None
        while (line := self.link.read_line(deadline_s)) is not None:
            raise_error_reply(self.link.name, sent, line.data)
            if is_reply(line.data, sent):
                return line
            if line.data.strip() and is_foreign(line.data):
                raise GarbledReplyError(
                    self.link.name, "answered no MT-SICS", sent=sent, seen=line.data, advice=ADVICE_BAUD
                )
            passed_over = line.data or passed_over
            if self.link.clock.now_s() >= deadline_s:
                break  # an endless talker
        raise self._silence(sent, wait_s, passed_over)

    def block(self, command: str) -> list[bytes]:
        """Send `command` and return all lines of its reply, which ends with a line of status A; errors as `request`."""
        end_s = self.link.clock.now_s() + _BLOCK_TIMEOUT_S
        line = self.request(command)
        lines = [line.data]
        while line.data.split()[1:2] == [b"B"]:
            if len(lines) >= _BLOCK_LINES or self.link.clock.now_s() >= end_s:
                raise GarbledReplyError(
                    self.link.name, f"its reply of {len(lines)} lines has no end", sent=command.encode(), seen=line.data
                )
            line = self.further(command)
            lines.append(line.data)
        if line.data.split()[1:2] != [b"A"]:
            self.fail(command, line)
        return lines

    def fail(self, command: str | None, line: Line, refusals: Refusals = REFUSALS) -> NoReturn:
        """Raise what a reply that is not as hoped for means; `command` is None for a line of the stream."""
        sent = (command or "SIR").encode()
        name = self.link.name
        raise_error_reply(name, sent, line.data)
        words = line.data.split()
        if command is not None and len(words) == 2 and words[1] in refusals:
            problem, advice = refusals[words[1]]
            raise RefusedError(name, problem, sent=sent, seen=line.data, advice=advice)
        if words[:1] == [b"I4"]:
            self._in_step = self._streams = False
            raise GarbledReplyError(
                name,
                "has been restarted or reset by hand, which ended the stream",
                seen=line.data,
                advice="Was its power interrupted?",
            )
        if unit := unknown_unit(line.data):
            raise GarbledReplyError(
                name,
                f"sent no weight in a known unit, but in {unit}",
                sent=sent,
                seen=line.data,
                advice="Set the balance's host unit to g in its menu.",
            )
        problem = "sent no weight" if sent.split()[0] in _WEIGHTS else "answered something else"
        raise GarbledReplyError(name, problem, sent=sent, seen=line.data, advice=ADVICE_BAUD)

    # -- the stream

    def next_line(self, deadline_s: float) -> Line | None:
        """Return the next line of the stream, which goes on if it was halted; None when none has come in time.

        Raises:
            RefusedError: no stream is wanted.

        """
        turn = self.link.turn
        if not turn.take(deadline_s):
            return None
        try:
            if not self._streams:
                self._resume_stream()
            return self.link.read_line(deadline_s)
        finally:
            turn.end()

    def stop_stream(self) -> None:
        """Stop the stream, and wait until its last line has passed."""
        self.wants_stream = False
        if self._streams or not self._in_step:
            with self.link.turn:
                self._reset()

    def close(self) -> None:
        """Stop whatever the balance does, and release the link; safe to call twice."""
        try:
            if self._streams or not self._in_step:
                self.wants_stream = self._streams = False
                self._in_step = True
                self.link.write(b"@\r\n")
        except InstrumentError:
            return
        finally:
            self.link.close()

    def _resume_stream(self) -> None:
        if not self.wants_stream:
            raise RefusedError(self.link.name, "no stream was started")
        if not self._in_step:
            self._reset()
        self.link.write(b"SIR\r\n")
        self._streams = True

    # -- in step

    def _reset(self) -> None:
        """Cancel everything (`@`) and pass over whatever was still on its way, up to the reply."""
        self._in_step = self._streams = False
        self.link.write(b"@\r\n")
        self._pass_over(b"@\r\n")

    def _find_step(self) -> None:
        """End whatever stream there is (`SI`), and pass over all lines up to the serial number that was asked for."""
        self.link.write(b"SI\r\n")
        self.link.write(b"I4\r\n")
        self._pass_over(b"SI\r\nI4\r\n")

    def _pass_over(self, sent: bytes) -> None:
        """Read up to the serial number, the last that `sent` is answered by; what comes before may be anything."""
        deadline_s = self.link.clock.now_s() + _RESET_TIMEOUT_S
        other: bytes | None = None
        while (line := self.link.read_line(deadline_s)) is not None:
            if is_reply(line.data, b"I4"):
                self._in_step = True
                return
            if line.data.strip():
                other = line.data
            if self.link.clock.now_s() >= deadline_s:
                break  # an endless talker
        if other is not None and is_foreign(other):
            raise GarbledReplyError(
                self.link.name, "answered no MT-SICS to a reset", sent=sent, seen=other, advice=ADVICE_BAUD
            )
        raise self._silence(sent, _RESET_TIMEOUT_S, other)

    def _silence(self, sent: bytes, timeout_s: float, passed_over: bytes | None) -> InstrumentError:
        unread = self.link.unread
        seen = passed_over or unread
        if unread and b"\n" not in unread:
            return GarbledReplyError(
                self.link.name, f"no whole line within {timeout_s:g} s", sent=sent, seen=unread, advice=ADVICE_BAUD
            )
        return NoReplyError(
            self.link.name,
            f"no answer within {timeout_s:g} s",
            sent=sent,
            seen=seen or b"",
            advice=f"Is it switched on, and is its host interface set to MT-SICS? {ADVICE_BAUD}",
        )


class _Exchange:
    """One conversation's turn, for a `with` statement."""

    __slots__ = ("_talk",)

    def __init__(self, talk: MtSicsTalk) -> None:
        self._talk = talk

    def __enter__(self) -> None:
        talk = self._talk
        talk.link.turn.__enter__()
        try:
            if talk._streams or not talk._in_step:
                talk._reset()
            talk._in_step = False  # until the exchange has ended well
        except BaseException:
            talk.link.turn.end()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        talk = self._talk
        try:
            talk._in_step = error is None or isinstance(error, RefusedError)
            if talk._in_step and talk.wants_stream:
                talk._resume_stream()
        finally:
            talk.link.turn.end()
