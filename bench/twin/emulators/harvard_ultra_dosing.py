"""Commands of a Harvard Protocol 11 pump that run it: rates, ramps, targets, counters, `status`.

`status` by the PHD ULTRA manual 5419-002 p. 88 (seconds, five flags) and the Legato manuals 5617-008 p. 57 and 5617-002
p. 65 (milliseconds, six flags; a capital letter for a motor that runs, which is done for both); queries by the 33 DDS
manual 5419-013 pp. 50-52. Guess: `crate` of a pump at rest answers nothing, and its rate in `status` is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.twin.emulators.harvard_ultra_arguments import Command, amount, bad, only, setting
from bench.twin.emulators.harvard_ultra_models import Model
from bench.twin.emulators.harvard_ultra_motion import INFUSE, WITHDRAW, Motion, Ramp
from bench.twin.emulators.harvard_ultra_numbers import (
    Amount,
    Refusal,
    rate_unit,
    shown,
    shown_limit,
    shown_time,
    shown_volume,
    time_s,
    volume_unit,
)
from bench.twin.emulators.harvard_ultra_setup import Setup

_LIMIT_SLACK = 1e-3
"""Of a rate limit: it is shown, and meant, to a few digits."""
_LONGEST_TARGET_S = 360_000.0
_RAMP_WORDS = 5
_DIRECTIONS = {"i": INFUSE, "w": WITHDRAW}


class Dosing:
    """Those commands.

    Args:
        model: the pump's dialect.
        setup: what they set.
        motion: what they run.

    """

    def __init__(self, model: Model, setup: Setup, motion: Motion) -> None:
        self._model = model
        self._setup = setup
        self._motion = motion
        self.time_s = 0.0
        """Now."""

    def runs(self) -> Mapping[str, Command]:
        """Return the commands by their whole names that start, stop, and tell what it does."""
        motion = self._motion
        return {
            "status": only(lambda: [self._status()]),
            "crate": only(self._current_rate),
            "run": only(lambda: self._run(motion.direction)),
            "rrun": only(lambda: self._run(-motion.direction)),
            "irun": only(lambda: self._run(INFUSE)),
            "wrun": only(lambda: self._run(WITHDRAW)),
            "stp": only(self._stop),
            "stop": only(self._stop),
        }

    def table(self) -> Mapping[str, Command]:
        """Return the others by their whole names."""
        table: dict[str, Command] = {
            "tvolume": setting(self._told_target, self._set_target),
            "ttime": setting(self._told_target_time, self._set_target_time),
            "ctvolume": only(lambda: self._clear_targets(volume=True)),
            "cttime": only(lambda: self._clear_targets(time=True)),
            "cvolume": only(lambda: self._clear(self._motion.clear_volume, INFUSE, WITHDRAW)),
            "ctime": only(lambda: self._clear(self._motion.clear_time, INFUSE, WITHDRAW)),
        }
        for letter, direction in _DIRECTIONS.items():
            table |= self._table_of(letter, direction)
        return table

    def _table_of(self, letter: str, direction: int) -> dict[str, Command]:
        motion = self._motion
        return {
            f"{letter}rate": lambda words: self._rate(direction, words),
            f"{letter}ramp": setting(lambda: self._told_ramp(direction), lambda words: self._ramp(direction, words)),
            f"{letter}volume": only(lambda: [shown_volume(motion.volume_ul(direction, self.time_s))]),
            f"{letter}time": only(lambda: [shown_time(motion.duration_s(direction, self.time_s))]),
            f"c{letter}volume": only(lambda: self._clear(motion.clear_volume, direction)),
            f"c{letter}time": only(lambda: self._clear(motion.clear_time, direction)),
        }

    # -- rates

    def _rate(self, direction: int, words: list[str]) -> list[str]:
        if not words:
            return [self._setup.rates[direction].shown]
        least, most = self._model.limits_ul_per_s(self._setup.diameter_mm)
        word = words[0].lower()
        if word == "lim":
            return [f"{shown_limit(least)} to {shown_limit(most)}"]
        if word in ("min", "max"):
            words = shown_limit(least if word == "min" else most).split()
        rate = amount(words, rate_unit, self._model.out_of_range)
        if not least * (1.0 - _LIMIT_SLACK) <= rate.value <= most * (1.0 + _LIMIT_SLACK):
            raise bad(words[0], self._model.out_of_range)
        self._setup.rates[direction] = rate
        self._setup.ramps.pop(direction, None)
        self._motion.new_rate(direction, rate.value, self.time_s)
        return []

    def _told_ramp(self, direction: int) -> str:
        ramp = self._setup.ramps.get(direction)
        if ramp is None:
            return "Ramp not set up."
        return f"{ramp[0].shown} to {ramp[1].shown} in {shown(ramp[2])} seconds"

    def _ramp(self, direction: int, words: list[str]) -> None:
        if len(words) < _RAMP_WORDS:
            raise bad("")
        start = amount(words[:2], rate_unit, self._model.out_of_range)
        end = amount(words[2:4], rate_unit, self._model.out_of_range)
        duration_s = time_s(words[4])
        if duration_s is None or duration_s <= 0.0:
            raise bad(words[4])
        if self._motion.running:
            raise Refusal("Command", "", "Not while the pump is running")
        self._setup.ramps[direction] = (start, end, duration_s)
        self._motion.ramps[direction] = Ramp(start.value, end.value, duration_s)

    # -- targets and counters

    def _told_target(self) -> str:
        if self._setup.target is not None:
            return self._setup.target.shown
        return "Target volume not set." if self._model.point_at_end else "Target volume not set"

    def _set_target(self, words: list[str]) -> None:
        self._setup.target = amount(words, volume_unit, self._model.out_of_range)
        self._retarget()

    def _told_target_time(self) -> str:
        target_s = self._setup.target_s
        return "Target time not set" if target_s is None else shown_time(target_s)

    def _set_target_time(self, words: list[str]) -> None:
        duration_s = time_s(words[0])
        if duration_s is None:
            raise bad(words[0])
        if not 0.0 < duration_s < _LONGEST_TARGET_S:
            raise bad(words[0], self._model.out_of_range)
        self._setup.target_s = duration_s
        self._retarget()

    def _clear_targets(self, *, volume: bool = False, time: bool = False) -> list[str]:
        if volume:
            self._setup.target = None
        if time:
            self._setup.target_s = None
            self._setup.ramps.clear()
            self._motion.ramps.clear()
        self._retarget()
        return []

    def _retarget(self) -> None:
        target = self._setup.target
        self._motion.new_target(
            volume_ul=target.value if target is not None else None, duration_s=self._setup.target_s, time_s=self.time_s
        )

    def _clear(self, clear: Callable[[int, float], None], *directions: int) -> list[str]:
        for direction in directions:
            clear(direction, self.time_s)
        return []

    # -- running

    def _run(self, direction: int) -> list[str]:
        mode = self._setup.mode
        if mode in _DIRECTIONS and _DIRECTIONS[mode] != direction:
            raise Refusal("Command", "", "Not available in this mode")
        self._motion.run(direction, self.time_s)
        return []

    def _stop(self) -> list[str]:
        self._motion.stop(self.time_s)
        return []

    def _current_rate(self) -> list[str]:
        motion = self._motion
        if not motion.running:
            return []
        verb = "Infusing" if motion.direction == INFUSE else "Withdrawing"
        rate = self._setup.rates[motion.direction]
        if motion.direction in motion.ramps:
            rate = Amount(60.0 * motion.rate_ul_per_s(self.time_s), "ul/min")
        return [f"{verb} at {rate.shown}"]

    def _status(self) -> str:
        motion = self._motion
        rate = motion.rate_ul_per_s(self.time_s) if motion.running else 0.0
        duration_s = motion.duration_s(motion.direction, self.time_s)
        duration = round(1000.0 * duration_s) if self._model.counts_ms else int(duration_s)
        letter = "i" if motion.direction == INFUSE else "w"
        flags = [
            letter.upper() if motion.running else letter,
            {">*": "i", "<*": "w"}.get(motion.prompt, "."),
            "S" if motion.prompt == "*" else ".",
            "T",  # an open input reads high
            "I" if motion.direction == INFUSE else "W",
            "T" if motion.prompt == "T*" else ".",
        ]
        volume = round(1e9 * motion.volume_ul(motion.direction, self.time_s))
        return f"{round(1e9 * rate)} {duration} {volume} {''.join(flags[: self._model.flags])}"
