"""Finds the command that a line names, and does it (PHD ULTRA manual 5419-002 p. 83, KDS Legato 100 5617-006 p. 52).

A name may be cut to its first four letters or written in capitals. Parameter commands (rates, diameter, volumes, times)
are refused where the pump's Run screen is not shown; in which words is a guess.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from bench.twin.emulators.harvard_ultra_dosing import Dosing
from bench.twin.emulators.harvard_ultra_models import Model
from bench.twin.emulators.harvard_ultra_motion import Motion
from bench.twin.emulators.harvard_ultra_numbers import Refusal
from bench.twin.emulators.harvard_ultra_setup import Setup
from bench.twin.emulators.harvard_ultra_syringe import Syringe
from bench.twin.emulators.harvard_ultra_system import System

_SHORTEST = 4


class Commands:
    """The commands of one pump.

    Args:
        model: its dialect.
        setup: what they set beside the motion.
        motion: what the motor does.
        fit: told when the diameter or the force was set.
        start_utc: what the pump's clock shows at 0 s.

    """

    def __init__(
        self, model: Model, setup: Setup, motion: Motion, fit: Callable[[], None], start_utc: dt.datetime
    ) -> None:
        self._setup = setup
        self._motion = motion
        self._system = System(model, setup, start_utc)
        self._dosing = Dosing(model, setup, motion)
        syringe = Syringe(model, setup, lambda: motion.running, fit)
        self._parameters = {**syringe.table(), **self._dosing.table()}
        self._all = {**self._system.table(), **self._dosing.runs(), **self._parameters}

    def do(self, name: str, words: list[str], time_s: float) -> list[str]:
        """Do a command; return the lines of its answer.

        Raises:
            Refusal: it is refused.

        """
        self._system.time_s = self._dosing.time_s = time_s
        self._system.running = self._motion.running
        whole = self._whole(name.lower())
        if whole in self._parameters and not self._setup.run_screen:
            raise Refusal("Command", "", "Not available on this screen")
        return self._all[whole](words)

    def _whole(self, name: str) -> str:
        if name in self._all:
            return name
        if len(name) >= _SHORTEST:
            for whole in self._all:
                if whole.startswith(name):
                    return whole
        raise Refusal("Command", "", "Unknown command")
