"""Packets of the New Era pumps: basic and safe mode (NE-1000 manual 1200-01, 10.2; NE-1600 manual p. 34).

Basic: text up to a carriage return, spaces and control characters stripped, in upper case. Safe: STX, length (of what
remains, itself included), text, CRC-16 (0x1021, from 0, high byte first) over the text, ETX. In basic mode a safe
packet that sets the mode is understood as well: a host cannot know in which mode it finds the pump. That it sets safe
mode, too, is what nesp-lib expects; no manual says so.
"""

from __future__ import annotations

import re
from typing import NamedTuple

STX, ETX, CR = 0x02, 0x03, 0x0D
INTER_BYTE_S = 0.5
"""A packet in whose middle nothing comes for so long is discarded."""

_POLYNOMIAL = 0x1021
_BESIDE_TEXT = 4
"""What the length counts beside the text: itself, two bytes of CRC, and ETX."""
_TEXT_LIMIT = 250
_SETS_MODE = re.compile(r"(?:\*|[0-9]{1,2})?SAF([0-9]{1,3})\Z")
_MODE_LENGTHS = range(7, 13)
"""Lengths of packets that set the mode; after a stray STX in basic mode, anything else is text."""


class Packet(NamedTuple):
    """What came: its text, whether in a safe packet, and whether that was valid."""

    text: str
    safe: bool
    valid: bool = True

    @property
    def asks_for_safe(self) -> bool | None:
        """The mode that a safe packet sets, in which its answer is expected; None for any other packet."""
        match = _SETS_MODE.match(self.text) if self.safe else None
        return int(match[1]) > 0 if match else None


class Receiver:
    """Cuts the host's bytes into packets. `safe` is the mode, to be set from outside."""

    def __init__(self) -> None:
        self.safe = False
        self._text = bytearray()
        self._packet: bytearray | None = None
        self._last_s = 0.0

    def forget(self) -> None:
        """Forget half a packet."""
        self._text.clear()
        self._packet = None

    def take(self, byte: int, time_s: float) -> Packet | None:
        """Take one byte; return the packet that it ends, if it ends one."""
        if self._packet is not None and time_s - self._last_s >= INTER_BYTE_S:
            self._packet = None
        self._last_s = time_s
        if self._packet is not None:
            return self._take_in_packet(self._packet, byte)
        if byte == STX:
            self._packet = bytearray()
            return None
        return None if self.safe else self._take_text(byte)

    def _take_text(self, byte: int) -> Packet | None:
        if byte == CR:
            text = stripped(bytes(self._text))
            self._text.clear()
            return Packet(text, safe=False)
        if len(self._text) < _TEXT_LIMIT:  # an endless line is no command anyway
            self._text.append(byte)
        return None

    def _take_in_packet(self, packet: bytearray, byte: int) -> Packet | None:
        if not packet and not (self.safe or byte in _MODE_LENGTHS):
            self._packet = None
            return self._take_text(byte)
        packet.append(byte)
        if len(packet) < max(packet[0], 1):
            return None
        self._packet = None
        text = _checked(packet)
        if self.safe:
            return Packet(text or "", safe=True, valid=text is not None)
        if text is None or _SETS_MODE.match(text) is None:
            return None
        self._text.clear()
        return Packet(text, safe=True)


def _checked(packet: bytearray) -> str | None:
    """Return the text of a whole packet behind its STX; None where it is damaged."""
    if len(packet) < _BESIDE_TEXT or packet[-1] != ETX:
        return None
    text = bytes(packet[1:-3])
    return stripped(text) if int.from_bytes(packet[-3:-1], "big") == crc(text) else None


def stripped(text: bytes) -> str:
    """Return text in upper case without spaces and control characters."""
    return "".join(chr(byte) for byte in text if byte > 0x20 and byte != 0x7F).upper()


def crc(text: bytes) -> int:
    """Return the CRC-16 of some text."""
    value = 0
    for byte in text:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1) ^ (_POLYNOMIAL if value & 0x8000 else 0)
        value &= 0xFFFF
    return value


def framed(text: str, *, safe: bool) -> bytes:
    """Return what the pump sends: in basic mode text between STX and ETX, with no line end."""
    data = text.encode("latin-1")
    if not safe:
        return bytes([STX, *data, ETX])
    return bytes([STX, len(data) + _BESIDE_TEXT, *data, *crc(data).to_bytes(2, "big"), ETX])
