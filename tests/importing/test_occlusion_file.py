"""An occlusion that other software has recorded: what the opened line gives back is no blank."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.cli import main
from tests.importing.files import write

CLOSED_S, ALARM_S, OPENED_S, STORED_MG = 1800, 3600, 3700, 4.0
EVENTS = {
    600: "basal commanded",
    CLOSED_S: "occluder closed",
    ALARM_S: "alarm OCCLUSION",
    ALARM_S + 1: "basal stopped",
    OPENED_S: "occluder opened",
}


def rows(end_s: int) -> list[str]:
    """Return a file: ten minutes of nothing, a flow, the shut line, and what it gives back with a tail of a minute."""
    time_s = np.arange(0, end_s)
    mass_mg = 25_000.0 + 30.0 / 3600.0 * np.clip(time_s - 600.0, 0.0, CLOSED_S - 600.0)
    mass_mg += STORED_MG * (1.0 - np.exp(-np.maximum(time_s - OPENED_S, 0.0) / 60.0))
    mass_mg += np.random.default_rng(2).normal(0.0, 0.02, len(time_s))
    return [
        "time_s,mass_g,event",
        *(f"{at},{mass:.5f},{EVENTS.get(at, '')}" for at, mass in enumerate((1e-3 * mass_mg).tolist())),
    ]


def evaluation(end_s: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    path = write(tmp_path / "occlusion.csv", rows(end_s))
    main(["analyse", str(path), "--procedure", "occlusion", "--rate", "3 U/h", "--insulin", "U-100",
          "--basal-increment", "0.05 U", "--json"])  # fmt: skip
    found: dict[str, Any] = json.loads(capsys.readouterr().out)["tests"][0]["evaluation"]
    return found


def blank_note(found: dict[str, Any]) -> str:
    return next(str(note) for note in found["notes"] if "is taken as a blank" in note)


def test_what_the_opened_line_gives_back_is_no_blank(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = evaluation(OPENED_S + 700, tmp_path, capsys)
    assert blank_note(found).startswith("What was weighed before the first command is")


def test_a_blank_begins_when_the_line_has_given_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = evaluation(OPENED_S + 1300, tmp_path, capsys)
    assert "before the first command and ten minutes after the line was opened" in blank_note(found)
    corrections = next(table for table in found["tables"] if table["name"] == "corrections")
    loss = next(row[2] for row in corrections["rows"] if row[0] == "evaporation")
    # Four milligrams came in a minute: taken as a blank, they would be a gain of many mg/h.
    assert abs(float(loss.split()[0].replace("−", "-"))) < 0.5, loss
