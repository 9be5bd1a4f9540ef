"""What is drawn lies within what the rig file declares, and is the same for the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from bench.rig.load import load_rig
from bench.validation.world import draw_world

RIG = Path(__file__).resolve().parents[2] / "fixtures" / "simulated.yaml"
WORLDS = 400


def test_one_seed_is_one_world_and_another_is_another() -> None:
    rig = load_rig(RIG)
    assert draw_world(rig, 3) == draw_world(rig, 3)
    assert draw_world(rig, 3).climate != draw_world(rig, 4).climate


def test_errors_are_spread_as_declared() -> None:
    rig = load_rig(RIG)
    worlds = [draw_world(rig, seed) for seed in range(WORLDS)]
    probes_k = np.array([world.climate.temperature_error.to("K") for world in worlds])
    assert probes_k.std() == pytest.approx(0.1, rel=0.15)
    evaporation = np.array([world.plant.evaporation.to("mg/h") for world in worlds])
    assert 0.0 <= evaporation.min() < 0.01
    assert 0.09 < evaporation.max() <= 0.1
    drift = np.array([world.balance.drift.to("mg/h") for world in worlds])
    assert 0.027 < np.abs(drift).max() <= 0.03
    closing_s = np.array([world.occluder.closing_time.to("s") for world in worlds])
    assert 0.0 <= closing_s.min() < 0.01
    assert 0.09 < closing_s.max() <= 0.1
    # The certificate's 0.03 mg with k = 2, and ±0.02 mg of linearity: 0.019 mg together.
    assert worlds[0].balance.load_error.to("mg") == pytest.approx(np.hypot(0.015, 0.02 / np.sqrt(3.0)))
    needle_mm = np.array([world.plant.needle_diameter.to("mm") for world in worlds])
    corrections = (needle_mm / 20.0) ** 2 / (0.5 / 20.0) ** 2
    assert 0.9 <= corrections.min() < 0.92
    assert 1.08 < corrections.max() <= 1.1
    gains = np.array([20.0 / world.transducer.scale.to("kPa/V") for world in worlds])
    assert gains.std() * 103.0 == pytest.approx(0.25, rel=0.15)


@pytest.mark.parametrize("name", ["simulated-omega", "simulated-keller"])
def test_a_transducer_that_tells_its_pressure_itself_has_errors_to_draw_too(name: str) -> None:
    worlds = [draw_world(load_rig(RIG.parent / f"{name}.yaml"), seed) for seed in range(WORLDS)]
    gains = np.array([20.0 / world.transducer.scale.to("kPa/V") for world in worlds])
    assert gains.std() * 103.0 == pytest.approx(0.25, rel=0.15)


def test_a_clamp_s_delays_are_drawn_each_for_itself() -> None:
    worlds = [draw_world(load_rig(RIG.parent / "simulated-keller.yaml"), seed) for seed in range(WORLDS)]
    closing_s = np.array([world.occluder.closing_time.to("s") for world in worlds])
    opening_s = np.array([world.occluder.opening_time.to("s") for world in worlds])
    assert 0.05 <= closing_s.min() < closing_s.max() <= 0.25
    assert 0.03 <= opening_s.min() < opening_s.max() <= 0.13
    assert abs(np.corrcoef(closing_s, opening_s)[0, 1]) < 0.15


def test_a_bench_that_declares_nothing_has_no_certified_errors_to_draw() -> None:
    text = yaml.safe_load(RIG.read_text(encoding="utf-8"))
    for key in ("calibration", "linearity", "drift"):
        del text["instruments"]["balance"][key]
    rig = load_rig(yaml.safe_dump(text, allow_unicode=True), name="bare.yaml")
    assert draw_world(rig, 1).balance.load_error.to("mg") == 0.0


def test_without_a_simulation_there_is_no_world() -> None:
    text = yaml.safe_load(RIG.read_text(encoding="utf-8"))
    del text["simulation"]
    with pytest.raises(ValueError, match="no simulation"):
        draw_world(load_rig(yaml.safe_dump(text, allow_unicode=True), name="bare.yaml"), 1)
