"""What the simulated operator can do to the simulated bench by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.quantities import Quantity, QuantityError
from bench.twin.balance_model import BalanceModel
from bench.twin.pump_model import PumpModel
from bench.twin.refusal import HandsRefusal, PumpRefusal
from bench.twin.settings import OperatorSettings

Note = Callable[..., None]


class Hands:
    """The operator's hands.

    Args:
        settings: of the operator.
        balance: whose pan weights are placed on.
        pump: whose reservoir is changed.
        note: takes down in the truth what was really done.

    """

    def __init__(self, settings: OperatorSettings, balance: BalanceModel, pump: PumpModel, note: Note) -> None:
        self._balance = balance
        self._pump = pump
        self._note = note
        self._error_g = settings.weight_error.to("g")
        self._placed_g: list[float] = []

    @property
    def actions(self) -> Mapping[str, Callable[[float, str, float], None]]:
        """What can be done, by the name of the action."""
        return {"place_weight": self._place, "remove_weight": self._remove, "change_reservoir": self._change}

    def _place(self, value: float, unit: str, time_s: float) -> None:
        mass_g = _grams(value, unit) + self._error_g
        self._placed_g.append(mass_g)
        self._balance.put_on(mass_g, time_s)
        self._note(time_s, "weight placed", mass_g=mass_g)

    def _remove(self, value: float, unit: str, time_s: float) -> None:
        mass_g = _grams(value, unit) + self._error_g
        near = [placed for placed in self._placed_g if abs(placed - mass_g) < 1e-9]
        if not near:
            raise HandsRefusal(f"no weight of {value:g} {unit} lies on the pan")
        self._placed_g.remove(near[0])
        self._balance.put_on(-mass_g, time_s)
        self._note(time_s, "weight removed", mass_g=mass_g)

    def _change(self, value: float, unit: str, time_s: float) -> None:
        try:
            volume_ul = Quantity(value, unit).to("µL")
        except (QuantityError, KeyError):
            raise HandsRefusal(f"{value:g} {unit} is no volume") from None
        try:
            self._pump.put_in(volume_ul)
        except PumpRefusal as refusal:
            raise HandsRefusal(str(refusal)) from None
        self._note(time_s, "reservoir changed", volume_ul=volume_ul)


def _grams(value: float, unit: str) -> float:
    try:
        return Quantity(value, unit).to("g")
    except (QuantityError, KeyError):
        raise HandsRefusal(f"{value:g} {unit} is no mass") from None
