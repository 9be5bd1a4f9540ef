"""Frames of Alaris Asena syringe pumps: `!payload|CRC` and a carriage return, both ways.

The CRC is CRC-16/CCITT-FALSE of the payload, in four upper-case hexadecimal digits; `^` stands between fields; an
escape character ends a frame before its time (as infupy and OpenICE have it). What the pump makes of a damaged frame is
not known: here it keeps silent.
"""

from __future__ import annotations

START, END, ESCAPE = 0x21, 0x0D, 0x1B
_LONGEST = 256
_CRC_DIGITS = 4


class Receiver:
    """Puts frames together, byte by byte."""

    def __init__(self) -> None:
        self._frame: bytearray | None = None

    def forget(self) -> None:
        """Drop what has come of a frame."""
        self._frame = None

    def take(self, byte: int) -> list[str] | None:
        """Take a byte; return the fields of the frame that it ends, where its CRC is right."""
        if byte == START:
            self._frame = bytearray()
        elif byte == ESCAPE or (self._frame is not None and len(self._frame) >= _LONGEST):
            self._frame = None
        elif self._frame is not None and byte != END:
            self._frame.append(byte)
        elif self._frame is not None:
            frame, self._frame = bytes(self._frame), None
            return _checked(frame)
        return None


def _checked(frame: bytes) -> list[str] | None:
    payload, bar, digits = frame.rpartition(b"|")
    if not bar or len(digits) != _CRC_DIGITS or digits != f"{crc(payload):04X}".encode():
        return None
    return payload.decode("latin-1").split("^")


def crc(data: bytes) -> int:
    """Return the CRC-16 of some bytes: polynomial 0x1021, from 0xFFFF, neither reflected nor inverted."""
    value = 0xFFFF
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1) ^ (0x1021 if value & 0x8000 else 0)
        value &= 0xFFFF
    return value


def framed(fields: list[str]) -> bytes:
    """Return the frame with some fields."""
    payload = "^".join(fields).encode("latin-1")
    return bytes([START]) + payload + f"|{crc(payload):04X}".encode() + bytes([END])
