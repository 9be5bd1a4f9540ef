"""From a recording's readings to volumes with a budget: what every procedure that weighs has in common."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.metrology.budget import bounded, component
from bench.metrology.evaporation import SECONDS_PER_HOUR, Evaporation, blank_slope, evaporation
from bench.metrology.noise import Floats, Noise, Spread, Window, estimate
from bench.procedures.base import Context
from bench.procedures.shared.conversion import Conversion, conversion
from bench.recording.reader import TestRecord
from bench.results.model import Component
from bench.rig.model import BalanceSpec

BLANK_SETTLING_S = 60.0
"""What the line still gives after the pump was stopped is no part of a blank."""
VESSEL_UL = 20_000.0
"""What a vessel with its water displaces: air that grows denser lifts it."""
AT_LOADS = frozenset({"calibration", "linearity"})
"""Budget lines that belong to a load: of a row of steps on top of each other only the first and the last load count."""
BY_NOISE = frozenset({"repeatability", "drift"})
"""Budget lines that come from the balance's noise."""


@dataclass(frozen=True, slots=True)
class Weighing:
    """The readings of one test, in mg, with everything that turns differences of them into volumes.

    `beyond_s` is when the balance said that what it carries lies beyond its range; then `mass_mg` is NaN.
    """

    time_s: Floats
    mass_mg: Floats
    blanks: tuple[Window, ...]
    noise: Noise
    evaporation: Evaporation
    conversion: Conversion
    balance: BalanceSpec | None
    beyond_s: Floats

    @property
    def readability_mg(self) -> float:
        """The step of the balance's display."""
        return self.balance.readability.to("mg") if self.balance is not None else 0.0

    @property
    def loss_mg_per_s(self) -> float:
        """What evaporates."""
        return self.evaporation.mg_per_h / SECONDS_PER_HOUR

    def components(
        self, volume_ul: float, per_ul: float, noise: Spread, interval_s: float, near: Spread | None = None
    ) -> list[Component]:
        """Return the budget of a volume that is the difference of two levels of the balance.

        Args:
            volume_ul: the volume, which relative errors act upon.
            per_ul: what 1 µL is in the measurement's unit: 0.1 for U of U-100.
            noise: of the difference of the levels, in mg.
            interval_s: time between the levels, in which liquid evaporates and the balance drifts.
            near: what `noise` would be for levels close together; what it is beyond that is shown as drift.

        """
        per_mg = per_ul * self.conversion.ul_per_mg
        return [
            *self._noise_components(per_mg, noise, near or noise),
            *balance_components(self.balance, per_mg),
            *self.conversion.components(volume_ul * per_ul),
            self._vessel_component(per_mg, interval_s),
            component(
                "evaporation and steady drift",
                self.evaporation.standard_uncertainty,
                "mg/h",
                per_mg * interval_s / SECONDS_PER_HOUR,
                degrees_of_freedom=self.evaporation.degrees_of_freedom,
                source=self.evaporation.source,
            ),
        ]

    def _noise_components(self, per_mg: float, noise: Spread, near: Spread) -> list[Component]:
        degrees, total = noise.degrees_of_freedom, noise.standard_uncertainty
        short = min(total, near.standard_uncertainty)
        source = "noise of the blanks"
        lines = [component("repeatability", short, "mg", per_mg, degrees_of_freedom=degrees, source=source)]
        if total > short:
            drift = math.sqrt(total**2 - short**2)
            source = "noise of the blanks, continued as flicker or as random walk"
            lines.append(component("drift", drift, "mg", per_mg, degrees_of_freedom=degrees, source=source))
        return lines

    def _vessel_component(self, per_mg: float, interval_s: float) -> Component:
        whole_mg = VESSEL_UL * 1e-3 * self.conversion.air_change_kg_per_m3
        recorded_s = float(self.time_s[-1] - self.time_s[0]) if len(self.time_s) else 0.0
        share = math.sqrt(min(1.0, interval_s / recorded_s)) if recorded_s > 0.0 else 1.0
        source = f"change of the air's density, on {VESSEL_UL / 1000.0:g} mL that the vessel displaces"
        return bounded("air buoyancy of the vessel", 0.5 * whole_mg * share, "mg", per_mg, source=source)


def balance_components(balance: BalanceSpec | None, per_mg: float) -> list[Component]:
    """Return what the rig file tells of the balance, for the difference of two levels."""
    if balance is None:
        return []
    # Rounding acts on both levels: √2 of one reading's.
    rounding_mg = math.sqrt(2.0) * 0.5 * balance.readability.to("mg")
    lines = [bounded("readability, of both levels", rounding_mg, "mg", per_mg, source="rig file")]
    certificate = balance.calibration
    if certificate is not None:
        standard_mg = certificate.expanded_uncertainty.to("mg") / certificate.k
        lines.append(
            component("calibration", standard_mg, "mg", per_mg, source=f"certificate {certificate.certificate}")
        )
    if balance.linearity is not None:
        lines.append(bounded("linearity", balance.linearity.to("mg"), "mg", per_mg, source="rig file"))
    return lines


def weigh_record(record: TestRecord, context: Context) -> Weighing:
    """Read what balance and climate sensor showed during a test; the blanks tell noise and evaporation."""
    readings = record.series("balance.mass_g")
    mass_mg = 1000.0 * readings.value
    balance = context.rig.balance
    blanks = blank_windows(record)
    segments = [within(readings.time_s, mass_mg, blank) for blank in blanks]
    # Without a blank the delivery itself counts as noise, which is more than the balance's own and never less.
    whole = [within(readings.time_s, mass_mg, (record.start_s, record.end_s))]
    noise = estimate(segments or whole, balance.readability.to("mg") if balance is not None else 0.0)
    slopes = [blank_slope(*segment, noise) for segment in segments]
    lost = evaporation(slopes, *declared_loss(context))
    turned = conversion(record, context)
    beyond_s = readings.time_s[readings.beyond]
    return Weighing(readings.time_s, mass_mg, blanks, noise, lost, turned, balance, beyond_s)


def declared_loss(context: Context) -> tuple[float, float] | tuple[None, None]:
    """Return the loss that the rig file declares and its half width, in mg/h; the balance's own drift widens it.

    A blank cannot tell evaporation from a drift of the balance, and need not: both act on a delivery alike.
    """
    declared, balance = context.rig.evaporation, context.rig.balance
    if declared is None:
        return None, None
    drift = balance.drift.to("mg/h") if balance is not None and balance.drift is not None else 0.0
    return declared.rate.to("mg/h"), math.hypot(declared.half_width.to("mg/h"), drift)


def within(time_s: Floats, value: Floats, window: Window) -> tuple[Floats, Floats]:
    """Return the readings of a window that have a value."""
    inside = slice(np.searchsorted(time_s, window[0], "left"), np.searchsorted(time_s, window[1], "right"))
    known = np.isfinite(value[inside])
    return time_s[inside][known], value[inside][known]


def blank_windows(record: TestRecord) -> tuple[Window, ...]:
    """Return from when to when blanks were weighed; one that follows a delivery begins once the line has settled."""
    ended = [event.time_s for event in record.events("blank ended")]
    deliveries = [event.time_s for event in record.events() if event.kind in ("basal commanded", "bolus commanded")]
    windows = []
    for event in record.events("blank started"):
        begin = event.time_s
        end = next((time_s for time_s in ended if time_s >= begin), record.end_s)
        if any(time_s < begin for time_s in deliveries):
            begin += BLANK_SETTLING_S
        if end > begin:
            windows.append((begin, end))
    return tuple(windows)
