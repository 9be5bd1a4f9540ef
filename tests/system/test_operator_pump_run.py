"""Plans on a pump that a simulated operator programs by hand: what is told of instants holds what really happened."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.procedures import registry
from bench.recording.reader import Event, RecordingReader
from bench.reporting.html import test_html as html_of_test
from bench.results.model import Measurement, RunResult, TestResult, Verdict
from bench.rig.open import RigOpenError
from bench.rig.safe import UnsafeError
from bench.run.evaluate import evaluate_run
from bench.twin.truth import Truth, read_truth
from tests.system.conftest import ROOT, command_of_pytest
from tests.system.in_process import run_plan
from tests.system.lab import environment

RIG = ROOT / "fixtures" / "simulated-operator-pump.yaml"
HEAD = """\
plan: TP-BY-HAND
title: A pump that is programmed by hand
pump: {insulin: U-100, basal_increment: 0.05 U, bolus_increment: 0.05 U}
conditions: {liquid: water, temperature: 23 °C ± 2 °C}
decision: simple
tests:
"""
BASAL = """\
  - {id: BASAL, procedure: basal, rate: 2 U/h, duration: 1 h, blank: 10 min,
     accept: {mean_error: ±12 %, delivered_1h: 1.7 U to 2.3 U}}
"""
BOLUS = """\
  - {id: BOLUS, procedure: bolus, volume: 1 U, count: 3, blank: 5 min,
     accept: {mean_error: ±12 %, delivery_time: 33 s to 45 s}}
"""
OCCLUSION = """\
  - {id: OCCLUSION, procedure: occlusion, rate: 6 U/h, run_in: 15 min, timeout: 40 min, release_observation: 10 min,
     blank: 10 min, accept: {time_to_alarm: <= 30 min, missed_volume: <= 3 U, false_alarms: <= 0}}
"""
PROFILE = """\
  - {id: PROFILE, procedure: profile, duration: 80 min,
     segments: [{at: "00:00", rate: 2 U/h}, {at: "00:40", rate: 4 U/h}], blank: 10 min,
     accept: {mean_error: ±15 %}}
"""


@dataclass
class Ran:
    """A run, its folder, and what really happened."""

    result: RunResult
    folder: Path
    truth: Truth

    def test(self, name: str) -> TestResult:
        return next(each for each in self.result.tests if each.id == name)

    def measured(self, test: str, name: str) -> Measurement:
        evaluation = self.test(test).evaluation
        assert evaluation is not None
        return next(each for each in evaluation.measurements if each.name == name)

    def events(self, kind: str) -> list[Event]:
        with RecordingReader(self.folder / "recording.sqlite") as recording:
            return recording.events(kind)

    def by_hand(self) -> list[Event]:
        with RecordingReader(self.folder / "recording.sqlite") as recording:
            return [event for event in recording.events() if "by_hand" in event.data]

    def noted_s(self, kind: str, **data: Any) -> list[float]:
        return [
            float(note["time_s"])
            for note in self.truth.notes
            if note["kind"] == kind and all(note[key] == value for key, value in data.items())
        ]

    def keys_s(self) -> list[float]:
        """When the keys of commands were really pressed."""
        pressed = [note for note in self.truth.notes if note["kind"] == "key pressed" and note["key"] != "acknowledge"]
        return [float(note["time_s"]) for note in pressed]


def drive(tests: str, folder: Path, seed: int = 1, change: Callable[[dict[str, Any]], object] = lambda _: None) -> Ran:
    rig = yaml.safe_load(RIG.read_text(encoding="utf-8"))
    change(rig)
    text = yaml.safe_dump(rig, allow_unicode=True, sort_keys=False)
    result = run_plan(HEAD + tests, text, seed, folder)
    return Ran(result, folder, read_truth(folder / "twin-truth.jsonl"))


@pytest.fixture(scope="module", params=[1, 3])
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return drive(BASAL + BOLUS + OCCLUSION, tmp_path_factory.mktemp("by-hand") / "run", request.param)


def holds(found: Measurement, truth: float) -> None:
    assert found.value is not None
    assert found.expanded_uncertainty is not None
    assert abs(found.value - truth) <= found.expanded_uncertainty, (found.name, found.value, truth)


def test_a_whole_plan_passes(ran: Ran) -> None:
    assert [test.verdict for test in ran.result.tests] == [Verdict.PASS] * 3
    assert ran.result.instruments["pump"]["serial_number"] == "SIM-PUMP-1"


def test_every_key_was_pressed_between_the_instants_that_are_told(ran: Ran) -> None:
    commands, keys_s = ran.by_hand(), ran.keys_s()
    assert len(commands) == len(keys_s) == 7
    for event, key_s in zip(commands, keys_s, strict=True):
        assert event.data["sent_s"] <= key_s <= event.data["acknowledged_s"]
        assert 0.8 < event.data["acknowledged_s"] - event.data["sent_s"] < 2.6


def test_the_alarm_began_between_two_looks_at_the_contact(ran: Ran) -> None:
    (alarm,), (began_s,) = ran.events("alarm seen"), ran.noted_s("alarm")
    assert alarm.data["earliest_s"] <= began_s <= alarm.data["time_s"]
    assert alarm.data["time_s"] - alarm.data["earliest_s"] < 0.3


def test_measurements_hold_what_really_happened(ran: Ran) -> None:
    keys_s, ul_per_u = ran.keys_s(), 10.0
    start_s, stop_s = keys_s[0], keys_s[1]
    delivered_ul = ran.truth.delivered_ul(stop_s + 60.0) - ran.truth.delivered_ul(start_s)
    holds(ran.measured("BASAL", "mean_error"), 100.0 * (delivered_ul / (20.0 * (stop_s - start_s) / 3600.0) - 1.0))
    holds(ran.measured("BASAL", "total_volume"), delivered_ul / ul_per_u)
    times_s = [arrived_s(ran.truth, start_s) - start_s for start_s in keys_s[2:5]]
    holds(ran.measured("BOLUS", "delivery_time"), sum(times_s) / len(times_s))
    (shut_s, *_), (alarm_s,) = ran.noted_s("occluder", closed=True), ran.noted_s("alarm")
    holds(ran.measured("OCCLUSION", "time_to_alarm"), (alarm_s - shut_s) / 60.0)


def arrived_s(truth: Truth, start_s: float) -> float:
    """Return when 95 % of a bolus were in the vessel."""
    before_ul = truth.delivered_ul(start_s)
    wanted_ul = before_ul + 0.95 * (truth.delivered_ul(start_s + 110.0) - before_ul)
    low_s, high_s = start_s, start_s + 110.0
    for _ in range(40):
        middle_s = 0.5 * (low_s + high_s)
        low_s, high_s = (middle_s, high_s) if truth.delivered_ul(middle_s) < wanted_ul else (low_s, middle_s)
    return high_s


def test_the_report_says_that_an_operator_confirmed_and_how_surely(ran: Ran) -> None:
    page = html_of_test(ran.test("BASAL"), simulated=True)
    assert "An operator carried out 2 commands at the pump" in page
    assert "standard uncertainty 0." in page
    assert "between the prompt and its confirmation" in page
    notes = ran.test("OCCLUSION").evaluation
    assert notes is not None
    assert any(note.startswith("One alarm noticed from outside (between two looks") for note in notes.notes)


def test_nobody_is_asked_to_stop_a_pump_that_is_stopped(ran: Ran) -> None:
    actions = [event.data["action"] for event in ran.events("operator asked")]
    assert actions[0] == "check_pump"
    assert actions.count("stop_pump") == 2
    assert {event.data["pump"] for event in ran.events("safe state")} == {"stopped"}


def test_the_recording_alone_gives_the_same(ran: Ran) -> None:
    assert evaluate_run(ran.folder, registry()).tests == ran.result.tests


def test_one_seed_gives_one_history(tmp_path: Path) -> None:
    asked = [drive(BOLUS, tmp_path / name, seed).keys_s() for name, seed in (("a", 3), ("b", 3), ("c", 4))]
    assert asked[0] == asked[1] != asked[2]


def test_a_late_confirmation_is_told_and_widens_what_hangs_on_it(tmp_path: Path) -> None:
    def late(rig: dict[str, Any]) -> None:
        rig["simulation"]["operator"].update(key_answer="40 s")

    run = drive(BASAL + BOLUS, tmp_path / "run", change=late)
    for event, key_s in zip(run.by_hand(), run.keys_s(), strict=True):
        assert event.data["sent_s"] <= key_s <= event.data["acknowledged_s"]
        assert event.data["acknowledged_s"] - event.data["sent_s"] > 20.0
    timing = {line.name: abs(line.contribution) for line in run.measured("BOLUS", "delivery_time").budget}
    assert timing["when the operator started the pump"] > 5.0
    keys_s = run.keys_s()
    times_s = [arrived_s(run.truth, start_s) - start_s for start_s in keys_s[2:5]]
    # Pressed soon and confirmed late, the keys were at the same end of their intervals each time.
    found = run.measured("BOLUS", "delivery_time")
    assert found.value is not None
    assert (
        abs(found.value - sum(times_s) / len(times_s)) < math.sqrt(3.0) * timing["when the operator started the pump"]
    )
    delivered_ul = run.truth.delivered_ul(keys_s[1] + 60.0) - run.truth.delivered_ul(keys_s[0])
    truth = 100.0 * (delivered_ul / (20.0 * (keys_s[1] - keys_s[0]) / 3600.0) - 1.0)
    holds(run.measured("BASAL", "mean_error"), truth)
    lines = {line.name: abs(line.contribution) for line in run.measured("BASAL", "mean_error").budget}
    assert lines["timing of command and stop"] > 0.2


def test_alarms_noted_by_ear_are_known_within_the_time_that_it_takes_to_note_them(tmp_path: Path) -> None:
    def by_ear(rig: dict[str, Any]) -> None:
        del rig["instruments"]["alarm"]
        rig["instruments"]["pump"]["alarm_noted_within"] = "8 s"
        rig["simulation"]["operator"].update(notes_alarms=True)

    run = drive(OCCLUSION, tmp_path / "run", change=by_ear)
    (alarm,), (began_s,) = run.events("alarm seen"), run.noted_s("alarm")
    assert alarm.data["rule"] == "noted by the operator within 8 s"
    assert alarm.data["earliest_s"] <= began_s <= alarm.data["time_s"]
    found = run.measured("OCCLUSION", "time_to_alarm")
    (shut_s, *_) = run.noted_s("occluder", closed=True)
    holds(found, (began_s - shut_s) / 60.0)
    assert found.expanded_uncertainty is not None
    assert 3.5 < 60.0 * found.expanded_uncertainty < 4.5  # of ± 4 s, rectangular


def test_an_alarm_that_is_heard_by_a_microphone_is_dated_to_its_first_beep(tmp_path: Path) -> None:
    def by_sound(rig: dict[str, Any]) -> None:
        sound = {
            "channel": 1,
            "signal": "sound",
            "threshold": 400,
            "hysteresis": 100,
            "least": "2 s",
            "pause": "1500 ms",
        }
        rig["instruments"]["alarm"].update(sound)

    run = drive(OCCLUSION, tmp_path / "run", change=by_sound)
    (alarm,), (began_s,) = run.events("alarm seen"), run.noted_s("alarm")
    assert alarm.data["earliest_s"] <= began_s <= alarm.data["time_s"]
    assert alarm.time_s - began_s > 2.0
    assert run.test("OCCLUSION").verdict is Verdict.PASS


def test_a_profile_that_is_programmed_by_hand(tmp_path: Path) -> None:
    run = drive(PROFILE, tmp_path / "run")
    assert run.test("PROFILE").verdict is Verdict.PASS, run.test("PROFILE").reason
    lines = {line.name for line in run.measured("PROFILE", "mean_error").budget}
    assert "when the operator carried out each command" in lines


def test_an_operator_who_never_answers_ends_the_run_and_leaves_nothing_running(tmp_path: Path) -> None:
    def asleep(rig: dict[str, Any]) -> None:
        rig["instruments"]["pump"]["patience"] = "1 min"
        rig["simulation"]["operator"].update(key_reaction="1 h")

    with pytest.raises(UnsafeError, match="pump is not stopped: operator: did not answer within 60 s"):
        drive(BASAL, tmp_path / "run", change=asleep)
    with RecordingReader(tmp_path / "run" / "recording.sqlite") as recording:
        assert recording.events("test ended")[0].data["outcome"] == "error"


def test_without_a_terminal_the_plan_is_refused_at_once(tmp_path: Path) -> None:
    rig = yaml.safe_load(RIG.read_text(encoding="utf-8"))
    rig["instruments"]["operator"] = {"driver": "console"}
    (tmp_path / "rig.yaml").write_text(yaml.safe_dump(rig, allow_unicode=True), encoding="utf-8")
    (tmp_path / "plan.yaml").write_text(HEAD + BASAL, encoding="utf-8")
    done = subprocess.run(
        command_of_pytest(tmp_path / "plan.yaml", "--rig", tmp_path / "rig.yaml", "--reports", tmp_path / "reports"),
        cwd=ROOT,
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,  # no terminal at all, as on a build server
        timeout=60,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode not in (0, 1), said
    assert "plan.yaml:7: BASAL: needs a pump, whose driver operator_pump needs an operator, and driver console" in said
    assert "there is no terminal to ask at" in said
    assert not list(tmp_path.rglob("recording.sqlite"))


def test_without_an_operator_the_plan_is_refused_at_once(tmp_path: Path) -> None:
    rig = yaml.safe_load(RIG.read_text(encoding="utf-8"))
    del rig["instruments"]["operator"]
    (tmp_path / "rig.yaml").write_text(yaml.safe_dump(rig, allow_unicode=True), encoding="utf-8")
    (tmp_path / "plan.yaml").write_text(HEAD + BASAL, encoding="utf-8")
    done = subprocess.run(
        command_of_pytest("--collect-only", "-q", tmp_path / "plan.yaml", "--rig", tmp_path / "rig.yaml"),
        cwd=ROOT,
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "whose driver operator_pump needs an operator, and the rig has none" in done.stdout + done.stderr


def test_what_only_the_pump_could_tell_is_refused_at_once() -> None:
    plan = ROOT / "test_plans" / "smoke.yaml"
    done = subprocess.run(
        command_of_pytest("--collect-only", "-q", plan, "--rig", RIG),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    refused = [line for line in done.stdout.splitlines() if "asks for `" in line]
    assert [line.split("asks for `")[1].split("`")[0] for line in refused] == [
        "reported_difference",
        "reported_difference",
        "tail_fraction",
    ]
    assert "hears nothing from its pump: leave that limit out" in refused[0]


def test_an_alarm_while_the_contact_was_unplugged_began_since_the_last_look(tmp_path: Path) -> None:
    def pulled(rig: dict[str, Any]) -> None:
        fault = {"fault": "unplugged", "instrument": "alarm", "first": "2400 s", "lasting": "90 s"}
        rig["simulation"]["faults"] = [fault]

    run = drive(OCCLUSION, tmp_path / "run", change=pulled)
    assert [event.data["instrument"] for event in run.events("link back")] == ["alarm"]
    (alarm,), (began_s,) = run.events("alarm seen"), run.noted_s("alarm")
    assert 2400.0 < began_s < 2490.0
    assert 2399.0 < alarm.data["earliest_s"] <= began_s <= alarm.data["time_s"] < 2500.0
    (shut_s, *_) = run.noted_s("occluder", closed=True)
    found = run.measured("OCCLUSION", "time_to_alarm")
    holds(found, (began_s - shut_s) / 60.0)
    assert found.expanded_uncertainty is not None
    assert 60.0 * found.expanded_uncertainty > 20.0


def test_another_pump_than_the_rig_files_is_refused(tmp_path: Path) -> None:
    def another(rig: dict[str, Any]) -> None:
        rig["instruments"]["pump"]["serial_number"] = "4711"

    with pytest.raises(RigOpenError, match=r"wants serial number '4711' and this one .* says 'SIM-PUMP-1'"):
        drive(BASAL, tmp_path / "run", change=another)
