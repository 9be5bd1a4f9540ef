"""Plans of the library from collection to report on the twin; benchmarks/shipped_plans.py runs the long ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.shipped_plans import rig_of
from tests.system.conftest import ROOT, Finished

SHORT = ("release-gate", "syringe-pump", "commissioning")


@pytest.mark.parametrize("name", SHORT)
def test_a_healthy_pump_passes_the_plan_and_the_report_says_what_was_asked(
    drive: Callable[..., Finished], name: str
) -> None:
    plan = ROOT / "test_plans" / f"{name}.yaml"
    run = drive(plan, "--rig", rig_of(plan), "--seed", "3")
    assert run.code == 0, run.output
    assert set(run.verdicts.values()) == {"pass"}
    report = (run.folder / "report.html").read_text(encoding="utf-8")
    assert run.results["plan_title"] in report
    assert all(test["title"] in report for test in run.results["tests"])


def test_a_plan_for_another_pump_ends_with_an_error_that_says_so(drive: Callable[..., Finished]) -> None:
    run = drive(ROOT / "test_plans" / "syringe-pump.yaml", "-k", "FLOW-1ML")
    assert run.code == 1
    assert run.verdicts == {"FLOW-1ML": "error"}
    assert 'refused: -222,"Data out of range"' in run.output
