"""The vessel on the pan: what the delivered liquid weighs there, and what else makes it lighter or heavier."""

from __future__ import annotations

from bench.twin.densities import STEEL_G_PER_ML, air_g_per_ml, water_g_per_ml
from bench.twin.faults import FaultSet
from bench.twin.faults.of_line import Evaporation, ThickNeedle
from bench.twin.sensors import KNOT_S, ClimateModel
from bench.twin.settings import PlantSettings


class Vessel:
    """Vessel, first liquid and evaporation, with the air's buoyancy and the dipping needle's upthrust.

    A balance that was adjusted with steel weights in the air of the run's start shows for a mass m of volume V
    (m − ρa·V) / (1 − ρa0/8 g/mL). Liquid rises round the fixed needle and buoys it by a/(A − a) of its own weight.
    """

    def __init__(self, settings: PlantSettings, faults: FaultSet, climate: ClimateModel) -> None:
        bare, thick = faults.get(Evaporation), faults.get(ThickNeedle)
        self._climate = climate
        self._mass_g = settings.vessel_mass.to("g")
        self._volume_ml = settings.vessel_volume.to("mL")
        self._warmer_k = settings.liquid_warmer.to("K")
        self._evaporation_g_per_s = (bare.rate if bare else settings.evaporation).to("mg/h") / 3.6e6
        needle_mm = (thick.diameter if thick else settings.needle_diameter).to("mm")
        immersed = (needle_mm / settings.vessel_diameter.to("mm")) ** 2
        self._immersion = 1.0 / (1.0 - immersed)
        self._adjustment = 1.0 / (1.0 - air_g_per_ml(*climate.knot(0)) / STEEL_G_PER_ML)

    def density_g_per_ul(self, time_s: float) -> float:
        """Return the density of the liquid that arrives now; it is as warm as the air or a little warmer."""
        return water_g_per_ml(self._climate.read(time_s)[0] + self._warmer_k) * 1e-3

    def knot(self, index: int) -> tuple[float, float]:
        """Return the indication in g without delivered liquid, and per gram of it, at a knot."""
        temperature_c, pressure_hpa, humidity_pct = self._climate.knot(index)
        air = air_g_per_ml(temperature_c, pressure_hpa, humidity_pct)
        evaporated_g = self._evaporation_g_per_s * index * KNOT_S
        rest_g = (self._mass_g - evaporated_g - air * self._volume_ml) * self._adjustment
        per_gram = self._immersion * (1.0 - air / water_g_per_ml(temperature_c + self._warmer_k)) * self._adjustment
        return rest_g, per_gram
