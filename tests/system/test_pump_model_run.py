"""A run on a pump model's file: the recording alone has the model, and makes the same verdict again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from bench.procedures import registry
from bench.recording.reader import RecordingReader
from bench.reporting.header import run_header_html
from bench.results.model import RunResult
from bench.rig.load import load_rig
from bench.run.evaluate import evaluate_run
from tests.system.in_process import ROOT, rig_text, run_plan

SHIPPED = sorted((ROOT / "fixtures" / "pumps").glob("*.yaml"))
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


def driven(model: str, folder: Path) -> tuple[RunResult, str]:
    """Drive on a rig that names a model's file, gone before the run; return what was found, and the rig's text."""
    data = yaml.safe_load(rig_text())
    data["simulation"]["pump"] = "pumps/model.yaml"
    (folder / "pumps").mkdir()
    (folder / "pumps" / "model.yaml").write_text(model, encoding="utf-8")
    path = folder / "rig.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")
    text = load_rig(path).text
    shutil.rmtree(folder / "pumps")
    run = run_plan(PLAN, text, 3, folder / "run")
    with RecordingReader(folder / "run" / "recording.sqlite") as recording:
        assert recording.config.rig_text == text
    assert evaluate_run(folder / "run", registry()) == run
    return run, text


def test_a_recording_has_its_pump_model_and_makes_the_verdict_again(tmp_path: Path) -> None:
    run, _ = driven(MODEL, tmp_path)
    assert run.tests[0].verdict == "fail"
    assert run.pump_model is not None
    assert (run.pump_model.model, run.pump_model.changed) == ("a pump that delivers too little", [])
    assert "a pump that delivers too little" in run_header_html(run)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_model_runs_and_is_named_in_the_recording(path: Path, tmp_path: Path) -> None:
    model = path.read_text(encoding="utf-8")
    run, text = driven(model, tmp_path)
    told = yaml.safe_load(model)
    assert yaml.safe_load(text)["simulation"]["pump"] == told
    assert run.pump_model is not None
    assert (run.pump_model.model, run.pump_model.not_modelled) == (told["model"], told["not_modelled"])
    (test,) = run.tests
    assert test.evaluation is not None
    assert test.verdict in {"pass", "inconclusive", "fail"}
    (error,) = (each.value for each in test.evaluation.measurements if each.name == "mean_error")
    assert error is not None
    assert abs(error) < 25.0
