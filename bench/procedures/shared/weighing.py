"""From a recording's readings to volumes with a budget: what every procedure that weighs has in common."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.metrology.budget import bounded, component
from bench.metrology.evaporation import Evaporation, evaporation
from bench.metrology.loss_slope import SECONDS_PER_HOUR, blank_slope, slope_of_rests
from bench.metrology.noise import Floats, Levels, Noise, Spread, Window, estimate
from bench.metrology.noise_covariance import FilteredNoise, from_noise
from bench.metrology.noise_fit import FEWEST_READINGS, fit_noise
from bench.metrology.quantization import rounding_uncertainty, scatter_of_readings
from bench.metrology.readings import within
from bench.metrology.vessel_buoyancy import correction_uncertainty_mg, vessel_correction_mg
from bench.procedures.base import Context
from bench.procedures.shared.commands import DELIVERIES
from bench.procedures.shared.conversion import NOT_APPLIED, Conversion, conversion
from bench.procedures.shared.latency import latency_lines, link_latency_s
from bench.procedures.shared.link_gaps import LinkGap, gap_lines, link_gaps
from bench.procedures.shared.pulse_rests import BetweenPulses, between_pulses
from bench.procedures.shared.rests import rests_of
from bench.quantities import Tolerance
from bench.recording.reader import TestRecord
from bench.results.model import Component
from bench.rig.instruments import BalanceSpec

BLANK_SETTLING_S = 60.0
"""What the line still gives after the pump was stopped is no part of a blank."""
ASSUMED_VESSEL_ML = 20.0
"""What a vessel with its water displaces, where the rig file does not say."""
UNMEASURED_AIR_CHANGE_KG_PER_M3 = 0.012
"""By how much the density of unmeasured air may change within a day: 10 hPa."""
DAY_S = 86_400.0
USUAL_LAG_S = 1.0
"""Time constant of a balance's own filter, where nothing tells it."""
AT_LOADS = frozenset({"calibration", "linearity"})
"""Budget lines that belong to a load: of a row of steps on top of each other only the first and the last load count."""
BY_NOISE = frozenset({"repeatability", "drift"})
"""Budget lines that come from the balance's noise."""
OF_LEVELS = BY_NOISE | {"readability, of both levels", "air buoyancy of the vessel"}
"""Budget lines that each difference of levels has of its own; what loss and conversion leave open is shared."""


@dataclass(frozen=True, slots=True)
class Weighing:
    """The readings of one test, in mg, with everything that turns differences of them into volumes.

    `shown_mg` is what the balance showed. In `mass_mg` all that changes during a test is made good: the buoyancy of the
    vessel, and a loss that grows or falls; what is left is the steady loss of `loss_mg_per_s`. `beyond_s` is when the
    balance said that what it carries lies beyond its range; then both are NaN. `unstable_s` is when it called a reading
    unstable; none of a balance that never says whether they are. `quiet` are the stretches without delivery that tell
    the noise, blanks or else rests; empty where there are none. `evaporation` is the loss that is made good, none where
    the plan switches that off; `found_evaporation` is what was found. `scatter_mg` is by how much single readings
    scatter before they are rounded. `noise_source` is where `noise` comes from. `late_s` is by how much readings may
    have been stamped late, by their link; `link_gaps` is where it was lost. `together` counts readings that arrived
    together with a later one, and are left out.
    """

    time_s: Floats
    shown_mg: Floats
    mass_mg: Floats
    blanks: tuple[Window, ...]
    quiet: tuple[Window, ...]
    noise: Noise
    evaporation: Evaporation
    found_evaporation: Evaporation
    conversion: Conversion
    balance: BalanceSpec | None
    beyond_s: Floats
    unstable_s: Floats
    scatter_mg: float = 0.0
    noise_source: str = "noise of the blanks"
    late_s: float = 0.0
    link_gaps: tuple[LinkGap, ...] = ()
    together: int = 0

    @property
    def readability_mg(self) -> float:
        """The step of the balance's display."""
        return self.balance.readability.to("mg") if self.balance is not None else 0.0

    def filtered_noise(self, beside: Sequence[tuple[Floats, Floats]] = ()) -> FilteredNoise:
        """Return the likeliest noise with the balance's filter, for pulses; that of `noise` where nothing was quiet.

        `beside` are times and masses of more stretches that are quiet: those between rare pulses.
        """
        still = [*(within(self.time_s, self.mass_mg, window) for window in self.quiet), *beside]
        if sum(len(time_s) for time_s, _ in still) < FEWEST_READINGS:
            sample_s = float(np.median(np.diff(self.time_s)))
            return from_noise(self.noise, USUAL_LAG_S, self.readability_mg, sample_s)
        return fit_noise(still, self.readability_mg)

    @property
    def loss_mg_per_s(self) -> float:
        """What evaporates steadily."""
        return self.evaporation.mg_per_h / SECONDS_PER_HOUR

    @property
    def displaced_ml(self) -> Tolerance | None:
        """What the vessel displaces, by the rig file; None where it does not say."""
        vessel = self.balance.vessel if self.balance is not None else None
        return vessel.displaced_ml if vessel is not None else None

    @property
    def vessel_corrected(self) -> bool:
        """Whether the buoyancy of the vessel is made good."""
        known = self.displaced_ml is not None and self.conversion.air is not None
        return known and self.conversion.applied.vessel_buoyancy

    def lateness(self, per_s: float) -> list[Component]:
        """Return the budget line of what late stamps do to a measurement that changes by `per_s` a second."""
        return latency_lines(self.late_s, per_s)

    def components(
        self, volume_ul: float, per_ul: float, levels: Levels, interval_s: float, near: Spread | None = None
    ) -> list[Component]:
        """Return the budget of a volume that is the difference of two levels of the balance, or a mean of such.

        No two lines are correlated. What acts twice is one input with its slope through all that it acts on (GUM
        F.1.2.3): air and liquid through both densities (`Surroundings.influences`), and the noise of the levels through
        the loss as well, since levels in or beside a blank are in its slope, too. So the loss has only what the levels'
        noise does not tell of it. What the vessel displaces acts through the levels and through the loss. A constant
        error of the climate sensor cancels in the change of the air's density that moves the vessel, but for 0.35 % of
        that correction per kelvin; what is left there is how well the sensor follows.

        Args:
            volume_ul: the volume, which relative errors act upon.
            per_ul: what 1 µL is in the measurement's unit: 0.1 for U of U-100.
            levels: whose difference the volume is.
            interval_s: time between the levels, in which liquid evaporates and the balance drifts.
            near: what the noise would be for levels close together; what it is beyond that is shown as drift.

        """
        per_mg = per_ul * self.conversion.ul_per_mg
        hours = interval_s / SECONDS_PER_HOUR
        noise, lost = self.noise.of(levels), self.evaporation
        together = lost.given_levels(self.noise, levels, interval_s)
        return [
            *_noise_components(
                per_mg * (1.0 + together.mg_per_h_per_mg * hours), noise, near or noise, self.noise_source
            ),
            *balance_components(self.balance, per_mg, self.scatter_mg),
            *self.conversion.components(volume_ul * per_ul),
            self._vessel_component(per_mg, levels, interval_s),
            *gap_lines(self.link_gaps, levels, per_mg),
            component(
                "evaporation and steady drift",
                together.standard_uncertainty,
                "mg/h",
                per_mg * hours,
                degrees_of_freedom=lost.degrees_of_freedom,
                source=f"{lost.source}{together.told}",
                estimate=lost.mg_per_h,
            ),
        ]

    def _vessel_component(self, per_mg: float, levels: Levels, interval_s: float) -> Component:
        name, air, displaced = "air buoyancy of the vessel", self.conversion.air, self.displaced_ml
        if air is None:
            half_mg = 0.5 * UNMEASURED_AIR_CHANGE_KG_PER_M3 * (displaced.nominal if displaced else ASSUMED_VESSEL_ML)
            share = math.sqrt(min(1.0, interval_s / DAY_S))
            source = f"air not measured: {UNMEASURED_AIR_CHANGE_KG_PER_M3:g} kg/m³ in a day"
            return bounded(name, half_mg * share, "mg", per_mg, source=source)
        if displaced is None or not self.vessel_corrected:
            volume_ml = displaced.nominal if displaced else ASSUMED_VESSEL_ML
            why = NOT_APPLIED if displaced else "not corrected: the rig file tells no `vessel:`"
            typical_mg = volume_ml * air.typical_change(interval_s)
            return component(name, typical_mg, "mg", per_mg, source=f"{why}; {volume_ml:g} mL displaced")
        # What changes steadily looks like a loss and is in the blanks' slopes, too: there it cancels.
        change = levels.sum_of(air.at) + self.evaporation.of_course(air.at) * interval_s / SECONDS_PER_HOUR
        standard_mg = correction_uncertainty_mg(change, displaced.nominal, displaced.half_width, interval_s)
        source = f"{displaced} displaced, rig file, and the climate sensor"
        return component(name, standard_mg, "mg", per_mg, source=source, estimate=displaced.nominal * change)


def _noise_components(per_mg: float, noise: Spread, near: Spread, source: str) -> list[Component]:
    degrees, total = noise.degrees_of_freedom, noise.standard_uncertainty
    short = min(total, near.standard_uncertainty)
    lines = [component("repeatability", short, "mg", per_mg, degrees_of_freedom=degrees, source=source)]
    if total > short:
        drift = math.sqrt(total**2 - short**2)
        continued = f"{source}, continued as flicker or as random walk"
        lines.append(component("drift", drift, "mg", per_mg, degrees_of_freedom=degrees, source=continued))
    return lines


def balance_components(balance: BalanceSpec | None, per_mg: float, scatter_mg: float = 0.0) -> list[Component]:
    """Return what the rig file tells of the balance, for the difference of two levels.

    `scatter_mg` is by how much its readings scatter; those that do over several steps of the display have means that
    are finer than a step.
    """
    if balance is None:
        return []
    # Rounding acts on both levels: √2 of one level's.
    rounding_mg = math.sqrt(2.0) * rounding_uncertainty(balance.readability.to("mg"), scatter_mg)
    source = f"rig file; readings scatter by {scatter_mg:.2g} mg" if scatter_mg else "rig file"
    half_mg = math.sqrt(3.0) * rounding_mg
    lines = [bounded("readability, of both levels", half_mg, "mg", per_mg, source=source)]
    certificate = balance.calibration
    if certificate is not None:
        standard_mg = certificate.expanded_uncertainty.to("mg") / certificate.k
        lines.append(
            component("calibration", standard_mg, "mg", per_mg, source=f"certificate {certificate.certificate}")
        )
    if balance.linearity is not None:
        lines.append(bounded("linearity", balance.linearity.to("mg"), "mg", per_mg, source="rig file"))
    return lines


def weigh_record(record: TestRecord, context: Context, at_rest: Window | None = None) -> Weighing:
    """Read what balance and climate sensor showed during a test; blanks and rests tell noise and evaporation.

    Of a pump that is watched `at_rest` that time tells the noise alone: what it loses or gains meanwhile is what is
    measured, so that only the rig file tells the evaporation.
    """
    arrived = record.series("balance.mass_g")
    readings = arrived.one_at_a_time()
    time_s, shown_mg = readings.time_s, 1000.0 * readings.value
    balance, turned = context.rig.balance, conversion(record, context)
    applied = turned.applied
    mass_mg = shown_mg
    if applied.vessel_buoyancy and turned.air is not None and balance is not None and balance.vessel is not None:
        mass_mg = shown_mg + vessel_correction_mg(time_s, turned.air, balance.vessel.displaced_ml.nominal)
    blanks = () if at_rest else blank_windows(record)
    segments = [within(time_s, mass_mg, blank) for blank in blanks]
    rests = [] if at_rest else rests_of(record, context, time_s, mass_mg, turned.ul_per_mg)
    readability_mg = balance.readability.to("mg") if balance is not None else 0.0
    between = BetweenPulses()
    if not blanks and not rests and not at_rest:
        between = between_pulses(record, context, time_s, mass_mg, readability_mg)
    quiet = (at_rest,) if at_rest else blanks or tuple(rests) or between.rests
    # Without blank or rest the delivery itself counts as noise, which is more than the balance's own and never less.
    still = [within(time_s, mass_mg, each) for each in quiet or [(record.start_s, record.end_s)]]
    noise = estimate(still, readability_mg)
    slopes = [blank_slope(*segment, noise) for segment in segments]
    run = slope_of_rests(time_s, mass_mg, rests, noise) or between.slope
    declared_mg_per_h, half_width = declared_loss(context)
    found = evaporation(slopes, declared_mg_per_h, half_width, run)
    if applied.evaporation:
        mass_mg = mass_mg + found.extra_mg(time_s)
    lost = found if applied.evaporation else _left_alone(found)
    beyond_s = time_s[readings.beyond]
    unstable_s = time_s[np.isfinite(shown_mg) & ~readings.stable] if np.any(readings.stable) else np.empty(0)
    # Only blanks are sure to have no pulse in them, which would count as scatter.
    scatter_mg = scatter_of_readings(segments, readability_mg) if balance is not None else 0.0
    return Weighing(
        time_s,
        shown_mg,
        mass_mg,
        blanks,
        quiet,
        noise,
        lost,
        found,
        turned,
        balance,
        beyond_s,
        unstable_s,
        scatter_mg,
        late_s=link_latency_s(record, "balance"),
        link_gaps=link_gaps(record, time_s, mass_mg, lost.mg_per_h / SECONDS_PER_HOUR, turned, noise, context),
        together=len(arrived) - len(readings),
    )


def _left_alone(found: Evaporation) -> Evaporation:
    """Return a loss that is not made good: nothing, uncertain by all that it is."""
    largest = abs(found.mg_per_h) + 0.5 * abs(found.change_mg_per_h)
    return replace(
        found,
        mg_per_h=0.0,
        change_mg_per_h=0.0,
        standard_uncertainty=math.hypot(found.standard_uncertainty, largest),
        degrees_of_freedom=math.inf,
        source=f"{NOT_APPLIED}; {found.source}",
    )


def declared_loss(context: Context) -> tuple[float, float] | tuple[None, None]:
    """Return the loss that the rig file declares and its half width, in mg/h; the balance's own drift widens it.

    A blank cannot tell evaporation from a drift of the balance, and need not: both act on a delivery alike.
    """
    declared, balance = context.rig.evaporation, context.rig.balance
    if declared is None:
        return None, None
    drift = balance.drift.to("mg/h") if balance is not None and balance.drift is not None else 0.0
    return declared.rate.to("mg/h"), math.hypot(declared.half_width.to("mg/h"), drift)


def blank_windows(record: TestRecord) -> tuple[Window, ...]:
    """Return from when to when blanks were weighed; one that follows a delivery begins once the line has settled."""
    ended = [event.time_s for event in record.events("blank ended")]
    deliveries = [event.time_s for event in record.events() if event.kind in DELIVERIES]
    windows = []
    for event in record.events("blank started"):
        begin = event.time_s
        end = next((time_s for time_s in ended if time_s >= begin), record.end_s)
        if any(time_s < begin for time_s in deliveries):
            begin += BLANK_SETTLING_S
        if end > begin:
            windows.append((begin, end))
    return tuple(windows)
