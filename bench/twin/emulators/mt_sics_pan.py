"""What an MT-SICS balance makes of its indication: ranges, zero, tare and the weight line."""

from __future__ import annotations

import math
from typing import Protocol

ZERO_RANGE = 0.02
"""Share of the capacity about the power-on zero within which the balance can be zeroed."""
_UNDERLOAD = 0.05
"""Share of the capacity below zero that still is a weight."""
_UNITS = {"g": 1.0, "mg": 1e-3}
_HOST_UNITS_G = {"g": 1.0, "mg": 1e-3, "ct": 0.2, "oz": 28.349523125, "mom": 3.75}
"""What a balance can be set to answer in, in g."""


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


class Pan:
    """The pan as the balance reports it; all masses in g, `indication_g` unrounded and untared."""

    def __init__(self, scale: Scale, host_unit: str = "g") -> None:
        self.zero_g = 0.0
        self.tare_g = 0.0
        self.maximum_g = scale.maximum_g
        self._lowest_g = -_UNDERLOAD * scale.maximum_g
        self._per_g = 1.0 / scale.readability_g
        self._decimals = max(0, math.ceil(-math.log10(scale.readability_g) - 1e-9))
        self._g_per_unit = _HOST_UNITS_G[host_unit]
        places = max(0, self._decimals + round(math.log10(self._g_per_unit)))
        self._stable = f"S S %10.{places}f {host_unit}\r\n".encode()
        self._dynamic = f"S D %10.{places}f {host_unit}\r\n".encode()

    def line(self, indication_g: float, stable: bool) -> bytes:
        """Write a weight line: value in ten columns, rounded to the readability; `+` or `-` outside the range."""
        gross_g = indication_g - self.zero_g
        if gross_g > self.maximum_g:
            return b"S +\r\n"
        if gross_g < self._lowest_g:
            return b"S -\r\n"
        return (self._stable if stable else self._dynamic) % (
            round((gross_g - self.tare_g) * self._per_g) / self._per_g / self._g_per_unit
        )

    def text(self, mass_g: float) -> str:
        """Write a mass rounded to the readability."""
        return f"{self.rounded(mass_g):.{self._decimals}f}"

    def rounded(self, mass_g: float) -> float:
        """Round a mass to the readability; never to minus zero."""
        return round(mass_g * self._per_g) / self._per_g

    def mass(self, parameters: list[str]) -> float | None:
        """Read a mass from `<value> <unit>`; None if that is none."""
        if len(parameters) != 2 or parameters[1] not in _UNITS:
            return None
        try:
            mass_g = float(parameters[0]) * _UNITS[parameters[1]]
        except ValueError:
            return None
        return mass_g if math.isfinite(mass_g) else None

    def zero(self, indication_g: float) -> str:
        """Make the load the new zero and clear the tare; return `+` or `-` where that is beyond the zero range."""
        if abs(indication_g) > ZERO_RANGE * self.maximum_g:
            return "+" if indication_g > 0.0 else "-"
        self.zero_g = indication_g
        self.tare_g = 0.0
        return ""

    def tare(self, indication_g: float) -> str:
        """Make the load the tare; return `+` or `-` where that is beyond the tare range."""
        gross_g = indication_g - self.zero_g
        if gross_g > self.maximum_g:
            return "+"
        if gross_g < -ZERO_RANGE * self.maximum_g:
            return "-"
        self.tare_g = gross_g
        return ""

    def preset_tare(self, mass_g: float) -> bool:
        """Set the tare to a mass; return whether it can be one."""
        if not 0.0 <= mass_g <= self.maximum_g:
            return False
        self.tare_g = self.rounded(mass_g)
        return True
