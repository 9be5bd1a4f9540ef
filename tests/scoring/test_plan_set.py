"""The plan of the score holds the tests that the faults are tried on, and a rig that lacks something says so."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bench.plan.load import load_plan
from bench.procedures import registry
from bench.rig.load import load_rig
from bench.scoring.model import Outcome
from bench.scoring.plan_set import ScoreError, id_of, plan_tests, seeded
from bench.scoring.score import plan_score, run_score
from bench.twin.faults import REGISTRY
from bench.twin.settings import PumpSettings
from bench.validation.faults import TRIALS, fault_plan

ROOT = Path(__file__).resolve().parents[2]
PLAN = ROOT / "test_plans" / "score.yaml"
NAMES = sorted({trial.test for trial in TRIALS})


@pytest.mark.parametrize("name", NAMES)
def test_the_plan_has_each_test_as_the_trials_have_it(name: str) -> None:
    tests = {test.id: test for test in load_plan(PLAN, registry()).tests}
    (trial,) = fault_plan(name, PumpSettings()).tests
    planned = tests[id_of(name)]
    assert (planned.procedure, planned.settings, planned.accept) == (trial.procedure, trial.settings, trial.accept)
    assert len(tests) == len(NAMES)


def test_every_fault_has_a_test_made_for_it() -> None:
    assert {each.name for each in seeded()} == set(REGISTRY)
    assert all(each.made for each in seeded())


def test_there_is_no_such_fault() -> None:
    with pytest.raises(ScoreError, match=r"no fault 'gremlins'; there are balance_bump, .*"):
        seeded(["gremlins"])


def test_two_tests_of_one_id_are_refused() -> None:
    with pytest.raises(ScoreError, match="BASAL is in"):
        plan_tests([PLAN, PLAN])


def test_a_rig_without_a_supply_is_told_what_it_lacks(tmp_path: Path) -> None:
    own = yaml.safe_load((ROOT / "fixtures" / "simulated.yaml").read_text(encoding="utf-8"))
    del own["instruments"]["power"], own["instruments"]["operator"]
    del own["simulation"]["supply"]
    rig = load_rig(yaml.safe_dump(own), name="bare.yaml")
    work = plan_score(rig, [PLAN], ["battery_forgets"], healthy=0, seed=1, own_only=True)
    scored = run_score(work, tmp_path)
    (fault,) = scored.faults
    assert fault.outcome is Outcome.UNTRIED
    assert "POWER needs a power supply" in fault.lacking[0]
    assert any(words.startswith("CHECK needs an operator") for words in scored.left_out)
    assert not scored.perfect


def test_a_test_whose_conditions_nobody_can_set_is_left_out(tmp_path: Path) -> None:
    own = yaml.safe_load((ROOT / "fixtures" / "simulated.yaml").read_text(encoding="utf-8"))
    del own["instruments"]["operator"]
    rig = load_rig(yaml.safe_dump(own), name="bare.yaml")
    plan = tmp_path / "matrix.yaml"
    plan.write_text(
        "plan: P\ntitle: made\npump: {insulin: U-100}\nconditions: {liquid: water, temperature: 23 °C ± 2 °C}\ntests:\n"
        "  - {id: BOLUS, procedure: bolus, volume: 1 U, count: 5, conditions: {head_height: [-30 cm, 30 cm]},"
        " accept: {mean_error: ±12 %}}\n",
        encoding="utf-8",
    )
    work = plan_score(rig, [plan], [], healthy=0, seed=1, own_only=True)
    assert work.tests == ()
    assert all("needs an operator" in why and "head height" in why for (why,) in work.left_out.values())
    assert len(work.left_out) == 2
