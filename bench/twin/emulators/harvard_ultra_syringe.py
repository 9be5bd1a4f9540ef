"""Commands of a Harvard Protocol 11 pump about its syringe: diameter, volume, maker, force, number.

Guess: none of them is taken while the pump runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.twin.emulators.harvard_ultra_arguments import Command, amount, bad, setting, whole_number
from bench.twin.emulators.harvard_ultra_models import SYRINGES, Model
from bench.twin.emulators.harvard_ultra_numbers import Refusal, number, volume_unit
from bench.twin.emulators.harvard_ultra_setup import Setup


class Syringe:
    """Those commands.

    Args:
        model: the pump's dialect.
        setup: what they set.
        running: tells whether the motor runs.
        fit: told when diameter or force was set.

    """

    def __init__(self, model: Model, setup: Setup, running: Callable[[], bool], fit: Callable[[], None]) -> None:
        self._model = model
        self._setup = setup
        self._running = running
        self._fit = fit

    def table(self) -> Mapping[str, Command]:
        """Return the commands by their whole names."""
        setup = self._setup
        return {
            "diameter": setting(lambda: f"{setup.diameter_mm:.4f} mm", self._set_diameter),
            "svolume": setting(lambda: setup.syringe.shown, self._set_volume),
            "syrmanu": self._maker,
            "force": setting(lambda: f"{setup.force}%", self._set_force),
            "gang": setting(lambda: f"{setup.gang} syringes", self._set_gang),
        }

    def _resting(self) -> None:
        if self._running():
            raise Refusal("Command", "", "Not while the pump is running")

    def _set_diameter(self, words: list[str]) -> None:
        diameter_mm = number(words[0])
        if diameter_mm is None:
            raise bad(words[0])
        if words[1:] and words[1].lower() != "mm":
            raise bad(words[1])
        least_mm, most_mm = self._model.diameters_mm
        if not least_mm <= diameter_mm <= most_mm:
            raise bad(words[0], self._model.out_of_range)
        self._resting()
        self._setup.diameter_mm, self._setup.maker = diameter_mm, "Custom"
        self._fit()

    def _set_volume(self, words: list[str]) -> None:
        volume = amount(words, volume_unit, self._model.out_of_range)
        self._resting()
        self._setup.syringe = volume

    def _set_force(self, words: list[str]) -> None:
        self._setup.force = whole_number(words, 1, 100, self._model.out_of_range)
        self._fit()

    def _set_gang(self, words: list[str]) -> None:
        self._setup.gang = whole_number(words, 1, 10, self._model.out_of_range)

    def _maker(self, words: list[str]) -> list[str]:
        setup = self._setup
        if not words:
            return [f"{setup.maker}, {setup.syringe.shown}, {setup.diameter_mm:.4f} mm"]
        if words == ["?"]:
            return [f"{code}  {name}" for code, (name, _) in SYRINGES.items()]
        if words[0].lower() not in SYRINGES:
            raise bad(words[0], "Unknown syringe")
        name, sizes = SYRINGES[words[0].lower()]
        if words[1:] == ["?"]:
            return list(sizes)
        volume = amount(words[1:], volume_unit, self._model.out_of_range)
        if volume.shown not in sizes:
            raise bad(" ".join(words[1:]), "Unknown syringe")
        self._resting()
        setup.maker, setup.syringe, setup.diameter_mm = name, volume, sizes[volume.shown]
        self._fit()
        return []
