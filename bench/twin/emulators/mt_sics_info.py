"""What an MT-SICS balance tells of itself and can be set to, beside weighing: replies that wait for nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

from bench.twin.emulators.mt_sics_pan import Pan, Scale

MODEL = "TWIN-XPR simulated"
SOFTWARE = "1.0"
TYPE_NUMBER = "0.0.0.0.1"

LEVELS = {
    0: ("@", "I0", "I1", "I2", "I3", "I4", "I5", "I10", "I11", "S", "SI", "SIR", "Z", "ZI"),
    1: ("D", "DW", "SNR", "SR", "T", "TA", "TAC", "TI"),
    2: ("C3", "SC", "M21", "M28"),
    3: ("UPD",),
}
"""What `I0` lists: all that the emulator understands."""

_UPDATE_RATES_HZ = (1.0, 2.0, 5.0, 10.0, 20.0, 23.0)
_QUOTED = re.compile(r'"([^"]*)"$')


class Information:
    """The commands by name; each takes its parameters and the time and returns its lines.

    Args:
        scale: the balance's physics.
        pan: for how masses are written.
        temperatures_c: the sensors that `M28` reads, at a time.

    """

    def __init__(self, scale: Scale, pan: Pan, temperatures_c: Callable[[float], Sequence[float]]) -> None:
        self.rate_hz = scale.output_rate_hz
        """How often `SIR` sends."""
        self._most_hz = scale.output_rate_hz
        self._name = "balance"
        self._temperatures_c = temperatures_c
        listed = [(level, name) for level, names in LEVELS.items() for name in names]
        self.identity = f'I4 A "{scale.serial}"'
        self.commands: dict[str, Callable[[list[str], float], Sequence[str]]] = {
            "I0": _fixed(
                *(f'I0 B {level} "{name}"' for level, name in listed[:-1]), 'I0 A {} "{}"'.format(*listed[-1])
            ),
            "I1": _fixed('I1 A "01" "2.30" "2.20" "" ""'),
            "I2": _fixed(f'I2 A "{MODEL} {pan.text(scale.maximum_g)} g"'),
            "I3": _fixed(f'I3 A "{SOFTWARE} {TYPE_NUMBER}"'),
            "I4": _fixed(self.identity),
            "I5": _fixed('I5 A "TWIN0001A"'),
            "I10": self._i10,
            "I11": _fixed(f'I11 A "{MODEL}"'),
            "D": lambda parameters, _: ["D A" if _QUOTED.match(" ".join(parameters)) else "D L"],
            "DW": _fixed("DW A"),
            "M21": self._m21,
            "M28": self._m28,
            "UPD": self._upd,
        }

    def _i10(self, parameters: list[str], _time_s: float) -> Sequence[str]:
        if not parameters:
            return [f'I10 A "{self._name}"']
        match = _QUOTED.match(" ".join(parameters))
        if match is None or len(match.group(1)) > 20:
            return ["I10 L"]
        self._name = match.group(1)
        return ["I10 A"]

    @staticmethod
    def _m21(parameters: list[str], _time_s: float) -> Sequence[str]:
        """Read or set the units of host (0) and display (1): g, index 0, is the only one here."""
        if not parameters:
            return ["M21 B 0 0", "M21 A 1 0"]
        return ["M21 A" if parameters in (["0", "0"], ["1", "0"]) else "M21 L"]

    def _m28(self, parameters: list[str], time_s: float) -> Sequence[str]:
        if parameters:
            return ["EL"]
        *others, last = enumerate(self._temperatures_c(time_s), start=1)
        return [f"M28 B {n} {value:.1f}" for n, value in others] + [f"M28 A {last[0]} {last[1]:.1f}"]

    def _upd(self, parameters: list[str], _time_s: float) -> Sequence[str]:
        if not parameters:
            return [f"UPD A {self.rate_hz:g}"]
        try:
            wanted_hz = float(parameters[0])
        except ValueError:
            wanted_hz = math.nan
        if len(parameters) > 1 or not 0.0 < wanted_hz < math.inf:
            return ["UPD L"]
        rates_hz = sorted({rate for rate in _UPDATE_RATES_HZ if rate < self._most_hz} | {self._most_hz})
        self.rate_hz = min(rates_hz, key=lambda rate: abs(rate - wanted_hz))
        return ["UPD A"]


def _fixed(*lines: str) -> Callable[[list[str], float], Sequence[str]]:
    """Return a command that takes no parameters and always answers the same."""
    return lambda parameters, _: ["EL"] if parameters else lines
