"""From readings to a volume: every correction of a basal test, its effect, and what is left when it is switched off."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.metrology.density import air_density_kg_per_m3
from bench.plan.load import load_plan
from bench.plan.model import Corrections
from bench.procedures import registry
from bench.procedures.base import Context
from bench.procedures.shared.conversion import conversion, immersed_by, liquid_of
from bench.procedures.shared.weighing import weigh_record
from bench.results.model import Evaluation, Measurement
from bench.rig.instruments import BalanceSpec
from bench.rig.load import load_rig
from tests.procedures.made_recordings import Made, pulses_mg

Floats = NDArray[np.float64]
ROOT = Path(__file__).resolve().parents[2]
HOUR_S, BLANK_S = 3600.0, 1800.0
PLAN = """plan: P
title: made
pump: {insulin: U-100%s}
conditions: {liquid: %s, temperature: 23 °C ± 4 °C}
tests:
  - {id: T-1, procedure: basal, rate: %s, duration: %g h, blank: 30 min, accept: {mean_error: ±50 %%}}
"""
NO_PULSES = ", delivery: continuous"
"""What these tests look at is the total; looking for pulses takes ten times as long as all else."""
RIG = (ROOT / "fixtures" / "simulated.yaml").read_text(encoding="utf-8")
VESSEL = "    vessel: {displaced_volume: 15 mL ± 3 mL} # of air, by vessel and first liquid\n"
DECLARED = "evaporation: {rate: 0.05 mg/h, half_width: 0.05 mg/h}\n"


def context(
    hours: float = 4.0, rate: str = "1 U/h", liquid: str = "water", rig: str = RIG, pump: str = NO_PULSES
) -> Context:
    plan = load_plan(PLAN % (pump, liquid, rate, hours), registry(), name="plan.yaml")
    return Context(plan, load_rig(rig, name="rig.yaml"))


def without(of: Context, *names: str) -> Context:
    return Context(replace(of.plan, corrections=of.plan.corrections.without(*names)), of.rig)


def made(hours: float = 4.0, interval_s: float = 180.0, rate_ul_per_h: float = 10.0) -> tuple[Made, list[float]]:
    """Return a recording's events with still air, and when its pulses of 0.5 µL come."""
    stop_s = BLANK_S + hours * HOUR_S
    recording = Made(stop_s + 61.0 + BLANK_S + 1.0)
    recording.climate()
    recording.events = [
        (0.0, "blank started", {}),
        (BLANK_S - 0.2, "blank ended", {}),
        (BLANK_S, "basal commanded", {"rate_ul_per_h": rate_ul_per_h, "sent_s": BLANK_S, "acknowledged_s": BLANK_S}),
        (stop_s, "basal stopped", {"sent_s": stop_s, "acknowledged_s": stop_s}),
        (stop_s + 60.0, "settled", {}),
        (stop_s + 60.0, "blank started", {}),
        (stop_s + 60.0 + BLANK_S, "blank ended", {}),
    ]
    return recording, [float(at_s) for at_s in np.arange(BLANK_S + 0.5 * interval_s, stop_s, interval_s)]


def weighed(
    recording: Made,
    pulses_s: list[float],
    loss_mg: Callable[[Floats], Floats] = lambda time_s: 0.05 * time_s / HOUR_S,
    seed: int | None = 3,
    more_mg: Callable[[Floats], Floats] = np.zeros_like,
) -> None:
    """Weigh pulses of 0.5 µL, each 0.498 mg, with a loss and whatever else the balance shows."""
    steps = [(at_s, 0.498) for at_s in pulses_s]
    recording.balance(
        lambda time_s: pulses_mg(time_s, steps) - loss_mg(time_s) + more_mg(time_s), seed=seed, interval_s=1.0
    )


def evaluated(recording: Made, of: Context) -> Evaluation:
    procedure = registry()["basal"]
    return procedure.evaluate(of.plan.tests[0].settings, recording.in_memory(), of)


def total(found: Evaluation) -> Measurement:
    return next(each for each in found.measurements if each.name == "total_volume")


def value(found: Evaluation) -> float:
    volume = total(found).value
    assert volume is not None
    return volume


def rows(found: Evaluation) -> dict[str, list[str]]:
    table = next(table for table in found.tables if table.name == "corrections")
    return {row[0]: row for row in table.rows}


def effect_u(found: Evaluation, name: str) -> float:
    return float(rows(found)[name][4].strip("()"))


def pressed(recording: Made, first_hpa: float, last_hpa: float) -> Callable[[Floats], Floats]:
    """Let the air's pressure go from one value to another; return what that does to a vessel of 15 mL, in mg."""
    time_s, _ = recording.channels["climate.pressure_hpa"]
    recording.channels["climate.pressure_hpa"] = (time_s, np.linspace(first_hpa, last_hpa, time_s.size))
    low, high = (air_density_kg_per_m3(23.0, hpa, 50.0) for hpa in (first_hpa, last_hpa))
    return lambda at_s: -15.0 * (high - low) * at_s / recording.duration_s


@pytest.fixture(scope="module")
def pressing() -> Made:
    """Four hours at 1 U/h while the air grows denser by 20 hPa."""
    recording, pulses_s = made()
    weighed(recording, pulses_s, more_mg=pressed(recording, 1000.0, 1020.0))
    return recording


def test_the_effects_add_up_to_the_volume(pressing: Made) -> None:
    found = evaluated(pressing, context())
    told = rows(found)
    assert list(told) == [
        "reading, at 1 µL/mg",
        "air buoyancy of the vessel",
        "evaporation",
        "immersion of the needle",
        "density of water",
        "air buoyancy of the sample",
        "volume",
    ]
    assert all(row[1] == "yes" for row in list(told.values())[1:-1])
    summed = sum(float(row[3]) for row in list(told.values())[:-1])
    assert summed == pytest.approx(float(told["volume"][3]), abs=5e-4)
    assert float(told["volume"][4]) == pytest.approx(value(found), abs=1e-5)
    percents = [float(row[5]) for row in told.values()]
    assert sum(percents[:-1]) == pytest.approx(100.0, abs=0.01)
    # 20 hPa, 4.1 h of 5.03 h, on 15 mL: 0.29 mg; 0.062 %, 0.246 % and 0.105 % by hand.
    assert float(told["air buoyancy of the vessel"][3]) == pytest.approx(0.353 * 4.0 / 5.03, rel=0.03)
    assert percents[3:6] == pytest.approx([-0.0625, 0.246, 0.104], abs=0.003)


def test_changing_air_is_made_good(pressing: Made) -> None:
    true_u = 80 * 0.498 * 1.0035 * (1.0 - (0.5 / 20.0) ** 2) / 10.0
    kept, left = evaluated(pressing, context()), evaluated(pressing, without(context(), "vessel_buoyancy"))
    assert value(kept) == pytest.approx(true_u, abs=total(kept).expanded_uncertainty or 0.0)
    assert kept.doubts == []
    assert value(left) < value(kept)


@pytest.mark.parametrize(
    ("name", "row", "line"),
    [
        ("evaporation", "evaporation", "evaporation and steady drift"),
        ("sample_buoyancy", "air buoyancy of the sample", "air buoyancy of the delivered water"),
        ("immersion", "immersion of the needle", "immersion of the needle"),
    ],
)
def test_what_is_switched_off_changes_the_volume_by_its_effect_and_stays_in_the_budget(
    pressing: Made, name: str, row: str, line: str
) -> None:
    of = context()
    kept, left = evaluated(pressing, of), evaluated(pressing, without(of, name))
    effect = effect_u(kept, row)
    assert value(kept) - value(left) == pytest.approx(effect, rel=0.02, abs=2e-6)
    assert rows(left)[row][1] == "no"
    assert rows(left)[row][3].startswith("(")
    contribution = next(each for each in total(left).budget if each.name == line)
    assert contribution.contribution >= 0.98 * abs(effect)
    assert "switched off" in contribution.source
    assert any(name.replace("_", " ") in note for note in left.notes)


def test_a_vessel_left_alone_stays_in_the_budget_with_all_of_its_size(pressing: Made) -> None:
    of = context()
    kept = evaluated(pressing, of)
    for left, why in (
        (without(of, "vessel_buoyancy"), "switched off"),
        (context(rig=RIG.replace(VESSEL, "")), "the rig file tells no `vessel:`; 20 mL"),
    ):
        line = next(each for each in total(evaluated(pressing, left)).budget if each.name.endswith("of the vessel"))
        assert line.contribution >= 0.95 * abs(effect_u(kept, "air buoyancy of the vessel"))
        assert why in line.source
    corrected = next(each for each in total(kept).budget if each.name.endswith("of the vessel"))
    # ±3 mL of 15 mL, rectangular, and what the sensor may miss.
    assert corrected.contribution < 0.2 * abs(effect_u(kept, "air buoyancy of the vessel"))


def test_air_that_nobody_measured_is_in_the_budget_only() -> None:
    recording, pulses_s = made()
    weighed(recording, pulses_s)
    for name in ("temperature_c", "pressure_hpa", "humidity_pct"):
        del recording.channels[f"climate.{name}"]
    found = evaluated(recording, context())
    assert rows(found)["air buoyancy of the vessel"][1:3] == ["no", "air not recorded"]
    line = next(each for each in total(found).budget if each.name.endswith("of the vessel"))
    assert line.contribution == pytest.approx(
        0.1 * 1.0029 * 0.5 * 15.0 * 0.012 / math.sqrt(3.0) * math.sqrt(4.04 / 24.0), rel=0.02
    )


def test_climate_that_cannot_be_true_is_left_out_and_doubted() -> None:
    recording, pulses_s = made()
    weighed(recording, pulses_s)
    time_s, kelvin = recording.channels["climate.temperature_c"]
    recording.channels["climate.temperature_c"] = (time_s, kelvin + 273.15)
    found = evaluated(recording, context())
    assert any("cannot be true" in doubt and "296.15" in doubt for doubt in found.doubts)
    assert math.isfinite(value(found))


@pytest.mark.parametrize(
    ("liquid", "ratio", "relative"),
    [
        ("saline", 1003.91 / 997.54, 0.35 / 1003.91 / math.sqrt(3.0)),
        (
            "{name: insulin, density: 1.004 g/mL ± 0.002 g/mL, at: 23 °C}",
            1004.0 / 997.54,
            2.0 / 1004.0 / math.sqrt(3.0),
        ),
    ],
)
def test_another_liquid_has_its_own_density_and_uncertainty(
    pressing: Made, liquid: str, ratio: float, relative: float
) -> None:
    water, other = evaluated(pressing, context()), evaluated(pressing, context(liquid=liquid))
    assert value(water) / value(other) == pytest.approx(ratio, abs=3e-5)
    line = next(each for each in total(other).budget if each.name.startswith("density of") and "itself" in each.name)
    assert line.contribution == pytest.approx(relative * value(other), rel=2e-3)


def test_the_liquid_s_own_temperature_counts() -> None:
    recording, pulses_s = made()
    weighed(recording, pulses_s)
    plain = evaluated(recording, context())
    declared = evaluated(recording, context(rig=RIG + "liquid_temperature: 27 °C ± 0.5 °C\n"))
    assert value(declared) / value(plain) - 1.0 == pytest.approx(4.0 * 258e-6, rel=0.02)
    time_s = np.arange(5.0, recording.duration_s, 60.0)
    recording.channels["climate.liquid_temperature_c"] = (time_s, np.full_like(time_s, 19.0))
    measured = evaluated(recording, context())
    assert value(measured) / value(plain) - 1.0 == pytest.approx(-4.0 * 218e-6, rel=0.02)
    assert not any("expansion" in note for note in measured.notes)


def moved_ul(note: str, whose: str) -> tuple[float, float]:
    found = re.search(rf"{whose} moved ([-+.0-9]+) µL to ([-+.0-9]+) µL", note)
    assert found is not None, note
    return float(found[1]), float(found[2])


def test_a_warming_reservoir_is_told_and_not_taken_off() -> None:
    recording, pulses_s = made()
    weighed(recording, pulses_s)
    time_s = np.arange(5.0, recording.duration_s, 60.0)
    begin, end = BLANK_S, BLANK_S + 4.0 * HOUR_S
    warming = np.interp(time_s, [begin, end], [22.5, 23.5])
    recording.channels["climate.liquid_temperature_c"] = (time_s, warming)
    usual = next(note for note in evaluated(recording, context()).notes if "expansion" in note)
    # Water at 23 °C expands by 0.237 µL/K per mL; polypropylene by 0.3, glass by 0.01.
    assert "22.50 °C to 23.49 °C" in usual
    assert moved_ul(usual, "3 mL of a usual reservoir") == pytest.approx((-0.185, 0.676), abs=0.01)
    assert "1.7 % of what was delivered" in usual
    small = next(
        note
        for note in evaluated(recording, context(pump=", delivery: continuous, reservoir: 1.5 mL")).notes
        if "expansion" in note
    )
    assert moved_ul(small, "1.5 mL of the reservoir") == pytest.approx((-0.093, 0.34), abs=0.005)


def test_diameters_with_tolerances_and_without() -> None:
    told = "immersion: {needle_outer_diameter: 0.5 mm ± 0.025 mm, vessel_inner_diameter: 20 mm}"
    share = (0.5 / 20.0) ** 2
    for text, relative in (
        ("immersion: {needle_outer_diameter: 0.5 mm, vessel_inner_diameter: 20 mm}", 0.1),
        (told, 2.0 * 0.025 / 0.5),
        (told.replace("20 mm", "20 mm ± 0.8 mm"), 2.0 * math.hypot(0.05, 0.04)),
    ):
        assert told in RIG
        balance = load_rig(RIG.replace(told, text), name="r.yaml").balance
        assert isinstance(balance, BalanceSpec)
        found = immersed_by(balance)
        assert found.factor == pytest.approx(1.0 - share)
        assert found.standard_uncertainty == pytest.approx(share * relative / math.sqrt(3.0))
    assert immersed_by(None).factor == 1.0


def test_a_loss_that_grows_is_made_good_hour_by_hour() -> None:
    """From 0.1 mg/h to 0.9 mg/h in eight hours: 4 mg, each hour its own share; found without a word of the rig file."""
    recording, pulses_s = made(8.0)
    whole_s = recording.duration_s
    loss = lambda time_s: (0.1 * time_s + 0.5 * 0.8 * time_s**2 / whole_s) / HOUR_S  # noqa: E731
    weighed(recording, pulses_s, loss, seed=None)
    of = context(8.0, rig=RIG.replace(DECLARED, ""))
    weighing = weigh_record(recording.in_memory(), of)
    found = weighing.found_evaporation
    assert found.mg_per_h == pytest.approx(0.5, abs=0.02)
    assert found.change_mg_per_h == pytest.approx(0.8 * 8.5 / 9.0, rel=0.05)
    mass = weighing.mass_mg + weighing.loss_mg_per_s * weighing.time_s
    for hour in range(8):
        begin_s = BLANK_S + hour * HOUR_S
        gained = np.interp(begin_s + HOUR_S, weighing.time_s, mass) - np.interp(begin_s, weighing.time_s, mass)
        assert gained == pytest.approx(20 * 0.498, abs=0.03)


@pytest.mark.parametrize(("growth", "doubted"), [(0.6, True), (0.07, False)])
def test_a_change_matters_from_one_percent_of_what_was_delivered(growth: float, doubted: bool) -> None:
    """80 pulses are 39.8 mg: 0.4 mg in five hours are 0.08 mg/h."""
    recording, pulses_s = made()
    whole_s = recording.duration_s
    weighed(recording, pulses_s, lambda t: (0.05 * t + 0.5 * growth * t**2 / whole_s) / HOUR_S, seed=None)
    found = evaluated(recording, context(rig=RIG.replace(DECLARED, "")))
    assert any("The blank before lost" in doubt for doubt in found.doubts) is doubted
    assert any("less than 1 % of what was delivered" in note for note in found.notes) is not doubted


def test_rests_between_rare_pulses_are_compared_with_the_blanks() -> None:
    recording, pulses_s = made(6.0, 1800.0, 1.0)
    weighed(recording, pulses_s, lambda time_s: 0.3 * time_s / HOUR_S)
    of = context(6.0, "0.1 U/h", pump=", basal_increment: 0.05 U", rig=RIG.replace(DECLARED, ""))
    run = weigh_record(recording.in_memory(), of).found_evaporation.run
    assert run is not None
    assert -run.mg_per_h == pytest.approx(0.3, abs=3.0 * run.standard_uncertainty)
    assert "rests between deliveries" in rows(evaluated(recording, of))["evaporation"][2]
    recording.events = [event for event in recording.events if not event[1].startswith("blank")]
    found = weigh_record(recording.in_memory(), of).found_evaporation
    assert found.source == "rests between deliveries"


def test_a_stroke_that_does_not_show_is_in_no_rest() -> None:
    """Every third pulse is a fifth of the others: as part of a rest it would look like a gain of the balance."""
    recording, pulses_s = made(6.0, 1800.0, 1.0)
    small = [(at_s, -0.4) for at_s in pulses_s[1::3]]
    weighed(recording, pulses_s, lambda time_s: 0.3 * time_s / HOUR_S, more_mg=lambda time_s: pulses_mg(time_s, small))
    of = context(6.0, "0.1 U/h", pump=", basal_increment: 0.05 U", rig=RIG.replace(DECLARED, ""))
    found = weigh_record(recording.in_memory(), of).found_evaporation
    assert found.run is not None
    assert -found.run.mg_per_h == pytest.approx(0.3, abs=3.0 * found.run.standard_uncertainty)
    assert found.unsteady == ""


def test_pulses_in_quick_succession_leave_no_rest(pressing: Made) -> None:
    assert weigh_record(pressing.in_memory(), context()).found_evaporation.run is None


def test_switches_by_name() -> None:
    assert Corrections().without("evaporation").evaporation is False
    with pytest.raises(ValueError, match="no correction 'evaporating'; there are evaporation, sample_buoyancy"):
        Corrections().without("evaporating")


def test_air_while_the_pump_delivers_counts() -> None:
    """Two hours of cold blanks are no part of the conversion."""
    recording, pulses_s = made()
    weighed(recording, pulses_s)
    time_s, warm = recording.channels["climate.temperature_c"]
    cold = (time_s < BLANK_S) | (time_s > BLANK_S + 4.0 * HOUR_S)
    recording.channels["climate.temperature_c"] = (time_s, np.where(cold, 20.0, warm))
    turned = conversion(recording.in_memory(), context())
    assert turned.surroundings.temperature_c == pytest.approx(23.0)
    assert turned.temperature_c == (20.0, 23.0)
    assert liquid_of(context().plan).name == "water"
