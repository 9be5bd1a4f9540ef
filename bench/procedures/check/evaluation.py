"""From the recording of a daily check to its figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from bench.metrology.budget import bounded, component, measurement, undetermined
from bench.metrology.decimate import series
from bench.procedures.base import Context, MeasurementSpec
from bench.procedures.check.doser import UNKNOWN, KnownDose, alarm_doubts
from bench.procedures.check.loads import Level, Load, doses_of, levels_of, mean_of, scatter, weights_of
from bench.procedures.shared.alarms import alarm_findings
from bench.procedures.shared.findings import recording_findings
from bench.procedures.shared.shown import simulated_words
from bench.procedures.shared.weighing import Weighing, balance_components, weigh_record
from bench.quantities import Limit, Tolerance
from bench.recording.reader import TestRecord
from bench.results.model import Component, Evaluation, Figure, Measurement, Rule, Table

Catalogue = Mapping[str, MeasurementSpec]

WARNING_SHARE = 2.0 / 3.0
"""A control chart warns at two standard deviations and acts at three: at two thirds of the limit."""


def evaluate_check(
    record: TestRecord,
    context: Context,
    catalogue: Catalogue,
    *,
    weight: Tolerance | None,
    dose: KnownDose | None,
    repeats: int,
    doses: int,
) -> Evaluation:
    """Evaluate one check; `weight` in mg and `dose` are what is known of them, None where none was used."""
    weighing = weigh_record(record, context)
    notes, doubts = recording_findings(record, weighing, context)
    alarm_notes, pump_doubts = alarm_findings(record)
    levels = levels_of(record, weighing)
    pans, weights, dosed = [each for each in levels if each.what == "pan"], weights_of(levels), doses_of(levels)
    if weight is not None and len(weights) < repeats:
        doubts.append(f"The check weight could be weighed {len(weights)} of {repeats} times.")
    if dose is not None and len(dosed) < doses:
        doubts.append(f"Only {len(dosed)} of {doses} doses could be weighed.")
    made = [_zero_return(weighing, pans, catalogue), _repeatability(pans, weights, catalogue)]
    if weight is not None:
        made.append(_weight_error(weighing, weights, weight, catalogue))
    if dose is not None:
        made += _doses(weighing, dosed, dose, catalogue)
    accept = next((test.accept for test in context.plan.tests if test.id == record.test_id), {})
    words = simulated_words(record.simulated)
    return Evaluation(
        measurements=[each for each in made if each.value is not None or each.name in accept],
        tables=_tables(weights, weight, dosed, dose, weighing),
        figures=_figures(weights, weight, dosed, dose, weighing, accept, words),
        notes=[*_warnings(made, accept), *alarm_notes, *notes],
        doubts=[*pump_doubts, *alarm_doubts(record), *doubts],
    )


def _zero_return(weighing: Weighing, pans: Sequence[Level], catalogue: Catalogue) -> Measurement:
    name, spec = "zero_return", catalogue["zero_return"]
    if len(pans) < 2:
        return undetermined(name, spec.title, spec.unit, "the pan was not weighed twice")
    first, last = pans[0], pans[-1]
    interval_s = last.middle_s - first.middle_s
    noise = weighing.noise.difference(first.window, last.window)
    lost = weighing.evaporation
    rounding = [line for line in balance_components(weighing.balance, 1.0, weighing.scatter_mg) if _of_levels(line)]
    lines = [
        component(
            "noise of two levels",
            noise.standard_uncertainty,
            "mg",
            degrees_of_freedom=noise.degrees_of_freedom,
            source="noise of the blank, continued",
        ),
        *rounding,
        component(
            "evaporation and steady drift",
            lost.standard_uncertainty,
            "mg/h",
            interval_s / 3600.0,
            source=lost.source,
            estimate=lost.mg_per_h,
        ),
    ]
    note = f"after {interval_s / 60.0:.3g} min and {len(pans) - 1} times loaded or waited; loss made good"
    return measurement(name, spec.title, last.mass_mg - first.mass_mg, spec.unit, lines, note=note)


def _of_levels(line: Component) -> bool:
    return line.name not in ("calibration", "linearity")


def _repeatability(pans: Sequence[Level], weights: Sequence[Load], catalogue: Catalogue) -> Measurement:
    """Return the scatter of the check weight, or of levels at rest by their differences from one to the next."""
    name, spec = "repeatability", catalogue["repeatability"]
    if len(weights) >= 3:
        deviation, own = scatter([load.mass_mg for load in weights])
        note = f"of {len(weights)} loads, placed and removed"
    elif len(pans) >= 4:
        steps = np.diff([level.mass_mg for level in pans])
        deviation = float(np.sqrt(np.mean(steps**2) / 2.0))
        # Neighbouring differences share a level: of n, some 2n/3 are independent.
        own = deviation / math.sqrt(2.0 * len(steps) * 2.0 / 3.0)
        note = f"of {len(pans)} levels at rest, from one to the next; nothing was placed on the pan"
    else:
        return undetermined(name, spec.title, spec.unit, "too few levels could be taken")
    lines = [component("chance", own, "mg", source="s/√(2(n − 1)), GUM E.4.3")]
    return measurement(name, spec.title, deviation, spec.unit, lines, note=note)


def _weight_error(weighing: Weighing, weights: Sequence[Load], weight: Tolerance, catalogue: Catalogue) -> Measurement:
    name, spec = "weight_error", catalogue["weight_error"]
    if not weights:
        return undetermined(name, spec.title, spec.unit, "the check weight could not be weighed")
    lines, mean_mg = _mean_lines(weighing, weights), mean_of(weights)[0]
    lines.append(bounded("check weight", weight.half_width, "mg", source=f"{weight}, the plan"))
    note = f"mean of {len(weights)} weighings: {mean_mg / 1000.0:.6f} g"
    return measurement(name, spec.title, mean_mg - weight.nominal, spec.unit, lines, note=note)


def _mean_lines(weighing: Weighing, loads: Sequence[Load]) -> list[Component]:
    """Return the budget in mg of a mean of loads: by how much they scatter, or by the noise where that is more."""
    _, levels = mean_of(loads)
    noise = weighing.noise.of(levels)
    seen = scatter([load.mass_mg for load in loads])[0] / math.sqrt(len(loads)) if len(loads) > 2 else 0.0
    more = seen > noise.standard_uncertainty
    rounding = [line for line in balance_components(weighing.balance, 1.0, weighing.scatter_mg) if _of_levels(line)]
    return [
        component(
            "repeatability",
            max(seen, noise.standard_uncertainty),
            "mg",
            degrees_of_freedom=len(loads) - 1 if more else noise.degrees_of_freedom,
            source="scatter of the loads" if more else "noise of the blank",
        ),
        *rounding,
    ]


def _doses(weighing: Weighing, dosed: Sequence[Load], dose: KnownDose, catalogue: Catalogue) -> list[Measurement]:
    """Return what the balance makes of doses whose volume is known, and their scatter."""
    names = ("dose_error", "dose_sd")
    if not dosed:
        return [
            undetermined(each, catalogue[each].title, catalogue[each].unit, "no dose was weighed") for each in names
        ]
    per_mg = 100.0 * weighing.conversion.ul_per_mg / dose.nominal_ul
    mean_mg = mean_of(dosed)[0]
    percent = mean_mg * per_mg
    own = [
        line.model_copy(update={"sensitivity": line.sensitivity * per_mg, "contribution": line.contribution * per_mg})
        for line in _mean_lines(weighing, dosed)
    ]
    load_lines = [line for line in balance_components(weighing.balance, per_mg) if not _of_levels(line)]
    spec = catalogue[names[0]]
    note = f"mean of {len(dosed)}: {mean_mg * weighing.conversion.ul_per_mg:.4g} µL of {dose.nominal_ul:g} µL"
    if dose.known is None:
        found = [undetermined(names[0], spec.title, spec.unit, UNKNOWN)]
    else:
        lines = [*own, *load_lines, *weighing.conversion.components(percent), dose.known]
        found = [measurement(names[0], spec.title, percent - 100.0, spec.unit, lines, note=note)]
    spec = catalogue[names[1]]
    if len(dosed) < 3:
        return [*found, undetermined(names[1], spec.title, spec.unit, "it takes three doses")]
    deviation, chance = scatter([load.mass_mg * per_mg for load in dosed])
    lines = [component("chance", chance, "%", source="s/√(2(n − 1)), GUM E.4.3")]
    return [*found, measurement(names[1], spec.title, deviation, spec.unit, lines, note="doser and balance together")]


def _warnings(made: Sequence[Measurement], accept: Mapping[str, Limit]) -> list[str]:
    """Warn of a value that keeps its limit and has used up two thirds of it."""
    told = []
    for each in made:
        limit = accept.get(each.name)
        if limit is None or each.value is None:
            continue
        lower, upper = limit.to(each.unit)
        room = upper if each.value > 0.0 else lower
        if room and WARNING_SHARE * abs(room) < abs(each.value) <= abs(room) and each.value * room > 0.0:
            told.append(
                f"Warning: {each.title} is {each.value:+.3g} {each.unit}, beyond two thirds of its limit {limit}. Clean"
                " pan and weight, level the balance, let it warm up, adjust it, and check again before you measure."
            )
    return told


def _tables(
    weights: Sequence[Load], weight: Tolerance | None, dosed: Sequence[Load], dose: KnownDose | None, weighing: Weighing
) -> list[Table]:
    tables = []
    if weight is not None and weights:
        rows = [
            [str(load.index), f"{load.mass_mg / 1000.0:.6f}", f"{load.mass_mg - weight.nominal:+.3f}"]
            for load in weights
        ]
        tables.append(
            Table(
                name="weights",
                title="The check weight, each time",
                columns=["", "weighed / g", "less nominal / mg"],
                rows=rows,
                note="Each from the level with the weight, less the mean of the levels before and after it.",
            )
        )
    if dose is not None and dosed:
        factor = weighing.conversion.ul_per_mg
        rows = [
            [
                str(load.index),
                f"{load.mass_mg * factor:.4f}",
                f"{100.0 * (load.mass_mg * factor / dose.nominal_ul - 1.0):+.2f}",
            ]
            for load in dosed
        ]
        tables.append(
            Table(name="doses", title="The known dose, each time", columns=["", "weighed / µL", "error / %"], rows=rows)
        )
    return tables


def _figures(
    weights: Sequence[Load],
    weight: Tolerance | None,
    dosed: Sequence[Load],
    dose: KnownDose | None,
    weighing: Weighing,
    accept: Mapping[str, Limit],
    words: str,
) -> list[Figure]:
    figures = []
    if weight is not None and weights:
        errors = [load.mass_mg - weight.nominal for load in weights]
        figures.append(
            _chart(
                "weights",
                "The check weight, each time",
                "weighed less nominal / mg",
                weights,
                errors,
                accept.get("weight_error"),
                "mg",
                words,
            )
        )
    if dose is not None and dosed:
        factor = 100.0 * weighing.conversion.ul_per_mg / dose.nominal_ul
        errors = [load.mass_mg * factor - 100.0 for load in dosed]
        figures.append(
            _chart(
                "doses", "The known dose, each time", "error / %", dosed, errors, accept.get("dose_error"), "%", words
            )
        )
    return figures


def _chart(
    name: str,
    title: str,
    y_label: str,
    loads: Sequence[Load],
    errors: Sequence[float],
    limit: Limit | None,
    unit: str,
    words: str,
) -> Figure:
    """Return a control chart: every value, the limit as action line, two thirds of it as warning line."""
    rules = [Rule(y=0.0, label="nominal")]
    if limit is not None:
        for side in limit.to(unit):
            if side is not None:
                rules += [Rule(y=side, label="action"), Rule(y=WARNING_SHARE * side, label="warning")]
    return Figure(
        name=name,
        title=title,
        x_label="number",
        y_label=y_label,
        series=[series("weighed", [float(load.index) for load in loads], errors, role="mass")],
        rules=rules,
        caption="One point a weighing; not reduced. Action: the plan's limit of the mean; warning: two thirds of it."
        f"{words}",
    )
