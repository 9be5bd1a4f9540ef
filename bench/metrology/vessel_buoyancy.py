"""What the air's changing density does to the vessel on the pan: denser air lifts it, and the balance shows less."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.metrology.density import air_density_kg_per_m3

Floats = NDArray[np.float64]

KNOT_S = 60.0
_U_CHANGE_KG_PER_M3 = 3e-4
"""How well a sensor follows the density at the vessel over some hours: 0.1 hPa, 0.05 K and 1 % come to 2.6e-4 kg/m³."""
_SETTLED_S = 4.0 * 3600.0


@dataclass(frozen=True, slots=True)
class AirCourse:
    """Density of the air over a test, at knots a minute apart."""

    time_s: Floats
    density_kg_per_m3: Floats

    def at(self, time_s: Floats) -> Floats:
        """Return the density at instants, straight between knots; before the first and after the last it stays."""
        return np.asarray(np.interp(time_s, self.time_s, self.density_kg_per_m3), dtype=np.float64)

    def typical_change(self, interval_s: float) -> float:
        """Return the root mean square change between instants `interval_s` apart, in kg/m³."""
        if len(self.time_s) < 2 or interval_s <= 0.0:
            return 0.0
        steps = interval_s / KNOT_S
        whole = min(max(1, round(steps)), len(self.time_s) - 1)
        changes = self.density_kg_per_m3[whole:] - self.density_kg_per_m3[:-whole]
        return min(1.0, steps) * float(np.sqrt(np.mean(changes**2)))


def air_course(channels: Mapping[str, tuple[Floats, Floats]]) -> AirCourse | None:
    """Return the density of the air from readings; None where the three channels have no time in common.

    Args:
        channels: `(time_s, value)` of `temperature_c`, `pressure_hpa` and `humidity_pct`, each in ascending time.

    """
    if any(len(time_s) == 0 for time_s, _ in channels.values()):
        return None
    begin = max(float(time_s[0]) for time_s, _ in channels.values())
    end = min(float(time_s[-1]) for time_s, _ in channels.values())
    if end <= begin:
        return None
    at_s = np.linspace(begin, end, 1 + max(1, round((end - begin) / KNOT_S)))
    columns = [np.interp(at_s, *channels[name]) for name in ("temperature_c", "pressure_hpa", "humidity_pct")]
    densities = [air_density_kg_per_m3(float(t), float(p), float(h)) for t, p, h in zip(*columns, strict=True)]
    return AirCourse(at_s, np.array(densities))


def vessel_correction_mg(time_s: Floats, air: AirCourse, displaced_ml: float) -> Floats:
    """Return what to add to each reading, in mg: the displaced volume times the change of the air's density.

    The first reading is left as it is; only differences count.
    """
    if len(time_s) == 0:
        return np.empty(0)
    density = air.at(time_s)
    return np.asarray(displaced_ml * (density - density[0]), dtype=np.float64)


def correction_uncertainty_mg(
    change_kg_per_m3: float, displaced_ml: float, half_width_ml: float, interval_s: float
) -> float:
    """Return the standard uncertainty of the correction of two levels `interval_s` apart, in mg.

    By the displaced volume (rectangular), and by how well a sensor follows the density at the vessel.

    Args:
        change_kg_per_m3: of the air's density that was made good.
        displaced_ml: by the vessel.
        half_width_ml: how far that may be off.
        interval_s: between the levels.

    """
    by_volume = half_width_ml / math.sqrt(3.0) * abs(change_kg_per_m3)
    by_sensor = displaced_ml * _U_CHANGE_KG_PER_M3 * math.sqrt(min(1.0, interval_s / _SETTLED_S))
    return math.hypot(by_volume, by_sensor)
