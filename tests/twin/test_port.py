"""A host reaches an emulated instrument through pyserial, in simulated time."""

import datetime as dt
import math
from collections.abc import Iterator

import pytest
import serial

from bench.clock import SimulatedClock
from bench.twin import port as ports
from bench.twin.hub import Hub
from bench.twin.port import LineSettings, Send

serial.protocol_handler_packages.append("bench.twin.serial_handlers")


class Still:
    """A world in which nothing happens."""

    def next_event_s(self) -> float:
        return math.inf

    def run_until(self, time_s: float) -> None:
        pass


class Parrot:
    """Repeats what it hears 10 ms later, and says `tick` every second on the second once it has heard anything."""

    line = LineSettings(9600)

    def __init__(self, send: Send) -> None:
        self.send = send
        self.heard: list[tuple[float, bytes]] = []
        self.next_s = math.inf

    def receive(self, data: bytes, time_s: float) -> None:
        self.heard.append((time_s, data))
        self.send(data, time_s + 0.01)
        self.next_s = math.floor(time_s) + 1.0

    def next_event_s(self) -> float:
        return self.next_s

    def run_until(self, time_s: float) -> None:
        while self.next_s <= time_s:
            self.send(b"tick\n", self.next_s)
            self.next_s += 1.0


class Bench:
    def __init__(self) -> None:
        self.clock = SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        self.hub = Hub(Still(), self.clock)
        self.clock.attach(self.hub)
        self.hub.add("parrot", self.make)

    def make(self, send: Send) -> Parrot:
        self.parrot = Parrot(send)
        return self.parrot


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    ports.register("aviary", bench.hub.ports)
    yield bench
    ports.unregister("aviary")


def test_a_reply_comes_at_its_time_and_a_read_waits_for_it(bench: Bench) -> None:
    with serial.serial_for_url("sim://aviary/parrot", timeout=1.0) as line:
        assert line.write(b"hello") == 5
        assert line.in_waiting == 0
        assert line.read(5) == b"hello"
        assert bench.clock.now_s() == pytest.approx(0.01)
        assert bench.parrot.heard == [(0.0, b"hello")]


def test_a_read_returns_what_has_come_when_the_time_out_ends(bench: Bench) -> None:
    with serial.serial_for_url("sim://aviary/parrot", timeout=0.5) as line:
        line.write(b"abc")
        assert line.read(10) == b"abc"
        assert bench.clock.now_s() == 0.5
        line.timeout = 0
        assert line.read(10) == b""
        assert bench.clock.now_s() == 0.5


def test_what_is_said_unasked_arrives_on_the_second_and_goes_on_while_nobody_listens(bench: Bench) -> None:
    with serial.serial_for_url("sim://aviary/parrot", timeout=5.0) as line:
        line.write(b"x")
        assert line.read(6) == b"xtick\n"
        assert bench.clock.now_s() == 1.0
    bench.clock.sleep_s(3.0)
    with serial.serial_for_url("sim://aviary/parrot", timeout=5.0) as line:
        assert line.in_waiting == 0
        assert line.read(5) == b"tick\n"
        assert bench.clock.now_s() == 5.0


def test_two_tasks_read_and_write_the_same_line(bench: Bench) -> None:
    with serial.serial_for_url("sim://aviary/parrot", timeout=10.0) as line:
        seen: list[tuple[float, bytes]] = []

        def reader() -> None:
            for _ in range(3):
                data = line.read(2)
                seen.append((round(bench.clock.now_s(), 9), data))

        task = bench.clock.start("reader", reader)
        for word in (b"ab", b"cd", b"ef"):
            bench.clock.sleep_s(0.1)
            line.write(word)
        assert task.join(10.0)
        assert seen == [(0.11, b"ab"), (0.21, b"cd"), (0.31, b"ef")]


@pytest.mark.parametrize("settings", [{"baudrate": 4800}, {"parity": "E"}, {"bytesize": 7}, {"stopbits": 2}])
def test_a_line_set_otherwise_gives_garbage(bench: Bench, settings: dict[str, int | str]) -> None:
    with serial.serial_for_url("sim://aviary/parrot", timeout=0.5, **settings) as line:  # type: ignore[arg-type]
        line.write(b"hello\r\n")
        answer = line.read(100)
        assert len(answer) == 7
        assert all(byte >= 0x80 for byte in answer)
        assert bench.parrot.heard == []


def test_what_waits_can_be_discarded(bench: Bench) -> None:
    with serial.serial_for_url("sim://aviary/parrot", timeout=0.1) as line:
        line.write(b"hello")
        bench.clock.sleep_s(0.05)
        assert line.in_waiting == 5
        line.reset_input_buffer()
        assert line.in_waiting == 0
        assert line.read(1) == b""


def test_what_cannot_be_opened_is_named_with_what_there_is(bench: Bench) -> None:
    for url, message in {
        "sim://zoo/parrot": r"no twin named 'zoo' runs in this process \(running: aviary\)",
        "sim://aviary/pigeon": r"twin 'aviary' has no device 'pigeon' \(it has: parrot\)",
        "sim://aviary": "expected sim://<twin>/<device>",
    }.items():
        with pytest.raises(serial.SerialException, match=message):
            serial.serial_for_url(url)
    with serial.serial_for_url("sim://aviary/parrot"), pytest.raises(serial.SerialException, match="open already"):
        serial.serial_for_url("sim://aviary/parrot")


def test_a_closed_line_says_so(bench: Bench) -> None:
    line = serial.serial_for_url("sim://aviary/parrot")
    line.close()
    line.close()
    with pytest.raises(serial.SerialException):
        line.read(1)
    with pytest.raises(serial.SerialException):
        line.write(b"x")


def test_a_line_that_is_closed_under_a_waiting_reader_ends_its_wait(bench: Bench) -> None:
    line = serial.serial_for_url("sim://aviary/parrot", timeout=100.0)
    seen: list[bytes] = []
    task = bench.clock.start("reader", lambda: seen.append(line.read(1)))
    bench.clock.sleep_s(1.0)
    line.close()
    assert task.join(1.0)
    assert seen == [b""]


def test_two_twins_of_one_name_are_refused(bench: Bench) -> None:
    with pytest.raises(ValueError, match="'aviary' runs already"):
        ports.register("aviary", {})


def test_a_pulled_cable_takes_the_port_from_its_host_until_it_is_put_back_and_opened_again(bench: Bench) -> None:
    host = serial.serial_for_url("sim://aviary/parrot", timeout=10.0)
    bench.hub.ports["parrot"].unplug_at(1.5, 4.0)
    host.write(b"hello\n")
    assert host.read_until(b"\n") == b"hello\n"
    assert host.read_until(b"\n") == b"tick\n"
    assert host.read(1) == b""
    assert bench.clock.now_s() == 1.5
    for use in (lambda: host.read(1), lambda: host.write(b"x"), lambda: host.in_waiting):
        with pytest.raises(serial.SerialException, match="gone"):
            use()
    host.close()
    with pytest.raises(serial.SerialException, match="parrot is not there"):
        serial.serial_for_url("sim://aviary/parrot")
    bench.clock.sleep_s(2.5)
    with serial.serial_for_url("sim://aviary/parrot", timeout=10.0) as again:
        assert again.in_waiting == 0
        assert again.read_until(b"\n") == b"tick\n"
    assert bench.clock.now_s() == 5.0  # it went on meanwhile
    assert [data for _, data in bench.parrot.heard] == [b"hello\n"]
