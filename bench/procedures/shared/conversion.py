"""How much volume a mass on the balance stands for: by the air and the liquid that were there during a test."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from bench.metrology.budget import Distribution, component
from bench.metrology.density import COLDEST_C, WARMEST_C, immersion_factor
from bench.metrology.liquids import LIQUIDS, Liquid, measured_liquid
from bench.metrology.noise import Floats, Window
from bench.metrology.surroundings import Surroundings
from bench.metrology.vessel_buoyancy import AirCourse, air_course
from bench.plan.model import Corrections, MeasuredLiquid, Plan
from bench.procedures.base import Context
from bench.procedures.shared.commands import DELIVERIES
from bench.recording.reader import TestRecord
from bench.results.model import Component
from bench.rig.instruments import BalanceSpec

ASSUMED = Surroundings(22.0, 1000.0, 50.0, 2.0, 20.0, 15.0, liquid_c=22.0, u_liquid_c=0.3, liquid_follows_air=True)
"""A lab that nobody measured, with standard uncertainties to match."""
_U_TEMPERATURE_K, _U_PRESSURE_HPA, _U_HUMIDITY_PCT = 0.3, 1.0, 3.0
"""Of a climate sensor without a certificate."""
_U_LIQUID_K = 0.3
"""How much warmer or colder than the air the liquid may be, as a standard uncertainty."""
_FOLLOWS_AIR = f"taken from the air's temperature, ±{_U_LIQUID_K:g} K (k = 1)"
_PLAUSIBLE = {
    "temperature_c": (COLDEST_C, WARMEST_C),
    "pressure_hpa": (500.0, 1200.0),
    "humidity_pct": (0.0, 100.0),
    "liquid_temperature_c": (COLDEST_C, WARMEST_C),
}
"""Readings outside of these are no air that anybody weighs in, and no liquid that anybody infuses."""
_AIR = ("temperature_c", "pressure_hpa", "humidity_pct")
NOT_APPLIED = "not corrected: switched off in `corrections:`"

_Channels = dict[str, tuple[Floats, Floats]]


@dataclass(frozen=True, slots=True)
class Immersed:
    """What a dipping needle takes off: 1 − a/A, its standard uncertainty and where that is from."""

    factor: float
    standard_uncertainty: float
    inputs: str
    source: str


@dataclass(frozen=True, slots=True)
class Conversion:
    """Volume per indicated mass, and what it leaves open.

    `air` is the recorded density of the air over the test, None where none was recorded; `temperature_c` the least and
    the greatest reading; `declared` is whether the air is the rig file's word; `implausible` says which climate
    readings were left out as impossible.
    """

    surroundings: Surroundings
    immersed: Immersed
    applied: Corrections
    air: AirCourse | None
    temperature_c: tuple[float, float] | None
    source: str
    liquid_source: str
    declared: bool = False
    implausible: str = ""

    @property
    def ul_per_mg(self) -> float:
        """Volume per indicated mass, with the corrections that are applied."""
        here = self.surroundings
        factor = here.factor_ul_per_mg() if self.applied.sample_buoyancy else here.weightless_ul_per_mg()
        return factor * (self.immersed.factor if self.applied.immersion else 1.0)

    @property
    def buoyancy(self) -> float:
        """By what the buoyancy of the sample multiplies its volume: some 1.001."""
        return self.surroundings.factor_ul_per_mg() / self.surroundings.weightless_ul_per_mg()

    def components(self, volume: float) -> list[Component]:
        """Return the budget lines of the conversion for a volume in any unit: independent inputs, none correlated."""
        here = self.surroundings
        sources = (self.source, self.liquid_source, self.source, self.source, here.liquid.source)
        lines = [
            component(
                each.name,
                each.standard_uncertainty,
                each.unit,
                volume * each.per_unit,
                distribution=each.distribution,
                source=source,
                estimate=each.estimate,
            )
            for each, source in zip(here.influences(), sources, strict=True)
        ]
        if not self.applied.sample_buoyancy:
            name, own = f"air buoyancy of the delivered {here.liquid.name}", self.buoyancy - 1.0
            lines.append(component(name, own, "1", volume, source=NOT_APPLIED, estimate=1.0))
        if self.immersed.factor < 1.0:
            lines.append(self._immersion_component(volume))
        return lines

    def _immersion_component(self, volume: float) -> Component:
        factor, own, source = self.immersed.factor, self.immersed.standard_uncertainty, self.immersed.source
        if not self.applied.immersion:
            factor, own, source = 1.0, math.hypot(own, 1.0 - factor), NOT_APPLIED
        return component(
            "immersion of the needle",
            own,
            "1",
            volume / factor,
            distribution="rectangular",
            source=source,
            estimate=factor,
        )


def conversion(record: TestRecord, context: Context) -> Conversion:
    """Return the conversion in the air that was recorded during a test, or in assumed air where none was."""
    channels, declared, implausible = _climate(record)
    warmth, of_liquid = channels["temperature_c"][1], channels.pop("liquid_temperature_c")
    surroundings, source, air = assumed_surroundings(context), "assumed air", None
    if not any(len(values) == 0 for _, values in channels.values()):
        during = while_delivering(record)
        means = [_mean(channels[name], during) for name in _AIR]
        surroundings = _surroundings(context, means, _spread(channels["temperature_c"], during), declared)
        source = "declared in the rig file, not measured" if declared else "climate readings"
        air = None if declared else air_course(channels)
    liquid_source = _FOLLOWS_AIR if surroundings.liquid_follows_air else "rig file"
    if len(of_liquid[1]):
        liquid_source = "readings of the liquid's temperature"
        surroundings = _with_measured_liquid(surroundings, of_liquid, while_delivering(record))
    extremes = (float(warmth.min()), float(warmth.max())) if len(warmth) and not declared else None
    return Conversion(
        surroundings,
        immersed_by(context.rig.balance),
        context.plan.corrections,
        air,
        extremes,
        source,
        liquid_source,
        declared,
        implausible,
    )


def _with_measured_liquid(surroundings: Surroundings, of_liquid: tuple[Floats, Floats], during: Window) -> Surroundings:
    return replace(
        surroundings,
        liquid_c=_mean(of_liquid, during),
        u_liquid_c=math.hypot(_U_TEMPERATURE_K, _spread(of_liquid, during)),
        liquid_follows_air=False,
        liquid_distribution="normal",
    )


def liquid_of(plan: Plan) -> Liquid:
    """Return the liquid that a plan says is delivered."""
    named = plan.conditions.liquid
    if not isinstance(named, MeasuredLiquid):
        return LIQUIDS[named]
    density = named.density_within
    return measured_liquid(
        named.name, 1000.0 * density.nominal, 1000.0 * density.half_width, named.measured_at.to("°C")
    )


def immersed_by(balance: BalanceSpec | None) -> Immersed:
    """Return the correction for the dipping needle; a factor of 1 where the rig file tells of none."""
    if balance is None or balance.immersion is None:
        return Immersed(1.0, 0.0, "the rig file tells no needle", "")
    needle, vessel = balance.immersion.needle_mm, balance.immersion.vessel_mm
    factor = immersion_factor(needle.nominal, vessel.nominal)
    share = 1.0 - factor
    inputs = f"needle {balance.immersion.needle_outer_diameter} in {balance.immersion.vessel_inner_diameter}"
    if needle.half_width == 0.0 and vessel.half_width == 0.0:
        return Immersed(factor, 0.1 * share / math.sqrt(3.0), inputs, "± a tenth of it: diameters without tolerance")
    relative = math.hypot(needle.half_width / needle.nominal, vessel.half_width / vessel.nominal)
    return Immersed(factor, 2.0 * share * relative / math.sqrt(3.0), inputs, "tolerances of both diameters, rig file")


def immersion_of(balance: BalanceSpec | None) -> float:
    """Return the factor of the dipping needle; 1 where the rig file tells of none."""
    return immersed_by(balance).factor


def assumed_surroundings(context: Context) -> Surroundings:
    """Return what is assumed where no air is measured: the plan's temperature, or that of any lab."""
    wanted = context.plan.conditions.temperature
    temperature_c = wanted.nominal if wanted is not None else ASSUMED.temperature_c
    return _surroundings(context, [temperature_c, ASSUMED.pressure_hpa, ASSUMED.humidity_pct], 0.0, assumed=True)


def _surroundings(context: Context, means: list[float], spread_k: float, assumed: bool) -> Surroundings:
    """Return air and liquid; uncertain as those of any lab where they are `assumed`, else as the sensor is."""
    wanted, liquid = context.plan.conditions.temperature, context.rig.liquid_temperature
    of_air: Distribution = "normal"
    if assumed:
        u_assumed = ASSUMED.u_temperature_c if wanted is None else wanted.half_width / math.sqrt(3.0)
        u_air = (u_assumed, ASSUMED.u_pressure_hpa, ASSUMED.u_humidity_pct)
        of_air = "normal" if wanted is None else "rectangular"
    else:
        u_air = (math.hypot(_sensor_uncertainty(context), spread_k), _U_PRESSURE_HPA, _U_HUMIDITY_PCT)
    return Surroundings(
        means[0],
        means[1],
        means[2],
        *u_air,
        liquid_c=means[0] if liquid is None else liquid.nominal,
        u_liquid_c=_U_LIQUID_K if liquid is None else liquid.half_width / math.sqrt(3.0),
        liquid=liquid_of(context.plan),
        liquid_follows_air=liquid is None,
        air_distribution=of_air,
        liquid_distribution="normal" if liquid is None else "rectangular",
    )


def _climate(record: TestRecord) -> tuple[_Channels, bool, str]:
    """Return the readings of air and liquid that can be true, whether they are declared, and which were left out."""
    channels: _Channels = {}
    declared, left_out = False, []
    for name, (low, high) in _PLAUSIBLE.items():
        series = record.series(f"climate.{name}")
        known = np.isfinite(series.value)
        possible = known & (series.value >= low) & (series.value <= high)
        lost = int(np.count_nonzero(known) - np.count_nonzero(possible))
        if lost:
            worst = series.value[known & ~possible][0]
            left_out.append(f"{lost} of {name} beyond {low:g} to {high:g}, such as {worst:g}")
        channels[name] = (series.time_s[possible], series.value[possible])
        declared |= series.declared and name in _AIR
    return channels, declared, "; ".join(left_out)


def while_delivering(record: TestRecord) -> Window:
    """Return from the first command of a delivery to the last end of one: then the liquid came that is converted."""
    begins = [event for event in record.events() if event.kind in DELIVERIES]
    ends = [*record.events("basal stopped"), *record.events("bolus done")]
    begin_s = min((event.time_s for event in begins), default=record.start_s)
    return begin_s, max((event.time_s for event in ends if event.time_s > begin_s), default=record.end_s)


def _inside(channel: tuple[Floats, Floats], during: Window) -> Floats:
    time_s, value = channel
    inside = value[(time_s >= during[0]) & (time_s <= during[1])]
    return inside if len(inside) else value


def _mean(channel: tuple[Floats, Floats], during: Window) -> float:
    return float(np.mean(_inside(channel, during)))


def _spread(channel: tuple[Floats, Floats], during: Window) -> float:
    return float(np.std(_inside(channel, during)))


def _sensor_uncertainty(context: Context) -> float:
    climate = context.rig.climate
    if climate is None or climate.calibration is None:
        return _U_TEMPERATURE_K
    return climate.calibration.expanded_uncertainty.to("K") / climate.calibration.k
