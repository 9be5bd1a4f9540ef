"""The protocol of Alaris Asena, GH and CC syringe pumps: frames, and the one reply that belongs to a request.

A frame is `!payload|CRC` and a carriage return, the CRC is CRC-16/CCITT-FALSE in four upper-case hexadecimal digits,
fields of the payload stand between `^`, an escape character ends a frame before its time. So say two public clients
(infupy `backends/alaris.py`, OpenICE `Asena.java`) and frames that the latter recorded from pumps; the maker's protocol
document was not at hand, and no such pump was.

A reply begins with the name of its request. Since the same request is made again and again, that alone does not tell a
late reply from the right one: after a time-out, or when more came than was asked for, the session first asks for the
protocol's version, whose reply comes after everything that was still on its way.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence

from drivers.errors import GarbledReplyError, NoReplyError
from drivers.link import Link

REPLY_S = 1.0
"""How long a reply may take; infupy gives half of it."""
_ATTEMPTS = 2
_STEP_ATTEMPTS = 3
_STEP_LIMIT_S = 6.0
_AFTER_REPLY_S = 0.05
_MOST_FRAMES = 50
"""That are read while one reply is awaited."""
_PAYLOAD = re.compile(rb"[A-Z][A-Z0-9_]*(?:\^[\x20-\x7b\x7d\x7e]*)?\Z")
ADVICE = "Is it an Alaris Asena, GH or CC on its RS-232 line, set to 38400 8N1, and no other program talking to it?"


class AlarisSession:
    """One pump's conversation. Every method is called within the caller's turn at the link."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.name = link.name
        self.version = ""
        """What the pump calls its protocol, such as `Asena Rev 2.1.5`."""
        self._clock = link.clock
        self._in_step = False

    def open(self) -> None:
        """Find out whether such a pump answers.

        Raises:
            NoReplyError: nothing does.
            GarbledReplyError: something else does.

        """
        self._find_step()

    def ask(self, name: str, *fields: str) -> list[str]:
        """Send a request and return the fields of its reply behind the name.

        It is sent again where its reply is lost or damaged; every request of these pumps may be.

        Raises:
            NoReplyError: the pump does not answer it.
            GarbledReplyError: what came is no reply of such a pump.

        """
        failure: NoReplyError | GarbledReplyError | None = None
        for _ in range(_ATTEMPTS):
            if not self._in_step or self._heard_unasked():
                self._find_step()
            try:
                return self._exchange(name, fields)
            except (NoReplyError, GarbledReplyError) as error:
                failure = error
        raise failure or self.garbled("was not asked", name)

    def garbled(self, what: str, name: str, *seen: str) -> GarbledReplyError:
        """Make the error for a reply that says what it cannot; the session is then out of step."""
        self._in_step = False
        fields = "^".join(seen).encode("latin-1")
        return GarbledReplyError(self.name, what, sent=name.encode(), seen=fields, advice=ADVICE)

    # -- one exchange

    def _exchange(self, name: str, fields: Sequence[str]) -> list[str]:
        self._in_step = False
        sent = frame("^".join([name, *fields]).encode("ascii"))
        self.link.write(sent)
        found = self._await(name, sent)
        self._in_step = True
        return found

    def _await(self, name: str, sent: bytes) -> list[str]:
        """Return the fields of the reply called `name`; pass over others and over what is damaged."""
        deadline_s = self._clock.now_s() + REPLY_S
        seen = b""
        for _ in range(_MOST_FRAMES):
            line = self.link.read_until(b"\r", deadline_s)
            if line is None:
                break
            payload = payload_in(line.data)
            if payload is None:
                seen = line.data
                continue
            found, *fields = payload.decode("ascii").split("^")
            if found == name:
                return fields
            seen = line.data
        if seen:
            raise GarbledReplyError(self.name, "sent no reply to that", sent=sent, seen=seen, advice=ADVICE)
        problem = f"does not answer within {REPLY_S:g} s"
        raise NoReplyError(self.name, problem, sent=sent, seen=self.link.unread, advice=ADVICE)

    # -- getting back into step

    def _heard_unasked(self) -> bool:
        """Return whether anything has come since the last reply: it would be taken for the next one."""
        try:
            return self.link.read_until(b"\r", self._clock.now_s() - 1.0) is not None or bool(self.link.unread)
        except GarbledReplyError:
            return True

    def _find_step(self) -> None:
        """Ask for the protocol's version until only that comes; a known one must come again."""
        deadline_s = self._clock.now_s() + _STEP_LIMIT_S
        failure: NoReplyError | GarbledReplyError | None = None
        for _ in range(_STEP_ATTEMPTS):
            if failure is not None and self._clock.now_s() >= deadline_s:
                break
            self.link.discard_input()
            try:
                self._ask_version()
                return
            except (NoReplyError, GarbledReplyError) as error:
                failure = error
        raise failure or self.garbled("was not asked", "COMMS_PROTOCOL")

    def _ask_version(self) -> None:
        fields = self._exchange("COMMS_PROTOCOL", ())
        if len(fields) != 1 or not fields[0].strip():
            raise self.garbled("does not tell its protocol", "COMMS_PROTOCOL", *fields)
        if self.version and fields[0] != self.version:
            raise self.garbled(f"speaks another protocol than {self.version!r}", "COMMS_PROTOCOL", *fields)
        if self.link.read_until(b"\r", self._clock.now_s() + _AFTER_REPLY_S) is not None or self.link.unread:
            raise self.garbled("sends more than it is asked for", "COMMS_PROTOCOL", *fields)
        self.version = fields[0]


def crc(data: bytes) -> str:
    """Return the checksum of some bytes as it stands in a frame."""
    return f"{binascii.crc_hqx(data, 0xFFFF):04X}"


def frame(payload: bytes) -> bytes:
    """Return what is sent for a payload."""
    return b"!" + payload + b"|" + crc(payload).encode() + b"\r"


def payload_in(line: bytes) -> bytes | None:
    """Return the payload of the last frame in what came before a carriage return; None where it is damaged."""
    begin = line.rfind(b"!")
    payload, _, digits = line[begin + 1 :].rpartition(b"|")
    sound = begin >= 0 and _PAYLOAD.match(payload) is not None and digits == crc(payload).encode()
    return payload if sound else None
