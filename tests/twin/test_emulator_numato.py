"""The Numato relay board, byte for byte as the facts have it."""

import pytest

from bench.twin.emulators.numato import NumatoRelay


class Bench:
    def __init__(self, *, channel: int = 0, closed_when_energised: bool = True, contact: int | None = None) -> None:
        self.valve: list[tuple[bool, float]] = []
        self.shut = False
        self.sent = b""
        self.relay = NumatoRelay(
            self.send, self, channel=channel, closed_when_energised=closed_when_energised, contact=contact
        )

    def set(self, closed: bool, time_s: float) -> None:
        self.valve.append((closed, time_s))

    def send(self, data: bytes, due_s: float) -> None:  # noqa: ARG002
        self.sent += data

    def say(self, data: bytes, time_s: float = 0.0) -> bytes:
        self.sent = b""
        self.relay.receive(data, time_s)
        return self.sent


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (b"relay read 0\r", b"relay read 0\n\roff\n\r>"),
        (b"relay on 0\r", b"relay on 0\n\r>"),
        (b"relay on 1\rrelay read 1\r", b"relay on 1\n\r>relay read 1\n\ron\n\r>"),
        (b"relay on 1\rrelay off 1\rrelay read 1\r", b"relay on 1\n\r>relay off 1\n\r>relay read 1\n\roff\n\r>"),
        (b"relay writeall 0a\rrelay readall\r", b"relay writeall 0a\n\r>relay readall\n\r0a\n\r>"),
        (b"relay on 9\rrelay readall\r", b"relay on 9\n\r>relay readall\n\r00\n\r>"),
        (b"relay on 0\rreset\rrelay readall\r", b"relay on 0\n\r>reset\n\r>relay readall\n\r00\n\r>"),
        (b"ver\r", b"ver\n\r00000001\n\r>"),
        (b"id get\r", b"id get\n\rTWIN0001\n\r>"),
        (b"id set BENCH003\rid get\r", b"id set BENCH003\n\r>id get\n\rBENCH003\n\r>"),
        (b"gpio set 2\rgpio read 2\r", b"gpio set 2\n\r>gpio read 2\n\r1\n\r>"),
        (b"gpio writeall 0a\rgpio readall\r", b"gpio writeall 0a\n\r>gpio readall\n\r0a\n\r>"),
        (
            b"gpio iomask 03\rgpio writeall ff\rgpio readall\r",
            b"gpio iomask 03\n\r>gpio writeall ff\n\r>gpio readall\n\r03\n\r>",
        ),
        (b"gpio iodir ff\rgpio notify off\r", b"gpio iodir ff\n\r>gpio notify off\n\r>"),
        (b"adc read 0\r", b"adc read 0\n\r512\n\r>"),
        (b"\r", b"\n\r>"),
        (b"hello\r", b"hello\n\r>"),
        (b"relay re", b"relay re"),
    ],
)
def test_conversation(sent: bytes, received: bytes) -> None:
    assert Bench().say(sent) == received


def test_only_its_own_channel_works_the_valve_and_at_the_time_of_the_command() -> None:
    bench = Bench(channel=2)
    bench.say(b"relay on 0\r", 1.0)
    bench.say(b"relay on 2\r", 2.0)
    bench.say(b"relay off 2\r", 3.0)
    bench.say(b"relay writeall 04\r", 4.0)
    bench.say(b"reset\r", 5.0)
    assert bench.valve == [(True, 2.0), (False, 3.0), (True, 4.0), (False, 5.0)]


def test_a_valve_may_be_shut_by_the_released_relay() -> None:
    bench = Bench(closed_when_energised=False)
    bench.say(b"relay on 0\r", 1.0)
    bench.say(b"relay off 0\r", 2.0)
    assert bench.valve == [(True, 0.0), (False, 1.0), (True, 2.0)]


def test_a_contact_at_the_valve_is_an_input_of_the_board() -> None:
    bench = Bench(contact=2)
    assert bench.say(b"gpio read 2\radc read 2\r") == b"gpio read 2\n\r0\n\r>adc read 2\n\r3\n\r>"
    bench.shut = True
    assert bench.say(b"gpio read 2\radc read 2\r") == b"gpio read 2\n\r1\n\r>adc read 2\n\r1019\n\r>"
    assert bench.say(b"gpio set 2\rgpio read 1\r") == b"gpio set 2\n\r>gpio read 1\n\r0\n\r>"
