"""Asking who is at a port in simulated time: on lines that garble what is sent at another setting."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bench.clock import RealClock, SimulatedClock
from bench.twin.port import LineSettings, Port
from bench.twin.settings import Simulation
from bench.twin.twin import Twin
from drivers.asking import Asked, ask_port
from drivers.link import SerialLine
from drivers.registry import all_drivers, driver
from tests.twin.test_emulator_keller import framed

PROBES = {name: entry.probes for name, entry in all_drivers().items() if entry.probes}
FTDI = (0x0403, 0x6001)
USUAL: dict[str, tuple[Any, SerialLine]] = {
    "alaris_asena": ("alaris_asena", SerialLine(38400)),
    "and_standard": ("and_standard", SerialLine(2400, 7, "E")),
    "harvard_ultra": ({"emulator": "harvard_ultra", "baudrate": 115200}, SerialLine(115200)),
    "keller_bus": ("keller", SerialLine(9600)),
    "mettler_mt_sics": ("mt_sics", SerialLine(9600)),
    "new_era": ("new_era", SerialLine(19200)),
    "ohaus": ("ohaus", SerialLine(9600)),
    "omega_px409": ("px409", SerialLine(115200)),
    "radwag": ("radwag", SerialLine(9600)),
    "sartorius_sbi": ("sartorius_sbi", SerialLine(9600, 8, "O")),
    "scpi_insulin_pump": ("insulin_pump", SerialLine(115200)),
    "scpi_switch": ({"emulator": "scpi_switch", "interface": "rs232", "baudrate": 9600}, SerialLine(9600)),
    "vaisala_ptu300": ("ptu300", SerialLine(4800, 7, "E")),
}
OTHER: list[tuple[str, dict[str, Any], SerialLine]] = [
    ("and_standard", {"emulator": "and_standard", "baudrate": 9600, "bytesize": 8, "parity": "N"}, SerialLine(9600)),
    ("keller_bus", {"emulator": "keller", "baudrate": 115200, "echo": False}, SerialLine(115200)),
    ("keller_bus", {"emulator": "keller", "baudrate": 115200}, SerialLine(115200)),
    ("new_era", {"emulator": "new_era", "baudrate": 9600}, SerialLine(9600)),
    ("ohaus", {"emulator": "ohaus", "baudrate": 2400, "bytesize": 7, "stopbits": 2}, SerialLine(2400, 7, "N", 2)),
    ("omega_px409", {"emulator": "px409", "baudrate": 9600}, SerialLine(9600)),
    ("radwag", {"emulator": "radwag", "baudrate": 4800}, SerialLine(4800)),
    ("sartorius_sbi", {"emulator": "sartorius_sbi", "parity": "N"}, SerialLine(9600)),
    ("sartorius_sbi", {"emulator": "sartorius_sbi", "baudrate": 1200, "bytesize": 7}, SerialLine(1200, 7, "O")),
    ("scpi_switch", {"emulator": "scpi_switch", "interface": "rs232"}, SerialLine(57600)),
]


@contextmanager
def twin_with(role: str, emulator: Any) -> Iterator[tuple[Twin, SimulatedClock]]:
    clock = SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    with Twin("twin", Simulation.model_validate({"emulators": {role: emulator}}), 1, clock) as twin:
        yield twin, clock


def asked(
    name: str, emulator: Any, limit_s: float = 1.0, usb: tuple[int | None, int | None] = FTDI
) -> tuple[Asked, float]:
    """Ask at a driver's emulator; return what came of it, and how long that took in s."""
    role = driver(name).role
    with twin_with(role, emulator) as (_, clock):
        return ask_port(f"sim://twin/{role}", PROBES, clock, limit_s=limit_s, usb=usb), clock.now_s()


@pytest.mark.parametrize("name", USUAL)
def test_an_instrument_at_its_usual_setting_is_found_within_a_second(name: str) -> None:
    emulator, line = USUAL[name]
    outcome, took_s = asked(name, emulator)
    found = outcome.answered
    assert found is not None
    assert (found.driver, found.line) == (name, line)
    assert took_s < 1.3


@pytest.mark.parametrize(("name", "emulator", "line"), OTHER)
def test_an_instrument_at_another_setting_is_found_within_three(
    name: str, emulator: dict[str, Any], line: SerialLine
) -> None:
    outcome, _ = asked(name, emulator, limit_s=3.0)
    assert outcome.answered is not None
    assert (outcome.answered.driver, outcome.answered.line) == (name, line)
    assert outcome.answered.probe is not None
    keys = outcome.answered.probe.keys(line)
    assert driver(name).Options.model_fields.keys() >= keys.keys()
    assert all(getattr(line, key) == value for key, value in keys.items())


@pytest.mark.parametrize("usb", [FTDI, (None, None)])
def test_a_silent_line_is_left_after_a_second_with_what_was_not_tried(usb: tuple[int | None, int | None]) -> None:
    outcome, took_s = asked("sartorius_sbi", {"emulator": "sartorius_sbi", "baudrate": 300}, usb=usb)
    assert (outcome.answered, outcome.not_asked) == (None, ())
    assert 2.0 < outcome.whole_s < 3.0
    assert took_s < 1.2


def test_who_was_not_asked_for_want_of_time_is_told() -> None:
    outcome, _ = asked("sartorius_sbi", {"emulator": "sartorius_sbi", "baudrate": 300}, limit_s=0.5)
    # The questions at 9600 8N1 and at 115200 fit into it.
    assert outcome.not_asked == ("alaris_asena", "and_standard", "new_era", "sartorius_sbi", "vaisala_ptu300")


def test_all_is_asked_within_the_seconds_that_are_told_for_it() -> None:
    emulator = {"emulator": "sartorius_sbi", "baudrate": 300}
    outcome, _ = asked("sartorius_sbi", emulator)
    outcome, _ = asked("sartorius_sbi", emulator, limit_s=outcome.whole_s + 0.3)
    assert outcome == Asked()


def test_a_pending_alarm_of_a_new_era_pump_is_told() -> None:
    outcome, _ = asked("new_era", "new_era")
    assert outcome.answered is not None
    assert outcome.answered.said == {"model": "NE1000", "firmware": "3.93", "alarm": "A?R"}
    outcome, _ = asked("new_era", {"emulator": "new_era", "reset_alarm": False})
    assert outcome.answered is not None
    assert outcome.answered.said == {"model": "NE1000", "firmware": "3.93"}


def test_a_new_era_pump_in_safe_mode_is_left_alone() -> None:
    with twin_with("pump", {"emulator": "new_era", "safe_timeout": 2}) as (_, clock):
        assert ask_port("sim://twin/pump", PROBES, clock, limit_s=3.0).answered is None
        clock.sleep_s(10.0)
        pump = driver("new_era")
        opened = pump.factory("sim://twin/pump", pump.Options(diameter="4.699 mm"), clock)
        assert [alarm.code for alarm in opened.take_alarms()] == ["POWER"]  # and no watchdog


def test_a_balance_that_streams_is_found_all_the_same() -> None:
    for name, emulator, begin in (
        ("mettler_mt_sics", "mt_sics", b"SIR\r\n"),
        ("and_standard", "and_standard", b"SIR\r\n"),
        ("ohaus", "ohaus", b"CP\r\n"),
        ("radwag", "radwag", b"C1\r\n"),
        ("sartorius_sbi", {"emulator": "sartorius_sbi", "autoprint": "any"}, b""),
    ):
        with twin_with("balance", emulator) as (twin, clock):
            twin.ports["balance"].open()
            twin.ports["balance"].write(begin)
            twin.ports["balance"].close()
            found = ask_port("sim://twin/balance", PROBES, clock, limit_s=3.0, usb=FTDI).answered
            assert found is not None, name
            assert found.driver == name


@pytest.mark.parametrize("echo", [False, True])
def test_a_transmitter_that_was_initialised_tells_its_serial_number(echo: bool) -> None:
    with twin_with("pressure", {"emulator": "keller", "echo": echo}) as (twin, clock):
        twin.ports["pressure"].open()
        twin.ports["pressure"].write(framed(250, 48))
        twin.ports["pressure"].close()
        found = ask_port("sim://twin/pressure", PROBES, clock).answered
        assert found is not None
        assert (found.driver, found.said) == ("keller_bus", {"maker": "Keller", "serial": "110477"})


class Hearer:
    """Nobody who speaks, behind an adapter with an echo or without; it hears what is sent, and when."""

    line = None

    def __init__(self, echo: Port | None = None) -> None:
        self.heard: list[tuple[float, bytes]] = []
        self._echo = echo

    def receive(self, data: bytes, time_s: float) -> None:
        self.heard.append((time_s, data))
        if self._echo is not None:
            self._echo.send(data, time_s)

    def next_event_s(self) -> float:
        return math.inf

    def run_until(self, time_s: float) -> None: ...


@pytest.mark.parametrize("drivers", [{"keller_bus"}, {"keller_bus", "ohaus", "omega_px409"}, set(PROBES)])
def test_a_frame_comes_after_silence_and_is_ended_by_a_line_end(drivers: set[str]) -> None:
    with twin_with("balance", "mt_sics") as (twin, clock):
        twin.ports["balance"].emulator = hearer = Hearer()
        ask_port("sim://twin/balance", {name: PROBES[name] for name in drivers}, clock, limit_s=4.0, usb=FTDI)
    frames = [number for number, (_, data) in enumerate(hearer.heard) if not data.isascii()]
    assert len(frames) >= 2  # at both baud rates
    for number in frames:
        assert hearer.heard[number][0] - hearer.heard[number - 1][0] >= 0.03
        assert hearer.heard[number + 1][1] == b"\r\n"
    assert hearer.heard[-1][1].endswith(b"\r\n")


def test_an_adapter_that_hears_itself_costs_little_time() -> None:
    with_echo_s, without_s = (asked("keller_bus", {"emulator": "keller", "echo": echo})[1] for echo in (True, False))
    assert with_echo_s == pytest.approx(without_s, abs=0.1)


def test_an_adapter_with_an_echo_and_nobody_behind_it_is_called_that_after_all_questions() -> None:
    with twin_with("balance", "mt_sics") as (twin, clock):
        port = twin.ports["balance"]
        port.emulator = Hearer(port)
        outcome = ask_port("sim://twin/balance", PROBES, clock, usb=FTDI)
    assert outcome.answered is not None
    assert (outcome.answered.driver, outcome.answered.is_echo, outcome.not_asked) == (None, True, ())


class Stranger:
    """An instrument that takes its time over each line, and loses what comes meanwhile."""

    def __init__(self, port: Port, answers: dict[bytes, bytes], otherwise: bytes, takes_s: float) -> None:
        self.line = LineSettings(9600)
        self.lines: list[bytes] = []
        self._port, self._answers, self._otherwise, self._takes_s = port, answers, otherwise, takes_s
        self._received = b""
        self._busy_until_s = 0.0

    def receive(self, data: bytes, time_s: float) -> None:
        if time_s < self._busy_until_s:
            return
        *lines, self._received = (self._received + data).split(b"\r\n")
        for line in filter(None, lines):
            self.lines.append(line)
            if answer := self._answers.get(line, self._otherwise):
                self._busy_until_s = time_s + self._takes_s
                self._port.send(answer, self._busy_until_s)

    def next_event_s(self) -> float:
        return math.inf

    def run_until(self, time_s: float) -> None: ...


def ask_stranger(answers: dict[bytes, bytes], otherwise: bytes, takes_s: float) -> tuple[Asked, Stranger]:
    with twin_with("balance", "mt_sics") as (twin, clock):
        port = twin.ports["balance"]
        port.emulator = stranger = Stranger(port, answers, otherwise, takes_s)
        return ask_port("sim://twin/balance", PROBES, clock, usb=FTDI), stranger


@pytest.mark.parametrize("takes_s", [0.002, 0.03, 0.06, 0.09])
@pytest.mark.parametrize("otherwise", [b"", b"ES\r\n"])
def test_a_slow_instrument_that_loses_what_comes_meanwhile_is_found(takes_s: float, otherwise: bytes) -> None:
    for name, answers in (
        ("mettler_mt_sics", {b"I4": b'I4 A "B021002593"\r\n'}),
        ("radwag", {b"NB": b'NB A "123456"\r\n'}),
        ("ohaus", {b"PSN": b"B123456789\r\n", b"PU": b"g\r\n"}),
    ):
        found = ask_stranger(answers, otherwise, takes_s)[0].answered
        assert found is not None, name
        assert found.driver == name


def test_one_that_answers_everything_alike_is_nobody_s() -> None:
    for answer in (b"ES\r\n", b"ERROR 12\r\n", b"Unknown command\r\n", b"? 0\r\n", b"12345\r\n", b"SCALE4\r\n"):
        outcome, _ = ask_stranger({}, answer, 0.01)
        assert outcome.answered is not None, answer
        assert (outcome.answered.driver, outcome.answered.seen, outcome.answered.said) == (None, answer, {})


def test_an_adapter_of_another_make_is_not_asked_what_only_an_instrument_s_own_answers() -> None:
    _, stranger = ask_stranger({}, b"ES\r\n", 0.01)
    assert not [line for line in stranger.lines if b"id get" in line]


def test_a_line_that_hears_itself_is_nobody() -> None:
    found = ask_port("loop://", PROBES, RealClock(), limit_s=0.4).answered
    assert found is None or found.driver is None
