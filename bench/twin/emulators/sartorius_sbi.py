"""A Sartorius balance as SBI shows it (Cubis MSE p.71, Entris II interface description pp.3-4, Master series p.79).

Commands are `ESC c` or `ESC c<digits>_`, with CR LF after them or not; Entris II takes them without ESC, too, if CR
ends them. Only print and information commands answer; what it does not know it ignores, as the real one does. A pan
that is not stable has no unit in its line. Where a special text stands in its line, how long an error is displayed and
what a restart does are not in the pages seen; the columns are those of the older status and error codes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from bench.twin.emulators.registry import EmulatorEntry
from bench.twin.emulators.weighing import Circumstances, Scale, SerialOptions, WeighingEmulator, circumstances
from bench.twin.port import REPLY_LATENCY_S, Send

if TYPE_CHECKING:
    from bench.twin.settings import Simulation
    from bench.twin.world import World

MODEL = "TWIN-SBI"
SOFTWARE = "00-01-00"

_ESC, _CR = 0x1B, 0x0D
_COMMAND_LIMIT = 20
_STABILITY_TIMEOUT_S = 20.0
_ADJUSTMENT_S = 12.0
_ERROR_SHOWN_S = 3.0
_START_S = 3.0
_ERROR_LOADED, _ERROR_NO_TARE = 2, 11


class Options(SerialOptions):
    """What the balance's menu is set to."""

    parity: Literal["E", "O", "N"] = "O"
    line_length: Literal[16, 22] = Field(22, description="without or with the six characters that say what a value is")
    output: Literal["any", "stable"] = Field("any", description="what a print sends: any weight, or the next stable")
    autoprint: Literal["off", "any", "stable"] = Field("off", description="which weights it sends unasked")
    internal_weight: bool = True


class SbiBalance(WeighingEmulator):
    """The emulator.

    Args:
        send: hands bytes to the host at a due time.
        scale: the balance's physics.
        options: how its menu is set.
        circumstances: what faults have done to it.

    """

    def __init__(
        self,
        send: Send,
        scale: Scale,
        options: Options = Options(),  # noqa: B008
        circumstances: Circumstances = Circumstances(),  # noqa: B008
    ) -> None:
        super().__init__(send, scale, circumstances, stability_timeout_s=_STABILITY_TIMEOUT_S)
        self.line = options.line
        self._options = options
        self._received = bytearray()
        self._escaped = False
        self._autoprints = options.autoprint != "off"
        self._error = 0
        self._error_until_s = 0.0
        self._silent_until_s = 0.0
        self._commands: dict[str, Callable[[float], None]] = {
            "P": self._print,
            "p_": self._print,
            "kP": self._print,
            "kP_": self._print,
            "T": lambda t: self._press(self._zero_or_tare, t),
            "U": lambda t: self._press(self._tare, t),
            "V": lambda t: self._press(self._zero, t),
            "f3_": lambda t: self._press(self._zero, t),
            "f4_": lambda t: self._press(self._tare, t),
            "Z": self._adjust_internally,
            "x0_": self._adjust_internally,
            "S": self._restart,
            "s3_": lambda _: self._waits.clear(),
            "x1_": lambda t: self._reply(MODEL, t),
            "x2_": lambda t: self._reply(scale.serial, t),
            **dict.fromkeys(("x3_", "x4_", "x20_", "x21_"), lambda t: self._reply(SOFTWARE, t)),
        }
        self._schedule(0.0)

    # -- bytes

    def receive(self, data: bytes, time_s: float) -> None:
        """Take bytes from the host; act on each command as soon as it is complete."""
        for byte in data:
            if byte == _ESC:
                self._received.clear()
                self._escaped = True
            elif byte == _CR:
                self._execute(time_s)
            elif byte != 0x0A and len(self._received) < _COMMAND_LIMIT:
                self._received.append(byte)
                if self._escaped and self._is_whole():
                    self._execute(time_s)
        self._schedule(time_s)

    def _is_whole(self) -> bool:
        """Tell whether a command after ESC has all its characters: one, or a lower-case one with what ends by `_`."""
        return not chr(self._received[0]).islower() or self._received.endswith(b"_")

    def _execute(self, time_s: float) -> None:
        command = self._commands.get(self._received.decode("latin-1"))
        self._received.clear()
        self._escaped = False
        if command is not None and time_s >= self._silent_until_s:
            command(time_s)

    # -- output

    @property
    def _streams(self) -> bool:
        return self._autoprints

    def _put_out(self, indication_g: float, stable: bool, time_s: float) -> None:
        if time_s >= self._silent_until_s and (stable or self._options.autoprint == "any"):
            self._send(self._line(indication_g, stable, time_s), time_s)

    def _print(self, time_s: float) -> None:
        """Print one line; where it prints by itself, stop or start that (Entris II p.4)."""
        if self._options.autoprint != "off":
            self._autoprints = not self._autoprints
            return
        indication_g, stable = self._indication(time_s)
        if stable or self._options.output == "any" or self._special(indication_g, time_s):
            self._send(self._line(indication_g, stable, time_s), time_s + REPLY_LATENCY_S)
        else:
            self._wait_for_stable("print", time_s, lambda g, t: self._send(self._line(g, True, t), t))

    def _line(self, indication_g: float, stable: bool, time_s: float) -> bytes:
        kind, text = "N", self._weight(indication_g, stable)
        if special := self._special(indication_g, time_s) or ("" if len(text) == 14 else "   DIS.ERR"):
            kind, text = "Stat", f"{special:<14}"
        if self._options.line_length == 22:
            text = f"{kind:<6}{text}"
        return f"{text}\r\n".encode("latin-1")

    def _weight(self, indication_g: float, stable: bool) -> str:
        number = self._pan.net(indication_g)
        sign = "-" if number.startswith("-") else "+"
        return f"{sign}{number.lstrip('-'):>9} {self._pan.unit if stable else '':<3}"

    def _special(self, indication_g: float, time_s: float) -> str:
        """Return what is displayed in place of a weight; empty when that is a weight."""
        if self._adjusting:
            return "   Cal.Int."
        if time_s < self._error_until_s:
            return f"   ERR {self._error:>3}"
        return {"+": "      High", "-": "      Low"}.get(self._pan.beyond(indication_g), "")

    # -- keys

    def _press(self, act: Callable[[float, float], None], time_s: float) -> None:
        if not self._adjusting:
            self._wait_for_stable("key", time_s, act)

    def _zero_or_tare(self, indication_g: float, _time_s: float) -> None:
        self._pan.zero_or_tare(indication_g)

    def _zero(self, indication_g: float, time_s: float) -> None:
        if self._pan.zero(indication_g):
            self._show_error(_ERROR_LOADED, time_s)

    def _tare(self, indication_g: float, time_s: float) -> None:
        if indication_g - self._pan.zero_g <= 0.0 or self._pan.tare(indication_g):
            self._show_error(_ERROR_NO_TARE, time_s)

    def _adjust_internally(self, time_s: float) -> None:
        if not self._options.internal_weight or self._adjusting:
            return
        indication_g, _ = self._indication(time_s)
        if self._pan.in_zero_range(indication_g):
            self._adjust(time_s, _ADJUSTMENT_S, lambda _: None)
        else:
            self._show_error(_ERROR_LOADED, time_s)

    def _show_error(self, number: int, time_s: float) -> None:
        self._error, self._error_until_s = number, time_s + _ERROR_SHOWN_S

    def _restart(self, time_s: float) -> None:
        self._waits.clear()
        self._pan.tare_g = 0.0
        self._autoprints = self._options.autoprint != "off"
        self._silent_until_s = time_s + _START_S


def _make(send: Send, world: World, simulation: Simulation, options: Options) -> SbiBalance:
    return SbiBalance(send, world.balance, options, circumstances(simulation))


EMULATOR = EmulatorEntry("sartorius_sbi", "balance", _make, Options)
