"""The plans that come with the bench: they load, hold what they promise, and the simulated rig can decide them."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from bench.plan.decision import Decision
from bench.plan.load import load_plan
from bench.plan.model import Plan, PlanTest
from bench.procedures import registry
from bench.procedures.base import Context
from bench.procedures.occlusion.procedure import OcclusionSettings
from bench.rig.fitness import misfits
from bench.rig.load import load_rig
from bench.rig.model import Rig
from bench.run.judging import check_resolvable
from benchmarks import shipped_plans

ROOT = Path(__file__).resolve().parents[1]
NAMES = sorted(path.stem for path in (ROOT / "test_plans").glob("*.yaml"))
TESTS = [(name, test) for name in NAMES for test in load_plan(ROOT / f"test_plans/{name}.yaml", registry()).tests]


@cache
def plan(name: str) -> Plan:
    return load_plan(ROOT / "test_plans" / f"{name}.yaml", registry())


def settings_text(test: PlanTest, *names: str) -> tuple[str, ...]:
    return tuple(str(getattr(test.settings, name)) for name in names)


def rig_of(name: str) -> Rig:
    return load_rig(shipped_plans.rig_of(Path(f"{name}.yaml")))


def expected_s(name: str) -> float:
    return sum(registry()[test.procedure].expected_duration_s(test.settings, plan(name)) for test in plan(name).tests)


def test_the_library_is_whole() -> None:
    assert set(NAMES) >= {
        *("smoke", "basal", "bolus", "occlusion", "commissioning", "syringe-pump", "iec-60601-2-24-ambulatory"),
        *("iec-60601-2-24-syringe", "label-tables", "literature-basal-bolus", "single-pulse", "occlusion-detection"),
        *("clinical-day", "three-days", "paediatric", "release-gate", "power", "conditions"),
    }
    assert {test.procedure for name, test in TESTS if name != "score"} == set(registry())


def test_accuracy_is_asked_for_over_head_height_and_back_pressure() -> None:
    entries: dict[str, set[tuple[str, str]]] = {}
    for test in plan("conditions").tests:
        entries.setdefault(test.entry, set()).update((each.name, each.text) for each in test.conditions)
    assert {test.procedure for test in plan("conditions").tests} == {"basal", "bolus"}
    for asked in entries.values():
        assert {("head_height", "-50 cm"), ("head_height", "50 cm")} <= asked
        assert {("back_pressure", "0 kPa"), ("back_pressure", "13.33 kPa")} <= asked
    assert {("rate", "0.5 U/h"), ("rate", "5 U/h")} <= entries["BASAL"]


def test_the_readme_and_the_benchmark_name_every_plan() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"| `{name}.yaml` |" not in readme] == []
    table = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    # What the tests of `score` say of healthy pumps stands in docs/score.md.
    listed = [(name, test) for name, test in TESTS if name != "score"]
    missing = {(name, str(test.id)) for name, test in listed if f"| {name}.yaml | {test.id} |" not in table}
    assert missing == set()


def test_smoke_shows_everything_in_little_time() -> None:
    tests = plan("smoke").tests
    assert len(tests) >= 9
    assert {test.procedure for test in tests} == {"basal", "bolus", "occlusion"}
    assert expected_s("smoke") <= 12 * 3600.0


def test_the_release_gate_asks_for_every_command_in_little_more_than_an_hour() -> None:
    tests = plan("release-gate").tests
    assert {test.procedure for test in tests} == {"profile", "bolus", "occlusion", "reservoir", "idle"}
    assert expected_s("release-gate") <= 80 * 60.0  # with a pump that alarms as late as its limit allows
    (day,) = (test.settings for test in tests if test.procedure == "profile")
    laid_over = {
        kind
        for entry in day.overlay
        for kind in ("temporary", "suspend", "bolus", "extended")
        if getattr(entry, kind) is not None
    }
    assert laid_over == {"temporary", "suspend", "bolus", "extended"}


# Words of the licensed or legal text that nobody here has read stand in what a report shows.
@pytest.mark.parametrize(
    "name", ["iec-60601-2-24-ambulatory", "iec-60601-2-24-syringe", "label-tables", "syringe-pump"]
)
def test_what_is_not_checked_stands_in_the_title_of_every_report(name: str) -> None:
    assert "not checked" in plan(name).title
    assert "unchecked" in plan(name).text.casefold() or "not checked" in plan(name).text.casefold()


def test_long_plans_hold_what_they_promise() -> None:
    assert [settings_text(test, "rate", "duration") for test in plan("basal").tests] == [
        ("1 U/h", "24 h"),
        ("0.1 U/h", "24 h"),
    ]
    assert [settings_text(test, "volume", "count") for test in plan("bolus").tests] == [
        ("0.1 U", "25"),
        ("1 U", "25"),
        ("10 U", "12"),
    ]
    assert [settings_text(test, "rate", "bolus") for test in plan("occlusion").tests] == [
        ("1 U/h", "None"),
        ("0.1 U/h", "None"),
        ("None", "5 U"),
    ]


@pytest.mark.parametrize(("name", "test"), TESTS, ids=[f"{name}-{test.id}" for name, test in TESTS])
def test_every_test_can_be_driven_and_decided_on_the_simulated_rig(name: str, test: PlanTest) -> None:
    rig = rig_of(name)
    procedure = registry()[test.procedure]
    assert test.verifies
    assert misfits(rig, procedure.requires(test.settings)) == []
    check_resolvable(test, procedure, Context(plan(name), rig))


@pytest.mark.parametrize(("name", "test"), TESTS, ids=[f"{name}-{test.id}" for name, test in TESTS])
def test_the_simulated_bench_collects_every_test(name: str, test: PlanTest) -> None:
    """Whoever types a plan's name without `--rig` gets no refusal at collection."""
    rig = load_rig(ROOT / "fixtures" / "simulated.yaml")
    assert misfits(rig, registry()[test.procedure].requires(test.settings)) == []


@pytest.mark.parametrize(
    "test",
    [test for _, test in TESTS if test.procedure == "occlusion" and "time_to_alarm" in test.accept],
    ids=lambda test: str(test.id),
)
def test_the_wait_for_an_alarm_outlasts_its_limit(test: PlanTest) -> None:
    """Otherwise an alarm that never comes could not be called a failure."""
    assert isinstance(test.settings, OcclusionSettings)
    _, longest_s = test.accept["time_to_alarm"].to("s")
    assert longest_s is not None
    assert test.settings.timeout is not None
    assert test.settings.timeout.to("s") > 1.1 * longest_s


@pytest.mark.parametrize("name", NAMES)
def test_plans_decide_with_a_guard_band_and_claim_no_conformity(name: str) -> None:
    assert plan(name).decision == Decision.GUARDED
    text = plan(name).text.casefold()
    assert "compliant" not in text
    assert "conform" not in text
    assert text.startswith("# yaml-language-server: $schema=../docs/plan.schema.json")


def test_seeds_and_plans_of_the_benchmark() -> None:
    assert shipped_plans.seeds_of("3") == [3]
    assert shipped_plans.seeds_of("1-3,7") == [1, 2, 3, 7]
    assert shipped_plans.plan_of("basal") == ROOT / "test_plans" / "basal.yaml"
    result = {"tests": [{"id": "A", "verdict": "pass"}, {"id": "B", "verdict": "fail"}]}
    other = {"tests": [{"id": "A", "verdict": "pass"}, {"id": "B", "verdict": "pass"}]}
    runs = [shipped_plans.Run(result, 2.0), shipped_plans.Run(other, 4.0)]
    assert shipped_plans.rows(Path("x.yaml"), runs) == [
        "| x.yaml | A | 2 pass | 3 |",
        "| x.yaml | B | 1 fail, 1 pass |  |",
    ]


def test_collecting_them_loads_none_of_the_slow_libraries() -> None:
    """GTC and scipy cost seconds: whoever only lists tests need not wait for them."""
    program = (
        "import sys, pytest; code = pytest.main(['--collect-only', '-q', 'test_plans']);"
        "print('SLOW', sorted({'GTC', 'scipy'} & set(sys.modules)), code)"
    )
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "SLOW [] 0" in said.stdout
