"""The cells of pytest-html's result table.

pytest-html reads a row's outcome, name and duration back out of the first `<td>…</td>` that stands on one line, and
filters and sorts by them. So the shown content stands on a line of its own, and what pytest-html is to read follows
in a comment.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from bench.metrology.rounding import limit_text
from bench.reporting.measurements import measured_text, title_text, verdict_chip
from bench.reporting.numbers import clock_time, duration
from bench.results.model import TestResult, Verdict

_OUTCOME = {
    Verdict.PASS: "Passed",
    Verdict.FAIL: "Failed",
    Verdict.INCONCLUSIVE: "Failed",
    Verdict.ERROR: "Failed",
}
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+(?=[A-Z])")
_WORST_FIRST = (Verdict.ERROR, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)


def verdict_cell(verdict: Verdict, outcome: str = "") -> str:
    """Return the cell of a verdict; `outcome` is pytest's word for it where that is not the usual one (`Error`)."""
    return _cell("result", verdict_chip(verdict), outcome or _OUTCOME[verdict])


def test_cell(node_id: str, test: TestResult | None) -> str:
    """Return the cell that names a test."""
    if test is None:
        return f'<td class="col-testId">{escape(node_id)}</td>'
    return _cell("testId", f"<b>{escape(test.id)}</b> <span>{escape(test.title)}</span>", node_id)


test_cell.__test__ = False  # type: ignore[attr-defined]  # not a test of pytest


def section_id(test: TestResult) -> str:
    """Return the id of a test's section, to which links lead."""
    return "test-" + re.sub(r"[^\w.]+", "-", test.id)


def finding_cell(test: TestResult | None) -> str:
    """Return the cell of what was found in a test; see `finding_text`."""
    return f'<td class="col-finding">{escape(finding_text(test, short=True)) if test is not None else ""}</td>'


def duration_cell(test: TestResult) -> str:
    """Return the cell of how long a test took on the bench's clock."""
    seconds = test.ended_s - test.started_s
    return _cell("duration", escape(duration(seconds)), clock_time(seconds))


def finding_text(test: TestResult, *, short: bool = False) -> str:
    """Return what was found in a test as plain text: its abort, a doubt, what made it fail, or else its key figure.

    That is the first measurement that decided the verdict; a test without any has its reason. `short` leaves of what
    went wrong the first sentence.
    """
    doubts = test.evaluation.doubts if test.evaluation else []
    if test.evaluation and test.evaluation.partial:
        return test.evaluation.partial
    if doubts:
        return f"Doubt: {doubts[0]}{_more(doubts)}"
    if test.evaluation and test.evaluation.findings and test.verdict in (Verdict.FAIL, Verdict.ERROR):
        finding = test.evaluation.findings[0]
        finding = _SENTENCE_END.split(finding, maxsplit=1)[0] if short else finding
        return f"{finding}{_more(test.evaluation.findings)}"
    measurements = {each.name: each for each in test.evaluation.measurements} if test.evaluation else {}
    for verdict in _WORST_FIRST:
        for judged in test.judged:
            if judged.verdict is verdict and judged.measurement in measurements:
                measured = measurements[judged.measurement]
                return f"{title_text(measured)}: {measured_text(measured, judged)} (limit {limit_text(judged.limit)})"
    return test.reason


def _more(lines: Sequence[str]) -> str:
    return f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""


def _cell(column: str, shown: str, read: str) -> str:
    return f'<td class="col-{column}">\n{shown}\n<!--<td>{escape(read)}</td>--></td>'
