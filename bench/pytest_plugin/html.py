"""The pytest-html report of a run: where it goes, what its rows hold, and how it is finished."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from bench.pytest_plugin.collect import ResultItem
from bench.pytest_plugin.options import session_folder
from bench.pytest_plugin.runs import runs_of
from bench.results.model import Verdict

_result_key = "bench_result"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let a session that drives or replays plans write its report and junit.xml into its run's folder."""
    folder = session_folder(config)
    if folder is None:
        return
    from bench.reporting.html import css_path

    if not config.getoption("htmlpath"):
        config.option.htmlpath = str(folder / "report.html")
    config.option.self_contained_html = True
    config.option.css = [str(css_path()), *config.option.css]
    if not config.getoption("xmlpath") and not config.getoption("replay"):
        config.option.xmlpath = str(folder / "junit.xml")


def pytest_html_report_title(report: Any) -> None:
    """Name the report after its run, and keep its tests in the plan's order."""
    folder = session_folder(report.config)
    if folder is not None:
        report.title = f"Delivery report {folder.name}"
        report.set_data("initialSort", "original")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
    call: pytest.CallInfo[None],  # noqa: ARG001 - the hook's own signature
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Hang a test's section on its report."""
    report = yield
    if report.when == "call" and isinstance(item, ResultItem) and item.result is not None:
        from pytest_html import extras

        from bench.reporting.html import test_html

        setattr(report, _result_key, item.result)
        section = extras.html(test_html(item.result, item.simulated))
        setattr(report, "extras", [*getattr(report, "extras", []), section])  # noqa: B010 - pytest-html's attribute
    return report


def pytest_html_results_table_header(cells: list[str]) -> None:
    """Show the verdict, and what was found, beside pytest's own columns."""
    cells[0] = cells[0].replace("Result", "Verdict")
    cells.insert(2, "<th>What was found</th>")


def pytest_html_results_table_row(report: Any, cells: list[str]) -> None:
    """Write the verdict's own word, and escape what pytest-html does not."""
    from bench.reporting.html import duration_cell, finding_cell, test_cell, verdict_cell

    result = getattr(report, _result_key, None)
    cells[1:2] = [test_cell(report.nodeid, result), finding_cell(result)]
    if result is not None:
        cells[0] = verdict_cell(result.verdict)
        cells[3] = duration_cell(result)


def pytest_html_results_summary(prefix: list[str], session: pytest.Session) -> None:
    """Put the run's facts, and the scripts that its charts need, at the head of the report."""
    finished = runs_of(session.config).finished
    if not finished:
        return
    from bench.reporting.html import assets_html, run_header_html

    prefix.append(assets_html())
    prefix.extend(run_header_html(run, folder.name) for folder, run in finished)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    """Finish the page that pytest-html wrote."""
    yield
    path = session.config.getoption("htmlpath")
    if path and session_folder(session.config) is not None and Path(path).exists():
        from bench.reporting.html import finish_page

        finish_page(Path(path))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show every test's verdict and what was found, and name the files that a run left."""
    from bench.reporting.matrix import matrices, matrix_lines
    from bench.reporting.rows import finding_text

    for folder, run in runs_of(config).finished:
        kind = "SIMULATED run" if run.simulated else "run"
        terminalreporter.section(f"{kind} of plan {run.plan} on rig {run.rig}", sep="-")
        if run.pump_model is not None:
            terminalreporter.write_line(f"simulated pump: {run.pump_model}")
        width = max((len(test.id) for test in run.tests), default=0)
        for test in run.tests:
            line = f"{test.verdict.value:12} {test.id:{width}}  {finding_text(test)}"
            terminalreporter.write_line(line, **_COLOURS[test.verdict])
        for matrix in matrices(run):
            for line in matrix_lines(matrix):
                terminalreporter.write_line(line)
        if not run.complete:
            terminalreporter.write_line(f"INCOMPLETE: {run.ended_by}", red=True)
        terminalreporter.write_line(f"recording: {folder / 'recording.sqlite'} (seal {run.recording_digest[:16]}…)")
    report = config.getoption("htmlpath")
    if session_folder(config) is not None and report and Path(report).exists():
        terminalreporter.write_line(f"report:    {report}")


_COLOURS: dict[Verdict, dict[str, bool]] = {
    Verdict.PASS: {"green": True},
    Verdict.FAIL: {"red": True},
    Verdict.INCONCLUSIVE: {"yellow": True},
    Verdict.ERROR: {"red": True},
}
