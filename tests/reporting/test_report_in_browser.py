"""The true pytest-html report in a true browser: charts, rows, zoom, hostile texts, print, no network."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from bench.reporting.encode import decode, encode
from tests.reporting.report_project import make_report
from tests.reporting.sample_result import sample_run

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the report is not looked at")
RUN = sample_run()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_report(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1180, "height": 900})
    troubles = watch(page)
    page.goto(report.as_uri())
    yield page
    assert troubles == []
    page.close()


def watch(page: Page) -> list[str]:
    """Return a list that fills with all that a report must not do: requests, console words, errors, dialogs."""
    troubles: list[str] = []
    page.on("request", lambda request: troubles.extend([request.url] if not request.url.startswith("file:") else []))
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))

    def dismiss(dialog: Any) -> None:
        troubles.append(f"dialog {dialog.message}")
        dialog.dismiss()

    page.on("dialog", dismiss)
    return troubles


def row(page: Page, test_id: str) -> Any:
    return page.locator("tr.collapsible", has=page.get_by_text(test_id, exact=True))


def chart(page: Page, key: str) -> Any:
    found = page.locator(f'bench-chart[data-key="{key}"]')
    found.scroll_into_view_if_needed()
    page.wait_for_selector(f'bench-chart[data-key="{key}"].drawn')
    return found


def x_range(found: Any) -> tuple[float, float]:
    low, high = found.evaluate("e => [e.plot.scales.x.min, e.plot.scales.x.max]")
    return low, high


def test_report_is_small_and_every_chart_becomes_zoomable(page: Page, report: Path) -> None:
    assert report.stat().st_size < 1_000_000
    page.click("#show_all_details")
    figures = [figure for test in RUN.tests if test.evaluation for figure in test.evaluation.figures]
    assert page.locator("bench-chart").count() == len(figures)
    for n in range(len(figures)):
        page.locator("bench-chart").nth(n).scroll_into_view_if_needed()
    page.wait_for_function("document.querySelectorAll('bench-chart.drawn canvas').length === " + str(len(figures)))


def test_hostile_texts_stay_texts(page: Page) -> None:
    page.click("#show_all_details")
    assert page.locator("section img, .collapsible img").count() == 0
    assert page.get_by_text("Hostile <img src=x onerror=alert(1)>").count() >= 2


def test_rows_are_in_the_plans_order_with_their_words(page: Page) -> None:
    words = page.locator("tr.collapsible .col-result b").all_inner_texts()
    assert [word.lstrip("✓✕?!\n ") for word in words] == [test.verdict.value.upper() for test in RUN.tests]
    assert "no log output captured" not in page.locator("#results-table").inner_text().lower()


def test_collapsing_and_expanding_brings_charts_back(page: Page) -> None:
    chart(page, "BASAL-0.1U/mass")
    row(page, "BASAL-0.1U").locator(".col-result").click()
    assert not page.locator('bench-chart[data-key="BASAL-0.1U/mass"]').is_visible()
    row(page, "BASAL-0.1U").locator(".col-testId").click()
    assert chart(page, "BASAL-0.1U/mass").locator("canvas").is_visible()


def test_rows_open_with_the_keyboard(page: Page) -> None:
    cell = row(page, "BASAL-1U").locator(".col-result")
    assert cell.get_attribute("aria-expanded") == "false"
    cell.focus()
    page.keyboard.press("Enter")
    assert row(page, "BASAL-1U").locator(".col-result").get_attribute("aria-expanded") == "true"
    assert page.locator("#test-BASAL-1U").is_visible()
    page.keyboard.press("Enter")
    assert not page.locator("#test-BASAL-1U").is_visible()


def test_inconclusive_is_filtered_with_failed(page: Page) -> None:
    page.get_by_label("show failed", exact=True).uncheck()
    words = " ".join(page.locator("tr.collapsible .col-result b").all_inner_texts())
    assert "PASS" in words
    assert "FAIL" not in words
    assert "INCONCLUSIVE" not in words


def test_sorting_by_duration(page: Page) -> None:
    page.click('th[data-column-type="duration"]')
    page.click('th[data-column-type="duration"]')
    assert page.locator("tr.collapsible .col-testId b").first.inner_text().startswith("BASAL")
    page.click('th[data-column-type="duration"]')
    assert page.locator("tr.collapsible .col-testId b").first.inner_text() == "OCC-BOLUS"


def test_drag_zooms_double_click_shows_all_and_a_rebuild_keeps_the_zoom(page: Page) -> None:
    found = chart(page, "BASAL-0.1U/mass")
    whole = x_range(found)
    box = found.locator(".u-over").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.50, box["y"] + 80, steps=4)
    page.mouse.up()
    low, high = x_range(found)
    assert low == pytest.approx(whole[0] + 0.25 * (whole[1] - whole[0]), rel=0.02)
    assert high == pytest.approx(whole[0] + 0.50 * (whole[1] - whole[0]), rel=0.02)
    y_low, y_high = found.evaluate("e => [e.plot.scales.y.min, e.plot.scales.y.max]")
    assert y_high - y_low < 100
    row(page, "OCC-1U").locator(".col-result").click()
    again = chart(page, "BASAL-0.1U/mass")
    assert x_range(again) == pytest.approx((low, high))
    again.locator(".u-over").dblclick()
    assert x_range(again) == pytest.approx(whole)
    assert not again.locator(".reset").is_visible()


def test_zoom_by_keyboard(page: Page) -> None:
    found = chart(page, "BASAL-0.1U/pulses")
    whole = x_range(found)
    found.locator(".uplot").focus()
    page.keyboard.press("+")
    low, high = x_range(found)
    assert high - low == pytest.approx((whole[1] - whole[0]) / 2)
    page.keyboard.press("ArrowRight")
    assert x_range(found)[0] > low
    assert found.locator(".reset").is_visible()
    page.keyboard.press("0")
    assert x_range(found) == pytest.approx(whole)


def test_browser_reads_what_was_encoded(page: Page) -> None:
    evaluation = next(test.evaluation for test in RUN.tests if test.id == "BASAL-0.1U")
    assert evaluation is not None
    for figure in evaluation.figures:
        _, curves = decode(encode(figure, simulated=True))
        read = chart(page, f"BASAL-0.1U/{figure.name}").evaluate("e => e.figure.series.map(s => [s.xs, s.ys])")
        for (xs, ys), (read_xs, read_ys) in zip(curves, read, strict=True):
            assert read_xs == pytest.approx(xs, rel=1e-7, abs=1e-7)
            assert [y is None for y in read_ys] == [y is None for y in ys]
            assert [y or 0.0 for y in read_ys] == pytest.approx([y or 0.0 for y in ys], rel=1e-12)


@pytest.mark.parametrize("width", [480, 800, 1180, 1600])
def test_nothing_is_wider_than_the_window(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.click("#show_all_details")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_dark_scheme_redraws_charts(page: Page) -> None:
    found = chart(page, "BASAL-0.1U/mass")
    light = found.evaluate("e => e.plot.series[1].stroke()")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "old => (document.querySelector('bench-chart.drawn')?.plot?.series[1].stroke() ?? old) !== old",
        arg=light,
    )
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 29)"


def test_paper_shows_the_drawings_of_every_test_black_on_white(page: Page) -> None:
    page.emulate_media(media="print", color_scheme="dark")
    drawings = page.locator("bench-chart > svg")
    assert drawings.count() > 20
    assert all(drawings.nth(n).is_visible() for n in range(drawings.count()))
    assert page.locator("bench-chart .screen:visible").count() == 0
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(26, 29, 33)"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('.simulated-strip')).position") == "fixed"


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no pdftotext on this machine: the print is not read")
def test_every_printed_page_says_simulated_and_holds_the_budgets(page: Page, tmp_path: Path) -> None:
    page.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True)
    text = subprocess.run(
        ["pdftotext", "-layout", tmp_path / "report.pdf", "-"], capture_output=True, text=True, check=True
    ).stdout
    pages = text.rstrip("\f\n").split("\f")
    assert len(pages) > 10
    assert all("SIMULATED" in each for each in pages)
    assert all("page" in each for each in pages)
    assert "Combined standard uncertainty" in text


def test_without_scripts_the_head_still_tells_every_verdict(browser: Browser, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    words = page.locator("body").inner_text()
    for test in RUN.tests:
        assert test.id in words
    assert "SIMULATED" in words
    assert page.locator(".overview").is_visible()
    context.close()


def test_page_has_language_and_viewport(page: Page) -> None:
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator('meta[name="viewport"]').count() == 1
    unnamed = "document.querySelectorAll('input[type=checkbox]:not([aria-label])').length"
    assert page.evaluate(unnamed) == 0


def test_a_run_on_real_instruments_is_not_called_simulated(browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto(make_report(tmp_path, simulated=False).as_uri())
    page.click("#show_all_details")
    assert "SIMULATED" not in page.locator("body").inner_text()
    page.close()
