"""Faults of counting, cancelling and spreading a bolus, and of a pump at rest, on the truth."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.twin.truth import read_truth
from bench.twin.world import World
from tests.twin.quiet import quiet


def test_a_bolus_can_be_delivered_and_not_counted() -> None:
    with World(quiet({"fault": "bolus_not_counted", "every": 2}), 1) as world:
        for bolus, (reported, counted) in enumerate(((1.0, 1.0), (0.0, 1.0)), start=1):
            world.pump.start_bolus(1.0)
            world.run_until(200.0 * bolus)
            assert world.pump.bolus == ("IDLE", 1.0, reported)
            assert world.pump.delivered_u["bolus"] == counted
            assert world.line.volume_ul(world.now_s) == pytest.approx(10.0 * bolus, abs=1e-6)
        assert world.pump.reservoir_u == 299.0


def test_a_cancel_that_is_ignored_is_reported_all_the_same() -> None:
    with World(quiet({"fault": "cancel_ignored"}), 1) as world:
        world.pump.start_bolus(1.0)
        world.run_until(20.5)
        world.pump.cancel_bolus()
        assert world.pump.state == "STOP"
        assert not world.pump.at_rest
        world.run_until(300.0)
        assert world.pump.bolus == ("IDLE", 1.0, 0.5)
        assert world.line.volume_ul(300.0) == pytest.approx(10.0, abs=1e-6)
        world.pump.start_bolus(0.5)
        world.run_until(400.0)
        assert world.pump.bolus == ("IDLE", 0.5, 0.5)


def test_a_stop_is_obeyed_even_where_a_cancel_is_not() -> None:
    with World(quiet({"fault": "cancel_ignored"}), 1) as world:
        world.pump.start_bolus(1.0)
        world.run_until(20.5)
        world.pump.cancel_bolus()
        world.pump.stop()
        world.run_until(300.0)
        assert world.line.volume_ul(300.0) == pytest.approx(5.0, abs=1e-6)


def test_a_spread_bolus_can_come_at_once() -> None:
    with World(quiet({"fault": "extended_as_normal"}), 1) as world:
        world.pump.start_dual(0.4, 0.6, 1800.0)
        world.run_until(60.0)
        assert world.pump.bolus[0] == "IDLE"
        assert world.line.volume_ul(60.0) == pytest.approx(10.0, abs=1e-6)


def test_a_leak_at_rest_runs_only_at_rest(tmp_path: Path) -> None:
    with World(quiet({"fault": "leak_at_rest", "rate": "0.2 U/h"}), 1, tmp_path / "truth") as world:
        world.run_until(3600.0)
        at_rest_ul = world.line.volume_ul(3600.0)
        world.pump.set_basal_rate(1.0)
        world.pump.switch_basal(True)
        world.run_until(7205.0)
        delivering_ul = world.line.volume_ul(7205.0) - at_rest_ul
        world.pump.suspend()
        world.run_until(10805.0)
        suspended_ul = world.line.volume_ul(10805.0) - at_rest_ul - delivering_ul
    assert at_rest_ul == pytest.approx(2.0, rel=0.003)
    assert delivering_ul == pytest.approx(10.0, rel=0.003)
    assert suspended_ul == pytest.approx(2.0, rel=0.003)
    # It is no pulse of the motor.
    assert read_truth(tmp_path / "truth").pulse_volume_ul.sum() == pytest.approx(10.0)


@pytest.mark.parametrize("height_mm", [0.0, 500.0, -500.0])
def test_a_siphon_follows_the_head_height(height_mm: float) -> None:
    fault = {"fault": "siphon", "resistance": "20000 kPa·s/µL"}
    with World(quiet(fault, plant={"head_height": f"{height_mm} mm"}), 1) as world:
        world.run_until(7200.0)
        # ρ·g·h over the resistance: 500 mm of water are 4.903 kPa.
        assert world.line.volume_ul(7200.0) == pytest.approx(9.80665e-3 * height_mm / 20000.0 * 7200.0, rel=0.003)


def test_a_clamped_line_siphons_no_further_than_its_head() -> None:
    with World(quiet({"fault": "siphon", "resistance": "100 kPa·s/µL"}, plant={"head_height": "1 m"}), 1) as world:
        world.occluder.set(True, 0.0)
        world.run_until(3600.0)
        assert world.line.pressure_kpa(3600.0) == pytest.approx(9.80665, rel=0.05)
