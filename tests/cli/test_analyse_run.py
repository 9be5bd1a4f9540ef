"""`pumpbench analyse RUN`: text, JSON and a report of a run that is finished, as of a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.cli import main
from tests.importing.files import analyse, lines, write


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    analyse(write(folder / "readings.csv", lines()), "--output", str(folder / "a-run"))
    return folder / "a-run"


@pytest.mark.parametrize("named", ["", "recording.sqlite"])
def test_a_run_has_its_report_elsewhere_too(
    named: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {each.name: each.read_bytes() for each in run.iterdir()}
    page = tmp_path / "page.html"
    assert main(["analyse", str(run / named), "--json", "--html", str(page)]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(before["results.json"])
    shown = page.read_text(encoding="utf-8")
    assert "BASAL" in shown
    assert "mean_error" in shown
    assert "a-run" in shown
    assert {each.name: each.read_bytes() for each in run.iterdir()} == before


def test_a_run_is_kept_where_it_is(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyse", str(run), "--output", str(tmp_path / "other")]) == 2
    assert "a run has a folder of its own" in capsys.readouterr().err
    assert main(["analyse", str(run), "--html", str(tmp_path / "page.html"), "--without", "evaporation"]) == 2
    assert "--without is for looking" in capsys.readouterr().err
    assert main(["analyse", str(run), "--rate", "1 U/h"]) == 2
    assert "--rate: a run's recording says that itself" in capsys.readouterr().err
