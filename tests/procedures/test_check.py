"""The daily check, driven on the twin: what it finds is what was wrong with balance, weight and doser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.plan.model import PlanError
from bench.procedures import registry
from bench.recording.reader import RecordingReader
from bench.results.model import Measurement, TestResult, Verdict
from bench.rig.fitness import misfits
from bench.rig.load import load_rig
from bench.twin.truth import read_truth
from drivers.errors import RefusedError
from drivers.roles import OperatorAnswer, OperatorRequest
from tests.procedures.made_contexts import context
from tests.procedures.staged import Staged
from tests.system.in_process import rig_text, run_plan, said

CHECK = registry()["check"]
ACCEPT = "accept: {weight_error: ±0.5 mg, repeatability: <= 0.1 mg, zero_return: ±0.3 mg}"
WEIGHT = f"procedure: check, weight: 20 g ± 0.08 mg, repeats: 4, blank: 5 min, {ACCEPT}"
REST = "procedure: check, repeats: 8, blank: 5 min, accept: {repeatability: <= 0.1 mg}"
DOSE = "procedure: check, repeats: 3, dose: 5 U ± 0.02 U, doses: 3, blank: 5 min, accept: {dose_error: ±20 %}"


def plan(test: str) -> str:
    return (
        "plan: P\ntitle: made\npump: {insulin: U-100}\nconditions: {liquid: water, temperature: 23 °C ± 2 °C}\n"
        f"tests:\n  - {{id: CHECK, {test}}}\n"
    )


def checked(test: str, folder: Path, rig: str | None = None) -> TestResult:
    (result,) = run_plan(plan(test), rig or rig_text(), 3, folder).tests
    return result


def value(result: TestResult, name: str) -> Measurement:
    assert result.evaluation is not None
    return next(each for each in result.evaluation.measurements if each.name == name)


def near(measured: Measurement, truth: float) -> bool:
    assert measured.value is not None
    assert measured.expanded_uncertainty is not None
    return abs(measured.value - truth) <= 1.5 * measured.expanded_uncertainty


def test_a_good_bench_passes_and_the_operator_is_in_the_recording(tmp_path: Path) -> None:
    result = checked(WEIGHT, tmp_path)
    assert result.verdict is Verdict.PASS, result.reason
    assert near(value(result, "weight_error"), 0.0)
    assert near(value(result, "zero_return"), 0.0)
    with RecordingReader(tmp_path / "recording.sqlite") as recording:
        asked = recording.events("operator asked")
        confirmed = recording.events("operator confirmed")
    placed = read_truth(tmp_path / "twin-truth.jsonl").notes
    placed_s = [note["time_s"] for note in placed if note["kind"] == "weight placed"]
    assert [event.data["action"] for event in asked] == ["place_weight", "remove_weight"] * 4
    assert asked[0].data["words"] == "Place the check weight of 20 g on the pan (1 of 4)"
    # Asked, done 20 s later, answered at once.
    assert [event.data["answered_s"] for event in confirmed[::2]] == pytest.approx(placed_s, abs=0.5)
    assert placed_s[0] - asked[0].time_s == pytest.approx(20.0, abs=0.1)


def test_a_balance_out_of_adjustment_is_found_by_its_weight(tmp_path: Path) -> None:
    result = checked(WEIGHT, tmp_path, rig_text(balance={"scale_error": "100 ppm"}))
    # 100 ppm of 20 g.
    assert near(value(result, "weight_error"), 2.0)
    assert result.verdict is Verdict.FAIL
    assert "check weight" in result.reason
    assert "mg (0.01 %) too much for a weight of 20 g, and the same each time" in said(result)


def test_a_weight_near_its_limit_warns(tmp_path: Path) -> None:
    result = checked(WEIGHT, tmp_path, rig_text(operator={"weight_error": "0.4 mg"}))
    assert result.verdict is Verdict.PASS
    assert "Warning: check weight" in said(result)
    assert result.evaluation is not None
    (chart,) = [figure for figure in result.evaluation.figures if figure.name == "weights"]
    assert sorted(rule.y for rule in chart.rules) == pytest.approx([-0.5, -1 / 3, 0.0, 1 / 3, 0.5])


def test_without_a_weight_levels_at_rest_tell_the_repeatability(tmp_path: Path) -> None:
    result = checked(REST, tmp_path)
    # Levels of 10 s of this balance scatter by some 7 µg, from one to the next half a minute later by little more.
    assert 0.004 < (value(result, "repeatability").value or 0.0) < 0.02
    with RecordingReader(tmp_path / "recording.sqlite") as recording:
        assert recording.events("operator asked") == []


def test_a_known_dose_is_compared(tmp_path: Path) -> None:
    result = checked(DOSE, tmp_path, rig_text([{"fault": "dose_scale_error", "factor": 1.1}]))
    truth = read_truth(tmp_path / "twin-truth.jsonl")
    true_percent = 100.0 * float(truth.pulse_volume_ul.sum()) / 150.0 - 100.0
    assert near(value(result, "dose_error"), true_percent)
    assert 7.0 < true_percent < 13.0


DOSER = {
    "driver": "new_era",
    "address": "sim://twin/doser",
    "diameter": "11.99 mm",
    "bolus_rate": "0.25 mL/min",
    "calibration": {"certificate": "CAL-7", "expanded_uncertainty": "0.2 µL", "k": 2},
}
DOSES = "procedure: check, repeats: 3, dose: 50 µL, doses: 3, blank: 5 min, accept: {dose_error: ±20 %}"


def with_doser(doser: dict[str, Any], **simulated: Any) -> str:
    rig = yaml.safe_load(rig_text())
    rig["instruments"]["doser"] = doser
    rig["simulation"]["doser"] = simulated
    return yaml.safe_dump(rig, allow_unicode=True)


def test_a_doser_beside_the_pump_gives_the_doses_and_its_certificate_counts(tmp_path: Path) -> None:
    result = checked(DOSES, tmp_path, with_doser(DOSER, error="2 %"))
    assert result.verdict is Verdict.PASS, result.reason
    truth = read_truth(tmp_path / "twin-truth.jsonl")
    given_ul = sum(note["volume_ul"] for note in truth.notes if note["kind"] == "doser")
    assert given_ul == pytest.approx(3 * 51.0, rel=2e-3)
    assert len(truth.pulse_volume_ul) == 0  # the pump itself rested
    error = value(result, "dose_error")
    assert near(error, 100.0 * given_ul / 150.0 - 100.0)
    (line,) = [line for line in error.budget if line.name == "the dose itself"]
    assert line.standard_uncertainty == pytest.approx(0.1)
    assert line.source == "certificate CAL-7 of the doser"
    with RecordingReader(tmp_path / "recording.sqlite") as recording:
        (old,) = recording.events("old doser alarms acknowledged")
        safe = recording.events("safe state")[-1]
        identity = recording.config.identities["doser"]
    assert old.data["codes"] == ["POWER"]
    assert (safe.data["pump"], safe.data["doser"]) == ("stopped", "stopped")
    assert identity["model"] == "NE-1000"


def test_a_dose_with_a_half_width_in_the_plan_is_known_to_that(tmp_path: Path) -> None:
    result = checked(DOSES.replace("50 µL", "50 µL ± 1 µL"), tmp_path, with_doser(DOSER))
    (line,) = [line for line in value(result, "dose_error").budget if line.name == "the dose itself"]
    assert line.standard_uncertainty == pytest.approx(1.0 / 3**0.5)
    assert line.source == "50 µL ± 1 µL, the plan"


def test_a_doser_that_stalls_is_named(tmp_path: Path) -> None:
    result = checked(DOSES, tmp_path, with_doser(DOSER, syringe="70 µL"))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert 'The doser stopped with alarm OCCLUSION "Pump motor stalled (A?S)"' in said(result)
    assert "Only 1 of 3 doses could be weighed" in said(result)


def test_a_dose_of_which_nothing_is_known_is_refused(tmp_path: Path) -> None:
    unknown = {key: told for key, told in DOSER.items() if key != "calibration"}
    with pytest.raises(Exception, match="nothing tells how well the dose is known"):
        checked(DOSES, tmp_path, with_doser(unknown))


def test_a_doser_has_to_give_boluses() -> None:
    with_one = load_rig(with_doser(DOSER), name="rig.yaml")
    needs = CHECK.requires(_settings(DOSES))
    assert misfits(with_one, needs) == []
    assert misfits(load_rig(rig_text(), name="rig.yaml"), needs) == []  # the pump stands in for it


def test_a_weight_that_is_too_heavy_is_no_pass(tmp_path: Path) -> None:
    result = checked(WEIGHT.replace("20 g ±", "200 g ±"), tmp_path)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "beyond its range" in result.reason


def test_an_operator_who_cannot_ends_the_test_with_his_reason() -> None:
    class Refusing(Staged):
        def ask(self, request: OperatorRequest) -> OperatorAnswer:
            return OperatorAnswer(False, f"no {request.action.value} today", 0.0)

    of = context(f"  - {{id: T-1, {WEIGHT}}}\n")
    with pytest.raises(RefusedError, match="cannot place weight: no place_weight today"):
        CHECK.drive(of.plan.tests[0].settings, Refusing(of))


def test_a_rig_without_an_operator_cannot_place_a_weight() -> None:
    rig = yaml.safe_load(rig_text())
    del rig["instruments"]["operator"]
    without = load_rig(yaml.safe_dump(rig, allow_unicode=True), name="rig.yaml")
    needs = {kind: CHECK.requires(_settings(kind)) for kind in (WEIGHT, REST)}
    assert any("an operator" in each for each in misfits(without, needs[WEIGHT]))
    assert misfits(without, needs[REST]) == []


def test_the_drive_takes_a_level_before_and_after_every_load() -> None:
    of = context(f"  - {{id: T-1, {WEIGHT}}}\n")
    stage = Staged(of)
    CHECK.drive(of.plan.tests[0].settings, stage)
    taken = [(data["what"], data["index"]) for data in stage.data("level taken")]
    assert taken == [("pan", 0), *(each for n in range(1, 5) for each in (("weight", n), ("pan", n)))]
    planned_s = CHECK.expected_duration_s(of.plan.tests[0].settings, of.plan)
    assert stage.clock.now_s() == pytest.approx(planned_s, rel=0.15)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("repeats: 2", "greater than or equal to 3"),
        ("weight: 20 g", "±"),
        ("settle: 1 s", "5 s or more"),
        ("blank: 1 min", "2 min or more"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: str, told: str) -> None:
    with pytest.raises(PlanError, match=told):
        context(f"  - {{id: T-1, procedure: check, {wrong}, accept: {{repeatability: <= 0.1 mg}}}}\n")


def _settings(test: str) -> Any:
    return context(f"  - {{id: T-1, {test}}}\n").plan.tests[0].settings
