"""What a slow link leaves open is in the budgets of what hangs on instants, and nowhere else."""

from __future__ import annotations

import math

import pytest

from bench.procedures.bolus.procedure import PROCEDURE
from bench.procedures.shared.latency import latency_lines, link_latency_s
from tests.procedures import test_bolus_evaluation as boluses
from tests.procedures.made_recordings import Made

NAME = "latency of the balance's link"


def row_of_three(late_s: float | None) -> Made:
    volumes_u = [0.1, 0.1, 0.1]
    recording = boluses.made(volumes_u)
    recording.balance(boluses.mass(volumes_u), seed=None)
    if late_s is not None:
        told = {"instrument": "balance", "median_s": 0.5 * late_s, "least_s": 0.0, "greatest_s": late_s}
        recording.events.append((0.0, "link latency", told))
        recording.events.append((0.0, "link latency", {**told, "instrument": "pump", "greatest_s": 9.0}))
    return recording


@pytest.mark.parametrize("late_s", [None, 0.05])
def test_the_time_that_a_bolus_takes_is_as_sure_as_the_link_lets_it_be(late_s: float | None) -> None:
    record = row_of_three(late_s).in_memory()
    evaluation = PROCEDURE.evaluate(boluses.settings(3), record, boluses.made_context(3))
    measured = {one.name: one for one in evaluation.measurements}
    lines = {line.name: line for line in measured["delivery_time"].budget}
    assert (NAME in lines) is (late_s is not None)
    if late_s is not None:
        assert lines[NAME].standard_uncertainty == pytest.approx(late_s / math.sqrt(3.0))
        assert abs(lines[NAME].contribution) == pytest.approx(late_s / math.sqrt(3.0))
        assert "50 ms at most" in lines[NAME].source
    assert NAME not in {line.name for line in measured["mean_error"].budget}


def test_what_was_not_measured_has_no_line() -> None:
    record = row_of_three(None).in_memory()
    assert link_latency_s(record, "balance") == 0.0
    assert latency_lines(0.0, 1.0) == []
    assert link_latency_s(row_of_three(0.02).in_memory(), "pump") == 9.0
