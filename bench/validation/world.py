"""Another pump on another day, on the same bench: every hidden error drawn anew from what the rig file declares.

A certificate gives an error's standard uncertainty (normal), a ± a rectangular one; where the file says nothing, the
range is what evaluation assumes of any lab. What is drawn is the twin's own and nothing that evaluation may read.
"""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
from pydantic import BaseModel

from bench.procedures.occlusion.actuation import actuation, opening
from bench.procedures.shared.conversion import ASSUMED
from bench.quantities import Quantity
from bench.rig.declared import Immersion
from bench.rig.model import Rig
from bench.twin.faults.of_metering import DoseScaleError, LeakAtRest
from bench.twin.settings import (
    BalanceSettings,
    ClimateSettings,
    OccluderSettings,
    PlantSettings,
    PumpSettings,
    Simulation,
    TransducerSettings,
)

Section = TypeVar("Section", bound=BaseModel)

ROOM_K = 1.5
"""A room is so far from its setting, at most."""
PRESSURE_HPA = (960.0, 1035.0)
HUMIDITY_PCT = (30.0, 65.0)
U_SENSOR_PRESSURE_HPA, U_SENSOR_HUMIDITY_PCT = 1.0, 3.0
"""Standard uncertainties of a climate sensor whose certificate is for its temperature."""
U_WATER_K = 0.3
"""How much the water's temperature may differ from the air's, as a standard uncertainty."""
_ABOVE_THRESHOLD = 1.03
"""A pulse takes the line so far beyond the alarm's threshold, about."""
LARGEST_LEAK_U_PER_H = 0.05
WEIGHT_HALF_MG, DOSE_HALF_SHARE = 0.08, 0.005
"""Tolerances of a check weight, and of a reference doser's volume."""
_UNEVEN = ("device_bias_sd", "pulse_sd", "slow_sd", "stiction", "startup_excess", "screw_error")
NEEDLE_SHARE = 0.1
"""Share of the needle's correction that its diameters leave open."""


class Draw:
    """Random values of one world, each kind in its unit."""

    def __init__(self, seed: int, stream: int = 1000) -> None:
        self._rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stream,)))

    def normal(self, standard: float) -> float:
        """Return an error of a standard uncertainty."""
        return float(standard * self._rng.standard_normal())

    def within(self, low: float, high: float) -> float:
        """Return anything between two bounds, each as likely."""
        return float(self._rng.uniform(low, high))

    def around(self, half_width: float) -> float:
        """Return anything within ±`half_width`, each as likely."""
        return self.within(-half_width, half_width)

    def factor(self, most: float) -> float:
        """Return a factor between 1/`most` and `most`."""
        return math.exp(self.around(math.log(most)))


def draw_world(rig: Rig, seed: int) -> Simulation:
    """Return what is simulated in the run of a seed, on a twin of the rig.

    Args:
        rig: with a `simulation:`, which the drawn errors are added to; see `twin_of`.
        seed: of the run.

    Raises:
        ValueError: the rig has no `simulation:`.

    """
    base = rig.simulation
    if base is None:
        raise ValueError(f"rig {rig.rig} has no simulation: to draw a world for")
    draw = Draw(seed)
    climate = _climate(base.climate, rig, draw)
    return base.model_copy(
        update={
            "seed": seed,
            "climate": climate,
            "plant": _plant(base.plant, rig, climate.temperature.to("°C"), draw),
            "balance": _balance(base.balance, rig, draw),
            "transducer": _transducer(base.transducer, base.pump, rig, draw),
            "occluder": _occluder(rig, draw, Draw(seed, stream=1003), base.occluder),
            "pump": _changed(base.pump, clock_drift=Quantity(draw.around(50.0), "ppm")),
        }
    )


def with_leak(world: Simulation, seed: int) -> Simulation:
    """Return the same world with a leak at rest of a size drawn for the seed, up to `LARGEST_LEAK_U_PER_H`."""
    rate = Draw(seed, stream=1001).within(0.0, LARGEST_LEAK_U_PER_H)
    leak = LeakAtRest(fault="leak_at_rest", rate=Quantity(rate, "U/h"))
    return world.model_copy(update={"faults": [*world.faults, leak]})


def with_references(world: Simulation, seed: int) -> Simulation:
    """Return the same world with a check weight and a reference doser whose errors are drawn within their tolerances.

    The doser is an even one: its doses are alike.
    """
    draw = Draw(seed, stream=1002)
    too_heavy = Quantity(draw.around(WEIGHT_HALF_MG), "mg")
    doser = DoseScaleError(fault="dose_scale_error", factor=1.0 + draw.around(DOSE_HALF_SHARE))
    return world.model_copy(
        update={
            "operator": _changed(world.operator, weight_error=too_heavy),
            "pump": _changed(world.pump, **dict.fromkeys(_UNEVEN, Quantity(0.0, "%"))),
            "faults": [*world.faults, doser],
        }
    )


def _climate(base: ClimateSettings, rig: Rig, draw: Draw) -> ClimateSettings:
    spec = rig.climate
    u_temperature = 0.3
    if spec is not None and spec.calibration is not None:
        u_temperature = spec.calibration.expanded_uncertainty.to("K") / spec.calibration.k
    if spec is None:
        means = (
            base.temperature.to("°C") + draw.around(ROOM_K),
            ASSUMED.pressure_hpa + draw.normal(ASSUMED.u_pressure_hpa),
            ASSUMED.humidity_pct + draw.normal(ASSUMED.u_humidity_pct),
        )
    elif hasattr(spec.options, "temperature"):
        # Declared, not measured: the air is as far from the file's word as that of any lab may be.
        means = (
            spec.options.temperature.to("°C") + draw.normal(ASSUMED.u_temperature_c),
            spec.options.pressure.to("hPa") + draw.normal(ASSUMED.u_pressure_hpa),
            min(95.0, max(5.0, spec.options.humidity.to("%") + draw.normal(ASSUMED.u_humidity_pct))),
        )
    else:
        means = (
            base.temperature.to("°C") + draw.around(ROOM_K),
            draw.within(*PRESSURE_HPA),
            draw.within(*HUMIDITY_PCT),
        )
    return _changed(
        base,
        temperature=Quantity(means[0], "°C"),
        pressure=Quantity(means[1], "hPa"),
        humidity=Quantity(means[2], "%"),
        temperature_wander=Quantity(base.temperature_wander.to("K") * draw.factor(2.0), "K"),
        pressure_wander=Quantity(base.pressure_wander.to("hPa") * draw.factor(2.0), "hPa"),
        humidity_wander=Quantity(base.humidity_wander.to("%") * draw.factor(2.0), "%"),
        temperature_error=Quantity(draw.normal(u_temperature), "K"),
        pressure_error=Quantity(draw.normal(U_SENSOR_PRESSURE_HPA), "hPa"),
        humidity_error=Quantity(draw.normal(U_SENSOR_HUMIDITY_PCT), "%"),
    )


def _plant(base: PlantSettings, rig: Rig, air_c: float, draw: Draw) -> PlantSettings:
    rate_mg_per_h = base.evaporation.to("mg/h")
    if rig.evaporation is not None:
        half = rig.evaporation.half_width.to("mg/h")
        rate_mg_per_h = max(0.0, rig.evaporation.rate.to("mg/h") + draw.around(half))
    warmer_k = draw.normal(U_WATER_K)
    if rig.liquid_temperature is not None:
        liquid_c = rig.liquid_temperature.nominal + draw.around(rig.liquid_temperature.half_width)
        warmer_k = liquid_c - air_c
    needle, vessel = base.needle_diameter, base.vessel_diameter
    immersion = rig.balance.immersion if rig.balance is not None else None
    if immersion is not None:
        needle, vessel = _diameters(immersion, draw)
    return _changed(
        base,
        evaporation=Quantity(rate_mg_per_h, "mg/h"),
        liquid_warmer=Quantity(warmer_k, "K"),
        needle_diameter=needle,
        vessel_diameter=vessel,
        vessel_volume=Quantity(_displaced_ml(base, rig, draw), "mL"),
        compliance=Quantity(base.compliance.to("µL/kPa") * draw.factor(1.6), "µL/kPa"),
        resistance=Quantity(base.resistance.to("kPa·s/µL") * draw.factor(1.6), "kPa·s/µL"),
        slow_share=Quantity(draw.within(5.0, 12.0), "%"),
        slow_time=Quantity(draw.within(10.0, 30.0), "s"),
    )


def _diameters(immersion: Immersion, draw: Draw) -> tuple[Quantity, Quantity]:
    """Return a needle for the vessel so that their correction is off within their tolerances, or what is assumed."""
    needle, vessel = immersion.needle_mm, immersion.vessel_mm
    relative = 2.0 * math.hypot(needle.half_width / needle.nominal, vessel.half_width / vessel.nominal)
    share = 1.0 + draw.around(relative or NEEDLE_SHARE)
    return Quantity(needle.nominal * math.sqrt(share), "mm"), Quantity(vessel.nominal, "mm")


def _displaced_ml(base: PlantSettings, rig: Rig, draw: Draw) -> float:
    vessel = rig.balance.vessel if rig.balance is not None else None
    if vessel is None:
        return base.vessel_volume.to("mL") * draw.factor(1.3)
    return vessel.displaced_ml.nominal + draw.around(vessel.displaced_ml.half_width)


def _balance(base: BalanceSettings, rig: Rig, draw: Draw) -> BalanceSettings:
    spec = rig.balance
    drift_mg_per_h = base.drift.to("mg/h")
    variance_mg2 = 0.0
    if spec is not None:
        if spec.drift is not None:
            drift_mg_per_h = draw.around(spec.drift.to("mg/h"))
        if spec.calibration is not None:
            variance_mg2 += (spec.calibration.expanded_uncertainty.to("mg") / spec.calibration.k) ** 2
        if spec.linearity is not None:
            variance_mg2 += spec.linearity.to("mg") ** 2 / 3.0
    return _changed(
        base,
        drift=Quantity(drift_mg_per_h, "mg/h"),
        load_error=Quantity(math.sqrt(variance_mg2), "mg"),
        lag=Quantity(base.lag.to("s") * draw.factor(1.5), "s"),
        dead_time=Quantity(draw.within(0.05, 0.3), "s"),
        zero_per_kelvin=Quantity(draw.around(base.zero_per_kelvin.to("mg")), "mg"),
    )


def _transducer(base: TransducerSettings, pump: PumpSettings, rig: Rig, draw: Draw) -> TransducerSettings:
    spec = rig.pressure
    if spec is None or spec.calibration is None:
        return base
    # The certificate holds over the range that is used: its error is drawn a little above the alarm's threshold.
    error_kpa = draw.normal(spec.calibration.expanded_uncertainty.to("kPa") / spec.calibration.k)
    factor = 1.0 + error_kpa / (_ABOVE_THRESHOLD * pump.occlusion_medium.to("kPa"))
    shown = getattr(spec.options, "scale", base.scale)  # a transducer that tells its pressure itself has none
    return _changed(
        base,
        scale=Quantity(shown.to("kPa/V") / factor, "kPa/V"),
        offset=Quantity(draw.around(20.0), "mV"),
    )


def _occluder(rig: Rig, draw: Draw, own: Draw, base: OccluderSettings) -> OccluderSettings:
    shuts, opens = actuation(rig.occluder), opening(rig.occluder)
    closing_s = shuts.mean_s + draw.around(shuts.half_width_s)
    opening_s = opens.mean_s + own.around(opens.half_width_s)
    return _changed(
        base,
        closing_time=Quantity(max(0.0, closing_s), "s"),
        opening_time=Quantity(max(0.0, opening_s), "s"),
    )


def _changed(section: Section, **changes: Quantity) -> Section:
    return section.model_copy(update=dict(changes))
