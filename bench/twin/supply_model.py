"""The bench supply in place of the pump's battery: what stands at its terminals."""

from __future__ import annotations

from collections.abc import Callable

from bench.twin.settings import SupplySettings


class SupplyModel:
    """A supply that keeps its voltage whatever is drawn; on, at its nominal voltage, when the run starts.

    Args:
        settings: what is simulated.
        moved: told what stands at the terminals, in V, whenever that changes.

    """

    def __init__(self, settings: SupplySettings, moved: Callable[[float], None]) -> None:
        self.serial = settings.serial_number
        self.maximum_v = settings.maximum.to("V")
        self.voltage_v = settings.voltage.to("V")
        self.on = True
        self._load_a = 1e-3 * settings.load_ma
        self._moved = moved

    @property
    def terminals_v(self) -> float:
        """The voltage at the terminals."""
        return self.voltage_v if self.on else 0.0

    @property
    def current_a(self) -> float:
        """What the pump draws."""
        return self._load_a if self.terminals_v > 0.0 else 0.0

    def set_voltage(self, voltage_v: float) -> None:
        """Set the voltage of the output."""
        self.voltage_v = voltage_v
        self._moved(self.terminals_v)

    def switch(self, on: bool) -> None:
        """Switch the output."""
        self.on = on
        self._moved(self.terminals_v)
