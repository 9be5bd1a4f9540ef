"""A run on a pump model's file: the recording alone has the model, and makes the same verdict again."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bench.plan.load import load_plan
from bench.procedures import registry
from bench.recording.reader import RecordingReader
from bench.reporting.header import run_header_html
from bench.rig.load import load_rig
from bench.run.evaluate import evaluate_run
from tests.system.in_process import rig_text, run_plan

MODEL = """\
model: a pump that delivers too little
source: [made up for a test]
not_modelled: [everything else]
startup_excess: -20 %
startup_decay: 100 d
"""
PLAN = """\
plan: short
title: A short bolus test
pump: {insulin: U-100, bolus_increment: 0.05 U}
tests:
  - id: BOLUS
    title: Boluses
    procedure: bolus
    volume: 1 U
    count: 3
    interval: 90 s
    settle: 60 s
    blank: 5 min
    accept: {mean_error: ±10 %}
"""


@pytest.fixture
def rig(tmp_path: Path) -> str:
    """Return the simulated rig's text with a model's file resolved into it, the file gone."""
    data = yaml.safe_load(rig_text())
    data["simulation"]["pump"] = "pumps/less.yaml"
    (tmp_path / "pumps").mkdir()
    (tmp_path / "pumps" / "less.yaml").write_text(MODEL, encoding="utf-8")
    path = tmp_path / "rig.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")
    text = load_rig(path).text
    (tmp_path / "pumps" / "less.yaml").unlink()
    return text


def test_a_recording_has_its_pump_model_and_makes_the_verdict_again(tmp_path: Path, rig: str) -> None:
    folder = tmp_path / "run"
    run = run_plan(PLAN, rig, 3, folder)
    (test,) = run.tests
    assert test.verdict == "fail"
    assert run.pump_model is not None
    assert (run.pump_model.model, run.pump_model.changed) == ("a pump that delivers too little", [])
    with RecordingReader(folder / "recording.sqlite") as recording:
        assert recording.config.rig_text == rig
    again = evaluate_run(folder, registry())
    assert again == run
    assert "a pump that delivers too little" in run_header_html(again)
    assert load_plan(PLAN, registry()).plan == run.plan
