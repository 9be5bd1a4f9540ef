"""An A&D balance in A&D standard format (FX-i manual pp.52-54, 59, GC pp.51, 56, AD-4212B pp.68-69, GH pp.42, 64).

Commands end with CR LF. By `erCd 0`, the factory setting, commands that control the balance and those that it does not
know or cannot do are silent; by `erCd 1` they answer `<AK>` (0x06) at receipt, those that take time again when done,
and a refusal `EC,Exx`. Not in the pages seen: the padding of `?TN` and `?SN`, whether `C` is acknowledged (it is here),
and how long the balance waits for a stable pan.
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

MODEL = "TWIN-FX"

_STABILITY_TIMEOUT_S = 30.0
_ADJUSTMENT_S = 20.0
_LINE_LIMIT = 64
_ID_LIMIT = 7
_ACKNOWLEDGE = "\x06"
_UNKNOWN, _NOT_READY, _TOO_LONG, _FORMAT, _RANGE, _UNSTABLE = 1, 2, 4, 6, 7, 11


class Options(SerialOptions):
    """What the balance's function table is set to."""

    baudrate: int = Field(2400, ge=150, le=115200)
    bytesize: Literal[7, 8] = 7
    parity: Literal["E", "O", "N"] = "E"
    error_codes: bool = Field(False, description="erCd 1: it acknowledges commands and says why it refuses one")
    digits: int = Field(8, ge=7, le=12, description="least characters of a value after its sign; zeros fill them")
    print_when: Literal["any", "stable"] = Field("stable", description="what its PRINT key and `PRT` send")
    internal_weight: bool = True


class AndBalance(WeighingEmulator):
    """The emulator.

    Args:
        send: hands bytes to the host at a due time.
        scale: the balance's physics.
        options: how its function table is set.
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
        self._streaming = False
        self._on = True
        self._id = "TWIN"
        zero, tare = self._pan.zero_or_tare, self._pan.tare
        self._commands: dict[str, Callable[[float], None]] = {
            **dict.fromkeys(("Q", "SI"), self._send_now),
            **dict.fromkeys(("S", "RW", "\x1bP"), self._send_stable),
            **dict.fromkeys(("R", "Z", "\x1bT"), lambda t: self._press(zero, t)),
            **dict.fromkeys(("T", "TR"), lambda t: self._press(tare, t)),
            **dict.fromkeys(("SMP", "U"), self._acknowledge),
            "SIR": self._stream,
            "C": self._cancel,
            "PRT": self._print,
            "CAL": self._calibrate,
            "ON": lambda t: self._switch(True, t),
            "OFF": lambda t: self._switch(False, t),
            "P": lambda t: self._switch(not self._on, t),
            "?ID": lambda t: self._reply(f"ID,{self._id}", t),
            "?SN": lambda t: self._reply(f"SN,{scale.serial}", t),
            "?TN": lambda t: self._reply(f"TN,{MODEL}", t),
            "?PT": lambda t: self._reply(f"PT,{self._value(self._pan.text(self._pan.tare_g))}", t),
        }

    # -- bytes

    def receive(self, data: bytes, time_s: float) -> None:
        """Take bytes from the host; act on every line that they complete."""
        self._received += data
        while (end := self._received.find(b"\r\n")) >= 0:
            line = self._received[:end].decode("latin-1")
            del self._received[: end + 2]
            self._execute(line, time_s)
        if len(self._received) > _LINE_LIMIT:
            self._received.clear()
            self._refuse(_TOO_LONG, time_s)
        self._schedule(time_s)

    def _execute(self, line: str, time_s: float) -> None:
        if (command := self._commands.get(line)) is not None:
            if self._adjusting or not (self._on or line in ("ON", "P", "OFF") or line.startswith("?")):
                self._refuse(_NOT_READY, time_s)
            else:
                command(time_s)
        elif line.startswith("PT:"):
            self._preset_tare(line[3:], time_s)
        elif line.startswith("ID:"):
            self._set_id(line[3:], time_s)
        else:
            self._refuse(_UNKNOWN, time_s)

    def _acknowledge(self, time_s: float) -> None:
        if self._options.error_codes:
            self._reply(_ACKNOWLEDGE, time_s)

    def _refuse(self, number: int, time_s: float) -> None:
        if self._options.error_codes:
            self._reply(f"EC,E{number:02}", time_s)

    # -- weights

    @property
    def _streams(self) -> bool:
        return self._streaming

    def _put_out(self, indication_g: float, stable: bool, time_s: float) -> None:
        if not self._adjusting:
            self._send(self._line(indication_g, stable), time_s)

    def _line(self, indication_g: float, stable: bool) -> bytes:
        if sign := self._pan.beyond(indication_g):
            return f"OL,{sign}9999999E+19\r\n".encode()
        header = "ST" if stable else "US"
        return f"{header},{self._value(self._pan.net(indication_g))}\r\n".encode()

    def _value(self, number: str) -> str:
        sign = "-" if number.startswith("-") else "+"
        return f"{sign}{number.lstrip('-'):0>{self._options.digits}}{self._pan.unit:>3}"

    def _send_now(self, time_s: float) -> None:
        if "key" in self._waits:  # a weight cannot be had while it zeroes
            self._refuse(_NOT_READY, time_s)
            return
        self._streaming = False
        self._send(self._line(*self._indication(time_s)), time_s + REPLY_LATENCY_S)

    def _send_stable(self, time_s: float) -> None:
        self._streaming = False
        self._wait_for_stable(
            "weight",
            time_s,
            lambda g, t: self._send(self._line(g, True), t),
            lambda t: self._refuse(_UNSTABLE, t),
        )

    def _stream(self, _time_s: float) -> None:
        self._waits.pop("weight", None)
        self._streaming = True

    def _cancel(self, time_s: float) -> None:
        self._streaming = False
        self._waits.pop("weight", None)
        self._acknowledge(time_s)

    def _print(self, time_s: float) -> None:
        self._acknowledge(time_s)
        indication_g, stable = self._indication(time_s)
        if stable or self._options.print_when == "any":
            self._send(self._line(indication_g, stable), time_s + REPLY_LATENCY_S)
        else:
            self._wait_for_stable("print", time_s, lambda g, t: self._send(self._line(g, True), t))

    # -- control

    def _press(self, act: Callable[[float], str], time_s: float) -> None:
        """Acknowledge, act once the pan is stable, and acknowledge again."""

        def on_stable(indication_g: float, t: float) -> None:
            if act(indication_g):
                self._refuse(_RANGE, t)
            else:
                self._acknowledge(t)

        self._acknowledge(time_s)
        self._wait_for_stable("key", time_s, on_stable, lambda t: self._refuse(_UNSTABLE, t))

    def _preset_tare(self, value: str, time_s: float) -> None:
        unit = self._pan.unit
        mass_g = self._pan.mass_g(value.removesuffix(unit).rstrip()) if value.endswith(unit) else None
        if mass_g is None:
            self._refuse(_FORMAT, time_s)
        elif self._pan.preset_tare(mass_g):
            self._acknowledge(time_s)
        else:
            self._refuse(_RANGE, time_s)

    def _set_id(self, value: str, time_s: float) -> None:
        if not 1 <= len(value) <= _ID_LIMIT:
            self._refuse(_FORMAT, time_s)
            return
        self._id = value
        self._acknowledge(time_s)

    def _calibrate(self, time_s: float) -> None:
        """Adjust by the built-in weight; refused with a load on the pan, or when there is none to adjust by."""
        indication_g, _ = self._indication(time_s)
        if not self._options.internal_weight or not self._pan.in_zero_range(indication_g):
            self._refuse(_NOT_READY, time_s)
            return
        self._acknowledge(time_s)
        self._adjust(time_s, _ADJUSTMENT_S, self._acknowledge)

    def _switch(self, on: bool, time_s: float) -> None:
        """Switch the display on or off: `ON` and `P` acknowledge twice, `OFF` once."""
        self._acknowledge(time_s)
        self._streaming = False
        self._waits.clear()
        if on:
            self._acknowledge(time_s)
        self._on = on


def _make(send: Send, world: World, simulation: Simulation, options: Options) -> AndBalance:
    return AndBalance(send, world.balance, options, circumstances(simulation))


EMULATOR = EmulatorEntry("and_standard", "balance", _make, Options)
