"""Faults of the pump's programme and of single basal pulses, each seen in the pulses themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.twin.pump_model import PumpModel
from bench.twin.truth import Truth, read_truth
from bench.twin.world import World
from tests.twin.quiet import quiet

HOUR_S = 3600.0
Acts = dict[float, Callable[[PumpModel], None]]


def run(path: Path, fault: dict[str, object], acts: Acts, end_s: float, rate_u_per_h: float = 1.0) -> Truth:
    with World(quiet(fault), 1, path) as world:
        world.pump.set_basal_rate(rate_u_per_h)
        if 0.0 in acts:
            acts.pop(0.0)(world.pump)
        world.pump.switch_basal(True)
        for time_s, act in acts.items():
            world.run_until(time_s)
            act(world.pump)
        world.run_until(end_s)
    return read_truth(path)


def test_a_lost_partial_pulse_is_gone_at_every_change(tmp_path: Path) -> None:
    acts: Acts = {90.0: lambda pump: pump.set_basal_rate(2.0), 500.0: PumpModel.suspend, 900.0: PumpModel.resume}
    truth = run(tmp_path / "truth", {"fault": "lost_partial_pulse"}, acts, 1000.0)
    assert truth.pulse_time_s == pytest.approx([180.0, 270.0, 360.0, 450.0, 990.0])


def test_a_shifted_profile_begins_with_the_night_before_and_changes_late(tmp_path: Path) -> None:
    segments = [(0.0, 1.0), (2 * HOUR_S, 2.0), (4 * HOUR_S, 0.5)]
    acts: Acts = {0.0: lambda pump: pump.set_profile(segments)}
    truth = run(tmp_path / "truth", {"fault": "profile_shifted"}, acts, 6 * HOUR_S + 1.0)
    hourly = [round(truth.metered_ul(hour * HOUR_S + 1.0, (hour + 1) * HOUR_S + 1.0) / 10.0, 6) for hour in range(6)]
    assert hourly == [0.5, 1.0, 1.0, 2.0, 2.0, 0.5]


def test_a_fast_clock_makes_everything_come_early(tmp_path: Path) -> None:
    acts: Acts = {
        0.0: lambda pump: pump.set_profile([(0.0, 1.0), (2 * HOUR_S, 2.0)]),
        5 * HOUR_S: lambda pump: pump.start_extended(1.0, HOUR_S),
    }
    truth = run(tmp_path / "truth", {"fault": "clock_fast"}, acts, 7 * HOUR_S)
    basal_s = truth.pulse_time_s[np.array(truth.pulse_stream) == "basal"]
    assert np.diff(basal_s)[:30] == pytest.approx(180.0 / 1.02)
    changed_s = 2 * HOUR_S / 1.02
    assert np.diff(basal_s[basal_s >= changed_s - 1e-6]) == pytest.approx(90.0 / 1.02)
    bolus_s = truth.pulse_time_s[np.array(truth.pulse_stream) == "bolus"]
    assert bolus_s[-1] - 5 * HOUR_S == pytest.approx(HOUR_S / 1.02)


def test_an_ignored_temporary_rate_is_reported_and_changes_nothing(tmp_path: Path) -> None:
    seen = []

    def temporary(pump: PumpModel) -> None:
        pump.set_temporary("PERC", 50.0, HOUR_S)
        seen.append(pump.temporary)

    truth = run(tmp_path / "truth", {"fault": "temporary_ignored"}, {HOUR_S: temporary}, 3 * HOUR_S + 1.0)
    assert seen == [("PERC", 50.0, HOUR_S)]
    assert np.diff(truth.pulse_time_s) == pytest.approx(180.0)


def test_the_first_basal_pulse_after_a_suspension_comes_twice(tmp_path: Path) -> None:
    acts: Acts = {400.0: PumpModel.suspend, 500.0: PumpModel.resume}
    truth = run(tmp_path / "truth", {"fault": "double_after_resume"}, acts, 1000.0)
    assert truth.pulse_volume_ul == pytest.approx([0.5, 0.5, 1.0, 0.5, 0.5])
    assert truth.pulse_commanded_ul == pytest.approx(0.5)


def test_a_scale_error_below_a_rate_leaves_that_rate_alone(tmp_path: Path) -> None:
    acts: Acts = {2 * HOUR_S + 1.0: lambda pump: pump.set_basal_rate(0.3)}
    fault: dict[str, object] = {"fault": "scale_error_below", "rate": "0.3 U/h", "factor": 0.8}
    truth = run(tmp_path / "truth", fault, acts, 4 * HOUR_S, rate_u_per_h=0.2)
    assert truth.metered_ul(0.0, 2 * HOUR_S + 1.0) == pytest.approx(0.8 * 4.0)
    assert truth.pulse_volume_ul[truth.pulse_time_s > 2 * HOUR_S + 1.0] == pytest.approx(0.5)
