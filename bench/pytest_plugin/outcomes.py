"""Pass, fail, inconclusive and error: four words, two exit codes."""

from __future__ import annotations

import pytest

from bench.metrology.reasons import probability_text
from bench.metrology.rounding import is_exact, limit_text, measured_text, number
from bench.results.model import Judged, Measurement, TestResult, Verdict
from bench.run.judging import NOTHING_JUDGED


class NotPassed(Exception):  # noqa: N818 - a verdict, not a malfunction
    """A test's verdict is fail or inconclusive; the text says why."""

    def __init__(self, result: TestResult) -> None:
        self.result = result
        super().__init__(describe(result))


def describe(result: TestResult) -> str:
    """Return verdict, reason and every judged limit of a test as text for a terminal."""
    verdict = "" if result.reason == NOTHING_JUDGED else f"{result.verdict.value.upper()}: "
    lines = [f"{result.id}: {verdict}{result.reason}"]
    if result.evaluation is not None:
        lines += [f"  found: {finding}" for finding in result.evaluation.findings]
    measurements = {each.name: each for each in result.evaluation.measurements} if result.evaluation else {}
    for judged in result.judged:
        measured = measurements.get(judged.measurement)
        value = measured_text(measured) if measured is not None else "not measured"
        told = f"{judged.measurement}: {value}, limit {limit_text(judged.limit)}{_odds(judged, measured)}"
        lines.append(f"  {judged.verdict.value:12} {told}")
    if result.evaluation is not None:
        lines += [f"  doubt: {doubt}" for doubt in result.evaluation.doubts]
        lines += [f"  note: {note}" for note in result.evaluation.notes]
    return "\n".join(lines)


def _odds(judged: Judged, measured: Measurement | None) -> str:
    """Return probability of conformity and test uncertainty ratio; nothing of what was counted."""
    if measured is None or is_exact(measured):
        return ""
    told = ""
    if judged.probability_of_conformity is not None:
        told += f", probability of conformity {probability_text(judged.probability_of_conformity)}"
    if judged.test_uncertainty_ratio is not None:
        told += f", TUR {number(judged.test_uncertainty_ratio, 2)}"
    return told


def verdict_of(report: pytest.TestReport | pytest.CollectReport) -> Verdict | None:
    """Return the verdict that a report carries, if it is a plan test's."""
    for name, value in getattr(report, "user_properties", []):
        if name == "verdict":
            return Verdict(value)
    return None


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Give inconclusive and undriven tests a word of their own; both stay failures for the exit code."""
    if isinstance(report, pytest.TestReport) and report.when == "call" and report.failed:
        verdict = verdict_of(report)
        if verdict is Verdict.INCONCLUSIVE:
            return "inconclusive", "?", "INCONCLUSIVE"
        if verdict is Verdict.ERROR:
            return "error", "E", "ERROR"
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show why tests are inconclusive, which pytest itself shows only for failures."""
    reports = terminalreporter.stats.get("inconclusive", [])
    if reports:
        terminalreporter.section("INCONCLUSIVE", yellow=True)
    for report in reports:
        terminalreporter.write_line(report.longreprtext)
