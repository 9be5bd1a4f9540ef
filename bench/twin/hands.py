"""What the simulated operator can do to the simulated bench by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.quantities import Quantity, QuantityError
from bench.twin.balance_model import BalanceModel
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

    """

    def __init__(
        self,
        settings: OperatorSettings,
        balance: BalanceModel,
        pump: PumpModel,
        line: Line,
        seepage: Seepage,
        note: Note,
    ) -> None:
        self._balance = balance
        self._pump = pump
        self._line = line
        self._seepage = seepage
        self._note = note
        self._error_g = settings.weight_error.to("g")
        self._placed_g: list[float] = []

    @property
    def actions(self) -> Mapping[str, Callable[[float, str, float], None]]:
        """What can be done, by the name of the action."""
        return {
            "place_weight": self._place,
            "remove_weight": self._remove,
            "change_reservoir": self._change,
            "set_head_height": self._lift,
            "set_back_pressure": self._press,
        }

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
