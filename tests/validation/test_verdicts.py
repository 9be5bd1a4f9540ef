"""Pumps around a limit: how they are drawn, judged and counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.rig.load import load_rig
from bench.validation.study import verdict_study
from bench.validation.verdicts import RULES, Decided, explained, operating_characteristic, planned_percent, rates

RIG = Path(__file__).resolve().parents[2] / "fixtures" / "simulated.yaml"


def made(truth: float, verdict: str, reason: str = "the value may lie on either side of the limit") -> Decided:
    return Decided(1, "bolus", truth, truth, 0.3, 5.0, {"guarded": verdict}, {"guarded": reason})


def test_false_verdicts_are_counted_by_the_truth() -> None:
    decided = [
        made(4.0, "pass"),
        made(-5.1, "pass"),
        made(4.9, "fail"),
        made(6.0, "fail"),
        made(5.0, "inconclusive", ""),
    ]
    found = rates(decided, "guarded")
    assert (found.pumps, found.good, found.bad) == (5, 3, 2)
    assert (found.false_accepts, found.false_rejects) == (1, 1)
    assert (found.inconclusive, found.unexplained) == (1, 1)


def test_the_operating_characteristic_runs_from_good_to_bad() -> None:
    decided = [made(4.0 + 0.02 * i, "pass" if i < 40 else "inconclusive" if i < 60 else "fail") for i in range(100)]
    curve = operating_characteristic(decided, "guarded", bins=5)
    assert [point.pumps for point in curve] == [20] * 5
    assert [point.ratio for point in curve] == sorted(point.ratio for point in curve)
    assert [(p.passed, p.inconclusive, p.failed) for p in curve] == [
        (1, 0, 0),
        (1, 0, 0),
        (0, 1, 0),
        (0, 0, 1),
        (0, 0, 1),
    ]


def test_pumps_around_a_limit_are_judged_by_every_rule(tmp_path: Path) -> None:
    rig = load_rig(RIG)
    assert rig.simulation is not None
    expanded = planned_percent(rig, "bolus", rig.simulation.pump)
    assert 0.05 < expanded < 2.0
    decided = verdict_study(RIG.read_text(encoding="utf-8"), "bolus", range(1, 7), 5.0, expanded, tmp_path)
    for each in decided:
        assert set(each.verdicts) == {str(rule) for rule in RULES}
        # Pulses scatter by 8 %, a hundred of them: the true mean is about as far from the limit as was drawn.
        assert abs(abs(each.truth) - 5.0) < 3.0 * expanded + 3.0
        assert abs(each.value - each.truth) < 2.0 * each.expanded
        if each.verdicts["guarded"] == "inconclusive":
            assert explained(each.reasons["guarded"])
    assert rates(decided, "guarded").false_accepts == 0
    assert not list(tmp_path.glob("near/*"))


@pytest.mark.parametrize(
    ("reason", "enough"), [("", False), ("unclear", False), ("x ± U may lie on either side", True)]
)
def test_an_explanation_has_words(reason: str, enough: bool) -> None:
    assert explained(reason) is enough
