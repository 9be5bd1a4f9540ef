"""The world as a whole: order of events, truth against indication, the shipped rig's settings, speed of a day."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from bench.twin.settings import Simulation, SupplySettings
from bench.twin.truth import read_truth
from bench.twin.world import World
from tests.twin.quiet import quiet

RIG = Path(__file__).parents[2] / "fixtures" / "simulated.yaml"


def test_the_shipped_rig_spells_out_every_default() -> None:
    section = yaml.safe_load(RIG.read_text(encoding="utf-8"))["simulation"]
    # This rig has a supply that the pump hangs on; a rig without one leaves the pump its battery.
    defaults = Simulation(supply=SupplySettings(connected=True))
    assert Simulation.model_validate(section) == defaults
    assert set(section) == set(Simulation.model_fields)
    for name in ("pump", "plant", "balance", "transducer", "climate", "occluder"):
        described = {"model", "source", "not_modelled"} if name == "pump" else set()
        assert set(section[name]) | described == set(type(getattr(defaults, name)).model_fields)


def test_settings_that_make_no_sense_are_refused() -> None:
    for section, message in [
        ({"plant": {"compliance": "0 µL/kPa"}}, "not above zero"),
        ({"plant": {"compliance": "0.15 kPa"}}, "compliance"),
        ({"balance": {"noise_white": "-1 mg"}}, "negative"),
        ({"start": "yesterday"}, "no date and time"),
        ({"plants": {}}, "plants"),
    ]:
        with pytest.raises(ValidationError, match=message):
            Simulation.model_validate(section)


def test_a_day_weighs_what_it_delivered(tmp_path: Path) -> None:
    """24 h at 1 U/h, read at 10 Hz: the indication follows the truth within noise and walk of the balance."""
    with World(Simulation(), 3, tmp_path / "truth") as world:
        balance = world.balance
        start_g = balance.indication_g(60.0)
        world.pump.set_basal_rate(1.0)
        world.pump.switch_basal(True)
        shown_g = np.array([balance.indication_g(output / 10.0) for output in range(600, 864_000)])
    truth = read_truth(tmp_path / "truth")
    times_s = np.arange(600, 864_000, 6000) / 10.0
    delivered_mg = np.array([truth.delivered_ul(time_s - 1.1) for time_s in times_s]) * 0.99649
    found_mg = (shown_g[::6000] - start_g) * 1e3 + 0.05 * (times_s - 60.0) / 3600.0
    assert delivered_mg[-1] == pytest.approx(239.0, rel=0.05)
    assert np.abs(found_mg - delivered_mg).max() < 1.0


def test_truth_accounts_for_every_microlitre(tmp_path: Path) -> None:
    with World(Simulation(), 1, tmp_path / "truth") as world:
        world.pump.set_basal_rate(2.0)
        world.pump.switch_basal(True)
        world.run_until(1800.0)
        world.pump.start_bolus(3.0)
        world.run_until(5000.0)
        world.line.volume_ul(5000.0)
        left_ul = world.line.stored_ul(5000.0)
        arrived_ul = world.line.volume_ul(5000.0)
    truth = read_truth(tmp_path / "truth")
    assert truth.header["simulated"] is True
    assert truth.metered_ul(0.0, 5000.0) == pytest.approx(arrived_ul + left_ul)
    assert truth.delivered_ul(5000.0) == pytest.approx(arrived_ul)
    assert truth.delivered_ul(-1.0) == 0.0
    assert truth.metered_ul(0.0, 5000.0, "bolus") == pytest.approx(30.0, rel=0.1)
    instants_s = np.linspace(0.0, 5000.0, 2001)
    assert (np.diff([truth.delivered_ul(instant_s) for instant_s in instants_s]) >= 0.0).all()


def test_a_question_may_be_ahead_of_the_worlds_events() -> None:
    """Asking an instrument for an instant lets everything happen before it."""
    world = World(quiet(), 1)
    world.pump.start_bolus(1.0)
    start_g = world.balance.indication_g(0.0)
    assert world.balance.indication_g(300.0) - start_g == pytest.approx(9.965e-3, rel=1e-3)
    assert world.pump.state == "STOP"
    assert world.now_s == 300.0


def test_two_worlds_of_one_seed_are_one_and_of_two_are_two() -> None:
    first, again, other = World(Simulation(), 1), World(Simulation(), 1), World(Simulation(), 2)
    for world in (first, again, other):
        world.pump.start_bolus(1.0)
    histories = [
        [(w.balance.indication_g(t), w.transducer.volts(t), w.climate.read(t)) for t in range(1, 120)]
        for w in (first, again, other)
    ]
    assert histories[0] == histories[1]
    assert not set(histories[0]) & set(histories[2])


def test_a_simulation_knows_its_start_and_its_seed(tmp_path: Path) -> None:
    simulation = Simulation.model_validate({"seed": 9, "start": "2026-03-01 12:00:00"})
    assert simulation.start_utc.isoformat() == "2026-03-01T12:00:00+00:00"
    World(simulation, truth_path=tmp_path / "truth").close()
    assert read_truth(tmp_path / "truth").header["seed"] == 9
