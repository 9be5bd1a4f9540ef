"""Budgets of whole evaluations: a sensitivity is what an input that is shifted really does to the volume."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import numpy as np
import pytest

from bench.metrology.density import air_density_kg_per_m3
from bench.metrology.noise import Levels
from bench.procedures.base import Context
from bench.procedures.shared.weighing import weigh_record
from bench.results.model import Component
from tests.procedures.made_recordings import Made
from tests.procedures.test_corrections import BLANK_S, HOUR_S, RIG, VESSEL, context, evaluated, made, total, weighed

VESSEL_LINE = "air buoyancy of the vessel"


@pytest.fixture(scope="module")
def uneasy() -> Made:
    """Four hours at 1 U/h; the pressure stands still in the blanks' middles, and rises by 20 hPa while it delivers."""
    recording, pulses_s = made()
    time_s, _ = recording.channels["climate.pressure_hpa"]
    rising = np.interp(time_s, [BLANK_S - 300.0, BLANK_S + 4.0 * HOUR_S + 400.0], [1000.0, 1020.0])
    recording.channels["climate.pressure_hpa"] = (time_s, rising)
    densities = [air_density_kg_per_m3(23.0, hpa, 50.0) for hpa in rising]

    def on_the_vessel(at_s: np.ndarray) -> np.ndarray:
        return np.asarray(-15.0 * (np.interp(at_s, time_s, densities) - densities[0]))

    weighed(recording, pulses_s, more_mg=on_the_vessel)
    return recording


def line(recording: Made, of: Context, name: str) -> Component:
    return next(each for each in total(evaluated(recording, of)).budget if each.name == name)


def volume_u(recording: Made, of: Context) -> float:
    value = total(evaluated(recording, of)).value
    assert value is not None
    return value


def shifted(recording: Made, channel: str, by: float) -> Made:
    other = copy.copy(recording)
    time_s, value = recording.channels[channel]
    other.channels = {**recording.channels, channel: (time_s, value + by)}
    return other


@pytest.mark.parametrize(
    ("channel", "name", "by", "estimate"),
    [
        ("climate.temperature_c", "temperature of the air", 0.5, 23.0),
        ("climate.pressure_hpa", "pressure of the air", 5.0, 1010.0),
        ("climate.humidity_pct", "humidity of the air", 10.0, 50.0),
    ],
)
def test_a_shifted_sensor_moves_the_volume_by_its_sensitivity(
    uneasy: Made, channel: str, name: str, by: float, estimate: float
) -> None:
    """Through both densities at once; of the vessel's correction it changes 0.35 % per kelvin, which is left out."""
    of = context()
    low, high = (volume_u(shifted(uneasy, channel, sign * by), of) for sign in (-1.0, 1.0))
    found = line(uneasy, of, name)
    assert found.estimate == pytest.approx(estimate, abs=0.2)
    left_out = 0.004 * by * line(uneasy, of, VESSEL_LINE).estimate * 0.1 if channel.endswith("_c") else 1e-7
    assert found.sensitivity * by == pytest.approx(0.5 * (high - low), rel=0.02, abs=left_out)


def test_the_displaced_volume_acts_through_the_levels_and_through_the_blanks_slopes(uneasy: Made) -> None:
    wide = RIG.replace(VESSEL, VESSEL.replace("15 mL ± 3 mL", "16 mL ± 3 mL"))
    of = context()
    moved_u = volume_u(uneasy, context(rig=wide)) - volume_u(uneasy, of)
    vessel = line(uneasy, of, VESSEL_LINE)
    assert vessel.estimate / 15.0 * vessel.sensitivity == pytest.approx(moved_u, rel=0.02)


def test_air_that_changes_steadily_is_taken_for_a_loss_whatever_the_vessel() -> None:
    """As long as the rig file declares no loss: what the vessel's volume misses is in the blanks' slopes, too."""
    recording, pulses_s = made()
    time_s, _ = recording.channels["climate.pressure_hpa"]
    recording.channels["climate.pressure_hpa"] = (time_s, np.linspace(1000.0, 1020.0, time_s.size))
    weighed(recording, pulses_s)
    of = context(rig=RIG.replace("evaporation: {rate: 0.05 mg/h, half_width: 0.05 mg/h}\n", ""))
    vessel = line(recording, of, VESSEL_LINE)
    assert abs(vessel.estimate) < 0.02 * 15.0 * 0.023
    # What is left is how well the sensor follows the air at the vessel.
    assert vessel.standard_uncertainty == pytest.approx(15.0 * 3e-4, rel=0.1)


@pytest.mark.parametrize(
    ("changed", "name", "estimate"),
    [
        (lambda rig: rig, "water warmer than the air", 0.0),
        (lambda rig: rig + "liquid_temperature: 27 °C ± 0.5 °C\n", "temperature of the water", 27.0),
    ],
)
def test_the_liquids_temperature_is_a_line_of_its_own(
    uneasy: Made, changed: Callable[[str], str], name: str, estimate: float
) -> None:
    found = line(uneasy, context(rig=changed(RIG)), name)
    assert found.estimate == pytest.approx(estimate, abs=1e-9)
    assert found.distribution == ("normal" if estimate == 0.0 else "rectangular")
    spread = 0.3 if estimate == 0.0 else 0.5 / math.sqrt(3.0)
    assert found.standard_uncertainty == pytest.approx(spread)


def test_the_noise_of_the_levels_acts_through_the_blanks_slopes_too(uneasy: Made) -> None:
    of = context(rig=RIG.replace("evaporation: {rate: 0.05 mg/h, half_width: 0.05 mg/h}\n", ""))
    weighing = weigh_record(uneasy.in_memory(), of)
    begin_s, settled_s = BLANK_S, BLANK_S + 4.0 * HOUR_S + 60.0
    levels = Levels.difference((begin_s - 60.0, begin_s), (settled_s, settled_s + 60.0))
    hours = (settled_s - begin_s + 60.0) / HOUR_S
    given = weighing.evaporation.given_levels(weighing.noise, levels, hours * HOUR_S)
    lines = {each.name: each for each in total(evaluated(uneasy, of)).budget}
    by_noise, lost = lines["drift"], lines["evaporation and steady drift"]
    assert by_noise.sensitivity == lines["repeatability"].sensitivity
    follows = by_noise.sensitivity / lines["calibration"].sensitivity - 1.0
    assert follows == pytest.approx(given.mg_per_h_per_mg * hours, rel=0.02)
    assert follows > 0.01
    # What is in the noise's lines and what is left come to all of the loss.
    in_noise = given.mg_per_h_per_mg * weighing.noise.of(levels).standard_uncertainty
    whole = weighing.evaporation.uncertainty_over(hours * HOUR_S)
    assert math.hypot(lost.standard_uncertainty, in_noise) == pytest.approx(whole, rel=1e-3)
    assert f"by {given.correlation:.2f}: so much of it" in lost.source
