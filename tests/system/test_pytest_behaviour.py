"""Plans behave as a pytest user expects: selection, markers, exit codes, JUnit, several plans in a session."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.system.conftest import ROOT, Finished
from tests.system.lab import bolus, pytest_says, write_plan, write_rig

Drive = Callable[..., Finished]

WRONG = {"accept": {"mean_error": "50 % to 90 %"}}
OPEN = {"accept": {"mean_error": "-90 % to -9 %"}}
"""A limit that the simulated pump's mean error lies on, within its uncertainty."""


def shipped() -> dict[str, list[dict[str, Any]]]:
    return {
        path.name: yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
        for path in sorted((ROOT / "test_plans").glob("*.yaml"))
    }


def test_collecting_lists_every_test_of_every_plan_and_touches_nothing(tmp_path: Path) -> None:
    # Nothing of this rig is there: opening any of it would fail.
    away = write_rig(tmp_path / "away.yaml", _away)
    code, said = pytest_says("--collect-only", "-q", "test_plans", "--rig", away, folder=tmp_path)
    assert code == 0, said
    listed = [line for line in said.splitlines() if "::" in line]
    assert [line.partition("[")[0] for line in listed] == [
        f"test_plans/{name}::{test['id']}"
        for name, tests in shipped().items()
        for test in tests
        for _ in range(_times(test))
    ]
    assert len(set(listed)) == len(listed)
    assert [path.name for path in tmp_path.iterdir()] == ["away.yaml"]


def _times(test: dict[str, Any]) -> int:
    """Return how many tests an entry is: one for each combination of its conditions."""
    count = 1
    for values in test.get("conditions", {}).values():
        count *= len(values)
    return count


def _away(rig: dict[str, Any]) -> None:
    del rig["simulation"]
    for role, spec in rig["instruments"].items():
        spec["address"] = f"/dev/serial/by-id/usb-{role}-away"


@pytest.mark.parametrize(
    ("selection", "wanted"),
    [
        (["-m", "occlusion"], lambda test: test["procedure"] == "occlusion"),
        (["-k", "REQ-BASAL-LOW"], lambda test: "REQ-BASAL-LOW" in test["verifies"]),
        (["-k", "BOLUS-1U or BASAL-2U"], lambda test: test["id"] in {"BOLUS-1U", "BASAL-2U"}),
    ],
    ids=["marker", "requirement", "name"],
)
def test_tests_are_selected_by_procedure_requirement_and_name(
    tmp_path: Path, selection: list[str], wanted: Callable[[dict[str, Any]], bool]
) -> None:
    code, said = pytest_says("--collect-only", "-q", "test_plans/smoke.yaml", *selection, folder=tmp_path)
    assert code == 0, said
    listed = [line.partition("::")[2] for line in said.splitlines() if "::" in line]
    assert listed == [test["id"] for test in shipped()["smoke.yaml"] if wanted(test)]
    assert listed


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str, Path]:
    """Run two plans of the same file name, with every outcome that there is, and a junit.xml of the user's own."""
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "other").mkdir()
    first = write_plan(
        folder / "mixed.yaml",
        bolus("GOOD", verifies=["REQ-1", "REQ-2"]),
        bolus("WRONG", **WRONG),
        bolus("OPEN", **OPEN),
        bolus("TOO-FINE", accept={"mean_error": "±0.01 %"}),
    )
    text = first.read_text(encoding="utf-8").replace("decision: simple", "decision: guarded")
    first.write_text(text, encoding="utf-8")
    second = write_plan(folder / "other" / "mixed.yaml", bolus("GOOD", volume="0.2 U"))
    code, said = pytest_says(first, second, "--junitxml", folder / "mine.xml", folder=folder)
    return code, said, folder


def the_session(folder: Path) -> Path:
    (session,) = (folder / "reports").iterdir()
    return session


def test_every_outcome_has_its_word_on_the_terminal(mixed: tuple[int, str, Path]) -> None:
    code, said, _ = mixed
    assert code == 1
    assert "mixed.yaml .F?E" in said
    assert said.splitlines()[-1].strip("= ").startswith("1 failed, 2 passed, 1 error, 1 inconclusive in")
    assert "WRONG: FAIL: mean error" in said
    assert "OPEN: INCONCLUSIVE: mean error" in said
    assert "ERROR at setup of TOO-FINE" in said
    assert "Traceback" not in said


def test_every_outcome_has_its_word_in_junit_at_the_users_own_path(mixed: tuple[int, str, Path]) -> None:
    _, _, folder = mixed
    assert not list(the_session(folder).rglob("junit.xml"))
    cases = list(ElementTree.parse(folder / "mine.xml").iter("testcase"))  # noqa: S314
    by_name = {case.get("name"): case for case in cases[:4]}

    def properties(name: str) -> list[tuple[str | None, str | None]]:
        return [(each.get("name"), each.get("value")) for each in by_name[name].iter("property")]

    assert properties("GOOD")[:3] == [("verdict", "pass"), ("verifies", "REQ-1"), ("verifies", "REQ-2")]
    assert ("verdict", "fail") in properties("WRONG")
    assert ("verdict", "inconclusive") in properties("OPEN")
    kinds = {name: [child.tag for child in case if child.tag != "properties"] for name, case in by_name.items()}
    assert kinds == {"GOOD": [], "WRONG": ["failure"], "OPEN": ["failure"], "TOO-FINE": ["error"]}
    failure = by_name["OPEN"].find("failure")
    assert failure is not None
    assert "OPEN: INCONCLUSIVE:" in failure.get("message", "")
    assert len(cases) == 5


def test_each_plan_has_its_own_run_below_one_session_with_one_report(mixed: tuple[int, str, Path]) -> None:
    _, said, folder = mixed
    session = the_session(folder)
    runs = {path.name: path for path in session.iterdir() if path.is_dir()}
    assert set(runs) == {"mixed", "mixed-2"}
    for path in runs.values():
        assert {"recording.sqlite", "results.json"} <= {each.name for each in path.iterdir()}
        assert f"recording: {path / 'recording.sqlite'}" in said
    first = Finished(0, "", runs["mixed"])
    assert first.verdicts == {"GOOD": "pass", "WRONG": "fail", "OPEN": "inconclusive"}
    assert first.results["ended_by"] == "refused before the pump was started: TOO-FINE"
    assert Finished(0, "", runs["mixed-2"]).results["ended_by"] == ""
    report = (session / "report.html").read_text(encoding="utf-8")
    for test_id in ("WRONG", "OPEN", "TOO-FINE"):
        assert test_id in report
    assert report.count("other/mixed.yaml") >= 1


def test_an_inconclusive_test_alone_fails_the_session(drive: Drive, tmp_path: Path) -> None:
    plan = write_plan(tmp_path / "open.yaml", bolus("OPEN", accept={"mean_error": "-90 % to -1 %"}))
    plan.write_text(plan.read_text(encoding="utf-8").replace("decision: simple", "decision: guarded"), encoding="utf-8")
    run = drive(plan)
    assert run.code == 1
    assert run.verdicts == {"OPEN": "inconclusive"}
    assert run.output.splitlines()[-1].strip("= ").startswith("1 inconclusive in")


def test_python_tests_alone_make_no_reports(tmp_path: Path) -> None:
    code, said = pytest_says("tests/test_clock.py", "-k", "utc", "-n0", folder=tmp_path)
    assert code in {0, 5}, said
    assert list(tmp_path.iterdir()) == []


def test_a_wire_log_of_an_instrument_that_the_rig_lacks_is_refused_before_anything_runs(tmp_path: Path) -> None:
    plan = write_plan(tmp_path / "short.yaml", bolus())
    code, said = pytest_says(plan, "--wire-log-of", "scale", folder=tmp_path)
    assert code == 4
    assert "--wire-log-of scale: rig simulated has no such instrument (it has pump, balance," in said
    assert not (tmp_path / "reports").exists()


def test_the_wire_log_of_one_instrument_is_written_into_the_run_s_folder(tmp_path: Path) -> None:
    plan = write_plan(tmp_path / "short.yaml", bolus())
    code, said = pytest_says(plan, "--wire-log-of", "balance", "--wire-log-of", "pump", folder=tmp_path)
    assert code == 0, said
    run = the_session(tmp_path)
    assert sorted(path.name for path in run.glob("wire-*")) == ["wire-balance.log", "wire-pump.log"]
    assert " tx 53 49 52 0d 0a SIR\\r\\n\n" in (run / "wire-balance.log").read_text(encoding="ascii")
