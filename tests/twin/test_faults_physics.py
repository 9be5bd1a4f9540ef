"""Each fault does what it says: on the truth, and on what the instruments show. Those of an occlusion stand with it."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from bench.twin.faults import REGISTRY, Fault
from bench.twin.settings import Simulation
from bench.twin.truth import Truth, read_truth
from bench.twin.world import World
from tests.twin.quiet import quiet

PHYSICS = set(REGISTRY) - {"silent_instrument", "garbled_line", "unplugged", "tare_in_mid_run", "wrong_unit"}
"""The others act in emulators; see `test_wire_faults.py` and `test_emulator_mt_sics.py`."""
BOLUS_AND_REST_ONLY = {"bolus_not_counted", "cancel_ignored", "extended_as_normal", "leak_at_rest"}
"""Faults that stand in `test_faults_bolus_and_rest.py`."""
OCCLUSION_ONLY = {"no_alarm", "late_alarm", "weak_stiffness", "occluder_leaks"}
RESERVOIR_ONLY = {"low_warning_missing", "empty_alarm_late", "wrong_reservoir_count"}
OCCLUSION_ONLY = {
    *("no_alarm", "late_alarm", "weak_stiffness", "occluder_leaks"),
    *("threshold_too_high", "no_alarm_during_bolus", "level_ignored", "stiffness_fades", "valve_stuck_open"),
}
POWER_ONLY = {"battery_forgets"}


def basal(simulation: Simulation, path: Path, hours: float = 3.0, seed: int = 1) -> tuple[Truth, float]:
    """Deliver 1 U/h from 60 s on; return the truth and what the balance shows for it in mg."""
    with World(simulation, seed, path) as world:
        start_g = world.balance.indication_g(60.0)
        world.pump.set_basal_rate(1.0)
        world.pump.switch_basal(True)
        end_s = 60.0 + hours * 3600.0 + 60.0
        shown_g = world.balance.indication_g(end_s) - start_g
    return read_truth(path), shown_g * 1e3


def boluses(simulation: Simulation, path: Path, count: int) -> list[float]:
    """Give boluses of 1 U and return the liquid that each brought, in µL."""
    with World(simulation, 1, path) as world:
        for bolus in range(count):
            world.run_until(bolus * 200.0)
            world.pump.start_bolus(1.0)
            world.run_until(bolus * 200.0 + 199.0)
            assert world.pump.bolus == ("IDLE", 1.0, 1.0)
    truth = read_truth(path)
    marks = [truth.delivered_ul(bolus * 200.0 + 199.0) for bolus in range(-1, count)]
    return [after - before for before, after in pairwise(marks)]


def mass_mg(volume_ul: float) -> float:
    """Return what the balance shows for a volume of water at 23 °C (Z computed apart)."""
    return volume_ul * 0.9975408 * (1.0 - 1.186e-3 / 0.9975408) / (1.0 - 1.186e-3 / 8.0)


@pytest.mark.parametrize(
    ("fault", "metered_ul", "vessel_ul"),
    [
        ({"fault": "dose_scale_error", "factor": 1.12}, 33.6, 33.6),
        ({"fault": "missed_pulses", "every": 5}, 24.0, 24.0),
        ({"fault": "extra_pulses", "every": 5}, 36.0, 36.0),
        ({"fault": "slow_leak", "share": "10 %"}, 30.0, 27.0),
        ({"fault": "bubble", "volume": "8 µL", "ahead": "5 µL"}, 30.0, 22.0),
        ({"fault": "empty_reservoir", "contents": "2 U"}, 20.0, 20.0),
        ({"fault": "weak_stiffness"}, 30.0, 30.0),
    ],
    ids=lambda value: value["fault"] if isinstance(value, dict) else "",
)
def test_faults_of_delivery_change_what_arrives_and_what_is_weighed(
    fault: dict[str, Any], metered_ul: float, vessel_ul: float, tmp_path: Path
) -> None:
    truth, shown_mg = basal(quiet(fault), tmp_path / "truth")
    assert truth.pulse_commanded_ul.sum() == pytest.approx(30.0)
    assert truth.pulse_volume_ul.sum() == pytest.approx(metered_ul)
    assert truth.delivered_ul(60.0 + 3 * 3600.0 + 60.0) == pytest.approx(vessel_ul, abs=1e-5)
    assert shown_mg == pytest.approx(mass_mg(vessel_ul), rel=1e-4)


@pytest.mark.parametrize(
    ("fault", "extra_mg"),
    [
        ({"fault": "balance_bump", "step": "3 mg", "first": "1 h", "every": "90 min"}, 6.0),
        ({"fault": "balance_drift", "rate": "5 mg/h", "first": "0 s"}, 5.0 * (3.0 + 1 / 60)),
        ({"fault": "balance_frozen", "first": "2 h", "every": "4 h", "lasting": "2 h"}, -mass_mg(10.5)),
        ({"fault": "evaporation", "rate": "6 mg/h"}, -6.0 * (3.0 + 1 / 60)),
        ({"fault": "thick_needle", "diameter": "4 mm"}, mass_mg(30.0) * (1.0 / 0.96 - 1.0)),
        ({"fault": "balance_scale_error", "error": "10 %"}, mass_mg(3.0)),
        (
            {"fault": "needle_touching", "rate": "3 mg/h", "slips_at": "5 mg", "first": "1 h"},
            3.0 * (2.0 + 1 / 30) - 5.0,
        ),
    ],
    ids=lambda value: value["fault"] if isinstance(value, dict) else "",
)
def test_faults_of_weighing_leave_delivery_alone(fault: dict[str, Any], extra_mg: float, tmp_path: Path) -> None:
    truth, shown_mg = basal(quiet(fault), tmp_path / "truth")
    assert truth.delivered_ul(60.0 + 3 * 3600.0 + 60.0) == pytest.approx(30.0, abs=1e-5)
    assert shown_mg - mass_mg(30.0) == pytest.approx(extra_mg, rel=5e-3)


def test_a_frozen_balance_repeats_a_value_noise_and_all() -> None:
    frozen = {"fault": "balance_frozen", "first": "60 s", "every": "100 s", "lasting": "30 s"}
    balance = World(Simulation.model_validate({"faults": [frozen]}), 1).balance
    shown = [balance.indication_g(output / 10.0) for output in range(2000)]
    assert len(set(shown[600:900])) == 1
    assert len(set(shown[1600:1900])) == 1
    assert len(set(shown[:600])) == 600
    assert len(set(shown[900:1600])) > 690


def test_a_draught_blows_in_gusts_and_rests_between_them() -> None:
    draught = {"fault": "draught", "force": "2 mg", "first": "60 s", "every": "600 s", "lasting": "400 s"}
    balance = World(quiet(draught), 1).balance
    shown_mg = 1e3 * np.array([balance.indication_g(output / 10.0) for output in range(12_600)])
    gusts_mg = np.concatenate([shown_mg[600:4600], shown_mg[6600:10_600]]) - shown_mg[0]
    # 800 s of a correlation time of 2 s are some 200 independent gusts: their spread is known to 5 %.
    assert gusts_mg.std() == pytest.approx(2.0, rel=0.2)
    assert np.abs(np.diff(gusts_mg[:3999])).max() < 3.0
    assert np.ptp(np.concatenate([shown_mg[:600], shown_mg[4600:6600], shown_mg[10_600:]])) < 1e-6
    assert gusts_mg[:4000].tolist() != gusts_mg[4000:].tolist()


def test_a_needle_that_touches_leans_and_slips_again_and_again() -> None:
    touching = {"fault": "needle_touching", "rate": "12 mg/h", "slips_at": "2 mg", "first": "20 min"}
    balance = World(quiet(touching), 1).balance
    shown_mg = {minute: 1e3 * balance.indication_g(60.0 * minute) for minute in (19, 25, 29.95, 30.2, 35, 45)}
    leaning_mg = {minute: shown - shown_mg[19] for minute, shown in shown_mg.items()}
    expected = {19: 0.0, 25: 1.0, 29.95: 1.99, 30.2: 0.04, 35: 1.0, 45: 1.0}
    assert leaning_mg == pytest.approx(expected, abs=1e-3)


def test_start_up_over_delivery_is_large_at_first_and_ends(tmp_path: Path) -> None:
    fault = {"fault": "startup_overdelivery", "excess": "60 %", "decay": "2 h"}
    truth, _ = basal(quiet(fault), tmp_path / "truth", hours=24.0)
    assert truth.pulse_volume_ul[0] == pytest.approx(0.8)
    assert truth.pulse_volume_ul[-1] == pytest.approx(0.5, abs=1e-4)


def test_a_delivery_that_fades_loses_the_same_share_every_day_and_ends_at_nothing(tmp_path: Path) -> None:
    truth, _ = basal(quiet({"fault": "delivery_fades", "by": "60 %"}), tmp_path / "truth", hours=48.0)
    days = (truth.pulse_time_s - truth.pulse_time_s[0]) / 86400.0
    assert truth.pulse_volume_ul == pytest.approx(np.maximum(0.0, 0.5 * (1.0 - 0.6 * days)), abs=1e-9)
    assert truth.pulse_volume_ul[-1] == 0.0


def test_a_bolus_cut_short_lacks_its_end_and_is_reported_whole(tmp_path: Path) -> None:
    volumes_ul = boluses(quiet({"fault": "bolus_cut_short", "share": "90 %"}), tmp_path / "truth", 3)
    assert volumes_ul == pytest.approx([9.0] * 3, abs=1e-6)


def test_a_bolus_can_be_reported_and_not_delivered(tmp_path: Path) -> None:
    volumes_ul = boluses(quiet({"fault": "reported_not_delivered", "every": 3}), tmp_path / "truth", 6)
    assert volumes_ul == pytest.approx([10.0, 10.0, 0.0, 10.0, 10.0, 0.0], abs=1e-6)


def test_a_false_alarm_comes_while_liquid_flows() -> None:
    world = World(quiet({"fault": "false_alarm", "every": 12}), 1)
    world.pump.set_basal_rate(1.0)
    world.pump.switch_basal(True)
    world.run_until(12 * 180.0 - 1.0)
    assert not world.pump.alarms
    world.run_until(12 * 180.0)
    assert [alarm[2] for alarm in world.pump.alarms] == ["OCCLUSION"]
    assert world.line.pressure_kpa(12 * 180.0 + 5.0) < 1.0


def test_a_clogged_cannula_raises_the_pressure_of_a_bolus_to_the_alarm() -> None:
    world = World(quiet({"fault": "partial_occlusion"}), 1)
    world.pump.start_bolus(10.0)
    world.run_until(400.0)
    assert [alarm[2] for alarm in world.pump.alarms] == ["OCCLUSION"]


def test_a_warm_room_is_warm() -> None:
    world = World(Simulation.model_validate({"faults": [{"fault": "warm_room", "temperature": "30 °C"}]}), 1)
    assert world.climate.read(100.0)[0] == pytest.approx(30.0, abs=1.0)


@pytest.mark.parametrize(
    ("fault", "alarms_u"),
    [
        ({}, {"LOWRES": 1.0, "EMPTY": 2.0}),
        ({"fault": "low_warning_missing"}, {"EMPTY": 2.0}),
        ({"fault": "empty_alarm_late", "after": "0.5 U"}, {"LOWRES": 1.0, "EMPTY": 2.5}),
        ({"fault": "wrong_reservoir_count", "share": "50 %"}, {"LOWRES": 2.0, "EMPTY": 4.0}),
    ],
)
def test_alarms_of_the_reservoir_come_after_so_much_was_metered(
    fault: dict[str, Any], alarms_u: dict[str, float], tmp_path: Path
) -> None:
    simulation = quiet(*([fault] if fault else []), pump={"reservoir": "2 U", "low_reservoir": "1 U"})
    with World(simulation, 1, tmp_path / "truth") as world:
        world.pump.set_basal_rate(10.0)
        world.pump.switch_basal(True)
        world.run_until(3600.0)
        assert world.pump.state == "ALAR"
    truth = read_truth(tmp_path / "truth")
    alarms = {note["code"]: note["time_s"] for note in truth.notes if note["kind"] == "alarm"}
    metered_u = {code: truth.metered_ul(0.0, time_s) / 10.0 for code, time_s in alarms.items()}
    # What is less than a pulse is empty already where half of each pulse is counted.
    assert metered_u == pytest.approx(alarms_u, abs=0.051)


def test_a_reservoir_holds_what_was_put_in_and_a_wrong_concentration_takes_half(tmp_path: Path) -> None:
    simulation = quiet({"fault": "wrong_concentration", "insulin": "U-200"})
    with World(simulation, 1, tmp_path / "truth") as world:
        world.hands.actions["change_reservoir"](4.0, "µL", 1.0)
        world.pump.set_basal_rate(10.0)
        world.pump.switch_basal(True)
        world.run_until(600.0)
    volumes_ul = read_truth(tmp_path / "truth").pulse_volume_ul
    assert volumes_ul[0] == pytest.approx(0.25)
    assert volumes_ul.sum() == pytest.approx(4.0)
    assert volumes_ul[-1] == 0.0


@pytest.mark.parametrize("name", sorted(PHYSICS - OCCLUSION_ONLY - RESERVOIR_ONLY - POWER_ONLY - BOLUS_AND_REST_ONLY))
def test_every_fault_changes_something_with_its_defaults(name: str, tmp_path: Path) -> None:
    """Beside the same run without it: the truth, the alarms, or what any instrument shows."""

    def history(simulation: Simulation, path: Path) -> tuple[object, ...]:
        with World(simulation, 1, path) as world:
            world.pump.set_profile([(0.0, 2.0), (2400.0, 1.0)])
            world.pump.switch_basal(True)
            shown: list[object] = []
            for step in range(1, 31):
                time_s = 240.0 * step
                shown.append(world.balance.indication_g(time_s))
                shown.append(world.transducer.volts(time_s))
                shown.append(world.climate.read(time_s))
                if step % 8 == 0 and world.pump.state == "BAS":
                    world.pump.start_bolus(1.0)
                if step == 12 and world.pump.state == "BAS":
                    world.pump.suspend()
                if step == 13 and world.pump.state == "SUSP":
                    world.pump.resume()
                if step == 18 and world.pump.state == "BAS":
                    world.pump.set_temporary("PERC", 20.0, 2400.0)
        truth = read_truth(path)
        return tuple(shown), tuple(truth.pulse_volume_ul), tuple(str(note) for note in truth.notes)

    plain = history(Simulation(), tmp_path / "plain")
    faulty = history(Simulation.model_validate({"faults": [{"fault": name}]}), tmp_path / "faulty")
    assert faulty != plain


def test_a_fault_leaves_the_randomness_of_the_others_alone(tmp_path: Path) -> None:
    plain, _ = basal(Simulation(), tmp_path / "plain")
    drifting, _ = basal(Simulation.model_validate({"faults": [{"fault": "balance_drift"}]}), tmp_path / "drifting")
    assert plain.pulse_volume_ul.tolist() == drifting.pulse_volume_ul.tolist()


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_fault_says_what_it_does_and_has_defaults(name: str) -> None:
    kind = REGISTRY[name]
    assert kind.__doc__
    needs = {"instrument": "balance"} if "instrument" in kind.model_fields else {}
    fault = TypeAdapter[Any](Fault).validate_python({"fault": name, **needs})
    assert isinstance(fault, kind)


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ([{"fault": "gremlins"}], "gremlins"),
        ([{"fault": "missed_pulses", "every": 1}], "greater than or equal to 2"),
        ([{"fault": "missed_pulses", "each": 3}], "each"),
        ([{"fault": "balance_drift", "rate": "5 mg"}], "mass rate"),
        ([{"fault": "no_alarm"}, {"fault": "no_alarm"}], "once"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(faults: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Simulation.model_validate({"faults": faults})
