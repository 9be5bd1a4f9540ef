"""What the commands of the README do with a run's folder after the run."""

from __future__ import annotations

import re
import shutil
import sqlite3
from pathlib import Path

import pytest

from bench.cli import main
from bench.recording.reader import RecordingReader
from bench.results.model import RunResult
from bench.results.pooled import Pooled
from tests.system.lab import bolus, pytest_says, write_plan
from tests.system.test_pytest_behaviour import the_session


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a session of two plans, whose runs are `one` and `two`."""
    folder = tmp_path_factory.mktemp("finished")
    plans = [write_plan(folder / f"{name}.yaml", bolus("GOOD")) for name in ("one", "two")]
    code, said = pytest_says(*plans, folder=folder)
    assert code == 0, said
    return the_session(folder)


def test_a_run_is_named_by_its_folder_or_by_its_recording(session: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with RecordingReader(session / "one" / "recording.sqlite") as recording:
        digest = recording.verify()
    for named in (session / "one", session / "one" / "recording.sqlite"):
        assert main(["verify", str(named)]) == 0
        assert digest in capsys.readouterr().out
        assert main(["analyse", str(named)]) == 0
        assert "GOOD: PASS" in capsys.readouterr().out


def test_budgets_are_checked_by_drawing_on_demand(session: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(session / "one")
    assert main(["analyse", run, "--monte-carlo", "20000"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"Monte Carlo  mean_error: \S+ to \S+ %, budget \S+ to \S+ % \(20000 draws.*\): ", said)
    assert main(["analyse", run, "--monte-carlo", "--json"]) == 0
    results = RunResult.model_validate_json(capsys.readouterr().out)
    evaluation = results.tests[0].evaluation
    assert evaluation is not None
    checked = {each.name: each.monte_carlo for each in evaluation.measurements if each.standard_uncertainty}
    mean_error = checked["mean_error"]
    assert mean_error is not None
    drawn, stated = mean_error.high - mean_error.low, mean_error.gum_high - mean_error.gum_low
    assert 0.7 < drawn / stated < 1.4
    assert all(checked.values())
    assert main(["analyse", run, "--json"]) == 0
    assert '"low"' not in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["analyse", run, "--monte-carlo", "10"])
    assert "10 draws tell nothing of an interval: 1000 at least" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["verify", "analyse", "report"])
def test_the_folder_of_several_runs_is_refused_with_their_names(
    session: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main([command, str(session)]) == 2
    assert f"Name one of those in it: {session / 'one'}, {session / 'two'}" in capsys.readouterr().err


def test_a_changed_recording_is_refused_and_its_report_stays(
    session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(session / "one", tmp_path / "run")
    report = run / "report.html"
    report.write_text("the report of the day", encoding="utf-8")
    connection = sqlite3.connect(run / "recording.sqlite")
    connection.execute("UPDATE samples SET value = value + 0.001 WHERE seq = 100")
    connection.commit()
    connection.close()
    for command in ("verify", "analyse", "report"):
        assert main([command, str(run)]) == 2
        assert "samples block 1" in capsys.readouterr().err
    assert report.read_text(encoding="utf-8") == "the report of the day"


def test_analyse_says_that_a_run_is_incomplete(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = write_plan(tmp_path / "plan.yaml", bolus("TOO-FINE", accept={"mean_error": "±0.01 %"}))
    code, said = pytest_says(plan, folder=tmp_path)
    assert code == 1, said
    assert main(["analyse", str(the_session(tmp_path))]) == 1
    assert "INCOMPLETE: refused before the pump was started: TOO-FINE" in capsys.readouterr().out


def test_replay_runs_the_finished_run_and_nothing_else(session: Path, tmp_path: Path) -> None:
    run = shutil.copytree(session / "one", tmp_path / "run")
    (run / "report.html").unlink(missing_ok=True)
    code, said = pytest_says("--replay", run, "tests/test_clock.py", folder=tmp_path)
    assert code == 0, said
    assert "collected 1 item" in said
    assert (run / "report.html").exists()
    code, said = pytest_says("--replay", tmp_path, folder=tmp_path)
    assert code == 4
    assert "is no run's folder: it has no recording.sqlite" in said


def test_finished_runs_are_pooled_from_results_or_anew(session: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [str(session / "one"), str(session / "two" / "recording.sqlite")]
    assert main(["compare", *runs, "--json"]) == 0
    written = capsys.readouterr().out
    assert main(["compare", *runs, "--json", "--evaluate"]) == 0
    assert capsys.readouterr().out == written
    pooled = Pooled.model_validate_json(written)
    assert pooled.simulated
    (pump,) = pooled.pumps  # one seed is one simulated pump
    assert pump.startswith("SIM-PUMP-1, seed ")
    (group,) = pooled.groups
    assert (group.procedure, group.tests, group.pumps) == ("bolus", 2, 1)


def test_results_of_another_recording_are_not_pooled(
    session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mixed = tmp_path / "mixed"
    shutil.copytree(session / "one", mixed)
    shutil.copy(session / "two" / "results.json", mixed / "results.json")
    assert main(["compare", str(mixed)]) == 2
    assert "not of the recording beside it" in capsys.readouterr().err
