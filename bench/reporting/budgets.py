"""Uncertainty budgets as tables: what each input is, what it contributes, and what all of them come to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from bench.metrology.confirmation import confirmation_text
from bench.metrology.rounding import is_exact, measured_text, number, parts_text
from bench.results.model import Component, Measurement

_COLUMNS = ("Input", "Distribution", "Estimate", "Standard uncertainty", "ν", "Sensitivity", "Contribution", "Share")
_NEGLIGIBLE = 1e-9
"""A line that is less than so much of all of them is shown as nothing; its digits say only how numbers are kept."""


def budgets(measurements: Sequence[Measurement]) -> str:
    """Return the uncertainty budgets as one closed section a measurement; nothing where there is none."""
    return "".join(_budget(measurement) for measurement in measurements if _has_budget(measurement))


def _has_budget(measurement: Measurement) -> bool:
    return bool(measurement.budget) and not is_exact(measurement)


def _budget(measurement: Measurement) -> str:
    unit = escape(measurement.unit)
    total = math.fsum(line.contribution**2 for line in measurement.budget)
    lines = sorted(measurement.budget, key=lambda each: -each.contribution)
    rows = "".join(_row(line, total) for line in lines)
    heads = "".join(f"<th>{word}{f' / {unit}' if word == 'Contribution' and unit else ''}" for word in _COLUMNS)
    title = measurement.title[:1].upper() + measurement.title[1:]
    return (
        f"<details><summary>{escape(title)}: {escape(measured_text(measurement))}</summary>"
        f'<table class="budget"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody>'
        f'<tfoot><tr><td colspan="{len(_COLUMNS)}">{_total(measurement, total)}</tr></tfoot></table>'
        f"{_remarks(measurement)}</details>"
    )


def _row(line: Component, total: float) -> str:
    share = line.share if line.share is not None else 100.0 * line.contribution**2 / total if total else 0.0
    freedom = "∞" if line.degrees_of_freedom is None else number(line.degrees_of_freedom, 3)
    unit = "" if line.unit == "1" else f" {escape(line.unit)}"
    source = f"<small>{escape(line.source)}</small>" if line.source else ""
    acts = "× " if line.form == "factor" else ""
    seen = line.contribution > _NEGLIGIBLE * math.sqrt(total) or line.contribution == 0.0
    standard, contribution = (
        number(each, 3) if seen else "≈ 0" for each in (line.standard_uncertainty, line.contribution)
    )
    return (
        f'<tr><th scope="row">{escape(line.name)}{source}<td>{line.distribution}<td>{number(line.estimate, 5)}{unit}'
        f"<td>{standard}{unit}<td>{freedom}<td>{acts}{number(line.sensitivity, 3)}<td>{contribution}"
        f"<td>{share:.1f} %</tr>"
    )


def _total(measurement: Measurement, total: float) -> str:
    """Return what the lines come to, and how U comes of it."""
    unit = f" {escape(measurement.unit)}" if measurement.unit else ""
    combined = measurement.standard_uncertainty
    parts = [f"combined standard uncertainty {number(math.sqrt(total) if combined is None else combined, 3)}{unit}"]
    if combined is not None:
        degrees = measurement.degrees_of_freedom
        parts.append(f"effective ν {'∞' if degrees is None else number(degrees, 3)}")
    spread = parts_text(measurement)[1]
    if spread:
        parts.append(f"k = {number(measurement.coverage_factor, 3)} for 95.45 %")
        parts.append(f"U = {spread}{unit}")
    text = " · ".join(parts)
    return text[:1].upper() + text[1:]


def _remarks(measurement: Measurement) -> str:
    """Return which inputs are correlated, which multiply, and what a Monte Carlo check said."""
    remarks = [
        f"Correlated: {each.first} and {each.second}, r = {number(each.coefficient, 3)}"
        f"{f' ({each.source})' if each.source else ''}."
        for each in measurement.correlations
    ]
    if any(line.form == "factor" for line in measurement.budget):
        remarks.append("×: multiplies the value named there; all others add.")
    checked = confirmation_text(measurement)
    if checked:
        remarks.append(f"Monte Carlo (JCGM 101): {checked}.")
    return f'<p class="remarks">{escape(" ".join(remarks))}</p>' if remarks else ""
