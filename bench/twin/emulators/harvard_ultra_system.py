"""Commands of a Harvard Protocol 11 pump about itself: who it is, how it talks, its clock, its mode.

PHD ULTRA manual 5419-002 pp. 83-88, Allegro 5613-004 p. 57; other answers in the forms that public clients take apart.
Guesses: the names of the modes that both infuse and withdraw; `time` answers the time when it is set, too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from bench.twin.emulators.harvard_ultra_arguments import Command, bad, only, setting, whole_number
from bench.twin.emulators.harvard_ultra_models import Model, metrics
from bench.twin.emulators.harvard_ultra_numbers import Refusal
from bench.twin.emulators.harvard_ultra_setup import Setup

_BAUD_RATES = (9600, 19200, 38400, 57600, 115200, 128000, 230400, 256000, 460800, 921600)
_MODES = {
    "i": "Quick Start - Infuse only",
    "w": "Quick Start - Withdraw only",
    "iw": "Quick Start - Infuse/Withdraw",
    "wi": "Quick Start - Withdraw/Infuse",
}
_FOOTSWITCH = {"mom": "Momentary", "rise": "Active high", "fall": "Active low"}
_TIME = "%m/%d/%y %I:%M:%S %p"
_TIME_TOLD = "%m/%d/%y %H:%M:%S"


class System:
    """Those commands.

    Args:
        model: the pump's dialect.
        setup: what they set.
        start_utc: what the pump's clock shows at 0 s.

    """

    def __init__(self, model: Model, setup: Setup, start_utc: dt.datetime) -> None:
        self._model = model
        self._setup = setup
        self._clock_utc = start_utc
        self.running = False
        """Whether the motor runs."""
        self.time_s = 0.0
        """Now."""

    def table(self) -> Mapping[str, Command]:
        """Return the commands by their whole names."""
        setup = self._setup
        return {
            "address": setting(lambda: f"Pump address is {setup.address}", self._set_address),
            "baud": setting(lambda: f"{setup.baudrate} baud", self._set_baudrate),
            "ver": only(lambda: [self._model.version]),
            "version": only(self._version),
            "metrics": only(lambda: metrics(self._model)),
            "echo": self._choice("echo", "on", "off"),
            "poll": self._choice("poll", "on", "off", "remote"),
            "nvram": self._choice("nvram", "on", "off", *(["none"] if setup.knows_none else [])),
            "cmd": self._choice("command_set", "ultra"),
            "smooth": self._choice("smooth", "on", "off"),
            "ftswitch": setting(lambda: _FOOTSWITCH[setup.footswitch], self._set_footswitch),
            "dim": self._percent("dim", 0),
            "ascale": self._percent("ascale", 1),
            "time": self._time,
            "load": setting(lambda: _MODES[setup.mode], self._load),
            "mode": only(lambda: [_MODES[setup.mode]]),
            "input": only(lambda: ["High."]),
            "output": self._level,
            "sync": self._level,
        }

    def _set_address(self, words: list[str]) -> None:
        self._setup.address = whole_number(words, 0, 99, self._model.out_of_range)

    def _set_baudrate(self, words: list[str]) -> None:
        if words[0] not in map(str, _BAUD_RATES):
            raise bad(words[0])
        self._setup.baudrate = int(words[0])

    def _version(self) -> list[str]:
        rows = {
            "Firmware:": f"v{self._model.version.rpartition(' ')[2]}",
            "Pump address:": str(self._setup.address),
            "Serial number:": self._setup.serial,
        }
        return [f"{name:15}{value}" for name, value in rows.items()]

    def _choice(self, name: str, *choices: str) -> Command:
        def take(words: list[str]) -> None:
            if words[0].lower() not in choices or (name == "echo" and self._setup.poll == "remote"):
                raise bad(words[0])
            setattr(self._setup, name, words[0].lower())

        return setting(lambda: str(getattr(self._setup, name)).upper(), take)

    def _percent(self, name: str, lowest: int) -> Command:
        def take(words: list[str]) -> None:
            setattr(self._setup, name, whole_number(words, lowest, 100, self._model.out_of_range))

        return setting(lambda: f"{getattr(self._setup, name)}%", take)

    def _set_footswitch(self, words: list[str]) -> None:
        if words[0].lower() not in _FOOTSWITCH:
            raise bad(words[0])
        self._setup.footswitch = words[0].lower()

    def _load(self, words: list[str]) -> None:
        if words[0].lower() != "qs":
            raise bad(words[0])
        if len(words) == 1 or words[1].lower() not in _MODES:
            raise bad("".join(words[1:2]))
        if self.running:
            raise Refusal("Command", "", "Not while the pump is running")
        self._setup.mode = words[1].lower()

    def _level(self, words: list[str]) -> list[str]:
        if not words or words[-1].lower() not in ("high", "low"):
            raise bad("".join(words[-1:]))
        return []

    def _time(self, words: list[str]) -> list[str]:
        now = dt.timedelta(seconds=self.time_s)
        if words:
            try:
                told = dt.datetime.strptime(" ".join(words[:2]), _TIME_TOLD).replace(tzinfo=dt.UTC)
            except ValueError:
                raise bad(words[0]) from None
            self._clock_utc = told - now
        return [(self._clock_utc + now).strftime(_TIME)]
