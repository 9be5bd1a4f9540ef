"""When pulses come and how large they are, by pump rule; and that their scatter is what published pumps show."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.twin.settings import Simulation
from bench.twin.truth import Truth, read_truth
from bench.twin.world import World
from tests.twin.quiet import quiet


def pulses(simulation: Simulation, path: Path, rates: dict[float, float], end_s: float, seed: int = 1) -> Truth:
    """Run basal delivery at rates in U/h set at times in s, and read the truth."""
    with World(simulation, seed, path) as world:
        for time_s, rate_u_per_h in rates.items():
            world.run_until(time_s)
            world.pump.set_basal_rate(rate_u_per_h)
            world.pump.switch_basal(True)
        world.run_until(end_s)
    return read_truth(path)


@pytest.mark.parametrize(
    ("rule", "rate_u_per_h", "interval_s", "size_u"),
    [
        ("frequency", 1.0, 180.0, 0.05),
        ("frequency", 0.1, 1800.0, 0.05),
        ("frequency", 0.35, 3600.0 / 7.0, 0.05),
        ("volume", 1.0, 180.0, 0.05),
        ("volume", 0.1, 180.0, 0.005),
        ("volume", 4.0, 180.0, 0.2),
        ("both", 0.1, 1800.0, 0.05),
        ("both", 4.0, 180.0, 0.2),
    ],
)
def test_each_rule_makes_the_rate_its_way(
    rule: str, rate_u_per_h: float, interval_s: float, size_u: float, tmp_path: Path
) -> None:
    truth = pulses(quiet(pump={"rule": rule}), tmp_path / "truth", {0.0: rate_u_per_h}, 6 * 3600.0)
    assert truth.pulse_time_s[0] == pytest.approx(interval_s)
    assert np.diff(truth.pulse_time_s) == pytest.approx(interval_s)
    assert truth.pulse_volume_ul == pytest.approx(size_u * 10.0)
    assert truth.pulse_commanded_ul == pytest.approx(size_u * 10.0)


def test_a_new_rate_restarts_the_clock_and_drops_or_carries_the_part_of_a_pulse(tmp_path: Path) -> None:
    dropping = quiet(pump={"partial_pulse": "dropped"})
    truth = pulses(dropping, tmp_path / "dropped", {0.0: 1.0, 350.0: 2.0}, 600.0)
    assert truth.pulse_time_s == pytest.approx([180.0, 440.0, 530.0])
    # The 10 s that were left take 5 s at twice the rate.
    truth = pulses(quiet(), tmp_path / "carried", {0.0: 1.0, 350.0: 2.0}, 600.0)
    assert truth.pulse_time_s == pytest.approx([180.0, 355.0, 445.0, 535.0])


def test_pulses_at_fixed_intervals_carry_the_part_in_their_volume(tmp_path: Path) -> None:
    truth = pulses(quiet(pump={"rule": "volume"}), tmp_path / "truth", {0.0: 1.0, 90.0: 2.0}, 460.0)
    assert truth.pulse_time_s == pytest.approx([270.0, 450.0])
    assert truth.pulse_volume_ul == pytest.approx([0.25 + 1.0, 1.0])


def test_a_part_of_a_pulse_is_carried_through_two_changes_and_a_suspension(tmp_path: Path) -> None:
    with World(quiet(), 1, tmp_path / "truth") as world:
        world.pump.set_basal_rate(1.0)
        world.pump.switch_basal(True)
        world.run_until(90.0)  # a half is due
        world.pump.set_basal_rate(0.5)
        world.run_until(180.0)  # and a quarter
        world.pump.suspend()
        world.run_until(1000.0)
        world.pump.resume()
        world.run_until(1500.0)
    assert read_truth(tmp_path / "truth").pulse_time_s == pytest.approx([1090.0, 1450.0])


def test_a_temporary_rate_lasts_its_time_and_its_last_pulse_counts(tmp_path: Path) -> None:
    with World(quiet(pump={"partial_pulse": "dropped"}), 1, tmp_path / "truth") as world:
        world.pump.set_basal_rate(1.0)
        world.pump.switch_basal(True)
        world.run_until(100.0)
        world.pump.set_temporary("PERC", 200.0, 900.0)
        assert world.pump.temporary == ("PERC", 200.0, 900.0)
        world.run_until(2000.0)
        assert world.pump.temporary[0] == "NONE"
        world.pump.set_temporary("RATE", 0.0, 600.0)
        world.run_until(2900.0)
    times_s = read_truth(tmp_path / "truth").pulse_time_s
    doubled = [100.0 + 90.0 * pulse for pulse in range(1, 11)]
    normal = [1000.0 + 180.0 * pulse for pulse in range(1, 6)]
    assert times_s == pytest.approx([*doubled, *normal, 2780.0])


def test_a_profile_runs_from_switching_on_and_again_every_day(tmp_path: Path) -> None:
    day_s = 86400.0
    with World(quiet(), 1, tmp_path / "truth") as world:
        world.pump.set_profile([(0.0, 0.5), (3600.0, 2.0), (7200.0, 0.0)])
        world.run_until(50.0)
        world.pump.switch_basal(True)
        world.run_until(50.0 + day_s + 3600.0)
    truth = read_truth(tmp_path / "truth")
    for start_s, end_s, meant_ul in [
        (50.0, 3650.0, 5.0),
        (3650.0, 7250.0, 20.0),
        (7250.0, day_s + 50.0, 0.0),
        (day_s + 50.0, day_s + 3650.0, 5.0),
    ]:
        assert truth.metered_ul(start_s + 1e-3, end_s + 1e-3) == pytest.approx(meant_ul)


def test_pulses_scatter_as_set_about_a_device_of_its_own(tmp_path: Path) -> None:
    only_noise = quiet(pump={"pulse_sd": "8 %"})
    relative = pulses(only_noise, tmp_path / "a", {0.0: 30.0}, 36_000.0).pulse_volume_ul / 0.5
    assert relative.std() == pytest.approx(0.08, rel=0.05)
    assert relative.mean() == pytest.approx(1.0, abs=0.003)
    devices = [
        pulses(quiet(pump={"device_bias_sd": "2 %"}), tmp_path / "b", {0.0: 30.0}, 60.0, seed).pulse_volume_ul[0] / 0.5
        for seed in range(200)
    ]
    assert np.std(devices) == pytest.approx(0.02, rel=0.2)


def test_window_means_refute_independent_pulses(tmp_path: Path) -> None:
    """Means of 40 pulses scatter far more than σ/√40, and neighbouring means resemble each other."""
    simulation = quiet(pump={"pulse_sd": "8 %", "slow_sd": "3 %", "slow_correlation": "3 h"})
    relative = pulses(simulation, tmp_path / "truth", {0.0: 1.0}, 250 * 3600.0).pulse_volume_ul / 0.5
    means = relative[: len(relative) // 40 * 40].reshape(-1, 40).mean(axis=1)
    independent = 0.08 / np.sqrt(40.0)
    assert means.std() > 1.8 * independent
    assert means.std() == pytest.approx(np.hypot(independent, 0.03 * 0.87), rel=0.25)
    assert np.corrcoef(means[:-1], means[1:])[0, 1] > 0.2


def test_a_stuck_pulse_comes_with_the_next(tmp_path: Path) -> None:
    truth = pulses(quiet(pump={"stiction": "3 %"}), tmp_path / "truth", {0.0: 30.0}, 36_000.0)
    volumes_ul = truth.pulse_volume_ul
    stuck = np.flatnonzero(volumes_ul == 0.0)
    assert len(stuck) / len(volumes_ul) == pytest.approx(0.03, rel=0.25)
    lonely = [index for index in stuck if volumes_ul[index + 1 : index + 2] > 0.0 and volumes_ul[index - 1] == 0.5]
    assert volumes_ul[[index + 1 for index in lonely]] == pytest.approx(1.0)
    assert volumes_ul.sum() == pytest.approx(0.5 * len(volumes_ul), rel=2e-3)


def test_the_start_up_excess_dies_away(tmp_path: Path) -> None:
    simulation = quiet(pump={"startup_excess": "20 %", "startup_decay": "1 h"})
    truth = pulses(simulation, tmp_path / "truth", {1000.0: 6.0}, 15 * 3600.0)
    assert truth.pulse_volume_ul[0] == pytest.approx(0.6)
    later = truth.pulse_volume_ul / 0.5 - 1.0
    assert later == pytest.approx(0.2 * np.exp(-(truth.pulse_time_s - truth.pulse_time_s[0]) / 3600.0))


def test_the_screw_error_is_periodic_and_loses_nothing(tmp_path: Path) -> None:
    simulation = quiet(pump={"screw_error": "2 %", "screw_turn": "20 µL"})
    relative = pulses(simulation, tmp_path / "truth", {0.0: 6.0}, 12 * 3600.0).pulse_volume_ul / 0.5 - 1.0
    assert np.max(relative) == pytest.approx(0.02, rel=0.02)
    assert relative[:-40] == pytest.approx(relative[40:], abs=1e-9)
    assert relative[:40].sum() == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("settings", [{}, {"pump": {"rule": "both"}}])
def test_a_seed_is_a_pump_and_another_seed_another(settings: dict[str, Any], tmp_path: Path) -> None:
    simulation = Simulation.model_validate(settings)
    files = [tmp_path / name for name in ("a", "b", "c")]
    for path, seed in zip(files, (1, 1, 2), strict=True):
        pulses(simulation, path, {0.0: 1.0}, 7200.0, seed)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert read_truth(files[0]).pulse_volume_ul[0] != read_truth(files[2]).pulse_volume_ul[0]
