"""What the commands of a New Era pump do (NE-1000 manual 1200-01, 10.4; NE-500 1200-03 pp. 7 and 38; NE-9000 p. 48)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.twin.emulators.new_era_numbers import RATE_UNITS, VOLUME_UNITS, parsed, shown
from bench.twin.emulators.new_era_program import PHASES, RATE_FUNCTIONS, Memory, Phase, Program
from bench.twin.syringe_drive import SyringeDrive

BAUD_RATES = (300, 1200, 2400, 9600, 19200)
LONGEST_TIMEOUT_S = 255
_DIAMETERS_MM = (0.1, 50.0)
_SWITCHES = {"AL": "1", "PF": "0", "BP": "1", "LN": "0", "LOC": "0", "ROM": "0", "DIN": "0"}
"""On-off settings with their factory values, which are guesses."""
_TRIGGERS = ("FT", "FH", "F2", "LE", "ST", "T2", "SP", "P2", "RL", "RH", "SL", "SH")
_INPUT_PINS = ("2", "3", "4", "6")
_RATE = re.compile(r"C?([0-9.]+)([UM][MH])?\Z")
_PLAIN_FUNCTIONS = (*RATE_FUNCTIONS, "STP", "PRI", "LST", "EVR", "CLD", "BEP")
_FUNCTION_LIMITS = {"JMP": PHASES, "PRL": 99, "LOP": 99, "IF": PHASES, "EVN": PHASES, "EVS": PHASES}


class Refusal(Exception):  # noqa: N818 - an answer, not an error of the pump
    """The pump answers with an error: the code behind its question mark."""


@dataclass
class Setup:
    """How the pump is set up beside its program; kept without power."""

    address: int
    baudrate: int
    timeout_s: int
    """Of safe mode; 0 is basic mode."""
    trigger: str = "FT"
    switches: dict[str, str] = field(default_factory=lambda: dict(_SWITCHES))

    def reset(self) -> None:
        """Return to what the factory set; the baud rate stays."""
        self.address = self.timeout_s = 0
        self.trigger, self.switches = "FT", dict(_SWITCHES)


class Commands:
    """The commands of one pump.

    Args:
        setup: what they set beside the program.
        memory: the program's phases and the diameter.
        program: the program as it runs.
        drive: told how far the true bore is off the diameter.
        bore_mm: of the syringe; None for what the pump is told.

    """

    def __init__(
        self, setup: Setup, memory: Memory, program: Program, drive: SyringeDrive, bore_mm: float | None
    ) -> None:
        self.setup = setup
        self._memory = memory
        self._program = program
        self._drive = drive
        self._bore_mm = bore_mm
        self._selected = 1
        self._time_s = 0.0
        self._fit_bore()
        self._commands = self._table()

    def do(self, command: str, time_s: float, *, system: bool) -> str:
        """Do a command; return the data of its answer.

        Args:
            command: without its address.
            time_s: now.
            system: whether `*` stood before it.

        Raises:
            Refusal: it is refused.

        """
        self._time_s = time_s
        if not command:
            return ""
        if system and command == "RESET":
            return self._reset()
        if system and command.startswith("ADR"):
            return self._set_address(command[3:])
        for length in (3, 2):
            name, argument = command[:length], command[length:]
            if name in self._commands:
                return self._commands[name](argument)
        raise Refusal("")

    def _table(self) -> dict[str, Callable[[str], str]]:
        return {
            "DIA": self._diameter,
            "PHN": self._phase_number,
            "FUN": self._function,
            "RAT": self._rate,
            "VOL": self._volume,
            "DIR": self._direction,
            "RUN": self._run,
            "PUR": self._purge,
            "STP": self._stop,
            "DIS": self._dispensed,
            "CLD": self._clear,
            "SAF": self._safe_mode,
            "TRG": self._set_trigger,
            "OUT": self._output,
            "IN": self._input,
            "BUZ": self._buzz,
            **{name: lambda argument, name=name: self._switch(name, argument) for name in _SWITCHES},  # type: ignore[misc]
        }

    @property
    def _phase(self) -> Phase:
        """The phase that is set and queried: the one that runs, or the one that was selected."""
        return self._memory.phases[self._program.phase if self._program.operating else self._selected]

    def _not_while_operating(self) -> None:
        if self._program.operating:
            raise Refusal("NA")

    def _diameter(self, argument: str) -> str:
        if not argument:
            return shown(self._memory.diameter_mm)
        self._not_while_operating()
        diameter_mm = parsed(argument)
        if diameter_mm is None or not _DIAMETERS_MM[0] <= diameter_mm <= _DIAMETERS_MM[1]:
            raise Refusal("OOR")
        self._memory.diameter_mm = diameter_mm
        self._program.clear(1)
        self._program.clear(-1)
        self._fit_bore()
        return ""

    def _fit_bore(self) -> None:
        bore_mm = self._memory.diameter_mm if self._bore_mm is None else self._bore_mm
        self._drive.bore_factor = (bore_mm / self._memory.diameter_mm) ** 2

    def _phase_number(self, argument: str) -> str:
        if not argument:
            return f"{self._program.phase if self._program.operating else self._selected:02d}"
        self._not_while_operating()
        self._selected = _whole(argument, 1, PHASES)
        return ""

    def _function(self, argument: str) -> str:
        phase = self._phase
        if not argument:
            return phase.shows
        self._not_while_operating()
        if argument in _PLAIN_FUNCTIONS:
            phase.function, phase.argument = argument, 0.0
            return ""
        name = "IF" if argument.startswith("IF") else argument[:3]
        rest = argument[len(name) :]
        if name in _FUNCTION_LIMITS:
            phase.argument = _whole(rest, 1, _FUNCTION_LIMITS[name])
        elif name == "OUT":
            phase.argument = _whole(rest, 0, 1)
        elif name == "PAS":
            pause_s = parsed(rest)
            if pause_s is None or not 0.0 <= pause_s <= 99.0:
                raise Refusal("OOR")
            phase.argument = pause_s
        else:
            raise Refusal("")
        phase.function = name
        return ""

    def _rate(self, argument: str) -> str:
        phase = self._phase
        if phase.function not in RATE_FUNCTIONS:
            raise Refusal("NA")
        if not argument:
            return shown(phase.rate) + phase.units
        match = _RATE.match(argument)
        if match is None:
            raise Refusal("")
        rate, units = parsed(match[1]), match[2] or phase.units
        pumping = self._program.pumping
        if pumping and (units != phase.units or phase.function != "RAT"):
            raise Refusal("NA")
        if rate is None or not self._memory.allows(rate * RATE_UNITS[units]):
            raise Refusal("OOR")
        phase.rate, phase.units = rate, units
        if pumping:
            self._program.new_rate(phase.ul_per_s, self._time_s)
        else:
            phase.stored = rate
        return ""

    def _volume(self, argument: str) -> str:
        if not argument:
            return shown(self._phase.volume) + self._memory.units
        self._not_while_operating()
        if argument in VOLUME_UNITS:
            self._memory.volume_units = argument
            return ""
        if argument.isalpha():
            raise Refusal("")
        volume = parsed(argument)
        if volume is None:
            raise Refusal("OOR")
        self._phase.volume = volume
        return ""

    def _direction(self, argument: str) -> str:
        phase = self._phase
        if not argument:
            return phase.direction
        if argument not in ("INF", "WDR", "REV", "STK"):
            raise Refusal("")
        if self._program.operating and (argument == "STK" or phase.volume or not self._program.pumping):
            raise Refusal("NA")
        if argument == "REV":
            argument = "INF" if phase.direction == "WDR" else "WDR"
        phase.direction = argument
        if self._program.pumping:
            self._program.new_direction(argument, self._time_s)
        return ""

    def _run(self, argument: str) -> str:
        self._not_while_operating()
        try:
            phase = _whole(argument, 1, PHASES) if argument else None
        except Refusal:
            raise Refusal("NA") from None
        self._program.run(phase, self._time_s)
        return ""

    def _purge(self, argument: str) -> str:
        _only("", argument)
        self._not_while_operating()
        self._program.purge(self._phase.direction, self._time_s)
        return ""

    def _stop(self, argument: str) -> str:
        _only("", argument)
        self._program.stop(self._time_s)
        return ""

    def _dispensed(self, argument: str) -> str:
        _only("", argument)
        unit = self._memory.units
        infused, withdrawn = (each / VOLUME_UNITS[unit] for each in self._program.totals_ul(self._time_s))
        return f"I{shown(infused)}W{shown(withdrawn)}{unit}"

    def _clear(self, argument: str) -> str:
        if argument not in ("INF", "WDR"):
            raise Refusal("")
        self._not_while_operating()
        self._program.clear(1 if argument == "INF" else -1)
        return ""

    def _safe_mode(self, argument: str) -> str:
        if not argument:
            return str(self.setup.timeout_s)
        self.setup.timeout_s = _whole(argument, 0, LONGEST_TIMEOUT_S, digits=3)
        return ""

    def _set_trigger(self, argument: str) -> str:
        if not argument:
            return self.setup.trigger
        if argument not in _TRIGGERS:
            raise Refusal("")
        self.setup.trigger = argument
        return ""

    def _output(self, argument: str) -> str:
        if argument[:1] != "5":
            raise Refusal("OOR" if argument[:1].isdigit() else "")
        self._program.output = _whole(argument[1:], 0, 1)
        return ""

    def _input(self, argument: str) -> str:
        if argument not in _INPUT_PINS:
            raise Refusal("OOR" if argument.isdigit() else "")
        return "1"

    def _buzz(self, argument: str) -> str:
        _whole(argument[:1], 0, 1)
        if argument[1:]:
            _whole(argument[1:], 0, 99)
        return ""

    def _switch(self, name: str, argument: str) -> str:
        if argument:
            self.setup.switches[name] = str(_whole(argument, 0, 1))
            return ""
        return self.setup.switches[name]

    # -- system commands

    def _set_address(self, argument: str) -> str:
        if not argument:
            return f"{self.setup.address:02d}"
        address, _, baudrate = argument.partition("B")
        number = _whole(address, 0, 99)
        if baudrate:
            if baudrate not in map(str, BAUD_RATES):
                raise Refusal("OOR")
            self.setup.baudrate = int(baudrate)
        self.setup.address = number
        return ""

    def _reset(self) -> str:
        self._program.abort(self._time_s)
        self._memory.phases.update(Memory(1.0).phases)
        self._memory.volume_units = ""
        self._selected = 1
        self.setup.reset()
        return ""


def _whole(text: str, lowest: int, highest: int, digits: int = 2) -> int:
    """Return a whole number; refuse one that is out of range, and what is none."""
    if not (text.isascii() and text.isdigit()):
        raise Refusal("" if not text or text.isalpha() else "OOR")
    if len(text) > digits or not lowest <= int(text) <= highest:
        raise Refusal("OOR")
    return int(text)


def _only(wanted: str, argument: str) -> str:
    """Refuse an argument where a command has none."""
    if argument != wanted:
        raise Refusal("")
    return ""
