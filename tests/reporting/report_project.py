"""Make a true pytest-html report of the sample run: a pytest session of its own, with a plugin as small as can be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_WITHOUT = ("-p", "no:cacheprovider", "-p", "no:bench.pytest_plugin")  # the bench's own hooks would come twice
_CONFTEST = """
import pytest
from pathlib import Path
from pytest_html import extras
from bench.reporting import html as report_html
from tests.reporting.sample_result import sample_run
from bench.results.model import Verdict

RUN = sample_run(simulated={simulated!r})


class Item(pytest.Item):
    def runtest(self):
        if self.result.verdict is not Verdict.PASS:
            raise AssertionError(self.result.verdict.value + ": " + self.result.reason)

    def repr_failure(self, excinfo):
        return str(excinfo.value)


class File(pytest.File):
    def collect(self):
        for result in RUN.tests:
            item = Item.from_parent(self, name=result.id)
            item.result = result
            yield item


def pytest_collect_file(file_path, parent):
    return File.from_parent(parent, path=file_path) if file_path.suffix == ".plan" else None


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    config.option.self_contained_html = True
    config.option.css = [str(report_html.css_path())]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    report.result = item.result
    if report.when == "call":
        report.extras = [extras.html(report_html.test_html(item.result, RUN.simulated))]
    return report


def pytest_html_report_title(report):
    report.title = "Delivery report"
    report.set_data("initialSort", "original")


def pytest_html_results_table_header(cells):
    cells[:] = [cells[0].replace("Result", "Verdict"), cells[1], "<th>Key figure</th>", cells[2], cells[3]]


def pytest_html_results_table_row(report, cells):
    result = report.result
    cells[:] = [report_html.verdict_cell(result.verdict), report_html.test_cell(report.nodeid, result),
                report_html.finding_cell(result), report_html.duration_cell(result), cells[3]]


def pytest_html_results_summary(prefix):
    prefix.append(report_html.assets_html())
    prefix.append(report_html.run_header_html(RUN, "2026-11-22T14-03-07Z-delivery"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session):
    yield
    report_html.finish_page(Path(session.config.option.htmlpath))
"""


def make_report(folder: Path, *, simulated: bool = True) -> Path:
    """Run pytest in `folder` and return the report that it wrote."""
    (folder / "conftest.py").write_text(_CONFTEST.format(simulated=simulated), encoding="utf-8")
    (folder / "delivery.plan").write_text("", encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *_WITHOUT, "--html=report.html", "delivery.plan"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    report = folder / "report.html"
    assert report.exists(), done.stdout + done.stderr
    return report
