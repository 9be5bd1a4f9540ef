"""The Keller transmitter, byte for byte as the description of its protocol and a client's recorded frames have it."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest

from bench.twin.emulators.keller import Keller, Options


def framed(*body: int) -> bytes:
    """Return a frame, its checksum by another way than the emulator's: the polynomial's remainder, reflected."""
    register = 0xFFFF
    for byte in body:
        for bit in range(8):
            feedback = (register ^ byte >> bit) & 1
            register = register >> 1 ^ (0xA001 if feedback else 0)
    return bytes(body) + bytes((register >> 8, register & 0xFF))


class Bench:
    def __init__(self, **options: Any) -> None:
        self.kpa = 101.3250
        self.sent = b""
        self.keller = Keller(self.send, self, lambda _: (23.5, 1000.0, 50.0), Options(**({"echo": False} | options)))

    def send(self, data: bytes, due_s: float) -> None:  # noqa: ARG002
        self.sent += data

    def pressure_kpa(self, time_s: float) -> float:  # noqa: ARG002
        return self.kpa

    def say(self, data: bytes, time_s: float = 0.0) -> bytes:
        self.sent = b""
        self.keller.receive(data, time_s)
        return self.sent

    def begun(self) -> Bench:
        self.say(b"\x01\x30\x34\x00")
        return self


@pytest.mark.parametrize(
    ("body", "whole"),
    [
        ((1, 48), b"\x01\x30\x34\x00"),
        ((1, 73, 1), b"\x01\x49\x01\x50\xd6"),
        ((250, 73, 1), bytes((250, 73, 1, 161, 167))),
        ((250, 48), bytes((250, 48, 4, 67))),
        ((2, 48), b"\x02\x30\xc4\x00"),
    ],
)
def test_the_manual_s_own_frames_are_framed_so(body: tuple[int, ...], whole: bytes) -> None:
    assert framed(*body) == whole


def test_it_is_initialised_first() -> None:
    bench = Bench()
    assert bench.say(b"\x01\x49\x01\x50\xd6") == framed(1, 0xC9, 32)
    assert bench.say(b"\x01\x30\x34\x00") == framed(1, 48, 5, 20, 12, 28, 10, 0)
    assert bench.say(b"\x01\x30\x34\x00") == framed(1, 48, 5, 20, 12, 28, 10, 1)


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (framed(1, 69), framed(1, 69, *(110477).to_bytes(4, "big"))),
        (framed(1, 73, 1), framed(1, 73, *struct.pack(">f", 1.01325), 0)),
        (framed(250, 73, 1), framed(250, 73, *struct.pack(">f", 1.01325), 0)),
        (framed(1, 73, 4), framed(1, 73, *struct.pack(">f", 23.5), 0)),
        (framed(1, 73, 2), framed(1, 73, *struct.pack(">f", math.nan), 4)),
        (framed(1, 74, 1), framed(1, 74, *(101320).to_bytes(4, "big"), 0)),
        (framed(1, 74, 4), framed(1, 74, *(2350).to_bytes(4, "big"), 0)),
        (framed(1, 74, 2), framed(1, 74 | 128, 4)),
        (framed(1, 73, 6), framed(1, 73 | 128, 2)),
        (framed(1, 73), framed(1, 73 | 128, 3)),
        (framed(1, 48, 0), framed(1, 48 | 128, 3)),
        (framed(1, 3, 0, 0, 0, 1), framed(1, 3 | 128, 1)),
        (framed(250, 66, 0), framed(250, 66, 1)),
        (framed(1, 30, 81), framed(1, 30, *struct.pack(">f", 5.0))),
        (framed(1, 32, 3), framed(1, 32, 0)),
        (framed(1, 32, 14), framed(1, 32 | 128, 2)),
        (framed(1, 100, 2), framed(1, 100, 0, 0, 0, 0, 0)),
        (framed(1, 95, 5), framed(1, 95 | 128, 2)),
        (framed(2, 69), b""),
        (b"\x01\x49\x01\x50\xd7", b""),
        (b"\x01\x49\x01", b""),
    ],
)
def test_conversation(sent: bytes, received: bytes) -> None:
    assert Bench().begun().say(sent, 1.0) == received


def test_the_adapter_hears_what_is_sent_to_whomever() -> None:
    bench = Bench(echo=True)
    assert bench.say(b"\x01\x30\x34\x00") == b"\x01\x30\x34\x00" + framed(1, 48, 5, 20, 12, 28, 10, 0)
    assert bench.say(framed(2, 69), 1.0) == framed(2, 69)


def test_another_address_zero_and_coefficient_hold() -> None:
    bench = Bench().begun()
    assert bench.say(framed(1, 66, 7), 1.0) == framed(1, 66, 7)
    assert bench.say(framed(1, 69), 2.0) == b""
    assert bench.say(framed(7, 95, 0), 3.0) == framed(7, 95, 0)
    assert struct.unpack(">f", bench.say(framed(7, 73, 1), 4.0)[2:6])[0] == pytest.approx(0.0, abs=1e-6)
    bench.say(framed(7, 95, 0, *struct.pack(">f", 1.5)), 5.0)
    assert struct.unpack(">f", bench.say(framed(7, 73, 1), 6.0)[2:6])[0] == pytest.approx(1.5)
    bench.say(framed(7, 95, 1), 7.0)
    assert struct.unpack(">f", bench.say(framed(7, 73, 1), 8.0)[2:6])[0] == pytest.approx(1.01325)
    bench.say(framed(7, 31, 65, *struct.pack(">f", 2.1)), 9.0)
    assert bench.say(framed(7, 30, 65), 10.0) == framed(7, 30, *struct.pack(">f", 2.1))


@pytest.mark.parametrize(("reference", "bar"), [("gauge", 1.01325), ("absolute", 2.01325), ("sealed gauge", 1.01325)])
def test_what_it_measures_from(reference: str, bar: float) -> None:
    seen = Bench(reference=reference).begun().say(framed(1, 73, 1), 1.0)
    assert struct.unpack(">f", seen[2:6])[0] == pytest.approx(bar)


def test_beyond_its_range_it_says_so() -> None:
    bench = Bench(full_scale_bar=0.5).begun()
    assert bench.say(framed(1, 73, 1), 1.0) == framed(1, 73, *struct.pack(">f", math.inf), 2)


def test_half_a_frame_is_forgotten_after_a_pause() -> None:
    bench = Bench().begun()
    assert bench.say(b"\x01\x49", 1.0) == b""
    assert bench.say(b"\x01\x50\xd6", 1.01) != b""
    assert bench.say(b"\x01\x49", 2.0) == b""
    assert bench.say(b"\x01\x50\xd6", 2.1) == b""
    assert bench.say(b"\x01\x49\x01\x50\xd6", 2.2) != b""


def test_after_a_failure_of_its_supply_it_is_initialised_again() -> None:
    bench = Bench(restarts_at_s=10.0).begun()
    assert bench.say(framed(1, 69), 9.0)[1] == 69
    assert bench.say(framed(1, 69), 11.0) == framed(1, 69 | 128, 32)
