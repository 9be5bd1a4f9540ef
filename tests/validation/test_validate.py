"""`pumpbench validate` from rig file to report, what its figures come to, and the report in a browser."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from bench.cli import main
from bench.results.model import Verdict
from bench.rig.load import load_rig
from bench.validation.coverage import Share
from bench.validation.faults import TRIALS
from bench.validation.judging import against, beside, coverage_results, covers
from bench.validation.model import Covers, FaultResult, ReferenceResult, RuleResult, Validation
from bench.validation.page import validation_html
from bench.validation.plans import DAYS, OCCLUSIONS, VALIDATED, VARIANTS
from bench.validation.runs import Compared
from bench.validation.validate import plan_work
from tests.system.in_process import rig_text

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Validate a rig that can only weigh boluses: the shortest study that has all parts."""
    folder = tmp_path_factory.mktemp("validation")
    rig = yaml.safe_load(rig_text())
    for role in ("pressure", "occluder"):
        del rig["instruments"][role]
    (folder / "rig.yaml").write_text(yaml.safe_dump(rig, allow_unicode=True), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        trials = "bench.validation.validate.plan_work"
        work = plan_work(folder / "rig.yaml", 2, ("bolus",))
        names = [trial.name for trial in TRIALS]
        chosen = tuple(names.index(name) for name in ("dose_scale_error", "reported_not_delivered"))
        patch.setattr(trials, lambda *_: dataclasses.replace(work, trials=chosen))
        arguments = ["--rig", str(folder / "rig.yaml"), "--runs", "2", "--jobs", "1", "--output", str(folder / "out")]
        assert main(["validate", *arguments, "--procedures", "bolus"]) == 0
    return folder / "out"


@pytest.fixture(scope="module")
def found(folder: Path) -> Validation:
    return Validation.model_validate_json((folder / "validation.json").read_text(encoding="utf-8"))


def test_a_validation_has_every_part(found: Validation, folder: Path) -> None:
    assert found.verdict is Verdict.PASS
    assert found.simulated
    assert all(each.kept for each in found.references)
    assert {each.procedure for each in found.coverage} == {"bolus"}
    assert all(each.runs == 2 for each in found.coverage)
    assert {each.rule for each in found.rules} >= {"simple", "guarded"}
    assert [each.fault for each in found.faults] == ["dose_scale_error", "reported_not_delivered"]
    assert all(each.seen for each in found.faults)
    assert sorted(path.name for path in folder.iterdir()) == ["validation.html", "validation.json"]
    json.loads((folder / "validation.json").read_text(encoding="utf-8"))


def test_the_report_says_that_it_is_simulated_and_links_to_nothing(folder: Path) -> None:
    text = (folder / "validation.html").read_text(encoding="utf-8")
    assert text.count("SIMULATED") > 3
    assert not re.search(r'(src|href)="http', text)
    assert "Prepared" in text
    for word in ("Coverage", "Verdicts on pumps", "Faults", "References", "How it was done"):
        assert f"<h2>{word}" in text


def test_hostile_names_stay_text(found: Validation) -> None:
    page = validation_html(found.model_copy(update={"rig": "<script>alert(1)</script>", "rig_file": '"><img src=x>'}))
    assert "<script>alert" not in page
    assert "<img" not in page


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the report is not looked at")
@pytest.mark.parametrize("width", [1180, 400])
def test_the_report_in_a_browser(folder: Path, width: int) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 900})
        troubles: list[str] = []
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto((folder / "validation.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator(".bar").count() >= 15
        page.locator("bench-chart").first.scroll_into_view_if_needed()
        page.locator("bench-chart.drawn").first.wait_for()
        assert troubles == []
        browser.close()


def test_a_rig_without_pressure_sensor_leaves_out_occlusions(tmp_path: Path) -> None:
    rig = yaml.safe_load((FIXTURES / "bench-3.yaml").read_text(encoding="utf-8"))
    del rig["instruments"]["pressure"]
    (tmp_path / "rig.yaml").write_text(yaml.safe_dump(rig, allow_unicode=True), encoding="utf-8")
    work = plan_work(tmp_path / "rig.yaml", 10)
    assert work.procedures == ("basal", "bolus", "blank", *DAYS, *VARIANTS)
    left_out = dict(each.split(": ", 1) for each in work.left_out)
    assert {"occlusion", "reservoir", "idle", *OCCLUSIONS, "power"} <= set(left_out)
    assert set(left_out) == set(VALIDATED) - set(work.procedures)
    assert "pressure sensor" in left_out["occlusion"]
    assert "no supply in place of the pump's battery" in left_out["power"]
    whole = plan_work(FIXTURES / "simulated.yaml", 10)
    assert len(work.trials) < len(whole.trials)
    assert work.cost_s < whole.cost_s
    assert load_rig(tmp_path / "rig.yaml").simulation is None


def test_a_rig_that_can_do_everything_is_validated_in_everything_and_every_fault_is_tried() -> None:
    work = plan_work(FIXTURES / "simulated.yaml", 10)
    assert work.procedures == VALIDATED
    assert not work.left_out
    assert work.trials == tuple(range(len(TRIALS)))
    few = plan_work(FIXTURES / "simulated.yaml", 10, ("basal", "bolus", "occlusion"))
    assert 0 < len(few.trials) < len(work.trials)


def test_a_rig_without_a_declared_evaporation_leaves_out_the_pump_at_rest() -> None:
    work = plan_work(FIXTURES / "bench-3.yaml", 10)
    assert work.procedures == ("basal", "bolus", "occlusion", "blank", *DAYS, *OCCLUSIONS, *VARIANTS)
    assert any("declares no `evaporation:`" in each for each in work.left_out)


def test_a_short_test_that_does_not_exist_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["validate", "--procedures", "bolus", "tango"])
    assert "no short test is called tango; there are basal, bolus" in capsys.readouterr().err


def test_a_rig_file_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "--rig", "nowhere.yaml"]) == 2
    assert "nowhere.yaml" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("hits", "runs", "exact", "word"),
    [
        (95, 100, 0, Covers.AS_STATED),
        (380, 400, 0, Covers.AS_STATED),
        (80, 100, 0, Covers.NARROW),
        (360, 400, 0, Covers.NARROW),
        (400, 400, 0, Covers.WIDE),
        (100, 100, 100, Covers.EXACT),
        (80, 100, 100, Covers.NARROW),
        (3, 3, 0, Covers.AS_STATED),
    ],
)
def test_only_what_counts_refute_is_called_wrong(hits: int, runs: int, exact: int, word: Covers) -> None:
    assert covers(Share(hits, runs), exact) is word


def test_what_speaks_against_the_method_is_said() -> None:
    off = [Compared(seed, "basal", "total_volume", "U", 2.0, 0.5, 2.0, 1.0) for seed in range(100)]
    coverage = coverage_results(off)
    rule = RuleResult(
        procedure="bolus",
        rule="guarded",
        limit_percent=5.0,
        pumps=100,
        bad=50,
        false_accepts=20,
        false_accept_interval=Share(20, 50).interval(),
        false_rejects=0,
        inconclusive=3,
        unexplained=1,
        curve=[],
    )
    fault = FaultResult(fault="bubble", settings="", test="basal", verdict=Verdict.PASS, reason="", seen=False)
    reference = ReferenceResult(
        subject="density", what="water", source="a table", expected=1.0, tolerance=0.1, found=2.0, unit="", kept=False
    )
    said = list(against([reference], coverage, [rule], [fault]))
    assert len(said) == 5
    assert "bubble was not seen" in said[0]
    assert "20 of 50 bad pumps passed" in said[1]
    assert "1 inconclusive" in said[2]
    assert "0 of 100 runs only" in said[3]
    assert "water (a table): 2 where 1 is known" in said[4]
    assert "With 100 runs" in next(iter(beside(coverage)))
