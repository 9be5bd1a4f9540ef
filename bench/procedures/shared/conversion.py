"""How much volume a mass on the balance stands for: by the air and the water that were there during a test."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.metrology.budget import bounded, component
from bench.metrology.density import Surroundings, air_density_kg_per_m3, immersion_factor
from bench.metrology.noise import Floats
from bench.procedures.base import Context
from bench.recording.reader import TestRecord
from bench.results.model import Component
from bench.rig.model import BalanceSpec

ASSUMED = Surroundings(22.0, 1000.0, 50.0, 2.0, 20.0, 15.0)
"""A lab that nobody measured, with standard uncertainties to match."""
ASSUMED_AIR_CHANGE_KG_PER_M3 = 0.012
"""By how much the density of unmeasured air may change within a day: 10 hPa."""
_U_TEMPERATURE_K, _U_PRESSURE_HPA, _U_HUMIDITY_PCT = 0.3, 1.0, 3.0
"""Of a climate sensor without a certificate."""
_U_WATER_K = 0.3
"""How much warmer or colder than the air the water may be, as a standard uncertainty."""
_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Conversion:
    """Volume per indicated mass, and what it leaves open.

    `air_change_kg_per_m3` is how far the density of air went; `temperature_c` the least and the greatest reading, None
    where none was taken; `declared` is whether the air is the rig file's word.
    """

    ul_per_mg: float
    surroundings: Surroundings
    immersion: float
    air_change_kg_per_m3: float
    temperature_c: tuple[float, float] | None
    source: str
    declared: bool = False

    def components(self, volume: float) -> list[Component]:
        """Return the budget lines of the conversion for a volume in any unit; its errors are relative."""
        density = self.surroundings.relative_uncertainty_density()
        buoyancy = self.surroundings.relative_uncertainty_buoyancy()
        lines = [
            component("density of water by its temperature", density, "1", volume, source=self.source, form="factor"),
            component("air buoyancy of the delivered water", buoyancy, "1", volume, source=self.source, form="factor"),
        ]
        if self.immersion < 1.0:
            share = 0.1 * (1.0 - self.immersion)
            source = "a tenth of its correction"
            lines.append(bounded("immersion of the needle", share, "1", volume, source=source, form="factor"))
        return lines


def conversion(record: TestRecord, context: Context) -> Conversion:
    """Return the conversion in the air that was recorded during a test, or in assumed air where none was."""
    channels = {}
    declared = False
    for name in ("temperature_c", "pressure_hpa", "humidity_pct"):
        series = record.series(f"climate.{name}")
        known = np.isfinite(series.value)
        channels[name] = (series.time_s[known], series.value[known])
        declared |= series.declared
    warmth = channels["temperature_c"][1]
    extremes = (float(warmth.min()), float(warmth.max())) if len(warmth) else None
    immersion = immersion_of(context.rig.balance)
    if any(len(values) == 0 for _, values in channels.values()):
        surroundings, change, source = assumed_surroundings(context), ASSUMED_AIR_CHANGE_KG_PER_M3, "assumed air"
    else:
        means = [float(np.mean(values)) for _, values in channels.values()]
        if declared:
            return _declared(means, context, immersion)
        surroundings = Surroundings(
            means[0],
            means[1],
            means[2],
            math.hypot(_sensor_uncertainty(context), _U_WATER_K),
            _U_PRESSURE_HPA,
            _U_HUMIDITY_PCT,
        )
        change, source = _air_change(channels), "climate readings"
    return Conversion(surroundings.factor_ul_per_mg() * immersion, surroundings, immersion, change, extremes, source)


def _declared(means: list[float], context: Context, immersion: float) -> Conversion:
    """Return the conversion in air that the rig file declares: its values, as uncertain as those of any lab."""
    assumed = assumed_surroundings(context)
    surroundings = Surroundings(
        means[0], means[1], means[2], assumed.u_temperature_c, assumed.u_pressure_hpa, assumed.u_humidity_pct
    )
    factor = surroundings.factor_ul_per_mg() * immersion
    source = "declared in the rig file, not measured"
    return Conversion(factor, surroundings, immersion, ASSUMED_AIR_CHANGE_KG_PER_M3, None, source, declared=True)


def immersion_of(balance: BalanceSpec | None) -> float:
    """Return the correction for the dipping needle; 1 where the rig file tells of none."""
    if balance is None or balance.immersion is None:
        return 1.0
    needle = balance.immersion.needle_outer_diameter.to("mm")
    return immersion_factor(needle, balance.immersion.vessel_inner_diameter.to("mm"))


def assumed_surroundings(context: Context) -> Surroundings:
    """Return the air that is assumed where none is measured: the plan's temperature, or that of any lab."""
    wanted = context.plan.conditions.temperature
    if wanted is None:
        return ASSUMED
    return Surroundings(
        wanted.nominal,
        ASSUMED.pressure_hpa,
        ASSUMED.humidity_pct,
        math.hypot(wanted.half_width / math.sqrt(3.0), _U_WATER_K),
        ASSUMED.u_pressure_hpa,
        ASSUMED.u_humidity_pct,
    )


def _sensor_uncertainty(context: Context) -> float:
    climate = context.rig.climate
    if climate is None or climate.calibration is None:
        return _U_TEMPERATURE_K
    return climate.calibration.expanded_uncertainty.to("K") / climate.calibration.k


def _air_change(channels: dict[str, tuple[Floats, Floats]]) -> float:
    """Return greatest less least density of the air, once a minute at most."""
    begin = max(float(time_s[0]) for time_s, _ in channels.values())
    end = min(float(time_s[-1]) for time_s, _ in channels.values())
    if end <= begin:
        return 0.0
    at_s = np.linspace(begin, end, 2 + int((end - begin) / _MINUTE_S))
    columns = [np.interp(at_s, time_s, values) for time_s, values in channels.values()]
    densities = [air_density_kg_per_m3(float(t), float(p), float(h)) for t, p, h in zip(*columns, strict=True)]
    return max(densities) - min(densities)
