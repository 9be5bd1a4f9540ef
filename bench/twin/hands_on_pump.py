"""What the simulated operator does at the keys of the simulated pump: programs it, and starts what was programmed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bench.quantities import Quantity, QuantityError
from bench.twin.pump_model import PumpModel
from bench.twin.refusal import HandsRefusal, PumpRefusal, check_range, pulses_of

Note = Callable[..., None]
Amount = tuple[float, str]
_LEVELS = {1: "LOW", 2: "MED", 3: "HIGH"}


class PumpKeys:
    """The pump's keys.

    Args:
        pump: the pump.
        note: takes down in the truth when a key was really pressed.

    """

    pressed = frozenset(
        {
            "start_pump",
            "stop_pump",
            "suspend_pump",
            "resume_pump",
            "cancel_bolus",
            "cancel_temporary",
            "acknowledge_alarm",
        }
    )
    """Actions that are the pressing of one key."""

    def __init__(self, pump: PumpModel, note: Note) -> None:
        self._pump = pump
        self._note = note
        self._programmed: Callable[[], None] | None = None

    @property
    def actions(self) -> Mapping[str, Callable[..., str | None]]:
        """What can be done, by the name of the action."""
        pump = self._pump
        return {
            "check_pump": self._check,
            "program_basal": self._program_basal,
            "program_profile": self._program_profile,
            "program_temporary_percent": self._program_percent,
            "program_temporary_rate": self._program_rate,
            "program_bolus": self._program_bolus,
            "program_extended_bolus": self._program_extended,
            "program_prime": self._program_prime,
            "start_pump": self._start,
            "stop_pump": self._key("stop", pump.stop),
            "suspend_pump": self._key("suspend", pump.suspend),
            "resume_pump": self._key("resume", pump.resume),
            "cancel_bolus": self._key("cancel bolus", pump.cancel_bolus),
            "cancel_temporary": self._key("cancel temporary", pump.cancel_temporary),
            "acknowledge_alarm": self._key("acknowledge", pump.acknowledge),
            "set_occlusion_level": self._set_level,
            "tell_reservoir": self._tell_reservoir,
        }

    def _check(self, _value: float, _unit: str, _time_s: float) -> str:
        """See that the pump rests, and read its label."""
        self._pump.acknowledge()
        self._pump.stop()
        return self._pump.serial

    def _key(self, name: str, press: Callable[[], None]) -> Callable[..., None]:
        def pressed(_value: float, _unit: str, time_s: float) -> None:
            _obeyed(press)
            self._note(time_s, "key pressed", key=name)

        return pressed

    def _start(self, _value: float, _unit: str, time_s: float) -> None:
        programmed, self._programmed = self._programmed, None
        if programmed is None:
            raise HandsRefusal("nothing is programmed that could be started")
        _obeyed(programmed)
        self._note(time_s, "key pressed", key="start")

    def _program_basal(self, value: float, unit: str, _time_s: float) -> None:
        rate = self._u(value, unit, "U/h")
        self._check_rate(rate)

        def start() -> None:
            self._pump.clear_profile()
            self._pump.set_basal_rate(rate)
            self._pump.switch_basal(True)

        self._programmed = start

    def _program_profile(self, value: float, unit: str, _time_s: float, *more: Amount) -> None:
        amounts = [(value, unit), *more]
        segments = [
            (_in("s", *starts), self._u(*rate, "U/h")) for starts, rate in zip(amounts[::2], amounts[1::2], strict=True)
        ]

        def start() -> None:
            self._pump.set_profile(segments)
            self._pump.switch_basal(True)

        self._programmed = start

    def _program_percent(self, value: float, unit: str, _time_s: float, lasting: Amount) -> None:
        percent, lasting_s = _in("%", value, unit), _in("s", *lasting)
        self._programmed = lambda: self._pump.set_temporary("PERC", percent, lasting_s)

    def _program_rate(self, value: float, unit: str, _time_s: float, lasting: Amount) -> None:
        rate, lasting_s = self._u(value, unit, "U/h"), _in("s", *lasting)
        self._programmed = lambda: self._pump.set_temporary("RATE", rate, lasting_s)

    def _program_bolus(self, value: float, unit: str, _time_s: float) -> None:
        volume_u = self._u(value, unit, "U")
        _obeyed(lambda: pulses_of(volume_u, self._pump.bolus_increment_u, self._pump.bolus_maximum_u))
        self._programmed = lambda: self._pump.start_bolus(volume_u)

    def _program_extended(self, value: float, unit: str, _time_s: float, spread: Amount, lasting: Amount) -> None:
        now_u, spread_u, lasting_s = self._u(value, unit, "U"), self._u(*spread, "U"), _in("s", *lasting)
        if now_u > 0.0:
            self._programmed = lambda: self._pump.start_dual(now_u, spread_u, lasting_s)
        else:
            self._programmed = lambda: self._pump.start_extended(spread_u, lasting_s)

    def _program_prime(self, value: float, unit: str, _time_s: float) -> None:
        volume_u = self._u(value, unit, "U")
        self._programmed = lambda: self._pump.prime(volume_u)

    def _set_level(self, value: float, _unit: str, time_s: float) -> None:
        if value not in _LEVELS:
            raise HandsRefusal(f"the pump has no level {value:g}")
        self._pump.occlusion_level = _LEVELS[int(value)]
        self._note(time_s, "key pressed", key=f"occlusion level {_LEVELS[int(value)]}")

    def _tell_reservoir(self, value: float, unit: str, time_s: float) -> None:
        volume_u = self._u(value, unit, "U")
        _obeyed(lambda: self._pump.fill(volume_u))
        self._note(time_s, "key pressed", key="reservoir")

    def _check_rate(self, rate_u_per_h: float) -> None:
        if rate_u_per_h > 0.0:
            low, high = self._pump.basal_minimum_u_per_h, self._pump.basal_maximum_u_per_h
            _obeyed(lambda: check_range(rate_u_per_h, low, high))

    def _u(self, value: float, unit: str, wanted: str) -> float:
        """Return an amount as the pump counts: what is said in volumes is turned by its concentration."""
        per_u = 1000.0 / self._pump.concentration_u_per_ml
        return value if unit == wanted else _in(wanted.replace("U", "µL"), value, unit) / per_u


def _obeyed(press: Callable[[], Any]) -> None:
    try:
        press()
    except PumpRefusal as refusal:
        raise HandsRefusal(f"the pump does not take it: {refusal}") from None


def _in(wanted: str, value: float, unit: str) -> float:
    try:
        return Quantity(value, unit).to(wanted)
    except (QuantityError, KeyError):
        raise HandsRefusal(f"{value:g} {unit} cannot be set") from None
