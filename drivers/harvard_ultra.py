r"""The conversation with a Harvard Protocol 11 pump: commands, replies, prompts, and getting into step.

By the PHD ULTRA manual 5419-002 p. 83, the KDS Legato manuals 5617-006 pp. 51-52 and 5617-002 p. 58, and Allegro
5613-004 p. 57 (errors). A reply is lines `\n[NN:]text\r`, then `\n[NN]prompt` with nothing behind the prompt. So poll
mode is set, which puts XON there and lets the pump say nothing unasked; public clients tell of it, no manual page at
hand does. A pump at another address than 0 puts that before each line and prompt, one at address 0 does or does not.

Replies do not name the command that they answer. So one is asked at a time, whatever comes beside the one reply puts
the session out of step, and a session that is out of step waits for silence and asks for the version, which it knows.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Literal, NamedTuple

from drivers.errors import GarbledReplyError, InstrumentError, NoReplyError, RefusedError
from drivers.link import Link
from drivers.quiet_line import let_quiet

XON = b"\x11"
REPLY_S = 1.0
RUNNING = (">", "<")
_QUIET_S = 0.4
"""Silence after which nothing of an earlier exchange is expected."""
_STEP_LIMIT_S = 8.0
_ATTEMPTS = 3
_LONGEST_REPLY = 4096
_PROMPT = rb"(?P<prompt>[:<>]|[<>T]?\*)"
_FRAME = re.compile(
    rb"(?P<lines>(?:\n[\x20-\x7e]*\r)*)\n(?P<number>[0-9]{2})?(?::(?=T?\*\Z))?" + _PROMPT + rb"\Z"
)  # clients of the Pump 11 Elite know `:T*`, which no manual page at hand has
_ERROR = re.compile(r"(Command|Argument|Range) error:(.*)\Z")
ADVICE = (
    "Do baud rate (8N1), pump_address and address_form of the rig file agree with the pump's settings, does its command"
    " set read `Ultra`, and does nothing on the way swallow XON?"
)
_SHOW_RUN = "Is the pump's Quick Start Run screen shown, and does the pump know the command?"

AddressForm = Literal["colon", "plain"]


class Reply(NamedTuple):
    """What the pump does or why it does nothing, by its prompt, and the lines that it sent."""

    prompt: str
    lines: list[str]

    @property
    def text(self) -> str:
        """The only line; empty if there is none, or more than one."""
        return self.lines[0] if len(self.lines) == 1 else ""


class HarvardSession:
    """One pump's conversation. Every method is called within the caller's turn at the link.

    Args:
        link: the byte channel.
        address: the pump's own; 0 is not written.
        form: whether a colon stands between address and command.
        reply_s: how long a reply may take.

    """

    def __init__(self, link: Link, address: int, form: AddressForm, reply_s: float = REPLY_S) -> None:
        self.link = link
        self.name = link.name
        self.version = ""
        """What the pump calls itself, as `PHD ULTRA 3.0.5`."""
        self._clock = link.clock
        self._address = address
        self._prefix = f"{address}{':' if form == 'colon' else ''}" if address else ""
        self._reply_s = reply_s
        self._in_step = False

    def open(self) -> None:
        """Set poll mode, and find out who the pump is.

        Raises:
            NoReplyError: nothing answers at this baud rate and address.
            GarbledReplyError: what answers is no such pump.

        """
        self._find_step()

    def ask(self, command: str) -> Reply:
        """Send a command, such as `irate 10 ul/hr`; return the reply.

        Raises:
            RefusedError: the pump refuses it.
            NoReplyError: the pump does not answer.
            GarbledReplyError: what came is no reply of this pump.

        """
        self._notice_strays()
        if not self._in_step:
            self._find_step()
        return self._exchange(command)

    def shout(self, command: str) -> None:
        """Send a command, whoever hears it, and wait for a reply no longer than one takes."""
        self._in_step = False
        with suppress(InstrumentError):
            self.link.write(self._sent(command))
            self.link.read_until(XON, self._clock.now_s() + self._reply_s)

    def garbled(self, what: str, command: str, reply: Reply) -> GarbledReplyError:
        """Make the error for a reply that does not belong to its command; the session is then out of step."""
        self._in_step = False
        seen = "\n".join([*reply.lines, reply.prompt]).encode()
        return GarbledReplyError(self.name, what, sent=self._sent(command), seen=seen, advice=ADVICE)

    # -- one exchange

    def _sent(self, command: str) -> bytes:
        return f"{self._prefix}{command}\r".encode("ascii")

    def _notice_strays(self) -> None:
        """Be out of step if something came unasked."""
        try:
            stray = self.link.read_until(XON, self._clock.now_s() - 1.0)
        except GarbledReplyError:
            self._in_step = False
            return
        if stray is not None or self.link.unread:
            self._in_step = False

    def _exchange(self, command: str, *, echoed: bool = False) -> Reply:
        """Send a command; return its reply, before which its echo may stand."""
        self._in_step = False
        sent = self._sent(command)
        self.link.write(sent)
        reply = self._parse(self._read(sent), sent, echoed=echoed)
        self._in_step = True  # what came beside it is noticed before the next command
        if reply.lines and (match := _ERROR.match(reply.lines[0])) is not None:
            reason = " ".join(each.strip() for each in reply.lines[1:]) or "no reason told"
            problem = f"{match[1].lower()} error: {reason}"
            seen = "\n".join(reply.lines).encode()
            raise RefusedError(self.name, problem, sent=sent, seen=seen, advice=_SHOW_RUN)
        return reply

    def _read(self, sent: bytes) -> bytes:
        line = self.link.read_until(XON, self._clock.now_s() + self._reply_s)
        if line is not None:
            return line.data
        if (seen := self.link.unread) == b"":
            raise NoReplyError(self.name, f"no reply within {self._reply_s:g} s", sent=sent, seen=b"", advice=ADVICE)
        problem = f"no whole reply within {self._reply_s:g} s"
        raise GarbledReplyError(self.name, problem, sent=sent, seen=seen[:_LONGEST_REPLY], advice=ADVICE)

    def _parse(self, frame: bytes, sent: bytes, *, echoed: bool) -> Reply:
        if echoed and frame.startswith(sent):
            frame = frame[len(sent) :]
        match = _FRAME.match(frame) if len(frame) <= _LONGEST_REPLY else None
        if match is None:
            raise self._unlike("sent no reply of such a pump", sent, frame)
        number = match["number"].decode() if match["number"] else ""
        if int(number or 0) != self._address or (self._address and not number):
            whose = f"the pump at address {int(number)}" if number else "a pump without an address"
            raise self._unlike(f"{whose} answered for the one at {self._address}", sent, frame)
        head = f"{number}:" if number else ""
        lines = [each[1:] for each in match["lines"].decode("ascii").split("\r")[:-1]]
        if not all(each.startswith(head) for each in lines):
            raise self._unlike("sent a line of another address", sent, frame)
        return Reply(match["prompt"].decode(), [each[len(head) :] for each in lines])

    def _unlike(self, what: str, sent: bytes, seen: bytes) -> GarbledReplyError:
        return GarbledReplyError(self.name, what, sent=sent, seen=seen, advice=ADVICE)

    # -- getting into step

    def _find_step(self) -> None:
        """Wait until nothing of earlier exchanges comes any more, set poll mode, and ask for the version."""
        deadline_s = self._clock.now_s() + _STEP_LIMIT_S
        failure: InstrumentError | None = None
        for _ in range(_ATTEMPTS):
            try:
                self.link.write(b"\r")  # ends a command that was cut short, and a screen that was touched
                let_quiet(self.link, XON, _QUIET_S, deadline_s, ADVICE)
                self._exchange("poll on", echoed=True)
                self._exchange("echo off", echoed=True)
                self._ask_version()
            except (NoReplyError, GarbledReplyError) as error:
                failure = failure or error
                if self._clock.now_s() >= deadline_s:
                    break
                continue
            return
        raise failure or NoReplyError(self.name, "was not asked", advice=ADVICE)

    def _ask_version(self) -> None:
        """Ask for the version, which must be the known one; nothing may follow the answer."""
        reply = self._exchange("ver")
        if not reply.text or (self.version and reply.text != self.version):
            raise self.garbled("does not tell its version", "ver", reply)
        if self.link.read_until(XON, self._clock.now_s() + 0.05) is not None or self.link.unread:
            raise self.garbled("sends more than it is asked for", "ver", reply)
        self.version = reply.text
        self._in_step = True
