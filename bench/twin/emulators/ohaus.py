"""An Ohaus balance on RS-232 (RS232 interface manual p.5, Discovery p.78, Adventurer p.22, Explorer p.139).

Commands end with CR or CR LF, replies with CR LF; what it does not know or cannot do it answers `ES`, what it has taken
`OK!` where that is switched on (`1RL`). `SP` and a print of stable weights wait 40 s and then answer `ES` (Explorer
service manual p.73). Not in the pages seen: the line of an overloaded pan (the displayed error, 8.3 or 8.4, here), and
what is answered while it adjusts (`ES` here).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import Field

from bench.twin.emulators.registry import EmulatorEntry
from bench.twin.emulators.weighing import Circumstances, Scale, SerialOptions, WeighingEmulator, circumstances
from bench.twin.port import REPLY_LATENCY_S, Send

if TYPE_CHECKING:
    from bench.twin.settings import Simulation
    from bench.twin.world import World

MODEL = "TWIN-EX"
SOFTWARE = "1.00"

_STABILITY_TIMEOUT_S = 40.0
_ADJUSTMENT_S = 15.0
_LONGEST_INTERVAL_S = 3600
_LINE_LIMIT = 64
_NUMBERED = re.compile(r"(\d+(?:\.\d+)?)(P|T|S|RL|M|U|FMT)\Z")


class Options(SerialOptions):
    """What the balance's menu is set to."""

    weight_columns: int = Field(11, ge=9, le=12, description="columns of the right-justified weight")
    blank_fields: bool = Field(
        False, description="send the fields of stability and legend where they are blank, too, as Scout does"
    )
    stable_only: bool = Field(False, description="print stable weights only (`1S`)")
    acknowledge: bool = Field(True, description="answer `OK!` to what it has taken (`1RL`)")
    internal_weight: bool = True


class OhausBalance(WeighingEmulator):
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
        self._blank_fields = options.blank_fields
        self._stable_only = options.stable_only
        self._acknowledges = options.acknowledge
        self._received = bytearray()
        self._auto = ""
        self._interval_s = 0.0
        self._begun_s = self._due_s = 0.0
        self._armed = True
        self._on = True
        self._commands: dict[str, Callable[[float], None]] = {
            "IP": self._print_now,
            "P": lambda t: self._print_stable(t) if self._stable_only else self._print_now(t),
            "SP": self._print_stable,
            "CP": lambda t: self._print_by_itself("CP", t),
            "SLP": lambda t: self._print_by_itself("SLP", t),
            "SLZP": lambda t: self._print_by_itself("SLZP", t),
            "Z": lambda t: self._press(self._pan.zero, t),
            "T": lambda t: self._press(self._pan.tare, t),
            "PT": lambda t: self._reply(self._text(self._pan.text(self._pan.tare_g), True, "T"), t),
            "PM": lambda t: self._reply("Weighing", t),
            "PU": lambda t: self._reply(self._pan.unit, t),
            "PSN": lambda t: self._reply(scale.serial, t),
            **dict.fromkeys(("PV", "V"), lambda t: self._reply(f"{MODEL} {SOFTWARE}", t)),
            **dict.fromkeys(("M", "U"), self._take),
            "IC": self._calibrate,
            "AC": self._abort,
            "ON": lambda t: self._switch(True, t),
            "OFF": lambda t: self._switch(False, t),
        }
        self._numbered: dict[str, Callable[[str, float], None]] = {
            "P": self._print_at_interval,
            "T": self._preset_tare,
            "S": lambda n, t: self._set("_stable_only", n, t),
            "RL": lambda n, t: self._set("_acknowledges", n, t),
            "M": lambda n, t: self._take(t) if n == "1" else self._refuse(t),
            "U": lambda n, t: self._take(t) if n == "1" else self._refuse(t),
            "FMT": self._set_format,
        }

    # -- bytes

    def receive(self, data: bytes, time_s: float) -> None:
        """Take bytes from the host; act on every line that they complete."""
        for byte in data:
            if byte == 0x0D:
                line = self._received.decode("latin-1")
                self._received.clear()
                self._execute(line, time_s)
            elif byte != 0x0A:
                self._received.append(byte)
        if len(self._received) > _LINE_LIMIT:
            self._received.clear()
            self._refuse(time_s)
        self._schedule(time_s)

    def _execute(self, line: str, time_s: float) -> None:
        numbered = _NUMBERED.match(line)
        if (self._adjusting and line != "AC") or not (self._on or line in ("ON", "PSN", "PV", "V")):
            self._refuse(time_s)
        elif (command := self._commands.get(line)) is not None:
            command(time_s)
        elif numbered is not None:
            self._numbered[numbered[2]](numbered[1], time_s)
        else:
            self._refuse(time_s)

    def _take(self, time_s: float) -> None:
        if self._acknowledges:
            self._reply("OK!", time_s)

    def _refuse(self, time_s: float) -> None:
        self._reply("ES", time_s)

    def _set(self, name: str, number: str, time_s: float) -> None:
        """Switch something on (`1`) or off (`0`); `1RL` is answered already, `0RL` no more."""
        if number not in ("0", "1"):
            self._refuse(time_s)
            return
        setattr(self, name, number == "1")
        self._take(time_s)

    def _set_format(self, number: str, time_s: float) -> None:
        """Take Scout's new format (`0FMT`), with every field, or the shorter one of before (`1FMT`)."""
        if number not in ("0", "1"):
            self._refuse(time_s)
            return
        self._blank_fields = number == "0"
        self._take(time_s)

    # -- printing

    @property
    def _streams(self) -> bool:
        return self._auto != ""

    def _put_out(self, indication_g: float, stable: bool, time_s: float) -> None:
        if self._adjusting or not self._on:
            return
        if self._auto in ("SLP", "SLZP"):
            # Once each time that the pan has come to rest.
            due = stable and self._armed and not (self._auto == "SLP" and self._pan.shows_zero(indication_g))
            self._armed = not stable
        else:
            due = (stable or not self._stable_only) and time_s >= self._due_s - 1e-6
        if due:
            legend = ""
            if self._interval_s:
                legend = str(dt.timedelta(seconds=round(self._due_s - self._begun_s))).rjust(8, "0")
                self._due_s += self._interval_s
            self._send(self._line(indication_g, stable, legend), time_s)

    def _line(self, indication_g: float, stable: bool, legend: str = "") -> bytes:
        if sign := self._pan.beyond(indication_g):
            return b"Err 8.3\r\n" if sign == "+" else b"Err 8.4\r\n"
        return f"{self._text(self._pan.net(indication_g), stable, legend)}\r\n".encode()

    def _text(self, number: str, stable: bool, legend: str = "") -> str:
        text = f"{number:>{self._options.weight_columns}} {self._pan.unit}"
        if legend or self._blank_fields:
            return f"{text} {' ' if stable else '?'} {legend or ('N' if self._pan.tare_g else ' ')}"
        return text if stable else f"{text} ?"

    def _print_now(self, time_s: float) -> None:
        self._send(self._line(*self._indication(time_s)), time_s + REPLY_LATENCY_S)

    def _print_stable(self, time_s: float) -> None:
        if self._pan.beyond(self._indication(time_s)[0]):
            self._print_now(time_s)
            return
        self._wait_for_stable("print", time_s, lambda g, t: self._send(self._line(g, True), t), self._refuse)

    def _print_by_itself(self, name: str, time_s: float) -> None:
        self._auto, self._interval_s, self._armed, self._due_s = name, 0.0, True, time_s
        self._take(time_s)

    def _print_at_interval(self, number: str, time_s: float) -> None:
        """Print every `number` seconds; `0P` ends whatever is printed by itself."""
        if number == "0":
            self._auto = ""
            self._waits.pop("print", None)
        elif number.isdecimal() and int(number) <= _LONGEST_INTERVAL_S:
            self._auto, self._interval_s, self._begun_s, self._due_s = "P", float(number), time_s, time_s
        else:
            self._refuse(time_s)
            return
        self._take(time_s)

    # -- keys

    def _press(self, act: Callable[[float], str], time_s: float) -> None:
        """Do what a key does once the pan is stable; refused at once where the load is beyond the range."""
        zero_g, tare_g = self._pan.zero_g, self._pan.tare_g
        refused = act(self._indication(time_s)[0])
        self._pan.zero_g, self._pan.tare_g = zero_g, tare_g
        if refused:
            self._refuse(time_s)
            return
        self._take(time_s)

        def on_stable(indication_g: float, _time_s: float) -> None:
            act(indication_g)

        self._wait_for_stable("key", time_s, on_stable)

    def _preset_tare(self, number: str, time_s: float) -> None:
        mass_g = self._pan.mass_g(number)
        if mass_g is not None and self._pan.preset_tare(mass_g):
            self._take(time_s)
        else:
            self._refuse(time_s)

    def _calibrate(self, time_s: float) -> None:
        if self._options.internal_weight and self._pan.in_zero_range(self._indication(time_s)[0]):
            self._take(time_s)
            self._adjust(time_s, _ADJUSTMENT_S, lambda _: None)
        else:
            self._refuse(time_s)

    def _abort(self, time_s: float) -> None:
        if self._adjusting:
            self._abort_adjustment()
            self._take(time_s)
        else:
            self._refuse(time_s)

    def _switch(self, on: bool, time_s: float) -> None:
        self._on = on
        self._waits.clear()
        self._take(time_s)


def _make(send: Send, world: World, simulation: Simulation, options: Options) -> OhausBalance:
    return OhausBalance(send, world.balance, options, circumstances(simulation))


EMULATOR = EmulatorEntry("ohaus", "balance", _make, Options)
