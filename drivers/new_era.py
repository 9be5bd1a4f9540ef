"""The conversation with a New Era syringe pump: commands, replies, and the rule that an alarm takes a reply's place.

By the NE-1000 manual 1200-01 (10.2, 10.3), the NE-1600 and NE-4000 manuals pp. 33-35 and the NE-9000 manual p. 48.
Packets are those of `drivers/new_era_packets.py`. The pump tells a pending alarm in reply to any command, which
acknowledges it: the command was then not obeyed, and is sent again. In safe mode it tells an alarm by itself, too,
which acknowledges nothing.

Replies do not name the command that they answer. So one is asked at a time, whatever comes beside the one reply puts
the session out of step, and a session that is out of step first asks for the version, whose answer it knows.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from drivers.errors import GarbledReplyError, InstrumentError, NoReplyError, RefusedError
from drivers.link import Link
from drivers.new_era_packets import ADVICE, ETX, packet, read_packet
from drivers.quiet_line import let_quiet

REPLY_S = 1.0
_QUIET_S = 0.6
"""Silence after which nothing of an earlier exchange is expected; longer than the pump's 0.5 s between two bytes."""
_STEP_LIMIT_S = 8.0
_AFTER_ALARM_S = 0.3
"""In safe mode an alarm that was told unasked is followed within this time by the reply that acknowledges it."""
_AFTER_REPLY_S = 0.05
_ATTEMPTS = 5
_REPLY_FORM = re.compile(r"([0-9]{2})(?:A\?([RSTEO])|([IWSPTUX]))([\x20-\x7e]*)\Z")
_VERSION_FORM = re.compile(r"[A-Z][\x21-\x7e]*V[0-9][\x21-\x7e]*\Z")
_ERRORS = {
    "?": "does not know the command",
    "?NA": "cannot do that now",
    "?OOR": "says that a value is out of range",
    "?COM": "received damaged packets",
    "?IGN": "ignored the command because a phase of its program began",
}
_AGAIN = ("?COM", "?IGN")
"""Refusals of a command that was not obeyed and may be sent again."""


class Reply(NamedTuple):
    """What the pump is doing, by its letter, and the data that it sent."""

    status: str
    data: str


class HeardAlarm(NamedTuple):
    """An alarm by its letter, and when it came."""

    letter: str
    time_s: float


class NewEraSession:
    """One pump's conversation. Every method is called within the caller's turn at the link.

    Args:
        link: the byte channel.
        address: the pump's network address.
        reply_s: how long a reply may take.

    """

    def __init__(self, link: Link, address: int, reply_s: float = REPLY_S) -> None:
        self.link = link
        self.name = link.name
        self.safe = False
        self.version = ""
        self.heard_s = -1e9
        """When the pump last answered."""
        self.alarms: list[HeardAlarm] = []
        """Alarms that nobody has taken in yet."""
        self._clock = link.clock
        self._address = address
        self._reply_s = reply_s
        self._in_step = False
        self._announced = ""

    def open(self) -> None:
        """Find out the pump's mode and version.

        Raises:
            NoReplyError: nothing answers at this baud rate and address.
            GarbledReplyError: what answers is no such pump.

        """
        self._find_step()

    def ask(self, command: str, allow: tuple[str, ...] = ()) -> Reply:
        """Send a command until it was obeyed or refused; return the reply.

        Args:
            command: without address, such as `RAT10.00UH`.
            allow: refusals that are returned as data, such as `?NA`.

        Raises:
            RefusedError: the pump refuses it, or never stops to tell alarms.
            NoReplyError: the pump does not answer.
            GarbledReplyError: what came is no reply of this pump.

        """
        self._absorb()
        if not self._in_step:
            self._find_step()
        for _ in range(_ATTEMPTS):
            reply = self._exchange(command)
            if reply is not None and reply.data not in _AGAIN:
                break
        else:
            told = f"{_ERRORS[reply.data]} again and again" if reply is not None else "tells one alarm after another"
            raise RefusedError(self.name, told, sent=self._text(command).encode())
        if reply.data.startswith("?") and reply.data not in allow:
            problem = _ERRORS.get(reply.data, f"answered {reply.data}")
            raise RefusedError(self.name, problem, sent=self._text(command).encode(), seen=reply.data.encode())
        return reply

    def set_mode(self, timeout_s: int) -> None:
        """Set safe mode with its time-out in s (1 to 255), or basic mode (0), and read it back.

        The reply may come in either mode: no manual says when the pump changes over.

        Raises:
            InstrumentError: it does not take the mode, or does not answer.

        """
        command = f"SAF{timeout_s}"
        self.ask("")  # nothing is pending now that would take the reply's place
        self._in_step = False
        self._send(command)
        reply = self._parse(self._frame(command, any_mode=True), command)
        if reply is None or reply.data:
            seen = reply.data if reply is not None else self.alarms[-1].letter
            raise self.garbled("does not take the mode", command, seen)
        self.safe = timeout_s > 0
        self._in_step = True
        found = self.ask("SAF").data
        if not found.isdecimal() or int(found) != timeout_s:
            raise self.garbled("is in another mode than it was set to", "SAF", found)

    def garbled(self, what: str, command: str, seen: str) -> GarbledReplyError:
        """Make the error for a reply that does not belong to its command; the session is then out of step."""
        self._in_step = False
        sent = self._text(command).encode()
        return GarbledReplyError(self.name, what, sent=sent, seen=seen.encode("latin-1"), advice=ADVICE)

    # -- one exchange

    def _text(self, command: str) -> str:
        return f"{self._address}{command}"

    def _send(self, command: str) -> None:
        text = self._text(command).encode("ascii")
        self.link.write(packet(text, safe=self.safe))

    def _exchange(self, command: str) -> Reply | None:
        """Send a command; return its reply, or None where an alarm took its place."""
        self._in_step = False
        self._send(command)
        announced = self._announced
        reply = self._parse(self._frame(command), command)
        if reply is None and self.safe and not announced:
            self._await_acknowledgement(command)
        self._in_step = True  # what came beside the one reply is looked at before the next command
        return reply

    def _await_acknowledgement(self, command: str) -> None:
        """Take the second of two alarms, where the first was told unasked while the command was on its way."""
        frame = read_packet(self.link, self._clock.now_s() + _AFTER_ALARM_S, safe=True)
        if frame is not None and self._reply_in(frame, command).letter != self.alarms[-1].letter:
            raise self.garbled("told an alarm and then something else", command, frame)

    def _absorb(self) -> None:
        """Look at what came unasked: alarms in safe mode; anything else means that the session is out of step."""
        try:
            while (frame := read_packet(self.link, self._clock.now_s() - 1.0, safe=self.safe)) is not None:
                letter = self._reply_in(frame, "").letter if self.safe else ""
                if not letter:
                    self._in_step = False
                    return
                self._note(letter)
                self._announced = letter
        except GarbledReplyError:
            self._in_step = False
        if not self.safe and self.link.unread:
            self._in_step = False

    def _parse(self, frame: str, command: str) -> Reply | None:
        """Return the reply in a frame; None for an alarm, which is noted."""
        found = self._reply_in(frame, command)
        self.heard_s = self._clock.now_s()
        if not found.letter:
            return Reply(found.status, found.data)
        if found.data:  # `A?S?COM`: the alarm is still pending
            return Reply("A", found.data)
        if found.letter == self._announced:
            self._announced = ""
        else:
            self._note(found.letter)
        return None

    def _note(self, letter: str) -> None:
        self.alarms.append(HeardAlarm(letter, self._clock.now_s()))

    def _reply_in(self, frame: str, command: str) -> _Parsed:
        match = _REPLY_FORM.match(frame)
        if match is None:
            raise self.garbled("sent no reply of such a pump", command, frame)
        if int(match[1]) != self._address:
            raise self.garbled(
                f"the pump at address {int(match[1])} answered for the one at {self._address}", command, frame
            )
        return _Parsed(match[2] or "", match[3] or "", match[4])

    # -- bytes

    def _frame(self, command: str, *, any_mode: bool = False) -> str:
        """Return the text of the next frame.

        Raises:
            NoReplyError: none came in time.
            GarbledReplyError: what came is none.

        """
        try:
            deadline_s = self._clock.now_s() + self._reply_s
            text = read_packet(self.link, deadline_s, safe=None if any_mode else self.safe)
        except GarbledReplyError as error:
            sent = self._text(command).encode()
            raise GarbledReplyError(self.name, error.problem, sent=sent, seen=error.seen, advice=ADVICE) from None
        if text is not None:
            return text
        sent, seen = self._text(command).encode(), self.link.unread
        if seen:
            problem = f"no whole reply within {self._reply_s:g} s"
            raise GarbledReplyError(self.name, problem, sent=sent, seen=seen, advice=ADVICE)
        raise NoReplyError(self.name, f"no reply within {self._reply_s:g} s", sent=sent, seen=b"", advice=ADVICE)

    # -- getting into step

    def _find_step(self) -> None:
        """Wait until nothing of earlier exchanges comes any more, find the mode, and ask for the version."""
        deadline_s = self._clock.now_s() + _STEP_LIMIT_S
        failure: InstrumentError = NoReplyError(
            self.name, "no reply, neither in basic nor in safe mode", sent=self._text("VER").encode(), advice=ADVICE
        )
        for safe in (self.safe, not self.safe, self.safe):
            self.safe = safe
            try:
                let_quiet(self.link, ETX, _QUIET_S, deadline_s, ADVICE)
                self._ask_version(deadline_s)
            except NoReplyError:
                continue
            except GarbledReplyError as error:
                failure = error
                if self._clock.now_s() >= deadline_s:
                    break
                continue
            self._in_step = True
            return
        raise failure

    def _ask_version(self, deadline_s: float) -> None:
        """Ask for the version until it comes; a known one must come again."""
        found = ""
        for _ in range(_ATTEMPTS):
            self._send("VER")
            reply = self._parse(self._frame("VER"), "VER")
            if reply is None:
                continue
            found = reply.data
            if found == self.version or (not self.version and _VERSION_FORM.match(found)):
                break
            let_quiet(self.link, ETX, _QUIET_S, deadline_s, ADVICE)
        else:
            raise self.garbled("does not tell its version", "VER", found)
        if self.link.read_until(ETX, self._clock.now_s() + _AFTER_REPLY_S) is not None or self.link.unread:
            raise self.garbled("sends more than it is asked for", "VER", found)
        self.version = found
        self._announced = ""


class _Parsed(NamedTuple):
    letter: str
    status: str
    data: str
