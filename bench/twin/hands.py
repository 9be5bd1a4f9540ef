"""What the simulated operator can do to the simulated bench by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.quantities import Quantity, QuantityError
from bench.twin.balance_model import BalanceModel
from bench.twin.hands_on_pump import PumpKeys
from bench.twin.noise import Key, generator
from bench.twin.plant import Line
from bench.twin.pump_model import PumpModel
from bench.twin.refusal import HandsRefusal, PumpRefusal
from bench.twin.seepage import Seepage
from bench.twin.settings import OperatorSettings

Note = Callable[..., None]


class Hands:
    """The operator's hands.

    Args:
        settings: of the operator.
        balance: whose pan weights are placed on.
        pump: whose reservoir is changed.
        line: at whose outlet another pressure is set.
        seepage: which another head height drives.
        note: takes down in the truth what was really done.
        seed: of how long the operator takes.

    """

    def __init__(
        self,
        settings: OperatorSettings,
        balance: BalanceModel,
        pump: PumpModel,
        line: Line,
        seepage: Seepage,
        note: Note,
        seed: int = 1,
    ) -> None:
        self._balance = balance
        self._pump = pump
        self._line = line
        self._seepage = seepage
        self._note = note
        self._error_g = settings.weight_error.to("g")
        self._placed_g: list[float] = []
        self._keys = PumpKeys(pump, note)
        self._settings = settings
        self._random = generator(seed, Key.HANDS)

    @property
    def actions(self) -> Mapping[str, Callable[..., str | None]]:
        """What can be done, by the name of the action: with a value, its unit, an instant, and further amounts."""
        return {
            "place_weight": self._place,
            "remove_weight": self._remove,
            "change_reservoir": self._change,
            "set_head_height": self._lift,
            "set_back_pressure": self._press,
            **self._keys.actions,
        }

    @property
    def alarm_since_s(self) -> float | None:
        """Since when the pump's alarm can be heard by an operator who listens; None where there is nothing to hear."""
        return self._pump.sounds_since_s if self._settings.notes_alarms else None

    @property
    def listens(self) -> bool:
        """Whether the operator notes alarms unasked."""
        return self._settings.notes_alarms

    def pace_s(self, action: str) -> tuple[float, float]:
        """Return how long an action takes from the asking, and how long the answer takes after that."""
        if action in self._keys.pressed:
            return self._drawn_s(self._settings.key_reaction), self._drawn_s(self._settings.key_answer)
        return self._settings.reaction.to("s"), 0.0

    def noting_s(self) -> float:
        """Return how long an alarm is heard until it is noted."""
        return self._drawn_s(self._settings.alarm_reaction)

    def _drawn_s(self, about: Quantity) -> float:
        spread = self._settings.spread.to("%") / 100.0
        return max(0.0, about.to("s") * (1.0 + spread * float(self._random.uniform(-1.0, 1.0))))

    def _place(self, value: float, unit: str, time_s: float) -> None:
        mass_g = _in("g", value, unit, "mass") + self._error_g
        self._placed_g.append(mass_g)
        too_much_g = self._balance.too_much_g(mass_g, time_s)
        self._balance.put_on(mass_g, time_s)
        self._note(time_s, "weight placed", mass_g=mass_g, too_much_g=too_much_g)

    def _remove(self, value: float, unit: str, time_s: float) -> None:
        mass_g = _in("g", value, unit, "mass") + self._error_g
        near = [placed for placed in self._placed_g if abs(placed - mass_g) < 1e-9]
        if not near:
            raise HandsRefusal(f"no weight of {value:g} {unit} lies on the pan")
        self._placed_g.remove(near[0])
        self._balance.put_on(-mass_g, time_s)
        self._note(time_s, "weight removed", mass_g=mass_g)

    def _change(self, value: float, unit: str, time_s: float) -> None:
        volume_ul = _in("µL", value, unit, "volume")
        try:
            self._pump.put_in(volume_ul)
        except PumpRefusal as refusal:
            raise HandsRefusal(str(refusal)) from None
        self._note(time_s, "reservoir changed", volume_ul=volume_ul)

    def _lift(self, value: float, unit: str, time_s: float) -> None:
        height_mm = _in("mm", value, unit, "length")
        self._seepage.set_head(height_mm)
        self._note(time_s, "head height set", height_mm=height_mm)

    def _press(self, value: float, unit: str, time_s: float) -> None:
        pressure_kpa = _in("kPa", value, unit, "pressure")
        if pressure_kpa and not self._line.takes_back_pressure:
            raise HandsRefusal("this bench has no back pressure for a line with a leak or a bubble")
        self._line.press_back(pressure_kpa, time_s)
        self._note(time_s, "back pressure set", pressure_kpa=pressure_kpa)


def _in(wanted: str, value: float, unit: str, what: str) -> float:
    try:
        return Quantity(value, unit).to(wanted)
    except (QuantityError, KeyError):
        raise HandsRefusal(f"{value:g} {unit} is no {what}") from None
