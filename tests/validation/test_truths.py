"""The truths are what the twin did: by hand where it can be told by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from bench.plan.load import load_plan
from bench.procedures import registry
from bench.recording.reader import RecordingReader
from bench.rig.load import load_rig
from bench.twin.settings import PlantSettings
from bench.twin.truth import read_truth
from bench.validation.course import Course
from bench.validation.plans import CHECK, OCCLUSIONS, PROCEDURES, VARIANTS, short_plan
from bench.validation.runs import TRUTH, compare, drive, evaluate_again
from bench.validation.study import coverage_study
from bench.validation.truths import truths
from bench.validation.world import draw_world

RIG = Path(__file__).resolve().parents[2] / "fixtures" / "simulated.yaml"

SIZES = """
plan: SIZES
title: several sizes
pump: {insulin: U-100, basal_increment: 0.05 U, bolus_increment: 0.05 U}
conditions: {liquid: water, temperature: 23 °C ± 2 °C}
tests:
  - {id: BOLUS, procedure: bolus, volumes: [0.05 U, 0.2 U, 1 U], count: 3, blank: 10 min,
     accept: {largest_size_error: ±40 %}}
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Drive every short test once, on a pump whose pulses are all alike and perfect."""
    rig = load_rig(RIG)
    world = draw_world(rig, 5)
    exact = dict.fromkeys(("device_bias_sd", "pulse_sd", "slow_sd", "stiction", "startup_excess"), "0 %")
    pump = type(world.pump).model_validate({**exact, "screw_error": "0 %"})
    usual = {name: getattr(PlantSettings(), name) for name in ("compliance", "resistance", "slow_share", "slow_time")}
    world = world.model_copy(update={"pump": pump, "plant": world.plant.model_copy(update=usual)})
    folder = tmp_path_factory.mktemp("truths")
    for procedure in (*PROCEDURES, *OCCLUSIONS):
        drive(short_plan(procedure, world.pump), rig, world, folder / procedure)
    return {procedure: folder / procedure for procedure in (*PROCEDURES, *OCCLUSIONS)}


def true(folder: Path, procedure: str) -> dict[str, float]:
    with RecordingReader(folder / "recording.sqlite") as recording:
        record = recording.test(procedure.upper())
        return dict(truths(procedure.partition("-")[0], Course(record, read_truth(folder / TRUTH), 10.0)))


def test_a_perfect_pump_keeps_its_rate(folders: dict[str, Path]) -> None:
    found = true(folders["basal"], "basal")
    # One part in four hundred of the last pulse is still in the soft parts when the line counts as settled.
    assert found["mean_error"] == pytest.approx(0.0, abs=0.05)
    assert found["total_volume"] == pytest.approx(1.0, abs=5e-4)
    assert found["delivered_1h"] == pytest.approx(1.0, abs=5e-4)
    assert found["trumpet_error_15min"] == pytest.approx(0.0, abs=0.1)
    assert found["largest_hourly_error"] == pytest.approx(0.0, abs=0.1)
    assert found["hourly_windows_within_15_percent"] == 100.0
    assert found["mean_pulse_volume"] == pytest.approx(0.05)
    assert found["pulse_volume_sd"] == pytest.approx(0.0, abs=1e-9)
    assert found["mean_pulse_interval"] == pytest.approx(180.0)
    assert (found["missed_pulses"], found["doubled_pulses"], found["extra_pulses"]) == (0.0, 0.0, 0.0)


def test_perfect_boluses_are_as_commanded(folders: dict[str, Path]) -> None:
    found = true(folders["bolus"], "bolus")
    assert found["mean_error"] == pytest.approx(0.0, abs=0.05)
    assert found["mean_volume"] == pytest.approx(1.0, abs=5e-4)
    assert found["bolus_sd"] == pytest.approx(0.0, abs=0.05)
    assert found["within_5_percent"] == 100.0
    # Twenty pulses, one every 2 s: 95 % is there with the last of them or soon after.
    assert 38.0 < found["delivery_time"] < 42.0
    # The last pulse is a twentieth, and soft parts give some more.
    assert 5.0 < found["tail_fraction"] < 12.0
    assert found["reported_difference"] == pytest.approx(0.0, abs=0.05)


def test_an_occluded_line_stores_what_it_misses(folders: dict[str, Path]) -> None:
    found = true(folders["occlusion"], "occlusion")
    assert 100.0 <= found["pressure_at_alarm"] < 110.0
    assert found["peak_pressure"] == pytest.approx(found["pressure_at_alarm"])
    # At 15 U/h the line misses 0.25 U a minute; all of it is stored and comes back but for the pulse under way.
    assert found["missed_volume"] == pytest.approx(0.25 * found["time_to_alarm"], abs=0.01)
    assert found["stored_bolus"] == pytest.approx(found["missed_volume"], abs=0.06)
    assert found["false_alarms"] == 0.0
    # As soft when it fills as when it empties; but for what flows while the clamp opens.
    assert found["compliance_released"] == pytest.approx(found["compliance"], rel=0.01)


def test_three_occlusions_of_a_line_that_stays_as_it_is_are_alike(folders: dict[str, Path]) -> None:
    found, one = true(folders["occlusion-repeated"], "occlusion-repeated"), true(folders["occlusion"], "occlusion")
    # A pulse comes every 12 s: the alarm is as far from the shut line as that, at the most.
    assert found["time_to_alarm"] == pytest.approx(one["time_to_alarm"], abs=0.2)
    assert found["time_to_alarm"] <= found["longest_time_to_alarm"] < found["time_to_alarm"] + 0.2
    assert found["compliance_change"] == pytest.approx(0.0, abs=0.5)
    assert found["compliance_released"] == pytest.approx(0.15, rel=0.01)


def test_a_line_that_is_opened_gives_back_all_that_it_held(folders: dict[str, Path]) -> None:
    found = true(folders["occlusion-released"], "occlusion-released")
    # By the sensor, which has an error of its own.
    assert 59.0 <= found["peak_pressure"] < 66.0
    assert found["missed_volume"] == pytest.approx(0.15 * 62.0 / 10.0, abs=0.06)
    # But for the pulse that was not due yet when the pump was stopped.
    assert -0.05 <= found["missed_after_release"] <= 0.1
    assert found["caught_up_fraction"] > 90.0
    assert (found["false_alarms"], found["occlusion_alarms"]) == (0.0, 0.0)


def test_an_open_line_has_the_pressure_of_what_creeps_in_it(folders: dict[str, Path]) -> None:
    found = true(folders["occlusion-flowing"], "occlusion-flowing")
    # A pulse of 0.5 µL every 6 s has left the fast store long before the next; of the slow one, 8 % with 20 s, what is
    # left of all before presses in the middle between two pulses.
    held_ul = 0.08 * 0.5 * math.exp(-3.0 / 20.0) / (1.0 - math.exp(-6.0 / 20.0))
    assert found["line_pressure"] == pytest.approx(held_ul / 0.15, rel=0.04)
    assert found["flow_error"] == pytest.approx(0.0, abs=0.6)
    assert found["false_alarm_rate"] == pytest.approx(8.99, abs=0.02)


def test_a_pump_that_holds_gives_nothing_at_rest(folders: dict[str, Path]) -> None:
    found = true(folders["idle"], "idle")
    assert found["unintended_volume"] == pytest.approx(0.0, abs=1e-6)
    assert found["unintended_rate"] == pytest.approx(0.0, abs=1e-6)
    assert found["unintended_pulses"] == 0.0


@pytest.mark.parametrize("procedure", [*PROCEDURES, *OCCLUSIONS])
def test_every_measurement_with_a_value_has_a_truth(folders: dict[str, Path], procedure: str) -> None:
    run = evaluate_again(folders[procedure])
    compared = compare(run, folders[procedure], 5, 10.0)
    evaluation = run.tests[0].evaluation
    assert evaluation is not None
    told = {one.name for one in evaluation.measurements if one.value is not None and one.censored is None}
    # What a rig can detect is a property of the rig: the twin has no truth of it.
    assert {each.name for each in compared} == told - {"detection_limit"}
    assert all(abs(each.error) <= 4.0 * each.expanded for each in compared if each.expanded > 0.0)


@pytest.mark.parametrize("test", [*VARIANTS, "idle", CHECK])
def test_what_only_these_tests_measure_covers_its_truth(test: str, tmp_path: Path) -> None:
    """A slice of the study of 200 runs: `benchmarks/coverage.py --runs 200 --procedures "cancelled bolus" …`."""
    text = RIG.read_text(encoding="utf-8")
    compared = coverage_study(text, [test], [11] if test == CHECK else [11, 12, 13], tmp_path, jobs=1)
    told = {each.name for each in compared}
    own = {"course_error", "cancelled_difference", "after_cancel", "unintended_rate", "unintended_volume"} & told
    own |= set(registry()[CHECK].measurements) if test == CHECK else set()
    assert own
    assert own <= told
    for name in own:
        errors = [each.error / each.expanded for each in compared if each.name == name]
        assert all(abs(error) < 2.0 for error in errors), name
        assert sum(abs(error) <= 1.0 for error in errors) >= len(errors) - 1, name


def test_the_error_of_every_size_covers_its_truth(tmp_path: Path) -> None:
    rig = load_rig(RIG)
    world = draw_world(rig, 7)
    plan = load_plan(SIZES, registry(), name="sizes.yaml")
    (result,) = drive(plan, rig, world, tmp_path / "run").tests
    assert result.evaluation is not None
    table = next(table for table in result.evaluation.tables if table.name == "sizes")
    with RecordingReader(tmp_path / "run" / "recording.sqlite") as recording:
        found = truths("bolus", Course(recording.test("BOLUS"), read_truth(tmp_path / "run" / TRUTH), 10.0))
    for row in table.rows:
        size_ul, stated, uncertainty = 10.0 * float(row[0]), float(row[3]), float(row[4])
        assert stated == pytest.approx(found[f"mean_error_{size_ul:g}"], abs=1.3 * uncertainty)
    assert [row[0] for row in table.rows] == ["0.05", "0.2", "1"]
