"""The Numato GPIO module, byte for byte as the facts have it, and what its pins follow."""

from __future__ import annotations

from typing import Any

import pytest

from bench.twin.emulators.numato_gpio import NumatoGpio, Options


class Bench:
    """A module beside a pump that may sound."""

    def __init__(self, **options: Any) -> None:
        self.sounds_since_s: float | None = None
        self.sent = b""
        self.module = NumatoGpio(self.send, self, Options(**options))

    def send(self, data: bytes, due_s: float) -> None:  # noqa: ARG002
        self.sent += data

    def say(self, data: bytes, time_s: float = 0.0) -> bytes:
        self.sent = b""
        self.module.receive(data, time_s)
        return self.sent

    def value(self, command: bytes, time_s: float = 0.0) -> bytes:
        echo, value, prompt = self.say(command + b"\r", time_s).split(b"\n\r")
        assert (echo, prompt) == (command, b">")
        return value


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (b"gpio read 0\r", b"gpio read 0\n\r0\n\r>"),
        (b"gpio readall\r", b"gpio readall\n\r00\n\r>"),
        (b"gpio set 2\rgpio readall\r", b"gpio set 2\n\r>gpio readall\n\r04\n\r>"),
        (b"gpio set 2\rgpio read 2\r", b"gpio set 2\n\r>gpio read 2\n\r0\n\r>"),
        (
            b"gpio iodir 00\rgpio writeall a5\rgpio readall\r",
            b"gpio iodir 00\n\r>gpio writeall a5\n\r>gpio readall\n\ra5\n\r>",
        ),
        (b"gpio iomask ff\r", b"gpio iomask ff\n\r>"),
        (b"gpio notify off\r", b"gpio notify off\n\r>"),
        (b"gpio read 8\r", b"gpio read 8\n\r>"),
        (b"adc read 3\r", b"adc read 3\n\r512\n\r>"),
        (b"adc read 9\r", b"adc read 9\n\r>"),
        (b"ver\r", b"ver\n\r00000001\n\r>"),
        (b"id get\r", b"id get\n\rGPIO0001\n\r>"),
        (b"id set BENCH003\rid get\r", b"id set BENCH003\n\r>id get\n\rBENCH003\n\r>"),
        (b"reset\r", b"reset\n\r>"),
        (b"GPIO read 0\r", b"GPIO read 0\n\r>"),
        (b"\r", b"\n\r>"),
        (b"gpio re", b"gpio re"),
    ],
)
def test_conversation(sent: bytes, received: bytes) -> None:
    assert Bench().say(sent) == received


def test_masks_have_as_many_digits_as_the_module_has_pins() -> None:
    assert Bench(pins=32, contact=20).value(b"gpio readall") == b"00000000"


@pytest.mark.parametrize(("alarm_when", "quiet", "sounding"), [("high", b"0", b"1"), ("low", b"1", b"0")])
def test_the_contact_follows_the_pumps_alarm(alarm_when: str, quiet: bytes, sounding: bytes) -> None:
    bench = Bench(contact=10, pins=16, alarm_when=alarm_when)
    assert bench.value(b"gpio read A") == quiet
    bench.sounds_since_s = 5.0
    assert bench.value(b"gpio read A", 6.5) == sounding
    bench.sounds_since_s = None
    assert bench.value(b"gpio read A", 7.0) == quiet


def test_the_microphone_hears_it_beep() -> None:
    bench = Bench(quiet=60, loud=700, beep="500 ms", pause="1 s")
    assert abs(int(bench.value(b"adc read 1", 1.0)) - 60) <= 12
    bench.sounds_since_s = 10.0
    heard = [int(bench.value(b"adc read 1", 10.0 + 0.25 * step)) > 500 for step in range(8)]
    assert heard == [True, True, False, False, False, False, True, True]
