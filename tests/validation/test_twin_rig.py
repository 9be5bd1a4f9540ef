"""A twin keeps every figure of the rig that it stands for, and its instruments answer."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bench.rig.load import load_rig
from bench.rig.model import Rig
from bench.twin.settings import PumpSettings
from bench.validation.faults import TRIALS, Trial, fits, try_fault
from bench.validation.plans import short_plan
from bench.validation.runs import compare, drive
from bench.validation.twin_rig import twin_for, twin_of, with_supply
from bench.validation.world import draw_world

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


def lab(**changes: object) -> Rig:
    text = yaml.safe_load((FIXTURES / "bench-3.yaml").read_text(encoding="utf-8"))
    text["instruments"]["balance"] |= {
        "readability": "0.001 mg",
        "repeatability": "0.0025 mg",
        "calibration": {"certificate": "EXAMPLE", "expanded_uncertainty": "0.01 mg", "k": 2},
    }
    text |= changes
    return load_rig(yaml.safe_dump(text, allow_unicode=True), name="lab.yaml")


def test_a_simulated_rig_is_its_own_twin() -> None:
    rig = load_rig(FIXTURES / "simulated.yaml")
    assert twin_of(rig) is rig


def test_a_twin_has_the_figures_of_the_real_rig() -> None:
    rig = lab(evaporation={"rate": "0.1 mg/h", "half_width": "0.02 mg/h"})
    twin = twin_of(rig)
    assert twin.simulated
    assert twin.evaporation == rig.evaporation
    assert twin.balance is not None
    assert rig.balance is not None
    for figure in ("readability", "repeatability", "linearity", "drift", "calibration", "immersion"):
        assert getattr(twin.balance, figure) == getattr(rig.balance, figure), figure
    assert twin.simulation is not None
    assert twin.simulation.balance.readability.to("mg") == pytest.approx(0.001)
    assert twin.simulation.balance.noise_white.to("mg") == pytest.approx(0.75 * 0.0025)
    # Declared air stays declared: no sensor is simulated where none stands on the bench.
    assert twin.climate is not None
    assert twin.climate.driver == "fixed_climate"


def test_the_twin_of_a_real_bench_can_be_driven(tmp_path: Path) -> None:
    twin = twin_of(lab())
    world = draw_world(twin, 2)
    run = drive(short_plan("bolus", world.pump), twin, world, tmp_path / "run")
    assert run.simulated
    volume = next(each for each in compare(run, tmp_path / "run", 2, 10.0) if each.name == "mean_volume")
    assert abs(volume.error) < 2.0 * volume.expanded


def test_a_contact_at_the_valve_is_kept_and_dates_a_valve_that_is_slow(tmp_path: Path) -> None:
    rig = lab()
    text = yaml.safe_load(rig.text)
    text["instruments"]["occluder"] |= {
        "feedback": {"pin": 7, "shut_when": "low"},
        "actuation_delay": {"mean": "2 s", "half_width": "1 s"},
    }
    twin = twin_of(load_rig(yaml.safe_dump(text, allow_unicode=True), name="lab.yaml"))
    world = draw_world(twin, 2)
    assert world.occluder.closing_time.to("s") > 1.0
    run = drive(short_plan("occlusion", world.pump), twin, world, tmp_path / "run")
    time = next(each for each in compare(run, tmp_path / "run", 2, 10.0) if each.name == "time_to_alarm")
    assert abs(time.error) < time.expanded < 0.01


SUPPLY = {"driver": "scpi_supply", "address": "TCPIP0::192.0.2.9::5025::SOCKET", "voltage": "1.5 V"}
DOSER = {
    "driver": "new_era",
    "address": "/dev/ttyUSB7",
    "diameter": "11.99 mm",
    "bolus_rate": "0.25 mL/min",
    "calibration": {"certificate": "EXAMPLE", "expanded_uncertainty": "0.2 µL", "k": 2},
}


def lab_with(**instruments: object) -> Rig:
    text = yaml.safe_load(lab().text)
    return lab(instruments=text["instruments"] | instruments)


def a_trial(fault: str, test: str) -> Trial:
    return next(each for each in TRIALS if (each.name, each.test) == (fault, test))


def test_lost_power_is_tried_where_the_lab_has_a_supply(tmp_path: Path) -> None:
    trial, pump = a_trial("battery_forgets", "power"), PumpSettings()
    assert not fits(trial, lab(), pump, ("power",))
    rig = lab_with(power=SUPPLY)
    assert fits(trial, rig, pump, ("power",))
    assert try_fault(trial, rig, 3, tmp_path / "run").seen


@pytest.mark.parametrize("instruments", [{}, {"doser": DOSER}], ids=["by the pump", "by a doser"])
def test_known_doses_show_a_thick_needle_on_the_twin_of_a_lab(instruments: dict[str, object], tmp_path: Path) -> None:
    trial = a_trial("thick_needle", "doses")
    rig = lab_with(**instruments)
    assert fits(trial, rig, PumpSettings(), ())
    assert try_fault(trial, rig, 3, tmp_path / "run").seen


def test_a_simulated_rig_gets_a_doser_where_a_test_needs_one_and_a_lab_keeps_its_own() -> None:
    simulated = load_rig(FIXTURES / "simulated.yaml")
    assert twin_for(simulated, {"pump": (), "balance": ()}) is simulated
    given = twin_for(simulated, {"doser": ()})
    assert given.doser is not None
    assert given.doser.calibration is not None
    assert given.doser.calibration.certificate == "SIMULATED"
    assert twin_for(lab(), {"doser": ()}).doser is None
    kept = twin_for(lab_with(doser=DOSER), {"doser": ()})
    assert kept.doser is not None
    assert kept.doser.calibration is not None
    assert kept.doser.calibration.expanded_uncertainty.to("µL") == pytest.approx(0.2)


def test_a_supply_is_connected_once() -> None:
    given = with_supply(twin_of(lab()))
    assert given.power is not None
    assert given.simulation is not None
    assert given.simulation.supply.connected
    assert with_supply(given) is given
