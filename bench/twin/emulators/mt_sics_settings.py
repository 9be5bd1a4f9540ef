"""What an MT-SICS balance can be set to (manual 11781363: K p.140, M01-M03 pp.144-146, M21, M29 p.159, M67, ST, UPD).

Weighing mode, environment, auto zero and value release are kept and told, and change nothing: the physics behind the
twin's balance has its own filter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.twin.emulators.mt_sics_pan import Scale
from bench.twin.emulators.mt_sics_units import BY_NUMBER, Unit, Writer

Lines = Sequence[str]

_TERMINAL_RATES_HZ = (1.0, 2.0, 5.0, 10.0, 20.0, 23.0)
_TERMINAL_LIMIT_HZ = 23.0
_BRIDGE_LIMIT_HZ = 1000.0
_LONGEST_TIMEOUT_S = 65535
_CHOICES = {
    "M01": ("0", "1", "2", "3"),
    "M02": ("0", "1", "2", "3", "4"),
    "M03": ("0", "1"),
    "M29": ("0", "1", "2", "3", "4"),
}
_DEFAULTS = {"M01": "0", "M02": "2", "M03": "1", "M29": "2"}
_GRAM = BY_NUMBER["0"]

KEYS_WORK = ("1", "4")
"""Modes of `K` in which a key does what it is for."""
KEYS_TELL = ("3", "4")
"""Modes of `K` in which a key tells the host."""


class Settings:
    """The commands by name; each takes its parameters and the time and returns its lines.

    Args:
        scale: the balance's physics.
        host_unit: what weights are sent in when the run starts.
        stability_timeout_s: how long `S`, `Z` and `T` wait for a stable pan, until `M67` says otherwise.

    """

    def __init__(self, scale: Scale, host_unit: Unit, stability_timeout_s: float) -> None:
        self._readability_g = scale.readability_g
        self._most_hz = scale.output_rate_hz
        self._units = [host_unit, _GRAM, _GRAM]
        self._chosen = dict(_DEFAULTS)
        self.host = Writer(host_unit, scale.readability_g)
        """Writes what is sent."""
        self.display = Writer(_GRAM, scale.readability_g)
        """Writes what is shown, and sent by the commands that end with U."""
        self.rate_hz = scale.output_rate_hz
        """How often `SIR` sends."""
        self.timeout_s = stability_timeout_s
        self.key_mode = "1"
        self.commands: dict[str, Callable[[list[str], float], Lines]] = {
            **{name: self._choice(name) for name in _CHOICES},
            "K": self._k,
            "M21": self._m21,
            "M67": self._m67,
            "ST": self._st,
            "UPD": self._upd,
        }
        self._transfers = "0"

    def cancel(self) -> None:
        """Go back to what `@` leaves: keys work and tell nothing, the transfer key sends nothing."""
        self.key_mode = "1"
        self._transfers = "0"

    def switch_on(self) -> None:
        """Go back to what a power failure leaves: weights are sent in g."""
        self.cancel()
        self._set_unit(0, _GRAM)

    def _choice(self, name: str) -> Callable[[list[str], float], Lines]:
        def tell(parameters: list[str], _time_s: float) -> Lines:
            if not parameters:
                return [f"{name} A {self._chosen[name]}"]
            if len(parameters) > 1 or parameters[0] not in _CHOICES[name]:
                return [f"{name} L"]
            self._chosen[name] = parameters[0]
            return [f"{name} A"]

        return tell

    def _k(self, parameters: list[str], _time_s: float) -> Lines:
        if len(parameters) != 1 or parameters[0] not in ("1", "2", "3", "4"):
            return ["K L"]
        self.key_mode = parameters[0]
        return ["K A"]

    def _st(self, parameters: list[str], _time_s: float) -> Lines:
        if not parameters:
            return [f"ST A {self._transfers}"]
        if len(parameters) > 1 or parameters[0] not in ("0", "1"):
            return ["ST L"]
        self._transfers = parameters[0]
        return ["ST A"]

    def _m21(self, parameters: list[str], _time_s: float) -> Lines:
        """Read or set the units of host (0), display (1) and information field (2)."""
        told = [f"{channel} {unit.number}" for channel, unit in enumerate(self._units)]
        if not parameters:
            return [f"M21 B {told[0]}", f"M21 B {told[1]}", f"M21 A {told[2]}"]
        if parameters[0] not in ("0", "1", "2"):
            return ["M21 L"]
        channel = int(parameters[0])
        if len(parameters) == 1:
            return [f"M21 A {told[channel]}"]
        if len(parameters) > 2 or parameters[1] not in BY_NUMBER:
            return ["M21 L"]
        self._set_unit(channel, BY_NUMBER[parameters[1]])
        return ["M21 A"]

    def _set_unit(self, channel: int, unit: Unit) -> None:
        self._units[channel] = unit
        if channel == 0:
            self.host = Writer(unit, self._readability_g)
        elif channel == 1:
            self.display = Writer(unit, self._readability_g)

    def _m67(self, parameters: list[str], _time_s: float) -> Lines:
        if not parameters:
            return [f"M67 A {self.timeout_s:.0f}"]
        if len(parameters) > 1 or not _is_number(parameters[0]) or float(parameters[0]) > _LONGEST_TIMEOUT_S:
            return ["M67 L"]
        self.timeout_s = float(int(float(parameters[0])))
        return ["M67 A"]

    def _upd(self, parameters: list[str], _time_s: float) -> Lines:
        if not parameters:
            return [f"UPD A {self.rate_hz:g}"]
        limit_hz = _TERMINAL_LIMIT_HZ if self._most_hz <= _TERMINAL_LIMIT_HZ else _BRIDGE_LIMIT_HZ
        if len(parameters) > 1 or not _is_number(parameters[0]) or not 1.0 <= float(parameters[0]) <= limit_hz:
            return ["UPD L"]
        wanted_hz = float(parameters[0])
        rates_hz = sorted({rate for rate in _TERMINAL_RATES_HZ if rate < self._most_hz} | {self._most_hz})
        self.rate_hz = min(rates_hz, key=lambda rate: abs(rate - wanted_hz))
        return ["UPD A"]


def _is_number(text: str) -> bool:
    """Tell whether `text` is a plain decimal number without a sign."""
    return text.isascii() and text.replace(".", "", 1).isdecimal()
