"""The truths are what the twin did: by hand where it can be told by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.recording.reader import RecordingReader
from bench.rig.load import load_rig
from bench.twin.truth import read_truth
from bench.validation.course import Course
from bench.validation.plans import PROCEDURES, short_plan
from bench.validation.runs import TRUTH, compare, drive, evaluate_again
from bench.validation.truths import truths
from bench.validation.world import draw_world

RIG = Path(__file__).resolve().parents[2] / "fixtures" / "simulated.yaml"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Drive every short test once, on a pump whose pulses are all alike and perfect."""
    rig = load_rig(RIG)
    world = draw_world(rig, 5)
    exact = dict.fromkeys(("device_bias_sd", "pulse_sd", "slow_sd", "stiction", "startup_excess"), "0 %")
    pump = type(world.pump).model_validate({**exact, "screw_error": "0 %"})
    world = world.model_copy(update={"pump": pump})
    folder = tmp_path_factory.mktemp("truths")
    for procedure in PROCEDURES:
        drive(short_plan(procedure, world.pump), rig, world, folder / procedure)
    return {procedure: folder / procedure for procedure in PROCEDURES}


def true(folder: Path, procedure: str) -> dict[str, float]:
    with RecordingReader(folder / "recording.sqlite") as recording:
        record = recording.test(procedure.upper())
        return dict(truths(procedure, Course(record, read_truth(folder / TRUTH), 10.0)))


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


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_every_measurement_with_a_value_has_a_truth(folders: dict[str, Path], procedure: str) -> None:
    run = evaluate_again(folders[procedure])
    compared = compare(run, folders[procedure], 5, 10.0)
    evaluation = run.tests[0].evaluation
    assert evaluation is not None
    assert {each.name for each in compared} == {one.name for one in evaluation.measurements if one.value is not None}
    assert all(abs(each.error) <= 4.0 * each.expanded for each in compared if each.expanded > 0.0)
