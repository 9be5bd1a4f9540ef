"""Zero and tare of an MT-SICS balance (manual 11781363, T… pp.225-230, Z… pp.244-246); neither ends a stream."""

from __future__ import annotations

import functools
from collections.abc import Callable

from bench.twin.emulators.mt_sics_pan import Pan, Scale
from bench.twin.emulators.mt_sics_settings import Settings
from bench.twin.emulators.mt_sics_units import mass_g
from bench.twin.emulators.mt_sics_waiting import Waiting, limit_s

Act = Callable[[str, float, bool, float], None]
"""Does what a command is for; takes its name, the indication in g, whether it is stable, and the time."""


class Zeroing:
    """The commands by name; each takes its parameters and the time and answers by itself, now or later.

    Args:
        scale: the balance's physics.
        pan: its zero and tare.
        settings: units and time-out.
        waiting: where a command waits for a stable pan.
        reply: answers with a line.

    """

    def __init__(
        self, scale: Scale, pan: Pan, settings: Settings, waiting: Waiting, reply: Callable[[str, float], None]
    ) -> None:
        self._scale = scale
        self._pan = pan
        self._settings = settings
        self._waiting = waiting
        self._reply = reply
        self.commands: dict[str, Callable[[list[str], float], None]] = {
            "Z": functools.partial(self._when_stable, "Z", "EL", self._zero),
            "ZI": functools.partial(self._now, "ZI", "EL", self._zero),
            "ZC": functools.partial(self._within, "ZC", self._zero),
            "T": functools.partial(self._when_stable, "T", "T L", self._tare),
            "TI": functools.partial(self._now, "TI", "TI L", self._tare),
            "TC": functools.partial(self._within, "TC", self._tare),
            "TA": self._ta,
            "TAC": self._tac,
        }

    def _zero(self, command: str, indication_g: float, stable: bool, time_s: float) -> None:
        done = "A" if command == "Z" else "S" if stable else "D"
        self._reply(f"{command} {self._pan.zero(indication_g) or done}", time_s)

    def _tare(self, command: str, indication_g: float, stable: bool, time_s: float) -> None:
        refusal = self._pan.tare(indication_g)
        done = f"{'S' if stable else 'D'} {self._settings.host.weight(self._pan.tare_g)}"
        self._reply(f"{command} {refusal or done}", time_s)

    def _ta(self, parameters: list[str], time_s: float) -> None:
        if parameters:
            preset_g = mass_g(parameters)
            if preset_g is None or not self._pan.preset_tare(preset_g):
                self._reply("TA L", time_s)
                return
        self._reply(f"TA A {self._settings.host.weight(self._pan.tare_g)}", time_s)

    def _tac(self, parameters: list[str], time_s: float) -> None:
        if parameters:
            self._reply("TAC L", time_s)
            return
        self._pan.clear_tare()
        self._reply("TAC A", time_s)

    # -- when it is done

    def _when_stable(self, command: str, refusal: str, act: Act, parameters: list[str], time_s: float) -> None:
        if parameters:
            self._reply(refusal, time_s)
            return

        def end(indication_g: float, settled: bool, t: float) -> None:
            if settled:
                act(command, indication_g, True, t)
            else:
                self._reply(f"{command} I", t)

        self._waiting.begin(time_s, self._settings.timeout_s, end)

    def _now(self, command: str, refusal: str, act: Act, parameters: list[str], time_s: float) -> None:
        if parameters:
            self._reply(refusal, time_s)
        else:
            act(command, self._scale.indication_g(time_s), self._scale.stable(time_s), time_s)

    def _within(self, command: str, act: Act, parameters: list[str], time_s: float) -> None:
        timeout_s = limit_s(parameters, 1)
        if timeout_s is None:
            self._reply(f"{command} L", time_s)
        else:
            self._waiting.begin(time_s, timeout_s, functools.partial(act, command))
