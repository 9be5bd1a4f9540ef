"""The simulated doser: its volume is in the vessel at once, by its own metering, whatever the pump's line does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.twin.truth import read_truth
from bench.twin.world import World
from tests.twin.quiet import quiet


def test_what_it_gives_is_weighed_past_a_shut_line(tmp_path: Path) -> None:
    world = World(quiet(doser={"error": "2 %", "dose_sd": "0 %"}), truth_path=tmp_path / "truth")
    world.occluder.set(True, 1.0)
    world.run_until(5.0)
    before_g = world.balance.indication_g(5.0)
    world.doser.drive.start(4.0, 100.0, 1, "bolus", 5.0)
    world.run_until(120.0)
    assert not world.doser.drive.running
    assert world.doser.drive.fed_ul(120.0) == pytest.approx(100.0)
    assert world.line.volume_ul(120.0) == pytest.approx(102.0)
    assert world.line.pressure_kpa(120.0) == 0.0
    # Water of 23 °C, buoyed up by air of 1.2 mg/mL, on a balance adjusted with steel.
    gained_g = world.balance.indication_g(120.0) - before_g
    assert gained_g == pytest.approx(0.102 * 0.99754 * (1.0 - 1.19e-3 + 0.15e-3), rel=3e-4)
    world.close()
    given = [note for note in read_truth(tmp_path / "truth").notes if note["kind"] == "doser"]
    assert sum(note["volume_ul"] for note in given) == pytest.approx(102.0)
    assert sum(note["commanded_ul"] for note in given) == pytest.approx(100.0)


def test_its_doses_scatter_and_one_dose_is_one_draw(tmp_path: Path) -> None:
    world = World(quiet(doser={"dose_sd": "1 %"}), truth_path=tmp_path / "truth")
    volumes = []
    for index in range(40):
        at_s = 100.0 * index
        world.run_until(at_s)
        before_ul = world.line.volume_ul(at_s)
        world.doser.drive.start(10.0, 100.0, 1, "bolus", at_s)
        world.run_until(at_s + 99.0)
        volumes.append(world.line.volume_ul(at_s + 99.0) - before_ul)
    world.close()
    assert np.std(volumes, ddof=1) == pytest.approx(1.0, rel=0.4)
    assert np.mean(volumes) == pytest.approx(100.0, abs=0.6)


def test_an_empty_syringe_stalls() -> None:
    world = World(quiet(doser={"syringe": "50 µL", "dose_sd": "0 %"}))
    world.doser.drive.start(10.0, 100.0, 1, "bolus", 0.0)
    world.run_until(60.0)
    assert world.doser.drive.stalled
    assert world.line.volume_ul(60.0) == pytest.approx(50.0, abs=1.1)
