"""A Radwag balance (WTC manual p.48, PS R2 pp.162-171, R series pp.85-93, HRP pp.131-138, PUE C/31 p.58).

Commands end with CR LF; each is answered by its own name and what became of it: `A` in progress, `D` done after that,
`OK` done, `I` not now, `^` and `v` beyond the range, `E` not stable in time; `ES` where there is no such command.
Weights come in frames of 21 characters. A command that comes while another waits for a stable pan is done after that.
The frame of `NT` is as the client radwag-mass 1.0.6 reads it; the page that defines it was not seen, nor those of the
settings (`A`, `EV`, `FIS`, `ARS`, `LDS`, `K0`, `K1`, `BP`), which only answer `OK` here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import Field

from bench.twin.emulators.registry import EmulatorEntry
from bench.twin.emulators.weighing import Circumstances, Scale, SerialOptions, WeighingEmulator, circumstances
from bench.twin.port import REPLY_LATENCY_S, Send

if TYPE_CHECKING:
    from bench.twin.settings import Simulation
    from bench.twin.world import World

MODEL = "TWIN-PS"
SOFTWARE = "1.1.1"

_ADJUSTMENT_S = 20.0
_LINE_LIMIT = 64
_SETTINGS = ("A", "EV", "FIS", "ARS", "LDS", "BP")
_OTHER = ("K1", "K0", "IC1", "IC0")


class Options(SerialOptions):
    """What the balance's menu is set to."""

    stability_timeout_s: float = Field(
        15.0, gt=0.0, le=600.0, description="how long it waits for a stable pan; a parameter of the balance"
    )
    accepts_immediate: bool = Field(
        False, description="answer `A` before the frame of `SI` and `SUI`, too, as the scales of some series do"
    )
    internal_weight: bool = True


class RadwagBalance(WeighingEmulator):
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
        super().__init__(send, scale, circumstances, stability_timeout_s=options.stability_timeout_s)
        self.line = options.line
        self._options = options
        self._received = bytearray()
        self._waiting_lines: deque[str] = deque()
        self._stream = ""
        self._commands: dict[str, Callable[[float], None]] = {
            "Z": self._zero,
            "T": self._tare,
            "OT": lambda t: self._reply(f"OT {self._pan.text(self._pan.tare_g):>9} {self._pan.unit:<3} ", t),
            "S": lambda t: self._send_stable("S", t),
            "SU": lambda t: self._send_stable("SU", t),
            "SI": lambda t: self._send_now("SI", t),
            "SUI": lambda t: self._send_now("SUI", t),
            "SIA": lambda t: self._send(self._frame("P1", *self._indication(t)), t + REPLY_LATENCY_S),
            "NT": self._send_for_terminal,
            "C1": lambda t: self._switch_stream("C1", "SI", t),
            "C0": lambda t: self._switch_stream("C0", "", t),
            "CU1": lambda t: self._switch_stream("CU1", "SUI", t),
            "CU0": lambda t: self._switch_stream("CU0", "", t),
            "SS": self._press_print,
            "IC": self._adjust_internally,
            "NB": lambda t: self._reply(f'NB A "{scale.serial}"', t),
            "BN": lambda t: self._reply(f'BN A "{MODEL}"', t),
            "FS": lambda t: self._reply(f'FS A "{self._pan.text(scale.maximum_g)}"', t),
            "RV": lambda t: self._reply(f'RV A "{SOFTWARE}"', t),
            "UI": lambda t: self._reply(f'UI "{self._pan.unit}" OK', t),
            "UG": lambda t: self._reply(f"UG {self._pan.unit} OK", t),
            "PC": lambda t: self._reply(f'PC A "{",".join(self._names)}"', t),
        }
        self._names = [*self._commands, "UT", *_SETTINGS, *_OTHER]

    # -- bytes

    def receive(self, data: bytes, time_s: float) -> None:
        """Take bytes from the host; act on every line that they complete."""
        self._received += data
        while (end := self._received.find(b"\r\n")) >= 0:
            line = self._received[:end].decode("latin-1")
            del self._received[: end + 2]
            if self._busy:
                self._waiting_lines.append(line)
            else:
                self._execute(line, time_s)
        if len(self._received) > _LINE_LIMIT:
            self._received.clear()
            self._reply("ES", time_s)
        self._schedule(time_s)

    @property
    def _busy(self) -> bool:
        return bool(self._waits)

    def _execute(self, line: str, time_s: float) -> None:
        name, _, parameter = line.partition(" ")
        if (command := self._commands.get(line)) is not None:
            if self._adjusting:
                self._reply(f"{line} I", time_s)
            else:
                command(time_s)
        elif name == "UT":
            self._preset_tare(parameter, time_s)
        elif name == "US" and parameter:
            self._reply("US OK" if parameter == self._pan.unit else "US E", time_s)
        elif line in _OTHER or (name in _SETTINGS and parameter.isdecimal()):
            self._reply(f"{name} OK", time_s)
        else:
            self._reply("ES", time_s)

    def _go_on(self, time_s: float) -> None:
        """Act on the commands that came meanwhile."""
        while self._waiting_lines and not self._busy:
            self._execute(self._waiting_lines.popleft(), time_s)

    def _when_stable(self, name: str, time_s: float, act: Callable[[float, float], None]) -> None:
        """Answer `A`, then act at the first stable output, or answer `E`."""
        self._reply(f"{name} A", time_s)

        def on_stable(indication_g: float, t: float) -> None:
            act(indication_g, t)
            self._go_on(t)

        def on_timeout(t: float) -> None:
            self._reply(f"{name} E", t)
            self._go_on(t)

        self._wait_for_stable("command", time_s, on_stable, on_timeout)

    # -- weights

    @property
    def _streams(self) -> bool:
        return self._stream != ""

    def _put_out(self, indication_g: float, stable: bool, time_s: float) -> None:
        if not self._adjusting:
            self._send(self._frame(self._stream, indication_g, stable), time_s)

    def _frame(self, name: str, indication_g: float, stable: bool) -> bytes:
        """Write a frame: name (3), marker, space, sign, mass (9), space, unit (3)."""
        number = self._pan.net(indication_g)
        marker = {"+": "^", "-": "v"}.get(self._pan.beyond(indication_g), " " if stable else "?")
        sign = "-" if number.startswith("-") else " "
        return f"{name:<3}{marker} {sign}{number.lstrip('-'):>9} {self._pan.unit:<3}\r\n".encode()

    def _send_stable(self, name: str, time_s: float) -> None:
        self._when_stable(name, time_s, lambda g, t: self._send(self._frame(name, g, True), t))

    def _send_now(self, name: str, time_s: float) -> None:
        if self._options.accepts_immediate:
            self._reply(f"{name} A", time_s)
        self._send(self._frame(name, *self._indication(time_s)), time_s + REPLY_LATENCY_S)

    def _send_for_terminal(self, time_s: float) -> None:
        indication_g, stable = self._indication(time_s)
        unit = f"{self._pan.unit:<3}"
        zero = "Z" if self._pan.shows_zero(indication_g) else " "
        number, tare = self._pan.net(indication_g), self._pan.text(self._pan.tare_g)
        self._reply(f"NT {' ' if stable else '?'}{zero}10 {number:>10} {unit} {tare:>9} {unit} 0", time_s)

    def _switch_stream(self, command: str, frames: str, time_s: float) -> None:
        self._reply(f"{command} A", time_s)
        self._stream = frames

    def _press_print(self, time_s: float) -> None:
        self._reply("SS OK", time_s)
        self._send(self._frame("", *self._indication(time_s)), time_s + REPLY_LATENCY_S)

    # -- zero, tare, adjustment

    def _zero(self, time_s: float) -> None:
        self._when_stable("Z", time_s, lambda g, t: self._reply("Z ^" if self._pan.zero(g) else "Z D", t))

    def _tare(self, time_s: float) -> None:
        self._when_stable("T", time_s, lambda g, t: self._reply("T v" if self._pan.tare(g) else "T D", t))

    def _preset_tare(self, parameter: str, time_s: float) -> None:
        mass_g = self._pan.mass_g(parameter)
        if mass_g is None:
            self._reply("ES", time_s)
        else:
            self._reply("UT OK" if self._pan.preset_tare(mass_g) else "UT I", time_s)

    def _adjust_internally(self, time_s: float) -> None:
        if not self._options.internal_weight:
            self._reply("IC I", time_s)
            return
        self._reply("IC A", time_s)
        if self._pan.in_zero_range(self._indication(time_s)[0]):
            self._adjust(time_s, _ADJUSTMENT_S, lambda t: self._reply("IC D", t))
        else:
            self._reply("IC E", time_s)


def _make(send: Send, world: World, simulation: Simulation, options: Options) -> RadwagBalance:
    return RadwagBalance(send, world.balance, options, circumstances(simulation))


EMULATOR = EmulatorEntry("radwag", "balance", _make, Options)
