"""What an MT-SICS balance makes of its indication: ranges, zero and tare."""

from __future__ import annotations

import math
from typing import Protocol

ZERO_RANGE = 0.02
"""Share of the capacity about the power-on zero within which the balance can be zeroed."""
SWITCH_ON_RANGE = 0.2
"""Share of the capacity within which a balance that is switched on takes the load for its zero."""
_UNDERLOAD = 0.05
"""Share of the capacity below zero that still is a weight."""


class Scale(Protocol):
    """What the emulator needs of the balance's physics."""

    readability_g: float
    maximum_g: float
    output_rate_hz: float
    serial: str

    def indication_g(self, time_s: float) -> float:
        """Return the filtered indication at an output instant, unrounded and untared, in g."""

    def stable(self, time_s: float) -> bool:
        """Return whether the balance deems its indication stable."""


class RestlessScale:
    """A balance that deems no indication stable, as parcel scales do."""

    def __init__(self, scale: Scale) -> None:
        self.readability_g = scale.readability_g
        self.maximum_g = scale.maximum_g
        self.output_rate_hz = scale.output_rate_hz
        self.serial = scale.serial
        self.indication_g = scale.indication_g

    def stable(self, time_s: float) -> bool:  # noqa: ARG002
        """Return False."""
        return False


class Pan:
    """The pan as the balance reports it; all masses in g, `indication_g` unrounded and untared."""

    def __init__(self, scale: Scale) -> None:
        self.zero_g = 0.0
        self.tare_g = 0.0
        self.tare_was_preset = False
        self.maximum_g = scale.maximum_g
        self._lowest_g = -_UNDERLOAD * scale.maximum_g
        self._per_g = 1.0 / scale.readability_g

    def beyond(self, indication_g: float) -> str:
        """Return `+` or `-` where the load is out of the weighing range, else nothing."""
        gross_g = indication_g - self.zero_g
        if gross_g > self.maximum_g:
            return "+"
        return "-" if gross_g < self._lowest_g else ""

    def net_g(self, indication_g: float) -> float:
        """Return the load above zero and tare."""
        return indication_g - self.zero_g - self.tare_g

    def zero(self, indication_g: float) -> str:
        """Make the load the new zero and clear the tare; return `+` or `-` where that is beyond the zero range."""
        if abs(indication_g) > ZERO_RANGE * self.maximum_g:
            return "+" if indication_g > 0.0 else "-"
        self.zero_g = indication_g
        self.clear_tare()
        return ""

    def switch_on(self, indication_g: float) -> None:
        """Begin with no tare, and with the load as the zero where that is within the switch-on range."""
        if abs(indication_g) <= SWITCH_ON_RANGE * self.maximum_g:
            self.zero_g = indication_g
        self.clear_tare()

    def tare(self, indication_g: float) -> str:
        """Make the load the tare; return `+` or `-` where that is beyond the tare range."""
        gross_g = indication_g - self.zero_g
        if gross_g > self.maximum_g:
            return "+"
        if gross_g < -ZERO_RANGE * self.maximum_g:
            return "-"
        self.tare_g = gross_g
        self.tare_was_preset = False
        return ""

    def preset_tare(self, mass_g: float) -> bool:
        """Set the tare to a mass, rounded to the readability; return whether it can be one."""
        if not math.isfinite(mass_g) or not 0.0 <= mass_g <= self.maximum_g:
            return False
        self.tare_g = round(mass_g * self._per_g) / self._per_g
        self.tare_was_preset = True
        return True

    def clear_tare(self) -> None:
        """Set the tare to none."""
        self.tare_g = 0.0
        self.tare_was_preset = False
