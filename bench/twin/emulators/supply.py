"""A bench supply of the E36100 kind, one output, on a raw socket."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from bench.twin.emulators.registry import EmulatorEntry, NoOptions
from bench.twin.emulators.scpi import (
    OUT_OF_RANGE,
    Command,
    ErrorQueue,
    LineBuffer,
    ScpiError,
    ScpiParser,
    boolean,
    choice,
    number,
)
from bench.twin.port import REPLY_LATENCY_S, Send

if TYPE_CHECKING:
    from bench.twin.settings import Simulation
    from bench.twin.world import World

MAKER = "pumpbench twin"
MODEL = "E36103B simulated"
FIRMWARE = "1.0-twin"
_CURRENT_MOST_A = 2.0


class Output(Protocol):
    """What the emulator needs of the supply's physics."""

    on: bool
    voltage_v: float
    maximum_v: float

    @property
    def terminals_v(self) -> float:
        """The voltage at the terminals."""

    @property
    def current_a(self) -> float:
        """What is drawn."""

    def set_voltage(self, voltage_v: float) -> None:
        """Set the voltage of the output."""

    def switch(self, on: bool) -> None:
        """Switch the output."""


class Supply:
    """The emulator.

    Args:
        send: hands bytes to the host at a due time.
        output: the supply's physics.
        serial: serial number.

    """

    line = None

    def __init__(self, send: Send, output: Output, *, serial: str = "TWIN0001") -> None:
        self._send = send
        self._output = output
        self._limit_a = 1.0
        self._errors = ErrorQueue()
        self._buffer = LineBuffer()
        self._parser = ScpiParser(
            {
                "*IDN?": Command(lambda _: f"{MAKER},{MODEL},{serial},{FIRMWARE}"),
                "*CLS": Command(lambda _: self._errors.clear()),
                "*RST": Command(self._reset),
                "*OPC": Command(lambda _: None),
                "*OPC?": Command(lambda _: "1"),
                "*WAI": Command(lambda _: None),
                "*TST?": Command(lambda _: "0"),
                "*ESR?": Command(lambda _: "+0"),
                "*STB?": Command(lambda _: "+0"),
                "SYSTem:REMote": Command(lambda _: None),
                "SYSTem:LOCal": Command(lambda _: None),
                "SYSTem:RWLock": Command(lambda _: None),
                "SYSTem:BEEPer[:IMMediate]": Command(lambda _: None),
                "INSTrument[:SELect]": Command(self._select, 1, 1),
                "INSTrument[:SELect]?": Command(lambda _: "OUT1"),
                "INSTrument:NSELect": Command(self._select_number, 1, 1),
                "INSTrument:NSELect?": Command(lambda _: "1"),
                "SYSTem:ERRor[:NEXT]?": Command(lambda _: '{:+d},"{}"'.format(*self._errors.pop())),
                "SYSTem:VERSion?": Command(lambda _: "1997.0"),
                "APPLy": Command(self._apply, 1, 2),
                "APPLy?": Command(lambda _: f'"{_exp(output.voltage_v)},{_exp(self._limit_a)}"'),
                "[SOURce:]VOLTage[:LEVel][:IMMediate][:AMPLitude]": Command(self._set_voltage, 1, 1),
                "[SOURce:]VOLTage[:LEVel][:IMMediate][:AMPLitude]?": Command(
                    lambda each: _level(each, output.voltage_v, output.maximum_v), 0, 1
                ),
                "[SOURce:]CURRent[:LEVel][:IMMediate][:AMPLitude]": Command(self._set_current, 1, 1),
                "[SOURce:]CURRent[:LEVel][:IMMediate][:AMPLitude]?": Command(
                    lambda each: _level(each, self._limit_a, _CURRENT_MOST_A), 0, 1
                ),
                "[SOURce:]VOLTage:PROTection:TRIPped?": Command(lambda _: "0"),
                "[SOURce:]VOLTage:PROTection:CLEar": Command(lambda _: None),
                "[SOURce:]CURRent:PROTection:TRIPped?": Command(lambda _: "0"),
                "[SOURce:]CURRent:PROTection:CLEar": Command(lambda _: None),
                "OUTPut:PROTection:CLEar": Command(lambda _: None),
                "STATus:QUEStionable:CONDition?": Command(lambda _: "+0"),
                "OUTPut[:STATe]": Command(self._switch, 1, 1),
                "OUTPut[:STATe]?": Command(lambda _: str(int(output.on))),
                "MEASure[:SCALar][:VOLTage][:DC]?": Command(lambda _: _exp(output.terminals_v)),
                "MEASure[:SCALar]:CURRent[:DC]?": Command(lambda _: _exp(output.current_a)),
            },
            self._errors,
            relative_only=True,
        )

    def receive(self, data: bytes, time_s: float) -> None:
        """Take bytes from the host and act on every complete line."""
        for line in self._buffer.feed(data):
            answer = self._parser.execute(line)
            if answer is not None:
                self._send(answer.encode("ascii") + b"\n", time_s + REPLY_LATENCY_S)

    def next_event_s(self) -> float:
        """Return `inf`: the supply never acts by itself."""
        return math.inf

    def run_until(self, time_s: float) -> None:
        """Do nothing."""

    def _reset(self, _parameters: list[str]) -> None:
        self._output.switch(False)
        self._output.set_voltage(0.0)

    def _select(self, parameters: list[str]) -> None:
        choice(parameters[0], ("OUTPut1", "OUT1", "CH1"))

    def _select_number(self, parameters: list[str]) -> None:
        if number(parameters[0]) != 1.0:
            raise ScpiError(OUT_OF_RANGE)

    def _set_voltage(self, parameters: list[str]) -> None:
        voltage_v = _wanted(parameters[0], self._output.maximum_v)
        if not 0.0 <= voltage_v <= self._output.maximum_v:
            raise ScpiError(OUT_OF_RANGE)
        self._output.set_voltage(voltage_v)

    def _set_current(self, parameters: list[str]) -> None:
        limit_a = _wanted(parameters[0], _CURRENT_MOST_A)
        if not 0.0 <= limit_a <= _CURRENT_MOST_A:
            raise ScpiError(OUT_OF_RANGE)
        self._limit_a = limit_a

    def _apply(self, parameters: list[str]) -> None:
        if len(parameters) > 1:
            self._set_current(parameters[1:])
        self._set_voltage(parameters[:1])

    def _switch(self, parameters: list[str]) -> None:
        self._output.switch(boolean(parameters[0]))


def _wanted(text: str, most: float) -> float:
    """Read a level: a number, `MIN`, `DEF` (nothing) or `MAX`."""
    named = {"MIN": 0.0, "MINIMUM": 0.0, "DEF": 0.0, "DEFAULT": 0.0, "MAX": most, "MAXIMUM": most}
    return named[text.upper()] if text.upper() in named else number(text)


def _level(parameters: list[str], value: float, most: float) -> str:
    """Tell a level, or the least or greatest that it can be."""
    return _exp(_wanted(choice(parameters[0], ("MINimum", "MAXimum")), most) if parameters else value)


def _exp(value: float) -> str:
    """Write a number as such supplies do: `+1.50000000E+00`."""
    return f"{value:+.8E}"


def _make(send: Send, world: World, simulation: Simulation, _options: NoOptions) -> Supply:
    return Supply(send, world.supply, serial=simulation.supply.serial_number)


EMULATOR = EmulatorEntry("supply", "power", _make)
