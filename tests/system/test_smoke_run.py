"""The way through: plan, rig, drive, recording, evaluation, verdict, report, as `./run demo` walks it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.system.conftest import ROOT, Finished

SMOKE = ROOT / "test_plans" / "smoke.yaml"


def rows(folder: Path, table: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(f"file:{folder / 'recording.sqlite'}?mode=ro", uri=True) as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()  # noqa: S608


def test_the_smoke_plan_passes_and_leaves_a_report_with_its_figures(drive: Callable[..., Finished]) -> None:
    run = drive(SMOKE)
    assert run.code == 0, run.output
    assert len(run.verdicts) >= 9
    assert set(run.verdicts.values()) == {"pass"}
    assert {test["procedure"] for test in run.results["tests"]} == {"basal", "bolus", "occlusion"}
    assert all(test["evaluation"]["figures"] for test in run.results["tests"])
    assert str(run.folder / "report.html") in run.output
    report = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "SIMULATED" in report
    assert re.search(r'(?:href|src)="https?:', report) is None
    assert {path.name for path in run.folder.iterdir()} >= {"recording.sqlite", "results.json", "junit.xml"}


def test_one_seed_gives_one_history_and_another_seed_another(drive: Callable[..., Finished]) -> None:
    selection = ("-k", "OCCLUSION-BOLUS")
    first = drive(SMOKE, *selection, "--seed", "5", reports="a")
    second = drive(SMOKE, *selection, "--seed", "5", reports="b")
    other = drive(SMOKE, *selection, "--seed", "6", reports="c")
    for table in ("samples", "events", "blocks"):
        assert rows(first.folder, table) == rows(second.folder, table)
        assert rows(first.folder, table) != rows(other.folder, table) or table == "blocks"
    assert (first.folder / "results.json").read_bytes() == (second.folder / "results.json").read_bytes()
    assert (first.folder / "results.json").read_bytes() != (other.folder / "results.json").read_bytes()
