"""Frames of the Keller bus: address, function, data and a CRC-16/MODBUS whose high byte comes first.

As the description of the communication protocol for Series 30 transmitters has it (sections 3 and 5). An answer has the
address and function of its request, or the function with its highest bit set and one byte that tells the error.
"""

from __future__ import annotations

OVERHEAD = 4
"""Address, function and CRC."""
ERROR_BIT = 0x80
ERRORS = {
    1: "does not have the function",
    2: "does not have the channel or parameter",
    3: "found the message's length or data wrong",
    4: "has no valid value",
    32: "was not initialised since it was switched on",
}
NOT_INITIALISED = 32


def crc(data: bytes) -> bytes:
    """Return the two bytes of the checksum of `data`, in the order in which they are sent."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return bytes((value >> 8, value & 0xFF))


def frame(address: int, function: int, data: bytes = b"") -> bytes:
    """Return a whole frame."""
    body = bytes((address, function)) + data
    return body + crc(body)
