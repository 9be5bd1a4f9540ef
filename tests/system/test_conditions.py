"""A matrix on the simulated rig: the operator is asked when something changes, and the report compares."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bench.procedures import registry
from bench.recording.reader import RecordingReader
from bench.reporting.header import run_header_html
from bench.reporting.html import test_html as html_of_test
from bench.reporting.matrix import matrices, matrix_figures, matrix_lines
from bench.results.model import RunResult, Verdict
from bench.run.evaluate import evaluate_run
from tests.system.in_process import ROOT, rig_text, run_plan
from tests.system.lab import pytest_says, write_rig

PLAN = """\
plan: TP-MATRIX
title: A pump at rest over heights, after two rates
pump: {insulin: U-100, basal_increment: 0.05 U}
decision: simple
tests:
  - id: REST
    procedure: idle
    run_in: 5 min
    duration: 30 min
    conditions:
      rate: [1 U/h, 2 U/h]
      head_height: [-30 cm, 30 cm]
    verifies: [REQ-1]
    accept: {unintended_rate: ±0.2 U/h}
  - id: AFTER
    procedure: idle
    duration: 30 min
    accept: {unintended_rate: ±0.2 U/h}
"""
SIPHON_KPA_S_PER_UL = 5000.0
TRUE_U_PER_H = 0.3 * 9.80665 / SIPHON_KPA_S_PER_UL * 3600.0 / 10.0
"""What 30 cm of water drive through the siphon."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("matrix") / "run"


@pytest.fixture(scope="module")
def run(folder: Path) -> RunResult:
    siphon = {"fault": "siphon", "resistance": f"{SIPHON_KPA_S_PER_UL} kPa·s/µL"}
    return run_plan(PLAN, rig_text([siphon]), 1, folder)


def test_each_height_is_asked_for_once_and_what_it_drives_is_weighed(run: RunResult, folder: Path) -> None:
    with RecordingReader(folder / "recording.sqlite") as recording:
        asked = [event.data["words"] for event in recording.events("operator asked")]
    assert asked == ["Put the reservoir 30 cm below the outlet", "Put the reservoir 30 cm above the outlet"]
    measured = {}
    for test in run.tests[:4]:
        assert test.evaluation is not None
        found = next(each for each in test.evaluation.measurements if each.name == "unintended_rate")
        assert found.value is not None
        assert found.expanded_uncertainty is not None
        true = TRUE_U_PER_H if "head 30 cm" in test.id else -TRUE_U_PER_H
        assert abs(found.value - true) < 1.5 * found.expanded_uncertainty
        measured[test.id] = test.verdict
    assert list(measured) == [
        "REST[rate 1 U/h, head -30 cm]",
        "REST[rate 2 U/h, head -30 cm]",
        "REST[rate 1 U/h, head 30 cm]",
        "REST[rate 2 U/h, head 30 cm]",
    ]
    assert set(measured.values()) == {Verdict.FAIL}


def test_each_condition_is_recorded_with_who_set_it_and_when(run: RunResult, folder: Path) -> None:
    with RecordingReader(folder / "recording.sqlite") as recording:
        events = recording.events("condition set", "REST[rate 2 U/h, head -30 cm]")
        answered = recording.events("operator confirmed")[0].data["answered_s"]
        (tared, *_) = recording.events("balance tared")
    # The line takes back what a height stretches it by: nothing of that is weighed.
    assert tared.time_s - answered >= 180.0
    told = {event.data["name"]: event.data for event in events}
    assert told["rate"]["by"] == "the test's own setting"
    assert "simulated operator" in told["head_height"]["by"]
    assert told["head_height"]["set_s"] == answered
    assert told["head_height"]["asked_for"] == "REST[rate 1 U/h, head -30 cm]"
    second = run.tests[1]
    assert [(each.name, each.text, each.set_s) for each in second.conditions][1] == ("head_height", "-30 cm", answered)
    assert second.settings["rate"] == "2 U/h"
    assert "Head height<dd>\u221230 cm (set by operator pumpbench twin" in html_of_test(second, simulated=True)


def test_a_test_that_names_no_height_says_how_the_bench_still_stood(run: RunResult) -> None:
    after = run.tests[4]
    assert after.conditions == []
    assert after.evaluation is not None
    assert "still stood at head height 30 cm" in after.evaluation.notes[0]


def test_the_recording_alone_gives_the_same(run: RunResult, folder: Path) -> None:
    assert evaluate_run(folder, registry()).tests == run.tests


def test_the_report_compares_all_combinations(run: RunResult) -> None:
    (matrix,) = matrices(run)
    assert matrix.names == ("rate", "head_height")
    lines = matrix_lines(matrix)
    assert len(lines) == 7
    assert lines[1].split() == ["rate", "head", "height", "verdict", "unintended_rate"]
    assert lines[3].split()[:5] == ["1", "U/h", "-30", "cm", "fail"]
    by_rate, by_height = matrix_figures(matrix, simulated=True)
    assert (by_rate.x_label, by_height.x_label) == ("Rate / (U/h)", "Head height / cm")
    drawn = by_height.series[0]
    assert (drawn.label, drawn.x) == ("rate 1 U/h", [-30.0, 30.0])
    assert drawn.y[0] is not None
    assert drawn.y[1] is not None
    assert drawn.y[0] < 0.0 < drawn.y[1]
    html = run_header_html(run)
    assert "REST: compared over its conditions" in html
    assert html.count('<th scope="row">\u221230 cm') == 2
    assert re.search("rest: from \u2212.* at rate . U/h, head height \u221230 cm to \\+.* head height 30 cm", html)
    assert html.count("<bench-chart") == 2


def test_a_condition_that_the_bench_has_not_is_an_error_and_asked_for_again(tmp_path: Path) -> None:
    text = PLAN.replace("head_height: [-30 cm, 30 cm]", "temperature: [37 °C]")
    run = run_plan(text, rig_text(), 1, tmp_path / "run")
    assert [test.verdict for test in run.tests[:2]] == [Verdict.ERROR, Verdict.ERROR]
    assert run.tests[0].reason.startswith("operator: could not set temperature 37 °C: nothing on this bench can")
    assert run.tests[0].conditions[1].set_s is None
    with RecordingReader(tmp_path / "run" / "recording.sqlite") as recording:
        assert len(recording.events("operator asked")) == 2
    assert "error" in matrix_lines(matrices(run)[0])[3]


def collected(folder: Path, rig: Path, *arguments: str) -> tuple[int, str]:
    plan = folder / "matrix.yaml"
    plan.write_text(PLAN, encoding="utf-8")
    return pytest_says("--collect-only", "-q", plan, "--rig", rig, *arguments, folder=folder)


@pytest.mark.parametrize(
    ("words", "selected"),
    [
        ("head--30cm", ["REST[rate 1 U/h, head -30 cm]", "REST[rate 2 U/h, head -30 cm]"]),
        ("rate-2U/h and head-30cm", ["REST[rate 2 U/h, head 30 cm]"]),
        ("AFTER", ["AFTER"]),
    ],
)
def test_combinations_are_chosen_by_their_conditions(tmp_path: Path, words: str, selected: list[str]) -> None:
    code, said = collected(tmp_path, ROOT / "fixtures" / "simulated.yaml", "-k", words)
    assert code == 0, said
    assert [line.split("::")[1] for line in said.splitlines() if "::" in line] == selected


def test_a_condition_that_nobody_can_set_is_refused_at_collection_once(tmp_path: Path) -> None:
    def alone(rig: dict[str, Any]) -> None:
        del rig["instruments"]["operator"]

    code, said = collected(tmp_path, write_rig(tmp_path / "alone.yaml", alone))
    assert code != 0
    assert said.count("needs an operator, and the rig has none") == 1
    assert "matrix.yaml:6: REST: " in said
    assert "(head height: set by an operator)" in said
