"""A run from opening to sealed, on the twin through the drivers' bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.recording.reader import RecordingReader
from bench.results.model import RunResult, Verdict
from bench.run.evaluate import evaluate_run
from bench.run.judging import UnresolvableError
from bench.run.session import WrongPumpError
from bench.run.state import IllegalTransitionError, RunState
from tests.run.conftest import Made

Make = Callable[..., Made]


def run_all(made: Made) -> RunResult:
    made.session.open()
    for test in made.plan.tests:
        made.session.run_test(test)
    return made.session.close()


def kinds(folder: Path, test: str | None = None) -> list[str]:
    with RecordingReader(folder / "recording.sqlite") as recording:
        return [event.kind for event in recording.events(test=test)]


def test_a_plan_is_driven_recorded_evaluated_and_judged(make_run: Make) -> None:
    made = make_run()
    result = run_all(made)
    assert made.session.states.current is RunState.SEALED
    assert [(test.id, test.verdict) for test in result.tests] == [("FLOW-1", "pass"), ("FLOW-2", "pass")]
    assert (result.complete, result.ended_by, result.simulated, result.seed) == (True, "", True, 1)
    assert result.insulin == "U-100"
    assert result.tests[0].verifies == ["REQ-1"]
    assert result.tests[0].settings == {"duration": "10 min"}
    [gain] = result.tests[0].evaluation.measurements if result.tests[0].evaluation else []
    assert gain.value == pytest.approx(50.0, rel=0.2)  # 300 µL/h for ten minutes, less what still is in the line
    assert result.instruments["pump"]["serial_number"] == "SIM-PUMP-1"
    assert result.origin_utc == "2026-01-01T00:00:00+00:00"
    assert set(result.versions) >= {"python", "pumpbench", "numpy"}
    on_disk = RunResult.model_validate_json((made.folder / "results.json").read_bytes())
    assert on_disk == result


def test_the_recording_tells_what_was_done_in_order(make_run: Make) -> None:
    made = make_run()
    run_all(made)
    assert kinds(made.folder, "FLOW-1") == [
        "balance tared",
        "test started",
        "pump clock",
        "basal commanded",
        "pump clock",
        "safe state",
        "test ended",
    ]
    assert kinds(made.folder, "") == ["run started", *["link latency"] * 5, "safe state", "run ended"]
    with RecordingReader(made.folder / "recording.sqlite") as recording:
        record = recording.test("FLOW-1")
        balance = record.series("balance.mass_g")
        assert np.diff(balance.time_s) == pytest.approx(0.1, abs=0.02)
        assert balance.time_s[-1] - balance.time_s[0] == pytest.approx(600.0, abs=1.0)
        assert abs(balance.value[0]) < 1e-4  # tared
        assert len(record.series("pressure.pressure_kpa")) == pytest.approx(601, abs=2)
        assert len(record.series("climate.temperature_c")) == 11
        counted_ul = record.series("pump.delivered_ul").value
        assert counted_ul[-1] - counted_ul[0] == pytest.approx(50.0, rel=0.05)
        [clock] = record.events("pump clock")[:1]
        assert clock.data["before_s"] <= clock.data["after_s"] == clock.time_s
        assert clock.data["pump_time_s"] == pytest.approx(3600.0 + clock.time_s, abs=0.1)


def test_a_run_is_evaluated_again_from_its_folder_alone_to_the_last_digit(make_run: Make) -> None:
    made = make_run()
    result = run_all(made)
    (made.folder / "results.json").unlink()
    assert evaluate_run(made.folder, made.procedures) == result


def test_one_seed_gives_one_recording_and_another_seed_another(make_run: Make) -> None:
    results = [run_all(make_run(name=str(n), seed=seed)) for n, seed in enumerate((5, 5, 6))]
    assert results[0] == results[1]
    assert results[0].recording_digest != results[2].recording_digest
    assert (results[0].tests[0].evaluation) != (results[2].tests[0].evaluation)


def test_verdicts_follow_limits_doubts_and_what_is_missing(make_run: Make) -> None:
    made = make_run(limit="100 mg to 200 mg")
    made.session.open()
    first, second = made.plan.tests
    failed = made.session.run_test(first)
    assert failed.verdict is Verdict.FAIL
    assert "breaks the limit 100 mg to 200 mg" in failed.reason
    made.procedure.doubts = ["the balance was bumped at 12 s"]
    doubted = made.session.run_test(second)
    assert (doubted.verdict, doubted.reason) == (Verdict.INCONCLUSIVE, "the balance was bumped at 12 s")
    assert doubted.judged[0].verdict is Verdict.FAIL
    made.session.close()


def test_a_limit_that_the_rig_cannot_resolve_is_refused_before_the_pump_moves(make_run: Make) -> None:
    made = make_run(limit="49 mg to 51 mg")
    made.procedure.planned = {"gain": (1.5, "repeatability 0.75 mg, twice")}
    made.session.open()
    for refused in (made.session.check, made.session.run_test):
        with pytest.raises(UnresolvableError, match=r"gain: repeatability 0\.75 mg, twice; U = 1\.5 mg; the limit"):
            refused(made.plan.tests[0])
    assert made.twin.world.pump.delivered_u["basal"] == 0.0
    assert "test started" not in kinds(made.folder)
    made.procedure.planned = {"gain": (0.5, "finer")}
    made.session.check(made.plan.tests[0])
    assert made.session.close().tests == []


def test_a_pump_set_to_another_insulin_is_refused(make_run: Make) -> None:
    made = make_run(insulin="U-200")
    with pytest.raises(WrongPumpError, match=r"the pump is set to U-100 and plan TP-FLOW is for U-200.*factor of 2"):
        made.session.open()
    result = RunResult.model_validate_json((made.folder / "results.json").read_bytes())
    assert not result.complete
    assert result.ended_by.startswith("the rig could not be opened: the pump is set to U-100")
    with pytest.raises(IllegalTransitionError):
        made.session.open()


def test_alarms_are_taken_while_time_passes(make_run: Make) -> None:
    made = make_run()
    made.procedure.during = lambda _: made.twin.world.pump.raise_alarm("OCCLUSION")
    made.session.open()
    made.session.run_test(made.plan.tests[0])
    made.session.run_test(made.plan.tests[1])
    made.session.close()
    with RecordingReader(made.folder / "recording.sqlite") as recording:
        seen = recording.events("alarm seen")
        assert [(event.test, event.data["code"]) for event in seen] == [
            ("FLOW-1", "OCCLUSION"),
            ("FLOW-2", "OCCLUSION"),
        ]
        assert seen[0].data["sequence"] != seen[1].data["sequence"]
        assert recording.test("FLOW-1").events("alarm seen")[0].time_s == pytest.approx(302.0, abs=3.0)


def test_the_watchdog_is_armed_while_a_test_is_driven_and_not_after(make_run: Make) -> None:
    made = make_run(wire_log=True)
    run_all(made)
    with RecordingReader(made.folder / "recording.sqlite") as recording:
        sent = [data for _, _, direction, data in recording.wire("pump") if direction == "tx"]
        watchdog = [data.strip() for data in sent if data.startswith(b"SYST:WATC ")]
        assert recording.wire("balance")
        recording.verify()
    per_test = [b"SYST:WATC 60", b"SYST:WATC 0"]
    assert watchdog == [*per_test, *per_test, b"SYST:WATC 0"]


def test_no_wire_log_is_kept_unless_asked_for(make_run: Make) -> None:
    made = make_run()
    run_all(made)
    with RecordingReader(made.folder / "recording.sqlite") as recording:
        assert recording.wire() == []


def test_progress_is_told_while_time_passes(make_run: Make) -> None:
    told: list[tuple[str, str, float, float]] = []

    class Listener:
        def activity(self, test_id: str, activity: str, now_s: float, expected_end_s: float) -> None:
            told.append((test_id, activity, now_s, expected_end_s))

    made = make_run(progress=Listener())
    made.session.open()
    made.session.run_test(made.plan.tests[0])
    made.session.close()
    assert {activity for _, activity, _, _ in told} == {"flowing", "still flowing"}
    assert all(test == "FLOW-1" for test, _, _, _ in told)
    assert told[-1][2] == pytest.approx(told[-1][3], abs=2.0)


def test_results_hold_only_plain_numbers(make_run: Make) -> None:
    made = make_run()
    run_all(made)
    text = (made.folder / "results.json").read_text(encoding="utf-8")
    json.loads(text, parse_constant=lambda name: pytest.fail(name))
