"""A run, its export as CSV, and what `analyse` finds in that CSV: the same to the last digit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.cli import main
from tests.system.conftest import ROOT
from tests.system.lab import pytest_says, write_plan
from tests.system.test_pytest_behaviour import the_session

TESTS: list[dict[str, Any]] = [
    {
        "id": "BASAL",
        "procedure": "basal",
        "rate": "4 U/h",
        "duration": "12 min",
        "blank": "3 min",
        "accept": {"mean_error": "±90 %", "delivered_1h": ">= 0 U"},
    },
    {
        "id": "BOLUS",
        "procedure": "bolus",
        "volume": "1 U",
        "count": 2,
        "blank": "3 min",
        "accept": {"mean_error": "±90 %"},
    },
    {
        "id": "OCCLUSION",
        "procedure": "occlusion",
        "rate": "12 U/h",
        "run_in": "5 min",
        "timeout": "1 h",
        "release_observation": "3 min",
        "blank": "3 min",
        "accept": {"time_to_alarm": "<= 30 min"},
    },
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a simulated run of all procedures; `plan.yaml` lies beside it."""
    folder = tmp_path_factory.mktemp("run")
    code, said = pytest_says(write_plan(folder / "plan.yaml", *TESTS), folder=folder)
    assert code in (0, 1), said
    return the_session(folder)


@pytest.mark.parametrize("test_id", [test["id"] for test in TESTS])
@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_an_imported_export_gives_the_same_to_the_last_digit(
    run: Path, tmp_path: Path, test_id: str, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exported = tmp_path / f"exported{ending}"
    assert main(["export", str(run), "--test", test_id, "--output", str(exported)]) == 0
    capsys.readouterr()
    plan = run.parent.parent / "plan.yaml"
    rig = ROOT / "fixtures" / "simulated.yaml"
    main(["analyse", str(exported), "--plan", str(plan), "--test", test_id, "--rig", str(rig), "--json"])
    again = json.loads(capsys.readouterr().out)
    driven = json.loads((run / "results.json").read_text(encoding="utf-8"))
    (original,) = (test for test in driven["tests"] if test["id"] == test_id)
    assert again["tests"] == [original]
    assert original["evaluation"]["measurements"][0]["value"] is not None
    assert again["simulated"] is True
    assert again["seed"] == driven["seed"]
    assert again["imported"]["file"] == exported.name
    assert driven["imported"] is None
