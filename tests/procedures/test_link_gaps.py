"""A balance whose link was lost for a while: what its level tells of the time between, and what it leaves open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.procedures.basal.procedure import PROCEDURE
from bench.results.model import Evaluation
from tests.procedures import test_basal_evaluation as basal
from tests.procedures.made_recordings import Made

MINUTES = 240.0
LINE = "step that the lost link may hide"


def evaluated(
    gap_s: tuple[float, float],
    *,
    told: bool = True,
    step_mg: float = 0.0,
    scale: float = 1.0,
    path: Path | None = None,
) -> Evaluation:
    """Evaluate 1 U/h whose readings are missing over a gap, told as a lost link or not, after which all is higher."""
    recording = basal.made(MINUTES)
    curve = basal.mass([(at_s, 0.05 * scale) for at_s in basal.schedule(MINUTES)])
    recording.balance(lambda time_s: curve(time_s) + np.where(time_s > gap_s[0], step_mg, 0.0), seed=4)
    time_s, mass_g = recording.channels["balance.mass_g"]
    kept = (time_s <= gap_s[0]) | (time_s >= gap_s[1])
    recording.channels["balance.mass_g"] = (time_s[kept], mass_g[kept])
    if told:
        recording.events += [
            (gap_s[0] + 0.1, "link lost", {"instrument": "balance", "problem": "gone"}),
            (gap_s[1] - 0.1, "link back", {"instrument": "balance", "away_s": gap_s[1] - gap_s[0]}),
            (gap_s[0] + 0.1, "link lost", {"instrument": "pressure", "problem": "gone"}),
            (gap_s[1] + 900.0, "link back", {"instrument": "pressure", "away_s": 900.0}),
        ]
    of = basal.made_context(MINUTES)
    return PROCEDURE.evaluate(basal.settings(of), recording.in_memory(), of)


def lines(evaluation: Evaluation, name: str) -> dict[str, float]:
    [found] = [one for one in evaluation.measurements if one.name == name]
    return {line.name: line.standard_uncertainty for line in found.budget}


@pytest.mark.parametrize("begin_s", [5000.0, 5060.0, 5120.0])
@pytest.mark.parametrize("lasting_s", [60.0, 150.0])
def test_a_lost_link_widens_what_spans_it_and_hides_nothing(begin_s: float, lasting_s: float) -> None:
    found = evaluated((begin_s, begin_s + lasting_s))
    assert found.doubts == []
    [other] = [note for note in found.notes if "The link to the pressure was lost" in note]
    assert f"for {lasting_s + 899.9:.1f} s from minute" in other
    [note] = [note for note in found.notes if "balance's link was lost" in note]
    assert f"for {lasting_s:.1f} s from minute {begin_s / 60.0:.1f} on" in note
    assert "nothing is interpolated" in note
    assert 0.05 < lines(found, "mean_error")[LINE] < 0.3
    assert LINE not in lines(found, "delivered_1h")  # which ended before
    assert basal.measured(found)["mean_error"].value == pytest.approx(0.0, abs=0.5)


def test_a_gap_that_nobody_explains_is_doubted_as_ever() -> None:
    found = evaluated((5000.0, 5060.0), told=False)
    assert ["gave no reading for more than 10 s" in doubt for doubt in found.doubts] == [True]
    assert LINE not in lines(found, "mean_error")


@pytest.mark.parametrize("step_mg", [-2.0, 1.2, 25_000.0])
def test_a_step_in_the_gap_is_no_delivery_and_no_verdict(step_mg: float) -> None:
    found = evaluated((5000.0, 5060.0), step_mg=step_mg)
    doubt = found.doubts[0]
    assert "that is no delivery. It was touched, or started anew without its tare" in doubt
    assert f"for 60.0 s from minute {5000.0 / 60.0:.1f} on" in doubt


def test_a_small_step_is_within_what_the_budget_holds() -> None:
    still, stepped = (evaluated((5000.0, 5060.0), step_mg=step_mg) for step_mg in (0.0, 0.12))
    assert stepped.doubts == []
    moved = [basal.measured(each)["total_volume"].value for each in (still, stepped)]
    assert moved[0] is not None
    assert moved[1] is not None
    assert abs(moved[1] - moved[0]) < 2.0 * lines(stepped, "total_volume")[LINE] * 0.1


def test_a_pump_that_gives_too_little_is_not_laid_on_the_balance() -> None:
    found = evaluated((5000.0, 5600.0), scale=0.75)
    assert found.doubts == []
    [note] = [note for note in found.notes if "link was lost" in note]
    assert "2.50 mg were due" not in note
    assert basal.measured(found)["mean_error"].value == pytest.approx(-25.0, abs=1.0)


def test_a_link_that_did_not_come_back_leaves_no_gap_to_judge() -> None:
    recording = Made(600.0)
    recording.climate()
    recording.balance(lambda time_s: np.zeros_like(time_s), seed=1)
    recording.events = [(500.0, "link lost", {"instrument": "balance", "problem": "gone"})]
    of = basal.made_context(MINUTES)
    found = PROCEDURE.evaluate(basal.settings(of), recording.in_memory(), of)
    assert not any("link was lost" in each for each in [*found.notes, *found.doubts])
