"""The table that shows what each correction did to the volume of a test."""

from __future__ import annotations

import math

import numpy as np

from bench.metrology.corrections import Effect, Effects, Step, effects_of
from bench.metrology.loss_slope import SECONDS_PER_HOUR
from bench.metrology.noise import Floats, Window
from bench.metrology.readings import within
from bench.procedures.base import Context
from bench.procedures.shared.weighing import Weighing
from bench.results.model import Table

NAME = "corrections"
LEVEL_S = 60.0
_COLUMNS = ["correction", "applied", "from", "effect / µL", "effect / U", "effect / %", "source"]


def corrections_table(weighing: Weighing, context: Context, before: Window, after: Window) -> list[Table]:
    """Return the table of corrections of what was delivered between two levels; none where one has no readings.

    Args:
        weighing: of the whole test.
        context: plan and rig.
        before: window of the level before anything was delivered.
        after: window of the level after all was.

    """
    found = volume_effects(weighing, before, after)
    if found is None:
        return []
    ul_per_u = context.concentration.ul_per_u
    percent = 100.0 / found.volume_ul if abs(found.volume_ul) > 1e-6 else math.nan
    rows = [["reading, at 1 µL/mg", "", "", *_numbers(found.reading_ul, ul_per_u, percent, sign=False), "balance"]]
    rows += [_row(effect, ul_per_u, percent) for effect in found.effects]
    rows.append(["volume", "", "", *_numbers(found.volume_ul, ul_per_u, percent, sign=False), "sum of what is applied"])
    note = (
        "From the level before the first delivery to the one after the last. An effect in brackets is not applied:"
        " it is what the correction would change, and its size is in the budgets."
    )
    return [Table(name=NAME, title="What each correction does", columns=_COLUMNS, rows=rows, note=note)]


def between_blanks(weighing: Weighing) -> tuple[Window, Window]:
    """Return the last minute of the first blank and the first of the last one; empty windows without two blanks."""
    if len(weighing.blanks) < 2:
        return (0.0, -1.0), (0.0, -1.0)
    (first_s, ended_s), (began_s, last_s) = weighing.blanks[0], weighing.blanks[-1]
    return (max(first_s, ended_s - LEVEL_S), ended_s), (began_s, min(last_s, began_s + LEVEL_S))


def volume_effects(weighing: Weighing, before: Window, after: Window) -> Effects | None:
    """Return the effect of each correction upon what was delivered between two levels; None without readings."""
    shown = _difference(weighing, weighing.shown_mg, before, after)
    if not math.isfinite(shown):
        return None
    turned = weighing.conversion
    density = turned.surroundings.weightless_ul_per_mg()
    here, liquid = turned.surroundings, turned.surroundings.liquid
    steps = [
        _vessel_step(weighing, before, after),
        _evaporation_step(weighing, before, after),
        Step(
            "immersion of the needle",
            turned.applied.immersion and turned.immersed.factor < 1.0,
            turned.immersed.inputs,
            "1 − a/A",
            factor=turned.immersed.factor,
        ),
        Step(
            f"density of {liquid.name}",
            True,
            f"{here.liquid_kg_per_m3:.3f} kg/m³ at {here.liquid_c:.2f} °C",
            f"{liquid.source.partition(';')[0]}; {turned.source}",
            factor=density,
        ),
        Step(
            "air buoyancy of the sample",
            turned.applied.sample_buoyancy,
            f"air {here.air_kg_per_m3:.4f} kg/m³ ({here.temperature_c:.2f} °C, {here.pressure_hpa:.1f} hPa,"
            f" {here.humidity_pct:.0f} %)",
            f"CIPM-2007; {turned.source}",
            factor=turned.buoyancy,
        ),
    ]
    return effects_of(shown, steps)


def _vessel_step(weighing: Weighing, before: Window, after: Window) -> Step:
    name, air, displaced = "air buoyancy of the vessel", weighing.conversion.air, weighing.displaced_ml
    if air is None:
        return Step(name, False, "air not recorded", "in the budget only")
    if displaced is None:
        return Step(name, False, "the rig file tells no `vessel:`", "in the budget only")
    density = air.at(weighing.time_s)
    change = _difference(weighing, density, before, after)
    inputs = f"air {change:+.5f} kg/m³, {displaced} displaced"
    source = "CIPM-2007 along the climate readings, rig file"
    return Step(name, weighing.vessel_corrected, inputs, source, added_mg=change * displaced.nominal)


def _evaporation_step(weighing: Weighing, before: Window, after: Window) -> Step:
    found = weighing.found_evaporation
    lost_mg = found.mg_per_h * weighing.time_s / SECONDS_PER_HOUR + found.extra_mg(weighing.time_s)
    inputs = f"{found.mg_per_h:.3f} mg/h"
    if found.change_mg_per_h:
        inputs += f", {found.change_mg_per_h:+.3f} mg/h from first to last blank"
    if found.run is not None:
        inputs += f"; rests between deliveries: {-found.run.mg_per_h:.3f} mg/h"
    return Step(
        "evaporation",
        weighing.conversion.applied.evaporation,
        inputs,
        found.source,
        added_mg=_difference(weighing, lost_mg, before, after),
    )


def _difference(weighing: Weighing, value: Floats, before: Window, after: Window) -> float:
    """Return the mean of a value over the readings of one window less that over another; NaN without readings."""
    # A mean over the very readings that make the levels, so that effects add up exactly.
    known = np.where(np.isfinite(weighing.shown_mg), value, np.nan)
    first, second = (within(weighing.time_s, known, window)[1] for window in (before, after))
    return float(np.mean(second) - np.mean(first)) if len(first) and len(second) else math.nan


def _row(effect: Effect, ul_per_u: float, percent: float) -> list[str]:
    step = effect.step
    numbers = _numbers(effect.effect_ul, ul_per_u, percent, sign=True)
    if not step.applied:
        numbers = [f"({number})" for number in numbers]
    return [step.name, "yes" if step.applied else "no", step.inputs, *numbers, step.source]


def _numbers(volume_ul: float, ul_per_u: float, percent: float, *, sign: bool) -> list[str]:
    plus = "+" if sign else ""
    share = format(volume_ul * percent, f"{plus}.3f") if math.isfinite(percent) else "–"
    return [format(volume_ul, f"{plus}.4f"), format(volume_ul / ul_per_u, f"{plus}.5f"), share]
