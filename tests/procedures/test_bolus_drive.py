"""What a bolus test does on the stage, and how it ends early."""

from __future__ import annotations

import pytest

from bench.procedures.bolus.procedure import PROCEDURE
from bench.procedures.bolus.settings import BolusSettings
from drivers.errors import InstrumentError
from tests.procedures.made_contexts import context
from tests.procedures.staged import Staged

TEST = """
  - {id: T-1, procedure: bolus, volume: 1 U, count: 3, settle: 60 s, interval: 90 s, blank: 5 min,
     accept: {mean_error: ±5 %}}
"""


def driven(staged: Staged) -> Staged:
    settings = staged.context.plan.tests[0].settings
    assert isinstance(settings, BolusSettings)
    PROCEDURE.drive(settings, staged)
    return staged


def test_blank_boluses_blank() -> None:
    staged = driven(Staged(context(TEST)))
    boluses = ["bolus commanded", "bolus done"] * 3
    blank = ["blank started", "blank ended"]
    assert staged.kinds() == [*blank, *boluses, *blank]
    assert staged.pump.log == ["bolus 10"] * 3
    assert [data["volume_ul"] for data in staged.data("bolus commanded")] == [10.0] * 3
    assert [data["reported_ul"] for data in staged.data("bolus done")] == [10.0] * 3
    assert staged.data("bolus done")[0]["active_s"] == pytest.approx(339.5)
    assert staged.clock.now_s() == pytest.approx(2 * 300.0 + 3 * (40.0 + 90.0))
    settings = staged.context.plan.tests[0].settings
    assert PROCEDURE.expected_duration_s(settings, staged.context.plan) == pytest.approx(staged.clock.now_s())


def test_basal_runs_meanwhile_and_stops_before_the_blank() -> None:
    staged = driven(Staged(context(TEST.replace("count: 3", "count: 1, basal: 1 U/h"))))
    assert staged.pump.log == ["basal 10", "bolus 10", "stop"]
    assert staged.kinds()[2:7] == ["basal commanded", "bolus commanded", "bolus done", "basal stopped", "blank started"]


def test_an_alarm_ends_the_row_and_the_blank_is_still_weighed() -> None:
    staged = driven(Staged(context(TEST), alarms=[(450.0, "EMPTY")]))
    assert len(staged.data("bolus commanded")) == 2
    assert staged.data("boluses ended early") == [{"before_index": 3, "code": "EMPTY", "text": "told so"}]
    assert staged.kinds()[-2:] == ["blank started", "blank ended"]


def test_a_warning_does_not_end_the_row() -> None:
    assert len(driven(Staged(context(TEST), alarms=[(450.0, "LOWRES")])).data("bolus done")) == 3


def test_an_alarm_not_yet_seen_explains_a_refusal() -> None:
    """The pump refuses because of an alarm that the bench has not taken yet: looked for before the refusal counts."""
    staged = Staged(context(TEST), alarms=[(100.0, "MOTOR")])
    staged.alarms_hidden_until_s = 300.5
    driven(staged)
    assert staged.data("boluses ended early")[0]["code"] == "MOTOR"


def test_a_refusal_without_an_alarm_is_an_error() -> None:
    staged = Staged(context(TEST), alarms=[(100.0, "MOTOR")])
    staged.alarms_hidden_until_s = 1e9
    with pytest.raises(InstrumentError, match="refused"):
        driven(staged)


def test_a_bolus_that_never_ends_is_cancelled() -> None:
    staged = driven(Staged(context(TEST), bolus_lasts_s=1e6))
    assert staged.pump.log == ["bolus 10", "cancel"]
    assert staged.data("bolus done")[0]["cancelled"] is True


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("volume: 0 U", "more than nothing"),
        ("interval: 65 s", "leave 10 s for weighing"),
        ("settle: -1 s", "cannot be negative"),
        ("count: 0", "greater than or equal to 1"),
    ],
)
def test_settings_that_cannot_be_driven_are_refused(change: str, said: str) -> None:
    key = change.split(":")[0]
    old = {"volume": "volume: 1 U", "interval": "interval: 90 s", "settle": "settle: 60 s", "count": "count: 3"}[key]
    with pytest.raises(Exception, match=said):
        context(TEST.replace(old, change))


def test_planned_uncertainty_follows_the_rig() -> None:
    """Twenty-five times more boluses: noise averages out, what evaporation leaves open in each does not."""
    few, many = context(TEST.replace("count: 3", "count: 1")), context(TEST.replace("count: 3", "count: 25"))
    one = PROCEDURE.planned_uncertainty(few.plan.tests[0].settings, few)
    mean = PROCEDURE.planned_uncertainty(many.plan.tests[0].settings, many)
    assert mean["mean_error"][0] < 0.4 * one["mean_error"][0]
    assert mean["largest_positive_deviation"] == one["largest_positive_deviation"]
    assert one["mean_error"][0] == pytest.approx(one["largest_positive_deviation"][0])
    assert "mg" in mean["mean_error"][1]
