"""Known cases in a validation's report: faults that tests had to see, and references that the code had to meet."""

from __future__ import annotations

from html import escape

from bench.metrology.rounding import MINUS
from bench.reporting.measurements import verdict_chip
from bench.validation.model import FaultResult, ReferenceResult, Validation
from bench.validation.study_html import table_html

_REFERENCE_HEADS = (
    '<th>Case<th>Source<th class="n">Known<th class="n">Found<th class="n">Difference<th class="n">Allowed<th>Kept'
)


def faults_html(found: Validation) -> str:
    """Return the section of the faults that were switched on."""
    rows = "".join(_fault_row(each) for each in found.faults)
    return (
        "<h2>Faults</h2><p>Each fault was switched on in the test that is made to see it. It is seen when the verdict"
        " is no pass and the result speaks of what the fault does.</p>"
        f"{table_html('<th>Fault<th>Test<th>Verdict<th>Said<th>Seen', rows, 'measured trials')}"
    )


def _fault_row(each: FaultResult) -> str:
    settings = f"<small>{escape(each.settings)}</small>" if each.settings else ""
    words = each.reason if len(each.reason) <= 220 else each.reason[:219].rstrip() + "…"
    return (
        f'<tr><th scope="row"><code>{escape(each.fault)}</code>{settings}<td>{escape(each.test)}'
        f"<td>{verdict_chip(each.verdict)}<td>{escape(words)}<td>{'yes' if each.seen else '<b>no</b>'}</tr>"
    )


def references_html(found: Validation) -> str:
    """Return the section of what the installed code makes of cases from books."""
    rows = "".join(_reference_row(each) for each in found.references)
    return f"<h2>References: what the installed code makes of known cases</h2>{table_html(_REFERENCE_HEADS, rows)}"


def _reference_row(each: ReferenceResult) -> str:
    unit = f" {each.unit}".rstrip()
    difference = each.found - each.expected
    return (
        f'<tr><th scope="row">{escape(each.what)}<small>{escape(each.subject)}</small><td>{escape(each.source)}'
        f'<td class="n">{_digits(each.expected)}{escape(unit)}<td class="n">{_digits(each.found)}{escape(unit)}'
        f'<td class="n">{_small(difference)}<td class="n">{_small(each.tolerance)}'
        f"<td>{'yes' if each.kept else '<b>no</b>'}</tr>"
    )


def _digits(value: float) -> str:
    return f"{value:.8g}".replace("-", MINUS)


def _small(value: float) -> str:
    return "0" if value == 0.0 else f"{value:.1e}".replace("-", MINUS)
