"""The budgets of a whole run of all procedures: complete, readable, and confirmed by drawing."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from bench.metrology.budget import measurement
from bench.metrology.monte_carlo import confirm
from bench.results.model import Measurement, RunResult
from tests.system.in_process import ROOT, rig_text, run_plan

COUNTED = {"false_alarms"}
"""Counted without any doubt: no budget."""
MOST_LINES = 17
KNOWN = {
    "temperature of the air": (20.0, 26.0),
    "pressure of the air": (950.0, 1050.0),
    "humidity of the air": (20.0, 80.0),
    "density of water itself": (997.0, 998.0),
    "immersion of the needle": (0.999, 0.9999),
    "evaporation and steady drift": (0.01, 0.3),
    "timing of command and stop": (7199.0, 7201.0),
    "lag of the balance's filter": (1.0, 1.0),
    "dead time of the balance": (0.15, 0.15),
    "actuation delay of the occluder": (0.01, 1.0),
    "noise makes a peak greater": (0.01, 0.5),
    "what the pump pushed": (10.0, 30.0),
}
"""Between which values the estimate of an input lies that has one."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    plan = (ROOT / "reports" / "example" / "plan.yaml").read_text(encoding="utf-8")
    return run_plan(plan, rig_text(), 3, Path(tmp_path_factory.mktemp("budgets")))


def valued(run: RunResult) -> list[Measurement]:
    return [
        each
        for test in run.tests
        if test.evaluation is not None
        for each in test.evaluation.measurements
        if each.value is not None
    ]


def test_every_measurement_has_a_whole_budget(run: RunResult) -> None:
    assert {test.id for test in run.tests} == {"BASAL-1U", "BOLUS-0.5U", "OCCLUSION-6U"}
    for measured in valued(run):
        assert bool(measured.budget) != (measured.name in COUNTED), measured.name
        names = [line.name for line in measured.budget]
        assert len(set(names)) == len(names) <= MOST_LINES, measured.name
        for line in measured.budget:
            where = f"{measured.name}: {line.name}"
            assert line.source, where
            assert line.standard_uncertainty >= 0.0, where
            assert line.degrees_of_freedom is None or line.degrees_of_freedom >= 1.0, where
            assert line.contribution == pytest.approx(abs(line.sensitivity) * line.standard_uncertainty), where
        if measured.standard_uncertainty:
            assert math.fsum(line.share or 0.0 for line in measured.budget) == pytest.approx(100.0), measured.name
            squares = math.fsum(line.contribution**2 for line in measured.budget)
            assert math.sqrt(squares) == pytest.approx(measured.standard_uncertainty), measured.name


def test_inputs_that_have_a_value_say_it(run: RunResult) -> None:
    seen = set()
    for measured in valued(run):
        for line in measured.budget:
            if line.name in KNOWN:
                low, high = KNOWN[line.name]
                assert low <= line.estimate <= high, f"{measured.name}: {line.name} {line.estimate}"
                seen.add(line.name)
    assert seen == set(KNOWN)


def test_drawing_confirms_every_budget_whose_uncertainties_are_known(run: RunResult) -> None:
    """Of few degrees of freedom a drawn t distribution has wider tails than Welch and Satterthwaite allow for."""
    checked = 0
    for measured in valued(run):
        lines = [line.model_copy(update={"degrees_of_freedom": None}) for line in measured.budget]
        known = measurement(measured.name, measured.title, measured.value or 0.0, measured.unit, lines)
        check = confirm(known, draws=100_000).monte_carlo
        if check is not None:
            checked += 1
            assert check.high - check.low == pytest.approx(check.gum_high - check.gum_low, rel=0.02), measured.name
            assert check.mean == pytest.approx(known.value, abs=0.02 * (check.high - check.low)), measured.name
    assert checked > 20
