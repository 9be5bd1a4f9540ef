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
from bench.run.judging import check_resolvable

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("smoke", "basal", "bolus", "occlusion", "commissioning", "score")
TESTS = [(name, test) for name in NAMES for test in load_plan(ROOT / f"test_plans/{name}.yaml", registry()).tests]


@cache
def plan(name: str) -> Plan:
    return load_plan(ROOT / "test_plans" / f"{name}.yaml", registry())


def settings_text(test: PlanTest, *names: str) -> tuple[str, ...]:
    return tuple(str(getattr(test.settings, name)) for name in names)


def test_no_plan_is_forgotten() -> None:
    assert {path.stem for path in (ROOT / "test_plans").glob("*.yaml")} >= set(NAMES)


def test_smoke_shows_everything_in_little_time() -> None:
    tests = plan("smoke").tests
    assert len(tests) >= 9
    assert {test.procedure for test in tests} == {"basal", "bolus", "occlusion"}
    expected_s = sum(registry()[test.procedure].expected_duration_s(test.settings, plan("smoke")) for test in tests)
    assert expected_s <= 12 * 3600.0


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
    rig = load_rig(ROOT / "fixtures" / "simulated.yaml")
    procedure = registry()[test.procedure]
    assert test.verifies
    assert misfits(rig, procedure.requires(test.settings)) == []
    check_resolvable(test, procedure, Context(plan(name), rig))


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


def test_collecting_them_loads_none_of_the_slow_libraries() -> None:
    """GTC and scipy cost seconds: whoever only lists tests need not wait for them."""
    program = (
        "import sys, pytest; code = pytest.main(['--collect-only', '-q', 'test_plans']);"
        "print('SLOW', sorted({'GTC', 'scipy'} & set(sys.modules)), code)"
    )
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "SLOW [] 0" in said.stdout
