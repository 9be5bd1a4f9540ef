"""Packets of New Era syringe pumps: basic and safe mode (NE-1000 manual 1200-01, 10.2 and 10.3).

In basic mode a command ends with a carriage return and a reply stands between STX and ETX; in safe mode both have
length and CRC-16/XMODEM.
"""

from __future__ import annotations

import binascii

from drivers.errors import GarbledReplyError
from drivers.link import Link

STX, ETX = b"\x02", b"\x03"
ADVICE = (
    "Do baud rate (19200 or 9600; 8N1) and pump_address of the rig file agree with the pump's setup menu, and is the"
    " cable in its socket `To Computer`?"
)
_REST_S = 0.2
"""How long the rest of a frame may take whose begin has come."""
_LONGEST_REPLY = 64
_BESIDE_TEXT = 4


def packet(text: bytes, *, safe: bool) -> bytes:
    """Return how a command is sent in a mode."""
    if not safe:
        return text + b"\r"
    return STX + bytes([len(text) + _BESIDE_TEXT]) + text + _crc(text) + ETX


def read_packet(link: Link, deadline_s: float, *, safe: bool | None) -> str | None:
    """Return the text of the next packet in a mode, or in either; None when none is whole by the deadline.

    Raises:
        GarbledReplyError: what came is none.

    """
    line = link.read_until(ETX, deadline_s)
    if line is None:
        return None
    frame = line.data + ETX
    if frame[:1] != STX:
        raise _broken(link, "bytes before a reply", frame)
    is_safe = not frame[1:2].isdigit()
    if safe is not None and is_safe != safe:
        raise _broken(link, f"a reply in {'safe' if is_safe else 'basic'} mode", frame)
    if not is_safe:
        if len(frame) > _LONGEST_REPLY:
            raise _broken(link, "a reply that is too long", frame)
        return frame[1:-1].decode("latin-1")
    return _read_safe(link, frame, deadline_s)


def _read_safe(link: Link, frame: bytes, deadline_s: float) -> str | None:
    """Return the text of a safe frame of which more may be to come: CRC and length can hold what looks like ETX."""
    length = frame[1]
    if not _BESIDE_TEXT < length <= _LONGEST_REPLY:
        raise _broken(link, "a length that no reply has", frame)
    while len(frame) < 1 + length:
        line = link.read_until(ETX, max(deadline_s, link.clock.now_s() + _REST_S))
        if line is None:
            raise _broken(link, "a packet that is cut short", frame)
        frame += line.data + ETX
    text = frame[2:-3]
    if len(frame) != 1 + length or frame[-3:-1] != _crc(text):
        raise _broken(link, "a packet with a wrong length or checksum", frame)
    return text.decode("latin-1")


def _crc(text: bytes) -> bytes:
    return binascii.crc_hqx(text, 0).to_bytes(2, "big")


def _broken(link: Link, what: str, seen: bytes) -> GarbledReplyError:
    return GarbledReplyError(link.name, f"sent {what}", seen=seen, advice=ADVICE)
