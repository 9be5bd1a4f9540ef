"""What an occlusion test does on the stage: in which order, and what an alarm or none does to it."""

from __future__ import annotations

import pytest

from bench.procedures.occlusion.procedure import PROCEDURE, OcclusionSettings
from tests.procedures.made_contexts import context
from tests.procedures.staged import Staged

BASAL = """
  - {id: T-1, procedure: occlusion, rate: 3 U/h, run_in: 10 min, timeout: 40 min, release_observation: 5 min,
     blank: 5 min, accept: {time_to_alarm: <= 35 min}}
"""
BOLUS = BASAL.replace("rate: 3 U/h", "bolus: 5 U")


def driven(staged: Staged) -> Staged:
    settings = staged.context.plan.tests[0].settings
    assert isinstance(settings, OcclusionSettings)
    PROCEDURE.drive(settings, staged)
    return staged


def test_flow_shut_alarm_stop_open() -> None:
    staged = driven(Staged(context(BASAL), alarms=[(2000.0, "OCCLUSION")]))
    assert staged.pump.log == ["basal 30", "occlude", "stop", "acknowledge", "release"]
    assert staged.kinds() == [
        *("blank started", "blank ended", "pump clock", "basal commanded", "occluder closed", "pump clock"),
        *("pump clock", "pump state", "basal stopped", "occluder opened", "blank started", "blank ended"),
    ]
    assert staged.data("pump state") == [{"state": "alarm"}]
    assert staged.data("occluder closed")[0]["acknowledged_s"] == pytest.approx(900.0)
    assert staged.data("occluder opened")[0]["sent_s"] == pytest.approx(2060.0)


def test_no_alarm_is_recorded_and_the_pump_stopped() -> None:
    staged = driven(Staged(context(BASAL)))
    assert staged.data("no alarm")[0]["waited_s"] == pytest.approx(2400.0)
    assert staged.pump.log == ["basal 30", "occlude", "stop", "acknowledge", "release"]
    settings = staged.context.plan.tests[0].settings
    expected_s = PROCEDURE.expected_duration_s(settings, staged.context.plan)
    assert expected_s == pytest.approx(staged.clock.now_s(), abs=120.0)


def test_a_false_alarm_ends_the_test_before_the_line_is_shut() -> None:
    staged = driven(Staged(context(BASAL), alarms=[(500.0, "OCCLUSION")]))
    assert staged.pump.log == ["basal 30", "stop", "acknowledge"]
    assert "occluder closed" not in staged.kinds()
    assert staged.kinds()[-1] == "blank ended"


def test_a_bolus_goes_through_the_open_line_first() -> None:
    staged = driven(Staged(context(BOLUS), alarms=[(1030.0, "OCCLUSION")]))
    assert staged.pump.log == ["bolus 50", "occlude", "bolus 50", "stop", "acknowledge", "release"]
    commands = staged.data("bolus commanded")
    assert [data["index"] for data in commands] == [0, 1]
    assert [data["index"] for data in staged.data("bolus done")] == [0, 1]
    assert commands[1]["sent_s"] == pytest.approx(960.0)
    # It takes 200 s; the pump is asked every second, so it was last known to be active less than that before.
    assert staged.data("bolus done")[0]["active_s"] == pytest.approx(499.5, abs=0.51)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("rate: 3 U/h, bolus: 1 U", "exactly one of `rate` and `bolus`"),
        ("blank: 5 min", "exactly one of `rate` and `bolus`|twice|duplicate"),
        ("rate: 0 U/h", "more than nothing"),
    ],
)
def test_settings_that_cannot_be_driven_are_refused(change: str, said: str) -> None:
    with pytest.raises(Exception, match=said):
        context(BASAL.replace("rate: 3 U/h", change))


def test_planned_uncertainty_names_what_it_comes_from() -> None:
    made_for = context(BASAL)
    planned = PROCEDURE.planned_uncertainty(made_for.plan.tests[0].settings, made_for)
    assert planned["peak_pressure"][0] == pytest.approx(0.5)
    assert "certificate" in planned["peak_pressure"][1]
    assert planned["time_to_alarm"][0] == pytest.approx(2.0 / 60.0)
    assert planned["missed_volume"][0] > planned["stored_bolus"][0]


@pytest.mark.parametrize("hidden_s", [0.0, 960.5])
def test_an_alarm_before_the_bolus_into_the_shut_line_ends_the_driving(hidden_s: float) -> None:
    """It comes while the shut line is weighed; or it is only seen once the pump has refused the bolus."""
    staged = Staged(context(BOLUS), alarms=[(930.0, "OCCLUSION")])
    staged.alarms_hidden_until_s = hidden_s
    driven(staged)
    assert staged.pump.log == ["bolus 50", "occlude", "stop", "acknowledge", "release"]
    assert staged.data("no bolus into the shut line") == [{"code": "OCCLUSION", "text": "told so"}]
    assert [data["index"] for data in staged.data("bolus commanded")] == [0]
    assert staged.kinds()[-1] == "blank ended"
