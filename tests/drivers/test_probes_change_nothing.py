"""Whoever is asked another instrument's question, or all of them, goes on as if nobody had asked."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest

from bench.clock import SimulatedClock
from bench.twin.emulators.registry import all_emulators
from bench.twin.settings import Simulation
from bench.twin.twin import Twin
from drivers.registry import all_drivers
from tests.twin.snapshot import differences, snapshot
from tests.twin.test_emulator_keller import framed

_SENT = [each for entry in all_drivers().values() for probe in entry.probes for each in probe.questions]
_OF_SEVEN_BITS = [bytes(byte & 0x7F for byte in each) for each in _SENT]
"""A frame as it is heard where a line has seven bits."""
QUESTIONS = list(dict.fromkeys([*_SENT, *_OF_SEVEN_BITS]))
JOINED = [before.strip() + after for before, after in itertools.product(QUESTIONS, QUESTIONS)]
"""Pairs whose first has lost its line end on the way, as where a baud rate was wrong."""

_PASSING = ("emulator._errors._entries", "emulator._commands._system.running")
"""The list of commands that a SCPI instrument did not know, and what a Harvard pump did at the last command."""
_PASSING_OF = {"px409": ("emulator._busy_until_s",)}
"""When the last answer of an Omega transducer ended."""
_PAUSE_S = 0.025
"""As long as a Keller transmitter needs to take what comes for a frame of its own."""

AT_WORK = {
    "alaris_asena": [
        b"!REMOTE_CTRL^ENABLED^3CC1|B1F1\r",
        b"!INF_RATE^0.1^ml/h|B775\r",
        b"!INF_START|38F3\r",
    ],
    "and_standard": [b"T\r\n", b"SIR\r\n"],
    "dmm": [b"CONF:VOLT:DC 10\n", b"INIT\n"],
    "harvard_ultra": [b"diameter 4.699\r", b"irate 10 ul/min\r", b"irun\r"],
    "harvard_ultra_doser": [b"diameter 4.699\r", b"irate 10 ul/min\r", b"irun\r"],
    "keller": [framed(1, 48), framed(1, 95, 0)],
    "insulin_pump": [b"BAS:RATE 2.0\n", b"BAS:STAT ON\n", b"BOL:IMM 1.0\n"],
    "mt_sics": [b"T\r\n", b"SIR\r\n"],
    "new_era": [b"\r", b"RAT500UH\r", b"RUN\r"],
    "new_era_doser": [b"\r", b"RAT500UH\r", b"RUN\r"],
    "numato": [b"relay on 0\r"],
    "numato_gpio": [b"gpio iodir f7\r", b"gpio set 3\r"],
    "ohaus": [b"T\r\n", b"CP\r\n"],
    "operator_terminal": [b"ASK 1 confirm_stopped 0 - | Is it stopped?\r\n"],
    "ptu300": [b"R\r"],
    "px409": [b"RATE 3\r", b"AVG 2\r", b"PC\r"],
    "radwag": [b"T\r\n", b"C1\r\n"],
    "sartorius_sbi": [b"\x1bT\r\n"],
    "scpi_switch": [b"ROUT:CLOS (@101,103)\n"],
    "supply": [b"VOLT 3.0\n", b"OUTP ON\n"],
}


def after(name: str, begin: list[bytes], *, are_asked: bool = False) -> dict[str, str]:
    """Return what an instrument and its world are like after all questions, or as much time without them."""
    role = all_emulators()[name].role
    clock = SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    simulation = Simulation.model_validate({"emulators": {role: name}})
    with Twin("twin", simulation, 1, clock) as twin:
        port = twin.ports[role]
        port.open()
        for command in begin:
            port.write(command)
            clock.sleep_s(0.5)
        for question in [*QUESTIONS, *JOINED]:
            clock.sleep_s(_PAUSE_S if question in QUESTIONS or not question.isascii() else 0.003)
            port.write(question if are_asked else b"")
            clock.sleep_s(0.002)
            port.write(b"\r\n" if are_asked else b"")
            port.take(port.waiting)
        clock.sleep_s(2.0)
        port.write(b"")  # brings the world to the present
        return {**snapshot(port.emulator, "emulator"), **snapshot(twin.world, "world")}


def told_apart(name: str, begin: list[bytes]) -> dict[str, tuple[str | None, str | None]]:
    """Return in what an instrument that was asked differs."""
    asked, left_alone = after(name, begin, are_asked=True), after(name, begin)
    passing = (*_PASSING, *_PASSING_OF.get(name, ()))
    return {path: values for path, values in differences(asked, left_alone).items() if not path.startswith(passing)}


def test_every_emulator_is_asked() -> None:
    assert set(AT_WORK) == set(all_emulators())
    assert len(QUESTIONS) > 15


@pytest.mark.parametrize("name", AT_WORK)
def test_an_instrument_at_work_goes_on(name: str) -> None:
    assert told_apart(name, AT_WORK[name]) == {}


@pytest.mark.parametrize("name", sorted({*AT_WORK} - {"new_era", "new_era_doser"}))
def test_an_instrument_at_rest_stays_as_it_is(name: str) -> None:
    assert told_apart(name, []) == {}


@pytest.mark.parametrize("name", ["new_era", "new_era_doser"])
def test_a_new_era_pump_takes_its_alarm_as_acknowledged_and_does_nothing_else(name: str) -> None:
    assert told_apart(name, []) == {"emulator._alarm": ("''", "'R'")}


@pytest.mark.parametrize("name", AT_WORK)
def test_what_is_compared_shows_what_an_instrument_does(name: str) -> None:
    found = differences(after(name, AT_WORK[name]), after(name, [b""] * len(AT_WORK[name])))
    assert [path for path in found if path.startswith("emulator.")]
