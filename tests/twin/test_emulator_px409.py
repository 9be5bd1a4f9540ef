"""The Omega transducer, byte for byte as its command reference and its clients have it."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest

from bench.twin.emulators.px409 import Options, Px409


class Bench:
    def __init__(self, **options: Any) -> None:
        self.kpa = 101.3250
        self.sent: list[tuple[float, bytes]] = []
        self.transducer = Px409(
            lambda data, due_s: self.sent.append((due_s, data)), self, lambda _: 100.0, Options(**options)
        )

    def pressure_kpa(self, time_s: float) -> float:  # noqa: ARG002
        return self.kpa

    def say(self, data: bytes, time_s: float = 0.0) -> bytes:
        self.sent.clear()
        self.transducer.receive(data, time_s)
        return b"".join(data for _, data in self.sent)


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (b"P\r", b"14.6959 psi G\r\n>"),
        (b"P\r\n", b"14.6959 psi G\r\n>"),
        (b"SNR\r", b"SNR = 487740\r\n>"),
        (b"ENQ\r", b"PX409-USBH simulated\r\n1.0.0-twin\r\n0.0 to 50.0 psi G\r\n>"),
        (b"p\r", b"\r\n@p unsupported\r\n>"),
        (b"snr\r", b"\r\n@snr unsupported\r\n>"),
        (b"P \r", b"\r\n@P  unsupported\r\n>"),
        (b"*IDN?\n\r", b"\r\n@*IDN? unsupported\r\n>"),
        (b"RATE 8\r", b"RATE = 8\r\n>"),
        (b"RATE 9\r", b"\r\n@RATE 9 unsupported\r\n>"),
        (b"AVG 3\r", b"\r\n@AVG 3 unsupported\r\n>"),
        (b"IFILTER\r", b"IFILTER = 0\r\n>"),
        (b"PS\r", b">"),
        (b"SN", b""),
    ],
)
def test_conversation(sent: bytes, received: bytes) -> None:
    assert Bench().say(sent) == received


def test_a_command_before_the_prompt_is_back_is_refused() -> None:
    bench = Bench()
    assert bench.say(b"P\rSNR\r") == b"14.6959 psi G\r\n>\r\n@SNR unsupported\r\n>"
    assert bench.say(b"SNR\r", 0.007) == b"\r\n@SNR unsupported\r\n>"
    assert bench.say(b"SNR\r", 0.1) == b"SNR = 487740\r\n>"


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"unit": "kPa"}, b"101.325 kPa G\r\n>"),
        ({"unit": "bar"}, b"1.01325 bar G\r\n>"),
        ({"unit": "hPa", "full_scale": 3000.0}, b"1013.25 hPa G\r\n>"),
        ({"unit": "kPa", "reference": "A", "full_scale": 400.0}, b"201.325 kPa A\r\n>"),
        ({"unit": "kPa", "full_scale": 50.0}, b"55.000 kPa G\r\n>"),
    ],
)
def test_unit_reference_and_range(options: dict[str, Any], shown: bytes) -> None:
    assert Bench(**({"full_scale": 500.0} | options)).say(b"P\r") == shown


def test_it_is_silent_until_it_has_started() -> None:
    bench = Bench(starts_after_s=6.0)
    assert bench.say(b"ENQ\r", 5.9) == b""
    assert bench.say(b"SNR\r", 6.0) == b"SNR = 487740\r\n>"


def test_a_stream_of_packets_runs_until_ps() -> None:
    bench = Bench()
    bench.kpa = 0.0
    bench.say(b"RATE 1\r")
    assert bench.say(b"PC\r", 1.0) == b""
    assert bench.transducer.next_event_s() == pytest.approx(1.1)
    bench.transducer.run_until(1.35)
    assert [due_s for due_s, _ in bench.sent] == pytest.approx([1.1, 1.2, 1.3])
    assert {data for _, data in bench.sent} == {b"\xaa\x01\0\0\0\0"}
    assert bench.say(b"P\r", 1.36) == b"\r\n@P unsupported\r\n>"
    assert bench.say(b"PS\r", 1.4) == b">"
    assert bench.transducer.next_event_s() == math.inf


def test_the_sync_byte_is_doubled_within_a_packet() -> None:
    bench = Bench(unit="kPa")
    bench.kpa = struct.unpack("<f", b"\xaa\x00\x00\x40")[0]
    assert bench.say(b"B\r") == b"\xaa\x01\xaa\xaa\x00\x00\x40>"
