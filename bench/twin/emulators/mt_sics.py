"""A Mettler Toledo balance as MT-SICS shows it (level 0, most of level 1, what else a delivery test needs of 2 and 3).

Only the real forms of replies: `SI` answers with id `S`, `@` with the `I4` line, lower case and anything not ended by
CR LF is not understood. One command is acted on at a time: while `S`, `Z` or `T` waits for a stable pan, further
commands wait in line; `@` ends the wait. The stream of `SIR` goes on beside other commands.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from bench.twin.emulators.mt_sics_info import Information
from bench.twin.emulators.mt_sics_pan import Pan, Scale
from bench.twin.emulators.registry import EmulatorEntry, NoOptions
from bench.twin.faults import FaultSet
from bench.twin.faults.of_instruments import TareInMidRun, WrongUnit
from bench.twin.port import REPLY_LATENCY_S, LineSettings, Send

if TYPE_CHECKING:
    from bench.twin.settings import Simulation
    from bench.twin.world import World

_CHANGE_SHARE = 0.125
_CHANGE_LEAST_DIVISIONS = 30
_ADJUSTMENT_S = 15.0
_LINE_LIMIT = 256


class _Pending(NamedTuple):
    """A command that waits for a stable pan, or until `deadline_s`; each takes the indication and the time."""

    on_stable: Callable[[float, float], None]
    on_timeout: Callable[[float, float], None]
    deadline_s: float


class _ChangeReport(NamedTuple):
    """What `SR` and `SNR` keep: the last weight reported and whether the pan has moved since."""

    announce: bool
    preset_g: float | None
    last_g: float
    moving: bool = False


class MtSicsBalance:
    """The emulator.

    Args:
        send: hands bytes to the host at a due time.
        scale: the balance's physics.
        temperatures_c: the sensors that `M28` reads, at a time.
        stability_timeout_s: how long `S`, `Z` and `T` wait for a stable pan.
        host_unit: which unit it was set to answer weights in.
        tare_key_s: when somebody presses its tare key; never unless told.

    """

    line = LineSettings(9600)

    def __init__(
        self,
        send: Send,
        scale: Scale,
        temperatures_c: Callable[[float], Sequence[float]],
        *,
        stability_timeout_s: float = 20.0,
        host_unit: str = "g",
        tare_key_s: float = math.inf,
    ) -> None:
        self._send = send
        self._scale = scale
        self._pan = Pan(scale, host_unit)
        self._tare_key_s = tare_key_s
        self._information = Information(scale, self._pan, temperatures_c)
        self._stability_timeout_s = stability_timeout_s
        self._received = bytearray()
        self._waiting_lines: deque[str] = deque()
        self._pending: _Pending | None = None
        self._adjusted_s = math.inf
        self._streaming = False
        self._change: _ChangeReport | None = None
        self._output = 0
        self._next_s = math.inf
        self._commands: dict[str, Callable[[list[str], float], None]] = {
            "S": self._s,
            "SI": self._si,
            "SIR": self._sir,
            "SC": self._sc,
            "SR": self._sr,
            "SNR": self._snr,
            "Z": self._z,
            "ZI": self._zi,
            "T": self._t,
            "TI": self._ti,
            "TA": self._ta,
            "TAC": self._tac,
            "C3": self._c3,
        }

    # -- bytes and time

    def receive(self, data: bytes, time_s: float) -> None:
        """Take bytes from the host; act on every line that they complete."""
        self._received += data
        while (end := self._received.find(b"\r\n")) >= 0:
            line = self._received[:end].decode("latin-1")
            del self._received[: end + 2]
            if line == "@":
                self._cancel(time_s)
            elif self._busy:
                self._waiting_lines.append(line)
            else:
                self._execute(line, time_s)
        if len(self._received) > _LINE_LIMIT:
            self._received.clear()
            self._reply("ES", time_s)

    def next_event_s(self) -> float:
        """Return the next output instant that matters, or the end of an adjustment."""
        return self._next_s

    def run_until(self, time_s: float) -> None:
        """Send what is due at each output instant up to `time_s`."""
        while self._next_s <= time_s:
            if self._adjusted_s <= self._next_s:
                self._finish_adjustment()
                continue
            instant_s = self._next_s
            self._output += 1
            self._next_s = min(self._output / self._information.rate_hz, self._adjusted_s)
            self._put_out(instant_s)

    def _put_out(self, time_s: float) -> None:
        """Do what one new weight calls for."""
        indication_g = self._scale.indication_g(time_s)
        stable = self._scale.stable(time_s)
        if time_s >= self._tare_key_s:
            self._tare_key_s = math.inf
            self._pan.tare(indication_g)
        if self._streaming:
            self._send(self._pan.line(indication_g, stable), time_s)
        if self._change is not None:
            self._change = self._report_change(self._change, indication_g, stable, time_s)
        pending = self._pending
        if pending is not None and (stable or time_s >= pending.deadline_s):
            self._pending = None
            (pending.on_stable if stable else pending.on_timeout)(indication_g, time_s)
            self._go_on(time_s)

    @property
    def _busy(self) -> bool:
        return self._pending is not None or not math.isinf(self._adjusted_s)

    def _go_on(self, time_s: float) -> None:
        """Act on the commands that came meanwhile."""
        while self._waiting_lines and not self._busy:
            self._execute(self._waiting_lines.popleft(), time_s)
        self._schedule(time_s)

    def _schedule(self, time_s: float) -> None:
        """Set the next instant at which anything is to be done."""
        if self._pending is None and not self._streaming and self._change is None:
            self._next_s = self._adjusted_s
        else:
            rate_hz = self._information.rate_hz
            self._output = math.floor(time_s * rate_hz + 1e-9) + 1
            self._next_s = min(self._output / rate_hz, self._adjusted_s)

    def _execute(self, line: str, time_s: float) -> None:
        name, *parameters = line.split(" ")
        if (tell := self._information.commands.get(name)) is not None:
            for reply in tell(parameters, time_s):
                self._reply(reply, time_s)
        elif (command := self._commands.get(name)) is not None:
            command(parameters, time_s)
        else:
            self._reply("ES", time_s)
        self._schedule(time_s)

    def _reply(self, text: str, time_s: float) -> None:
        self._send(f"{text}\r\n".encode("latin-1"), time_s + REPLY_LATENCY_S)

    def _wait_for_stable(
        self,
        time_s: float,
        on_stable: Callable[[float, float], None],
        on_timeout: Callable[[float, float], None],
        timeout_s: float | None = None,
    ) -> None:
        limit_s = self._stability_timeout_s if timeout_s is None else timeout_s
        self._pending = _Pending(on_stable, on_timeout, time_s + limit_s)

    def _takes_none(self, parameters: list[str], time_s: float) -> bool:
        if parameters:
            self._reply("EL", time_s)
        return not parameters

    # -- weights

    def _send_weight(self, indication_g: float, stable: bool, time_s: float) -> None:
        self._send(self._pan.line(indication_g, stable), time_s + REPLY_LATENCY_S)

    def _end_stream(self) -> None:
        self._streaming = False
        self._change = None

    def _s(self, parameters: list[str], time_s: float) -> None:
        if self._takes_none(parameters, time_s):
            self._end_stream()
            self._wait_for_stable(
                time_s,
                lambda indication_g, t: self._send_weight(indication_g, True, t),
                lambda _, t: self._reply("S I", t),
            )

    def _si(self, parameters: list[str], time_s: float) -> None:
        if self._takes_none(parameters, time_s):
            self._end_stream()
            self._send_weight(self._scale.indication_g(time_s), self._scale.stable(time_s), time_s)

    def _sir(self, parameters: list[str], time_s: float) -> None:
        if self._takes_none(parameters, time_s):
            self._end_stream()
            self._streaming = True

    def _sc(self, parameters: list[str], time_s: float) -> None:
        if len(parameters) != 1 or not parameters[0].isdecimal():
            self._reply("S L", time_s)
            return
        self._end_stream()
        self._wait_for_stable(
            time_s,
            lambda indication_g, t: self._send_weight(indication_g, True, t),
            lambda indication_g, t: self._send_weight(indication_g, False, t),
            int(parameters[0]) / 1000,
        )

    def _sr(self, parameters: list[str], time_s: float) -> None:
        self._start_change_report(parameters, time_s, announce=True)

    def _snr(self, parameters: list[str], time_s: float) -> None:
        self._start_change_report(parameters, time_s, announce=False)

    def _start_change_report(self, parameters: list[str], time_s: float, *, announce: bool) -> None:
        preset_g = self._pan.mass(parameters) if parameters else None
        if parameters and preset_g is None:
            self._reply("S L", time_s)
            return
        self._end_stream()

        def begin(indication_g: float, t: float) -> None:
            self._send_weight(indication_g, True, t)
            self._change = _ChangeReport(announce, preset_g, indication_g)

        self._wait_for_stable(time_s, begin, lambda _, t: self._reply("S I", t))

    def _report_change(self, change: _ChangeReport, indication_g: float, stable: bool, time_s: float) -> _ChangeReport:
        """Send what `SR` or `SNR` has to say of one new weight; return what it keeps for the next."""
        if change.moving:
            if not stable:
                return change
            self._send_weight(indication_g, True, time_s)
            return _ChangeReport(change.announce, change.preset_g, indication_g)
        preset_g = change.preset_g
        if preset_g is None:
            net_g = abs(change.last_g - self._pan.zero_g - self._pan.tare_g)
            preset_g = max(_CHANGE_SHARE * net_g, _CHANGE_LEAST_DIVISIONS * self._scale.readability_g)
        if abs(indication_g - change.last_g) < preset_g:
            return change
        if change.announce:
            self._send_weight(indication_g, False, time_s)
        return change._replace(moving=True)

    # -- zero and tare

    def _zero(self, indication_g: float, time_s: float, done: str, command: str) -> None:
        self._reply(f"{command} {self._pan.zero(indication_g) or done}", time_s)

    def _z(self, parameters: list[str], time_s: float) -> None:
        if self._takes_none(parameters, time_s):
            self._wait_for_stable(
                time_s,
                lambda indication_g, t: self._zero(indication_g, t, "A", "Z"),
                lambda _, t: self._reply("Z I", t),
            )

    def _zi(self, parameters: list[str], time_s: float) -> None:
        if self._takes_none(parameters, time_s):
            stable = self._scale.stable(time_s)
            self._zero(self._scale.indication_g(time_s), time_s, "S" if stable else "D", "ZI")

    def _tare(self, indication_g: float, time_s: float, status: str, command: str) -> None:
        refusal = self._pan.tare(indication_g)
        done = f"{status} {self._pan.text(self._pan.tare_g):>10} g"
        self._reply(f"{command} {refusal or done}", time_s)

    def _t(self, parameters: list[str], time_s: float) -> None:
        if self._takes_none(parameters, time_s):
            self._wait_for_stable(
                time_s,
                lambda indication_g, t: self._tare(indication_g, t, "S", "T"),
                lambda _, t: self._reply("T I", t),
            )

    def _ti(self, parameters: list[str], time_s: float) -> None:
        if self._takes_none(parameters, time_s):
            stable = self._scale.stable(time_s)
            self._tare(self._scale.indication_g(time_s), time_s, "S" if stable else "D", "TI")

    def _ta(self, parameters: list[str], time_s: float) -> None:
        if parameters:
            preset_g = self._pan.mass(parameters)
            if preset_g is None or not self._pan.preset_tare(preset_g):
                self._reply("TA L", time_s)
                return
        self._reply(f"TA A {self._pan.text(self._pan.tare_g):>10} g", time_s)

    def _tac(self, parameters: list[str], time_s: float) -> None:
        if self._takes_none(parameters, time_s):
            self._pan.tare_g = 0.0
            self._reply("TAC A", time_s)

    # -- reset and adjustment

    def _cancel(self, time_s: float) -> None:
        """Do `@`: back to the state after power-on, without zeroing."""
        self._waiting_lines.clear()
        self._pending = None
        self._adjusted_s = math.inf
        self._end_stream()
        self._pan.tare_g = 0.0
        self._reply(self._information.identity, time_s)
        self._schedule(time_s)

    def _c3(self, parameters: list[str], time_s: float) -> None:
        if self._takes_none(parameters, time_s):
            self._reply("C3 B", time_s)
            self._adjusted_s = time_s + _ADJUSTMENT_S

    def _finish_adjustment(self) -> None:
        time_s, self._adjusted_s = self._adjusted_s, math.inf
        self._reply("C3 A", time_s)
        self._go_on(time_s)


def _make(send: Send, world: World, simulation: Simulation, _options: NoOptions) -> MtSicsBalance:
    faults = FaultSet(list(simulation.faults))
    wrong_unit, tare_key = faults.get(WrongUnit), faults.get(TareInMidRun)

    def temperatures_c(time_s: float) -> tuple[float, ...]:
        """Read the balance's own two sensors: the air, and a cell that its electronics warm."""
        air_c = world.climate.read(time_s)[0]
        return air_c, air_c + 1.5

    return MtSicsBalance(
        send,
        world.balance,
        temperatures_c,
        host_unit=wrong_unit.unit if wrong_unit is not None else "g",
        tare_key_s=tare_key.first.to("s") if tare_key is not None else math.inf,
    )


EMULATOR = EmulatorEntry("mt_sics", "balance", _make)
