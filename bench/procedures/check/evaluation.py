"""From the recording of a daily check to its figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from bench.metrology.budget import bounded, component, measurement, scaled, undetermined
from bench.metrology.decimate import series
from bench.metrology.noise import Levels
from bench.metrology.rounding import number
from bench.metrology.scatter import of_scatter, standard_deviation
from bench.procedures.base import Context, MeasurementSpec
from bench.procedures.check.doser import UNKNOWN, KnownDose, alarm_doubts
from bench.procedures.check.findings import check_findings, check_warnings
from bench.procedures.check.loads import Level, Load, doses_of, levels_of, mean_of, weights_of
from bench.procedures.shared.alarms import alarm_findings
from bench.procedures.shared.findings import recording_findings
from bench.procedures.shared.shown import limits_of, simulated_words
from bench.procedures.shared.weighing import AT_LOADS, BY_NOISE, Weighing, balance_components, weigh_record
from bench.quantities import Limit, Tolerance
from bench.recording.reader import TestRecord
from bench.results.model import Component, Evaluation, Figure, Measurement, Rule, Table

Catalogue = Mapping[str, MeasurementSpec]

_FAR = 4.0
WARNING_SHARE = 2.0 / 3.0
"""A control chart warns at two standard deviations and acts at three: at two thirds of the limit."""

_OWN = BY_NOISE | {"readability, of both levels"}
"""Lines of a difference of levels that the loads' own scatter may show to be more."""
BY_CHANCE = "half of what χ² of so few leaves open at 95.45 %"


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
    accept = limits_of(record, context)
    words = simulated_words(record.simulated)
    return Evaluation(
        measurements=[each for each in made if each.value is not None or each.name in accept],
        tables=_tables(weights, weight, dosed, dose, weighing),
        figures=_figures(weights, weight, dosed, dose, weighing, accept, words),
        findings=[*check_findings(made, accept, weight, dose), *check_warnings(made, accept, WARNING_SHARE)],
        notes=[*alarm_notes, *notes],
        doubts=[*pump_doubts, *alarm_doubts(record), *doubts],
    )


def _zero_return(weighing: Weighing, pans: Sequence[Level], catalogue: Catalogue) -> Measurement:
    name, spec = "zero_return", catalogue["zero_return"]
    if len(pans) < 2:
        return undetermined(name, spec.title, spec.unit, "the pan was not weighed twice")
    first, last = pans[0], pans[-1]
    interval_s = last.middle_s - first.middle_s
    per_ul = 1.0 / weighing.conversion.ul_per_mg
    budget = weighing.components(0.0, per_ul, Levels.difference(first.window, last.window), interval_s)
    # Certificate and linearity tell two loads apart, and the conversion volumes; here is neither.
    lines = [line for line in budget if line.name not in AT_LOADS and line.contribution > 0.0]
    note = f"after {interval_s / 60.0:.3g} min and {len(pans) - 1} times loaded or waited; loss made good"
    return measurement(name, spec.title, last.mass_mg - first.mass_mg, spec.unit, lines, note=note)


def _of_levels(line: Component) -> bool:
    return line.name not in ("calibration", "linearity")


def _repeatability(pans: Sequence[Level], weights: Sequence[Load], catalogue: Catalogue) -> Measurement:
    """Return the scatter of the check weight, or of levels at rest by their differences from one to the next."""
    name, spec = "repeatability", catalogue["repeatability"]
    if len(weights) >= 3:
        deviation, own = standard_deviation([load.mass_mg for load in weights])
        note = f"of {len(weights)} loads, placed and removed"
    elif len(pans) >= 4:
        steps = np.diff([level.mass_mg for level in pans])
        deviation = float(np.sqrt(np.mean(steps**2) / 2.0))
        # Neighbouring differences share a level: of n, some 2n/3 are independent.
        own = of_scatter(deviation, 2.0 / 3.0 * len(steps))
        note = f"of {len(pans)} levels at rest, from one to the next; nothing was placed on the pan"
    else:
        return undetermined(name, spec.title, spec.unit, "too few levels could be taken")
    lines = [component("chance", own, "mg", source=BY_CHANCE)]
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
    seen = standard_deviation([load.mass_mg for load in loads])[0] / math.sqrt(len(loads)) if len(loads) > 2 else 0.0
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
    number = len(dosed)
    mean_mg, levels = mean_of(dosed)
    percent = mean_mg * per_mg
    interval_s = sum(load.took_s for load in dosed) / number
    budget = weighing.components(mean_mg * weighing.conversion.ul_per_mg, 100.0 / dose.nominal_ul, levels, interval_s)
    # Of a row on top of each other certificate and linearity act on the first load and the last alone.
    rest = [scaled(line, 1.0 / number) if line.name in AT_LOADS else line for line in budget if line.name not in _OWN]
    own = [scaled(line, per_mg) for line in _mean_lines(weighing, dosed)]
    spec = catalogue[names[0]]
    note = f"mean of {number}: {mean_mg * weighing.conversion.ul_per_mg:.4g} µL of {dose.nominal_ul:g} µL"
    if dose.known is None:
        found = [undetermined(names[0], spec.title, spec.unit, UNKNOWN)]
    else:
        lines = [*own, *rest, dose.known]
        found = [measurement(names[0], spec.title, percent - 100.0, spec.unit, lines, note=note)]
    spec = catalogue[names[1]]
    if len(dosed) < 3:
        return [*found, undetermined(names[1], spec.title, spec.unit, "it takes three doses")]
    deviation, chance = standard_deviation([load.mass_mg * per_mg for load in dosed])
    lines = [component("chance", chance, "%", source=BY_CHANCE)]
    return [*found, measurement(names[1], spec.title, deviation, spec.unit, lines, note="doser and balance together")]


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
    """Return a control chart: every value, the limit, at which one acts, and two thirds of it as warning line."""
    rules = [Rule(y=0.0, label="nominal")]
    if limit is not None:
        for side in limit.to(unit):
            if side is not None:
                rules.append(Rule(y=side, label=f"limit {number(side, 3, signed=True)} {unit}"))
                # Far beyond the limit its warning line only crowds it.
                if max(map(abs, errors), default=0.0) < _FAR * abs(side):
                    rules.append(
                        Rule(y=WARNING_SHARE * side, label=f"warning {number(WARNING_SHARE * side, 2)} {unit}")
                    )
    return Figure(
        name=name,
        title=title,
        x_label="weighing",
        y_label=y_label,
        series=[series("weighed", [float(load.index) for load in loads], errors, role="mass")],
        rules=rules,
        caption=f"One point a weighing; not reduced. Limit: the plan's, of the mean; warning: two thirds of it.{words}",
    )
