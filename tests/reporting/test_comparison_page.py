"""The page of several runs in a true browser: charts drawn, nothing asked of a network, hostile texts harmless."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

from bench.pooling.claims import Claim
from bench.pooling.pool import pool
from bench.reporting.comparison import comparison_html
from tests.pooling.made_runs import basal, boluses, occlusion, run
from tests.reporting.test_report_in_browser import watch

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the page is not looked at")
@pytest.mark.parametrize("width", [1180, 390])
def test_the_page_is_whole_and_quiet(tmp_path: Path, width: int) -> None:
    rng = np.random.default_rng(1)
    runs = {
        f"run {n} {HOSTILE}": run(
            boluses(rng.normal(0.0, 2.0, 10).tolist()),
            basal(float(n), {1: 1.0, 6: 6.0}),
            occlusion(30.0),
            serial=f"P{n} {HOSTILE}",
            simulated=True,
            seed=n,
        )
        for n in range(4)
    }
    path = tmp_path / "page.html"
    path.write_text(comparison_html(pool(runs, Claim())), encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 900})
        troubles = watch(page)
        page.goto(path.as_uri())
        page.locator("bench-chart").first.scroll_into_view_if_needed()
        assert page.locator("section.bench-test").count() == 3
        assert page.locator("bench-chart").count() == 3
        page.locator("bench-chart canvas").first.wait_for()
        assert page.get_by_text("SIMULATED", exact=True).first.is_visible()
        assert page.locator("img").count() == 0
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0
        assert troubles == []
        browser.close()
