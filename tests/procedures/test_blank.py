"""The blank: what a recording that is known tells, and what the drive does."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import yaml

from bench.plan.model import PlanError
from bench.procedures import registry
from bench.procedures.base import Context
from bench.results.model import Evaluation, Measurement
from bench.rig.load import load_rig
from tests.procedures.made_contexts import context
from tests.procedures.made_recordings import Floats, Made
from tests.procedures.staged import Staged

BLANK = registry()["blank"]
HOURS = 1.0
TEST = "  - {id: T-1, procedure: blank, duration: 1 h, accept: {evaporation_rate: ±9 mg/h}}\n"
LOSS_MG_PER_H = 2.0


def steady(time_s: Floats) -> Floats:
    return -LOSS_MG_PER_H / 3600.0 * time_s


def evaluated(
    mass_mg: Callable[[Floats], Floats] = steady,
    of: Context | None = None,
    seed: int | None = 1,
    change: Callable[[Made], None] | None = None,
) -> Evaluation:
    made = Made(60.0 + 3600.0 * HOURS)
    made.balance(mass_mg, seed)
    made.climate()
    made.events += [(1.0, "pump stopped", {}), (60.0, "blank started", {}), (made.duration_s, "blank ended", {})]
    if change is not None:
        change(made)
    of = of or context(TEST)
    return BLANK.evaluate(of.plan.tests[0].settings, made.in_memory(), of)


@functools.cache
def usual() -> Evaluation:
    """Return what a blank of an hour with a steady loss comes to."""
    return evaluated()


def value(evaluation: Evaluation, name: str) -> Measurement:
    found = next(each for each in evaluation.measurements if each.name == name)
    assert found.value is not None
    assert found.expanded_uncertainty is not None
    return found


def near(measured: Measurement, truth: float) -> bool:
    assert measured.value is not None
    assert measured.expanded_uncertainty is not None
    return abs(measured.value - truth) <= 1.5 * measured.expanded_uncertainty


def test_a_steady_loss_is_told_with_its_sign() -> None:
    found = usual()
    rate = value(found, "evaporation_rate")
    assert near(rate, LOSS_MG_PER_H)
    assert (rate.expanded_uncertainty or 1.0) < 0.2
    assert near(value(found, "rate_stability"), 0.0)
    assert not found.doubts


def test_a_loss_that_grows_is_told_as_a_change_between_the_halves() -> None:
    # A rate of 0 at the beginning and 4 mg/h at the end: 1 mg/h on the mean of the first half, 3 on that of the second.
    found = evaluated(lambda time_s: -0.5 * 4.0 / 3600.0 / (3600.0 * HOURS) * np.maximum(time_s - 60.0, 0.0) ** 2)
    assert near(value(found, "rate_stability"), 2.0)
    assert near(value(found, "evaporation_rate"), 2.0)


def test_a_step_is_one_disturbance_and_no_loss() -> None:
    found = evaluated(lambda time_s: steady(time_s) + np.where(time_s > 1500.0, 3.0, 0.0))
    assert value(found, "disturbances_per_hour").value == pytest.approx(1.0, abs=0.01)
    assert near(value(found, "evaporation_rate"), LOSS_MG_PER_H)
    assert any("jump of +3 mg at minute 2" in finding for finding in found.findings)
    (table,) = [each for each in found.tables if each.name == "disturbances"]
    assert table.rows[0][1] == "jump"
    assert float(table.rows[0][2]) == pytest.approx(3.0, abs=0.05)


def test_a_draught_that_passes_is_a_disturbance_that_leaves_nothing() -> None:
    found = evaluated(lambda time_s: steady(time_s) + np.where((time_s > 1500.0) & (time_s < 1530.0), 0.5, 0.0))
    assert value(found, "disturbances_per_hour").value == pytest.approx(1.0, abs=0.01)
    (table,) = [each for each in found.tables if each.name == "disturbances"]
    assert table.rows[0][1] == "swing"


def test_noise_is_that_of_the_recording() -> None:
    # White noise of 0.015 mg behind a lag of 1 s has 2·0.015² mg²·s; its walk of 2e-4 mg a tenth of a second is small.
    expected = np.sqrt(2.0 * 0.015**2 / 10.0)
    assert value(usual(), "noise_10s").value == pytest.approx(expected, rel=0.15)


def test_a_pulse_costs_what_noise_and_certificate_leave_open() -> None:
    with_certificate = value(usual(), "pulse_uncertainty").value or 0.0
    rig = load_rig(yaml.safe_dump(_changed_balance(calibration=None, linearity=None)), name="rig.yaml")
    bare = value(evaluated(of=dataclasses.replace(context(TEST), rig=rig)), "pulse_uncertainty").value or 0.0
    # Certificate 0.015 mg and linearity 0.02/√3 mg of a pulse of 0.4983 mg, in quadrature, k = 2.
    by_load = 200.0 * np.hypot(0.015, 0.02 / np.sqrt(3.0)) / 0.4983
    assert with_certificate == pytest.approx(np.hypot(bare, by_load), rel=0.01)
    assert 1.0 < bare < 8.0


def test_without_an_increment_no_pulse_is_told() -> None:
    found = evaluated(of=context(TEST, pump="{insulin: U-100}"))
    assert "pulse_uncertainty" not in {each.name for each in found.measurements}


def test_a_needle_that_leans_and_slips_is_named() -> None:
    def saw(time_s: Floats) -> Floats:
        return np.where(time_s > 600.0, 2.0 * (((time_s - 600.0) / 600.0) % 1.0), 0.0)

    found = evaluated(saw)
    (told,) = found.findings
    assert told.startswith("The mass rises slowly and falls back at once, by 2 mg every 10 min, ")
    assert "Look at the needle" in told


def test_the_lines_for_the_rig_file_can_be_pasted_and_hold_the_loss() -> None:
    found = usual()
    (table,) = [each for each in found.tables if each.name == "rig_lines"]
    pasted = [yaml.safe_load(row[0]) for row in table.rows]
    rig = _changed_balance(**pasted[1], **pasted[2])
    rig |= pasted[0]
    read = load_rig(yaml.safe_dump(rig, allow_unicode=True), name="rig.yaml")
    assert read.evaporation is not None
    off = abs(read.evaporation.rate.to("mg/h") - LOSS_MG_PER_H)
    assert off <= read.evaporation.half_width.to("mg/h")
    assert any("the rig file declares 0.05 mg/h" in finding for finding in found.findings)


def test_a_display_coarser_than_the_rig_file_says_is_doubted() -> None:
    def coarse(made: Made) -> None:
        time_s, mass_g = made.channels["balance.mass_g"]
        made.channels["balance.mass_g"] = time_s, np.round(mass_g, 4)

    found = evaluated(change=coarse)
    assert any("steps of 0.1 mg" in doubt and "0.01 mg" in doubt for doubt in found.doubts)
    assert any("digits hardly move" in note for note in found.notes)


def test_a_pump_that_counts_a_delivery_makes_no_blank() -> None:
    def counting(made: Made) -> None:
        made.channels["pump.delivered_ul"] = np.array([70.0, 1800.0]), np.array([0.0, 5.0])

    assert any("0.5 U" in doubt and "no blank" in doubt for doubt in evaluated(change=counting).doubts)


def test_a_frozen_balance_is_doubted() -> None:
    assert any("frozen" in doubt for doubt in evaluated(lambda time_s: np.zeros_like(time_s), seed=None).doubts)


def test_a_blank_that_was_cut_short_is_doubted() -> None:
    of = context(TEST.replace("1 h", "2 h"))
    assert any("weighed for 1 h" in doubt and "2 h" in doubt for doubt in evaluated(of=of).doubts)


def test_a_recording_without_readings_says_so() -> None:
    found = evaluated(change=lambda made: made.channels.pop("balance.mass_g") and None)
    assert found.doubts
    assert all(each.value is None for each in found.measurements)


def test_the_drive_stops_the_pump_and_weighs() -> None:
    of = context(TEST)
    stage = Staged(of)
    BLANK.drive(of.plan.tests[0].settings, stage)
    assert stage.pump.log == ["stop"]
    assert stage.kinds() == ["pump stopped", "blank started", "blank ended"]
    assert stage.events[-1][0] - stage.events[-2][0] == pytest.approx(3600.0)
    assert stage.clock.now_s() == pytest.approx(BLANK.expected_duration_s(of.plan.tests[0].settings, of.plan))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("duration: 5 min", "10 min or more"),
        ("settle: -1 min", "cannot be negative"),
        ("pulses_at: 0 U/h", "more than"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: str, told: str) -> None:
    with pytest.raises(PlanError, match=told):
        context(f"  - {{id: T-1, procedure: blank, {wrong}, accept: {{evaporation_rate: ±9 mg/h}}}}\n")


def test_what_is_planned_is_about_what_is_found() -> None:
    of = context(TEST)
    planned, found = BLANK.planned_uncertainty(of.plan.tests[0].settings, of), usual()
    for name in ("evaporation_rate", "noise_10s", "disturbances_per_hour"):
        assert 0.3 < planned[name][0] / (value(found, name).expanded_uncertainty or 1.0) < 3.0, name


def _changed_balance(**changes: Any) -> dict[str, Any]:
    rig: dict[str, Any] = yaml.safe_load(context(TEST).rig.text)
    balance = rig["instruments"]["balance"] | changes
    rig["instruments"]["balance"] = {key: each for key, each in balance.items() if each is not None}
    return rig
