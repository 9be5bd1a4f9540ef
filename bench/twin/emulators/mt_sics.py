"""A Mettler Toledo balance as MT-SICS shows it: levels 0 and 1, and what else a bench needs of level 2.

Written from the reference manual for weigh modules (11781363), with the levels of a JE1002G. Only the real forms of
replies: `SI` answers with id `S`, `@` with the `I4` line, lower case and anything not ended by CR LF is not understood.

Choices where the manual leaves one: one command is acted on at a time, so while `S`, `Z`, `T` or an adjustment waits,
further commands wait in line (the manual has them answered afterwards, mixed up or lost); `@` and `C` are acted on at
once. A stream goes on beside other commands. A control character within a line is answered by `ET`. A parameter where
none belongs is answered by `EL`, where the command has no `L` of its own. An adjustment changes nothing in the physics.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from bench.twin.emulators.mt_sics_info import MODEL, Information
from bench.twin.emulators.mt_sics_keys import Keys
from bench.twin.emulators.mt_sics_options import STABILITY_TIMEOUT_S, Options
from bench.twin.emulators.mt_sics_pan import Pan, RestlessScale, Scale
from bench.twin.emulators.mt_sics_settings import Settings
from bench.twin.emulators.mt_sics_units import BY_NAME
from bench.twin.emulators.mt_sics_waiting import Waiting
from bench.twin.emulators.mt_sics_weighing import Weighing
from bench.twin.emulators.mt_sics_zeroing import Zeroing
from bench.twin.emulators.registry import EmulatorEntry
from bench.twin.faults import FaultSet
from bench.twin.faults.of_instruments import TareInMidRun, WrongUnit
from bench.twin.port import REPLY_LATENCY_S, LineSettings, Send

if TYPE_CHECKING:
    from bench.twin.settings import Simulation
    from bench.twin.world import World

_ADJUSTMENT_S = 15.0
_ADJUSTABLE = 0.25
"""Share of the capacity that may be on the pan in an adjustment; assumed, models differ."""
_START_S = 3.0
_LINE_LIMIT = 256


class MtSicsBalance:
    """The emulator.

    Args:
        send: hands bytes to the host at a due time.
        scale: the balance's physics.
        temperatures_c: the sensors that `M28` reads, at a time.
        stability_timeout_s: how long `S`, `Z` and `T` wait for a stable pan (factory setting of `M67`).
        host_unit: which unit it was set to answer weights in.
        model: what it calls itself.
        lacks: commands that it does not have.
        reset_clears_tare: whether `@` does, as on older models; the manual says that it does not.
        internal_weight: whether it can adjust itself.
        tare_key_s: when somebody presses its tare key; never unless told.
        print_key_s: when somebody presses its print key, which sends the weight.
        restart_s: when its power fails for a moment.

    """

    line = LineSettings(9600)

    def __init__(
        self,
        send: Send,
        scale: Scale,
        temperatures_c: Callable[[float], Sequence[float]],
        *,
        stability_timeout_s: float = STABILITY_TIMEOUT_S,
        host_unit: str = "g",
        model: str = MODEL,
        lacks: Collection[str] = (),
        reset_clears_tare: bool = False,
        internal_weight: bool = True,
        tare_key_s: float = math.inf,
        print_key_s: Sequence[float] = (),
        restart_s: Sequence[float] = (),
    ) -> None:
        self._send = send
        self._scale = scale
        self._pan = Pan(scale)
        self._settings = Settings(scale, BY_NAME[host_unit], stability_timeout_s)
        self._information = Information(scale, temperatures_c, model, lacks)
        self._waiting = Waiting()
        self._weighing = Weighing(scale, self._pan, self._settings, self._waiting, self._reply, send)
        self._keys = Keys(self._settings, self._pan, self._weighing, self._reply)
        self._reset_clears_tare = reset_clears_tare
        self._internal_weight = internal_weight
        self._received = bytearray()
        self._waiting_lines: deque[str] = deque()
        self._adjusting = self._off = False
        self._adjusted_s = self._started_s = math.inf
        self._mishaps: deque[tuple[float, str]] = deque(
            sorted(
                [(time_s, "tare") for time_s in (tare_key_s,) if time_s < math.inf]
                + [(time_s, "print") for time_s in print_key_s]
                + [(time_s, "restart") for time_s in restart_s]
            )
        )
        self._output = 0
        self._output_s = math.inf
        self._timer_s = self._next_s = self._mishaps[0][0] if self._mishaps else math.inf
        zeroing = Zeroing(scale, self._pan, self._settings, self._waiting, self._reply)
        tells = {**self._information.commands, **self._settings.commands}
        self._tells = {name: tell for name, tell in tells.items() if name not in lacks}
        acts = {**self._weighing.commands, **zeroing.commands, "@": self._cancel, "C": self._c, "C3": self._c3}
        self._acts = {name: act for name, act in acts.items() if name not in lacks}

    # -- bytes and time

    def receive(self, data: bytes, time_s: float) -> None:
        """Take bytes from the host; act on every line that they complete."""
        if self._off:
            return
        self._received += data
        while (end := self._received.find(b"\r\n")) >= 0:
            line = self._received[:end].decode("latin-1")
            del self._received[: end + 2]
            if self._busy and not (line in ("@", "C") and line in self._acts):
                self._waiting_lines.append(line)
            else:
                self._execute(line, time_s)
        if len(self._received) > _LINE_LIMIT:
            self._received.clear()
            self._reply("ES", time_s)

    def next_event_s(self) -> float:
        """Return the next output instant that matters, or whatever else happens by itself."""
        return self._next_s

    def run_until(self, time_s: float) -> None:
        """Send what is due at each output instant up to `time_s`, and let happen what is due."""
        while self._next_s <= time_s:
            if self._timer_s < self._output_s:
                self._happen(self._timer_s)
                continue
            instant_s = self._output_s
            self._output += 1
            self._output_s = self._next_s = self._output / self._settings.rate_hz
            if self._timer_s < self._next_s:
                self._next_s = self._timer_s
            self._put_out(instant_s)

    def _put_out(self, time_s: float) -> None:
        """Do what one new weight calls for."""
        indication_g = self._scale.indication_g(time_s)
        stable = self._scale.stable(time_s)
        if self._adjusting:
            self._weighing.tell_busy(time_s)
        else:
            self._weighing.put_out(indication_g, stable, time_s)
        if self._waiting.busy:
            settled = stable or (not self._adjusting and self._pan.beyond(indication_g) != "")
            self._waiting.put_out(indication_g, settled, time_s)
            self._go_on(time_s)
        elif not self._weighing.needs_outputs:
            self._schedule(time_s)

    @property
    def _busy(self) -> bool:
        return self._waiting.busy or self._adjusting

    def _go_on(self, time_s: float) -> None:
        """Act on the commands that came meanwhile."""
        while self._waiting_lines and not self._busy:
            self._execute(self._waiting_lines.popleft(), time_s)
        self._schedule(time_s)

    def _schedule(self, time_s: float) -> None:
        """Set the next instants at which anything is to be done."""
        self._timer_s = min(self._adjusted_s, self._started_s, self._mishaps[0][0] if self._mishaps else math.inf)
        if self._off or not (self._waiting.busy or self._weighing.needs_outputs):
            self._output_s = math.inf
        else:
            rate_hz = self._settings.rate_hz
            self._output = math.floor(time_s * rate_hz + 1e-9) + 1
            self._output_s = self._output / rate_hz
        self._next_s = min(self._output_s, self._timer_s)

    def _execute(self, line: str, time_s: float) -> None:
        name, *parameters = line.split(" ")
        if any(character < " " for character in line):
            self._reply("ET", time_s)
        elif (tell := self._tells.get(name)) is not None:
            for reply in tell(parameters, time_s):
                self._reply(reply, time_s)
        elif (act := self._acts.get(name)) is not None:
            act(parameters, time_s)
        else:
            self._reply("ES", time_s)
        self._schedule(time_s)

    def _reply(self, text: str, time_s: float) -> None:
        self._send(f"{text}\r\n".encode("latin-1"), time_s + REPLY_LATENCY_S)

    # -- cancelling

    def _cancel(self, parameters: list[str], time_s: float) -> None:
        """Do `@`: back to the state after power-on, but for zero and tare (p.15)."""
        if parameters:
            self._reply("ES", time_s)
            return
        self._end_all()
        self._settings.cancel()
        if self._reset_clears_tare:
            self._pan.clear_tare()
        self._reply(self._information.identity, time_s)

    def _c(self, parameters: list[str], time_s: float) -> None:
        """Do `C`: end what was asked for, and nothing else (p.21)."""
        if parameters:
            self._reply("EL", time_s)
            return
        self._end_all()
        self._reply("C B", time_s)
        self._reply("C A", time_s)

    def _end_all(self) -> None:
        self._waiting_lines.clear()
        self._waiting.cancel()
        self._weighing.cancel()
        self._adjusting = False
        self._adjusted_s = math.inf

    # -- adjustment

    def _c3(self, parameters: list[str], time_s: float) -> None:
        """Adjust by the built-in weight (p.28): at first, whether it begins; when it has ended, how."""
        if parameters:
            self._reply("EL", time_s)
        elif not self._internal_weight:
            self._reply("C3 L", time_s)
        else:
            self._reply("C3 B", time_s)
            self._adjusting = True
            self._adjusted_s = time_s + _ADJUSTMENT_S

    def _end_adjustment(self, indication_g: float, settled: bool, time_s: float) -> None:
        self._adjusting = False
        done = settled and abs(indication_g) <= _ADJUSTABLE * self._pan.maximum_g
        self._reply("C3 A" if done else "C3 I", time_s)

    # -- what happens to it

    def _happen(self, time_s: float) -> None:
        if self._started_s <= time_s:
            self._started_s = math.inf
            self._start(time_s)
        elif self._adjusted_s <= time_s:
            self._adjusted_s = math.inf
            self._waiting.begin(time_s, self._settings.timeout_s, self._end_adjustment)
        else:
            _, mishap = self._mishaps.popleft()
            if mishap == "restart":
                self._fail(time_s)
            elif not self._off:
                self._keys.press(mishap, self._scale.indication_g(time_s), time_s)
        self._schedule(time_s)

    def _fail(self, time_s: float) -> None:
        """Lose power for a moment."""
        self._end_all()
        self._received.clear()
        self._off = True
        self._started_s = time_s + _START_S

    def _start(self, time_s: float) -> None:
        """Be on again, with a zero of its own, and say so by the serial number (p.89)."""
        self._off = False
        self._pan.switch_on(self._scale.indication_g(time_s))
        self._settings.switch_on()
        self._information.switch_on(time_s)
        self._reply(self._information.identity, time_s)


def _make(send: Send, world: World, simulation: Simulation, options: Options) -> MtSicsBalance:
    faults = FaultSet(list(simulation.faults))
    wrong_unit, tare_key = faults.get(WrongUnit), faults.get(TareInMidRun)
    # A host that may set the unit would soon have put that fault right.
    lacks = options.lacks if wrong_unit is None else [*options.lacks, "M21"]

    def temperatures_c(time_s: float) -> tuple[float, ...]:
        """Read the balance's own two sensors: the air, and a cell that its electronics warm."""
        air_c = world.climate.read(time_s)[0]
        return air_c, air_c + 1.5

    return MtSicsBalance(
        send,
        RestlessScale(world.balance) if options.never_stable else world.balance,
        temperatures_c,
        stability_timeout_s=options.stability_timeout.to("s"),
        host_unit=options.host_unit if wrong_unit is None else wrong_unit.unit,
        model=options.model,
        lacks=lacks,
        reset_clears_tare=options.reset_clears_tare,
        internal_weight=options.internal_weight,
        tare_key_s=tare_key.first.to("s") if tare_key is not None else math.inf,
        print_key_s=[time.to("s") for time in options.print_key],
        restart_s=[time.to("s") for time in options.restarts],
    )


EMULATOR = EmulatorEntry("mt_sics", "balance", _make, Options)
