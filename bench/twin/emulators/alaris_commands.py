"""What the commands of an Alaris Asena pump do, as its public clients use them (infupy, OpenICE's `Asena.java`).

A command is answered by its own name with what holds then. That much is known from frames that were recorded from
pumps; these are guesses, since no protocol document was at hand: a setting that is refused (without remote control, out
of range) is answered with the value that stays; a start or a stop that is refused, and a command that is not known, are
answered with silence; queries need no remote control.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from bench.twin.emulators.alaris_frames import crc
from bench.twin.emulators.alaris_infusion import NO_ALARM, Infusion

LEAST_ML_PER_H = 0.1
MOST_ML_PER_H = {5: 150.0, 10: 300.0, 20: 600.0, 30: 900.0, 50: 1200.0}
"""By the size of the syringe in mL; all but the last as remembered of the directions for use, not checked by them."""
_UL_PER_S = 1000.0 / 3600.0
"""Of a mL/h."""
_KPA_PER_MMHG = 0.133322
_DAY_S = 86400.0
_LARGEST_VTBI_ML = 1000.0
_NUMBER = re.compile(r"[0-9]{1,4}(\.[0-9]{0,6})?\Z|\.[0-9]{1,6}\Z")


@dataclass(frozen=True, slots=True)
class Setup:
    """Who the pump is and what is in it."""

    serial_number: str
    protocol: str
    brand: str
    size_ml: int
    confirmed: bool
    permits_remote: bool
    """Whether its software lets a host control it."""
    lapse_s: float
    """Remote control ends so long after it was last asked for."""


class Commands:
    """The commands of one pump.

    Args:
        setup: who it is.
        infusion: what it pumps.
        pressure_kpa: of the line, at an instant.

    """

    def __init__(self, setup: Setup, infusion: Infusion, pressure_kpa: Callable[[float], float]) -> None:
        self._setup = setup
        self._infusion = infusion
        self._pressure_kpa = pressure_kpa
        self._until_s = {"REMOTE_CTRL": -math.inf, "REMOTE_CFG": -math.inf}
        self._bolus = "DISABLED"
        self._time_s = 0.0
        self.started_by_host = False
        """Whether the infusion was started by a command: then the host must not fall silent."""
        self._commands: dict[str, Callable[[list[str]], list[str] | None]] = {
            "INST_SERIALNO": lambda _: [setup.serial_number],
            "COMMS_PROTOCOL": lambda _: [setup.protocol],
            "COMMS_RESPONSE_MAX": lambda _: [f"{1000.0 * setup.lapse_s:.0f}", "ms"],
            "SYRINGE_STATUS": lambda _: [setup.brand, f"{setup.size_ml:3d}", "CONF" if setup.confirmed else "NCONF"],
            "INF_RATE_MAX_SYRINGE": lambda _: [f"{MOST_ML_PER_H[setup.size_ml]:.2f}", "ml/h"],
            "ALARM": lambda _: [infusion.alarm, " ", " "],
            "INF": lambda _: self._status(),
            "INF_VI": lambda _: [self._volume(), "ml"],
            "INF_RATE": self._rate,
            "INF_VTBI": self._vtbi,
            "INF_BOLUS": self._hands_free_bolus,
            "INF_START": self._start,
            "INF_STOP": self._stop,
            "INF_VI_CLEAR": self._clear,
            "REMOTE_CTRL": lambda fields: self._remote("REMOTE_CTRL", fields),
            "REMOTE_CFG": lambda fields: self._remote("REMOTE_CFG", fields),
            "REMQUERY": lambda _: ["DEACT", "", "", "", ""],
        }

    def do(self, name: str, fields: list[str], time_s: float) -> list[str] | None:
        """Do a command; return the fields of its answer, or None where there is none."""
        self._time_s = time_s
        command = self._commands.get(name)
        return command(fields) if command is not None else None

    def forget_host(self) -> None:
        """End remote control."""
        self._until_s = dict.fromkeys(self._until_s, -math.inf)
        self.started_by_host = False

    @property
    def _controlled(self) -> bool:
        return self._time_s < self._until_s["REMOTE_CTRL"]

    # -- remote control

    def _remote(self, name: str, fields: list[str]) -> list[str]:
        code = f"{crc(self._setup.serial_number.encode('latin-1')):04X}"
        if fields == ["ENABLED", code] and self._setup.permits_remote:
            self._until_s[name] = self._time_s + self._setup.lapse_s
        elif fields == ["DISABLED"]:
            self._until_s[name] = -math.inf
        if not self._setup.permits_remote:
            return ["DISABLED", "", "", "", ""]
        state = "ENABLED" if self._time_s < self._until_s[name] else "DISABLED"
        return [state, "****", "PERMIT", "0", "ms"]

    # -- the infusion

    def _status(self) -> list[str]:
        infusion, setup = self._infusion, self._setup
        rate = infusion.rate_ul_per_s / _UL_PER_S if infusion.infusing else 0.0
        return [
            setup.serial_number,
            "-" if infusion.alarm == NO_ALARM else "A",
            "SET" if infusion.infusing else "HLD",
            f"{rate:.2f}",
            "ml/h",
            "",  # the drug's name
            self._volume(),
            "ml",
            f"{self._pressure_kpa(self._time_s) / _KPA_PER_MMHG:.2f}",
            "mmHg",
            _clock(infusion.time_left_s(self._time_s)),
            "EVENT",
            str(infusion.events),
        ]

    def _volume(self) -> str:
        return f"{self._infusion.volume_ul(self._time_s) / 1000.0:.3f}"

    def _rate(self, fields: list[str]) -> list[str]:
        if self._controlled and len(fields) == 2 and fields[1] == "ml/h":
            rate = _number(fields[0])
            if rate is not None and LEAST_ML_PER_H <= rate <= MOST_ML_PER_H[self._setup.size_ml]:
                self._infusion.set_rate(round(rate, 2) * _UL_PER_S, self._time_s)
        return [f"{self._infusion.rate_ul_per_s / _UL_PER_S:.2f}", "ml/h"]

    def _vtbi(self, fields: list[str]) -> list[str]:
        if self._controlled and fields[:1] == ["DEACT"]:
            self._infusion.set_vtbi(None, self._time_s)
        elif self._controlled and len(fields) == 4 and [fields[0], *fields[2:]] == ["ACTIV", "ml", "STOP"]:
            volume = _number(fields[1])
            if volume is not None and 0.0 < round(volume, 3) <= _LARGEST_VTBI_ML:
                self._infusion.set_vtbi(1000.0 * round(volume, 3), self._time_s)
        left_ul = self._infusion.vtbi_left_ul(self._time_s)
        if left_ul is None:
            return ["DEACT", "", "", ""]
        return ["ACTIV", f"{left_ul / 1000.0:.3f}", "ml", "STOP"]

    def _hands_free_bolus(self, fields: list[str]) -> list[str]:
        if self._controlled and fields in (["ENABLED"], ["DISABLED"]):
            [self._bolus] = fields
        return [self._bolus]

    def _start(self, _fields: list[str]) -> list[str] | None:
        if not self._controlled or not self._setup.confirmed:
            return None
        self._infusion.start(self._time_s)
        self.started_by_host = True
        return []

    def _stop(self, _fields: list[str]) -> list[str] | None:
        if not self._controlled:
            return None
        self._infusion.stop(self._time_s)
        self.started_by_host = False
        return []

    def _clear(self, _fields: list[str]) -> list[str] | None:
        if not self._controlled:
            return None
        self._infusion.clear_volume(self._time_s)
        return []


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.match(text) else None


def _clock(left_s: float) -> str:
    """Return a time as the pump tells it: up to a day as `00:04:09`."""
    if left_s >= _DAY_S:
        return "24+"
    hours, rest = divmod(int(left_s), 3600)
    return f"{hours:02d}:{rest // 60:02d}:{rest % 60:02d}"
