"""What an MT-SICS balance tells of itself (manual 11781363, pp.85-95, 158), and its display: nothing here waits."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Sequence

from bench.twin.emulators.mt_sics_pan import Scale
from bench.twin.emulators.mt_sics_units import decimals

MODEL = "TWIN-XPR simulated"
SOFTWARE = "1.0"
SOFTWARE_ID = "00000001A"
TYPE_NUMBER = "0.0.0.0.1"

LEVELS = {
    0: ("I0", "I1", "I2", "I3", "I4", "I5", "S", "SI", "SIR", "Z", "ZI", "@"),
    1: ("D", "DW", "K", "SR", "T", "TA", "TAC", "TI"),
    2: (
        *("C", "C3", "I10", "I11", "I14", "I15", "M01", "M02", "M03", "M21", "M28", "M29", "M67", "SC", "SIRU", "SIS"),
        *("SIU", "SNR", "SNRU", "SRU", "ST", "SU", "TC", "UPD", "ZC"),
    ),
}
"""All that the emulator understands, by level and then by name, as `I0` lists it; levels as a JE1002G has them."""

_VERSIONS = {0: "2.30", 1: "2.22", 2: "2.33"}
_NOT_ON_APPROVED = {"TI", "ZI"}
_LONGEST_NAME = 20
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"$')


class Information:
    """The commands by name; each takes its parameters and the time and returns its lines.

    Args:
        scale: the balance's physics.
        temperatures_c: the sensors that `M28` reads, at a time.
        model: what it calls itself.
        lacks: what is not to be listed.

    """

    def __init__(
        self, scale: Scale, temperatures_c: Callable[[float], Sequence[float]], model: str, lacks: Collection[str]
    ) -> None:
        self._name = "balance"
        self._temperatures_c = temperatures_c
        self._on_since_s = 0.0
        self.identity = f'I4 A "{scale.serial}"'
        capacity = f"{scale.maximum_g:.{decimals(scale.readability_g)}f} g"
        self._modules = {
            "0": ("Bridge", "Terminal"),
            "1": (model, "PWT simulated"),
            "2": (SOFTWARE_ID, SOFTWARE_ID),
            "3": (SOFTWARE, SOFTWARE),
            "4": (f"{scale.serial}B", scale.serial),
            "5": (TYPE_NUMBER, TYPE_NUMBER),
        }
        self.commands: dict[str, Callable[[list[str], float], Sequence[str]]] = {
            "I0": _fixed(*_listing(lacks)),
            "I1": _fixed(_levels(lacks)),
            "I2": _fixed(f'I2 A "{model} {capacity}"'),
            "I3": _fixed(f'I3 A "{SOFTWARE} {TYPE_NUMBER}"'),
            "I4": _fixed(self.identity),
            "I5": _fixed(f'I5 A "{SOFTWARE_ID}"'),
            "I10": self._i10,
            "I11": _fixed(f'I11 A "{model}"'),
            "I14": self._i14,
            "I15": self._i15,
            "D": lambda parameters, _: ["D A" if _QUOTED.match(" ".join(parameters)) else "D L"],
            "DW": _fixed("DW A"),
            "M28": self._m28,
        }

    def switch_on(self, time_s: float) -> None:
        """Begin to count the time since the start."""
        self._on_since_s = time_s

    def _i10(self, parameters: list[str], _time_s: float) -> Sequence[str]:
        if not parameters:
            return [f'I10 A "{self._name}"']
        match = _QUOTED.match(" ".join(parameters))
        if match is None or len(match.group(1)) > _LONGEST_NAME:
            return ["I10 L"]
        self._name = match.group(1)
        return ["I10 A"]

    def _i14(self, parameters: list[str], _time_s: float) -> Sequence[str]:
        if len(parameters) != 1 or parameters[0] not in self._modules:
            return ["I14 L"]
        number = parameters[0]
        return _block(
            [f'{number} {index} "{text}"' for index, text in enumerate(self._modules[number], start=1)], "I14"
        )

    def _i15(self, parameters: list[str], time_s: float) -> Sequence[str]:
        return ["EL"] if parameters else [f"I15 A {int((time_s - self._on_since_s) / 60.0)}"]

    def _m28(self, parameters: list[str], time_s: float) -> Sequence[str]:
        if parameters:
            return ["EL"]
        return _block([f"{n} {value:.1f}" for n, value in enumerate(self._temperatures_c(time_s), start=1)], "M28")


def _listing(lacks: Collection[str]) -> Sequence[str]:
    listed = [f'{level} "{name}"' for level, names in LEVELS.items() for name in names if name not in lacks]
    return _block(listed, "I0")


def _levels(lacks: Collection[str]) -> str:
    """Write `I1`: a level counts only if nothing of it and of those below is missing that a model must have."""
    missing = set(lacks) - _NOT_ON_APPROVED
    whole = list(itertools.takewhile(lambda level: not missing & set(LEVELS[level]), LEVELS))
    versions = " ".join(f'"{_VERSIONS[level] if level in whole else ""}"' for level in range(4))
    return f'I1 A "{"".join(map(str, whole))}" {versions}'


def _block(texts: Sequence[str], name: str) -> list[str]:
    """Write a reply of several lines: all but the last with status B, more follows."""
    return [f"{name} B {text}" for text in texts[:-1]] + [f"{name} A {texts[-1]}"]


def _fixed(*lines: str) -> Callable[[list[str], float], Sequence[str]]:
    """Return a command that takes no parameters and always answers the same."""
    return lambda parameters, _: ["EL"] if parameters else lines
