"""`pumpbench analyse --without`: what a correction does, for a look."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.cli import main
from tests.importing.files import analyse, lines, write


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write(tmp_path / "readings.csv", lines())


def volume_u(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[float, dict[str, Any]]:
    analyse(path, "--json", *options)
    evaluation = json.loads(capsys.readouterr().out)["tests"][0]["evaluation"]
    return next(each["value"] for each in evaluation["measurements"] if each["name"] == "total_volume"), evaluation


def test_a_correction_is_left_off_and_that_is_said(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept, whole = volume_u(recording, capsys)
    left, partial = volume_u(recording, capsys, "--without", "sample_buoyancy", "--without", "evaporation")
    table = next(table for table in whole["tables"] if table["name"] == "corrections")
    effects = {row[0]: float(row[4]) for row in table["rows"] if row[1] == "yes"}
    lost = effects["air buoyancy of the sample"] + effects["evaporation"]
    assert kept - left == pytest.approx(lost, rel=0.01, abs=2e-5)
    assert any("switched off: evaporation, sample buoyancy" in note for note in partial["notes"])
    assert any("are made good." in note for note in whole["notes"])
    (lost_note,) = [note for note in partial["notes"] if note.startswith("Evaporation and drift")]
    assert "(k = 2; from blanks) are not made good." in lost_note


def test_of_a_run_as_of_a_file(recording: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    analyse(recording, "--output", str(tmp_path / "run"))
    capsys.readouterr()
    of_file, _ = volume_u(recording, capsys, "--without", "evaporation")
    main(["analyse", str(tmp_path / "run"), "--without", "evaporation", "--json"])
    run = json.loads(capsys.readouterr().out)
    volumes = [
        each["value"] for each in run["tests"][0]["evaluation"]["measurements"] if each["name"] == "total_volume"
    ]
    assert volumes == [of_file]
    assert "--without" not in run["imported"]["options"]


def test_what_is_no_correction_is_refused(recording: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert analyse(recording, "--without", "evaporating") == 2
    assert "--without: there is no correction 'evaporating'; there are evaporation," in capsys.readouterr().err
    assert analyse(recording, "--without", "evaporation", "--output", str(tmp_path / "kept")) == 2
    assert "is for looking, not for keeping" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["analyse", str(recording), "--without"])
