"""What is wrong is said on the screen, with the place and the way out, without a traceback, before the pump starts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bench.cli import main
from bench.recording.reader import RecordingReader
from tests.system.conftest import ROOT, Finished
from tests.system.lab import bolus, write_plan, write_rig

Drive = Callable[..., Finished]


def only_words(output: str) -> None:
    """Check that what a user sees is no Python."""
    for word in ("Traceback", ".py:", "raise ", "During handling", "INTERNALERROR"):
        assert word not in output, output


def nothing_moved(folder: Path) -> None:
    """Check, by the twin's own truth, that the pump metered nothing."""
    truth = [json.loads(line) for line in (folder / "twin-truth.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [each for each in truth if each.get("kind") == "pulse"] == []


PLANS: dict[str, tuple[str, list[str]]] = {
    "no-unit": (
        "plan: P\ntitle: T\npump: {insulin: U-100}\ntests:\n"
        "- {id: A, procedure: bolus, volume: 0.1, accept: {mean_error: ±5 %}}\n",
        ["no-unit.yaml:5:37:", "'0.1' has no unit", "µL", "volume: 0.1"],
    ),
    "misspelt": (
        "plan: P\ntitle: T\npump: {insulin: U-100}\ntests:\n- id: A\n  procedure: bolus\n  cuont: 2\n  volume: 1 U\n"
        "  accept:\n    mean_eror: ±5 %\n",
        [
            "misspelt.yaml:7:3: unknown key 'cuont'; did you mean 'count'?",
            "misspelt.yaml:10:5: unknown key 'mean_eror'; did you mean 'mean_error'?",
        ],
    ),
    "twice": ("plan: P\ntitle: T\ntitle: U\n", ["twice.yaml:3:1:", "'title'"]),
    "anchored": ("plan: P\npump: &a {insulin: U-100}\nx: *a\n", ["anchored.yaml:2:7: anchor '&a'", "write values out"]),
    "old-yaml": ("plan: P\ntitle: on\n", ["old-yaml.yaml:2:8: title: 'on' is a boolean to some YAML readers"]),
    "torn": ("plan: P\ntests: [\n", ["torn.yaml:3:1:"]),
    "no-such-procedure": (
        "plan: P\ntitle: T\npump: {insulin: U-100}\ntests:\n- {id: A, procedure: bolux}\n",
        ["no-such-procedure.yaml:5:22:", "found 'bolux'; did you mean 'bolus'?"],
    ),
    "twins": (
        "plan: P\ntitle: T\npump: {insulin: U-100}\ntests:\n"
        + 2 * "- {id: A, procedure: bolus, volume: 1 U, accept: {mean_error: ±5 %}}\n",
        ["twins.yaml:6:8: tests[1].id: a second test 'A' (the first is in line 5)"],
    ),
}


def test_every_wrong_plan_of_a_session_is_refused_with_its_place(drive: Drive, tmp_path: Path) -> None:
    paths = []
    for name, (text, _) in PLANS.items():
        paths.append(tmp_path / f"{name}.yaml")
        paths[-1].write_text(text, encoding="utf-8")
    run = drive(*paths)
    assert run.code == 2
    only_words(run.output)
    for name, (_, said) in PLANS.items():
        for words in said:
            assert words in run.output, f"{name}: {run.output}"
    assert f"{len(PLANS)} errors during collection" in run.output


RIGS: dict[str, tuple[str, list[str]]] = {
    "no-balance-driver": (
        "rig: r\ninstruments:\n  balance: {driver: mettler, address: /dev/x, readability: 0.01 mg}\n",
        ["rig.yaml:3:21:", "mettler_mt_sics"],
    ),
    "misspelt": ("rig: r\ninstrumnets: {}\n", ["rig.yaml:2:1: unknown key 'instrumnets'; did you mean 'instruments'?"]),
    "not-quoted": (
        "rig: r\ninstruments:\n  pump: {driver: scpi_insulin_pump, address: /dev/x, serial_number: 1234}\n",
        ["rig.yaml:3:69:", "found 1234; text is meant here: quote it"],
    ),
}


@pytest.mark.parametrize("name", RIGS)
def test_a_wrong_rig_file_is_refused_with_its_place_and_leaves_nothing(drive: Drive, tmp_path: Path, name: str) -> None:
    text, said = RIGS[name]
    (tmp_path / "rig.yaml").write_text(text, encoding="utf-8")
    run = drive(write_plan(tmp_path / "plan.yaml", bolus()), "--rig", tmp_path / "rig.yaml")
    assert run.code == 4
    only_words(run.output)
    for words in said:
        assert words in run.output, run.output
    assert not (tmp_path / "reports").exists()


def test_a_rig_file_that_does_not_exist_is_refused_with_those_that_do(drive: Drive, tmp_path: Path) -> None:
    run = drive(write_plan(tmp_path / "plan.yaml", bolus()), "--rig", "fixtures/bench-33.yaml")
    assert run.code == 4
    only_words(run.output)
    assert "rig file fixtures/bench-33.yaml does not exist" in run.output
    assert "fixtures/simulated.yaml" in run.output
    assert not (tmp_path / "reports").exists()


def test_a_plan_that_does_not_exist_is_refused(drive: Drive, tmp_path: Path) -> None:
    run = drive("test_plans/smok.yaml")
    assert run.code == 4
    only_words(run.output)
    assert "file or directory not found: test_plans/smok.yaml" in run.output
    assert not (tmp_path / "reports").exists()


def another_serial(rig: dict[str, Any]) -> None:
    rig["instruments"]["balance"]["serial_number"] = "B-4711"


def fault(name: str, instrument: str) -> Callable[[dict[str, Any]], None]:
    def switch_on(rig: dict[str, Any]) -> None:
        rig["simulation"]["faults"] = [{"fault": name, "instrument": instrument}]

    return switch_on


def another_insulin(rig: dict[str, Any]) -> None:
    rig["simulation"]["pump"]["insulin"] = "U-200"


def not_there(rig: dict[str, Any]) -> None:
    rig["instruments"]["climate"]["address"] = "/dev/serial/by-id/usb-not-there"


NOT_OPENED: dict[str, tuple[Callable[[dict[str, Any]], object], list[str]]] = {
    "wrong-serial-number": (
        another_serial,
        ["wrong instrument", "'B-4711'", "'SIM-BALANCE-1'", "Check the cables, or correct serial_number"],
    ),
    "silent-balance": (
        fault("silent_instrument", "balance"),
        ["no answer within", r"sent b'@\r\n'; saw nothing", "Is it switched on", "9600 8N1"],
    ),
    "garbling-balance": (
        fault("garbled_line", "balance"),
        ["answered no MT-SICS", "saw b", "Do baud rate and parity of the rig file"],
    ),
    "silent-pump": (fault("silent_instrument", "pump"), ["no answer within", "Is the bridge running"]),
    "garbling-pump": (fault("garbled_line", "pump"), ["pump", "saw b"]),
    "no-such-device": (not_there, ["climate   FAILED", "usb-not-there"]),
    "wrong-insulin": (
        another_insulin,
        ["the pump is set to U-200", "plan TP-PLAN is for U-100", "factor of 2", "Set the pump, or correct `insulin:`"],
    ),
}


@pytest.mark.parametrize("name", NOT_OPENED)
def test_a_rig_that_cannot_be_opened_is_a_set_up_error_with_every_instruments_state(
    drive: Drive, tmp_path: Path, name: str
) -> None:
    change, said = NOT_OPENED[name]
    plan = write_plan(tmp_path / "plan.yaml", bolus("FIRST"), bolus("SECOND"))
    run = drive(plan, "--rig", write_rig(tmp_path / "rig.yaml", change))
    assert run.code == 1
    only_words(run.output)
    for words in said:
        assert words in run.output, run.output
    assert "ERROR at setup of FIRST" in run.output
    assert "the rig could not be opened (in full at this plan's first test)" in run.output
    assert "2 errors" in run.output
    assert "failed" not in run.output.splitlines()[-1]
    if name != "wrong-insulin":
        assert "cannot be opened: 1 of 7 instruments failed" in run.output
        assert run.output.count(" ok  ") == 6
    assert run.results["complete"] is False
    assert run.results["ended_by"].startswith("the rig could not be opened: ")
    assert "SIMULATED" in (run.folder / "report.html").read_text(encoding="utf-8")
    with RecordingReader(run.folder / "recording.sqlite") as recording:
        assert recording.sealed
        assert recording.events("basal commanded") == recording.events("bolus commanded") == []
    nothing_moved(run.folder)


def test_what_the_rig_lacks_is_refused_at_collection_test_by_test(drive: Drive, tmp_path: Path) -> None:
    def poorer(rig: dict[str, Any]) -> None:
        del rig["instruments"]["occluder"], rig["instruments"]["pressure"]

    rig = write_rig(tmp_path / "rig.yaml", poorer)
    run = drive(ROOT / "test_plans" / "smoke.yaml", "--rig", rig)
    assert run.code == 2
    only_words(run.output)
    for test_id in ("OCCLUSION-3U", "OCCLUSION-6U", "OCCLUSION-BOLUS"):
        assert (
            f"{test_id}: needs an occluder, and the rig has none (it has balance, climate, operator, power, pump)"
            in run.output
        )
        assert f"{test_id}: needs a pressure sensor" in run.output
    assert "BASAL-1U: needs" not in run.output
    assert "test_plans/smoke.yaml:" in run.output
    assert "--rig" in run.output


def test_a_limit_finer_than_the_rig_is_refused_with_the_arithmetic_before_the_pump_starts(
    drive: Drive, tmp_path: Path
) -> None:
    fine: Mapping[str, Any] = {
        "id": "TOO-FINE",
        "procedure": "basal",
        "rate": "0.1 U/h",
        "duration": "1 h",
        "blank": "5 min",
        "accept": {"mean_error": "±0.5 %"},
    }
    run = drive(write_plan(tmp_path / "plan.yaml", dict(fine)))
    assert run.code == 1
    only_words(run.output)
    assert "ERROR at setup of TOO-FINE" in run.output
    assert "TOO-FINE: rig simulated cannot resolve what the plan asks for:" in run.output
    assert "mean_error" in run.output
    assert "mg" in run.output
    assert "1 error" in run.output.splitlines()[-1]
    assert run.results["complete"] is False
    assert run.results["ended_by"] == "refused before the pump was started: TOO-FINE"
    nothing_moved(run.folder)


def test_a_test_that_is_refused_keeps_no_other_from_being_run(drive: Drive, tmp_path: Path) -> None:
    fine = bolus("TOO-FINE", accept={"mean_error": "±0.01 %"})
    run = drive(write_plan(tmp_path / "plan.yaml", fine, bolus("GOOD")))
    assert run.code == 1
    assert run.verdicts == {"GOOD": "pass"}
    assert "1 passed, 1 error" in run.output.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["simulate", "{}/none.yaml"], "none.yaml:1:1: cannot be read: No such file"),
        (["simulate", "{}/torn.yaml"], "torn.yaml:3:1: is no YAML"),
        (["simulate", "{}/real.yaml"], "real.yaml has no simulation: section"),
        (["report", "{}"], "is no run's folder: it has no recording.sqlite"),
        (["analyse", "{}"], "there is no such file. Name a run's folder"),
        (["verify", "{}"], "there is no such file. Name a run's folder"),
    ],
    ids=lambda value: "-".join(value).replace("{}", "").strip("-/") if isinstance(value, list) else None,
)
def test_the_benchs_own_command_says_in_a_line_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    (tmp_path / "torn.yaml").write_text("rig: r\ninstruments: [\n", encoding="utf-8")
    (tmp_path / "real.yaml").write_text(
        "rig: r\ninstruments:\n  climate: {driver: vaisala_ptu300, address: /dev/x}\n", encoding="utf-8"
    )
    assert main([argument.format(tmp_path) for argument in arguments]) == 2
    output = capsys.readouterr()
    assert output.err.startswith("pumpbench: ")
    assert said in output.err
    assert output.out == ""
