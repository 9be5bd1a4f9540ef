"""Commands that an operator carries out: between which instants is recorded, and widens what hangs on them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bench.procedures.basal.procedure import PROCEDURE as BASAL
from bench.procedures.bolus.procedure import PROCEDURE as BOLUS
from bench.procedures.shared.by_hand import hand_notes
from bench.procedures.shared.commands import ended, timed
from bench.procedures.shared.pump_clock import alarm_instant
from bench.recording.reader import Event
from bench.results.model import Measurement
from drivers.roles import BolusStatus, CarriedOut
from tests.procedures import test_basal_evaluation as basals
from tests.procedures import test_bolus_evaluation as boluses
from tests.procedures.made_contexts import context
from tests.procedures.made_recordings import Made
from tests.procedures.staged import Staged, StagedPump

RULE = "pressed between prompt and answer"
OPERATOR = "when the operator started the pump"


class HandPump(StagedPump):
    """Takes 30 s to be programmed and 2 s to be started; told again what it does already, nobody presses anything."""

    done: CarriedOut | None = None

    def start_basal(self, rate_ul_per_h: float) -> None:
        if self.done is None:
            self.clock.sleep_s(30.0)
            shown_s = self.clock.now_s()
            self.clock.sleep_s(2.0)
            self.done = CarriedOut(shown_s, self.clock.now_s(), RULE)
        super().start_basal(rate_ul_per_h)

    def carried_out(self) -> CarriedOut | None:
        return self.done


def staged() -> Staged:
    stage = Staged(context("  - {id: T-1, procedure: idle, duration: 1 h, accept: {unintended_rate: <= 1 U/h}}"))
    stage.pump = HandPump(stage.clock, [], None)
    return stage


def test_a_command_by_hand_was_taken_when_the_operator_says_and_not_when_it_was_given() -> None:
    stage = staged()
    stage.clock.sleep_s(10.0)
    pump = stage.pump
    assert timed(stage, lambda: pump.start_basal(1.0)) == {"sent_s": 40.0, "acknowledged_s": 42.0, "by_hand": RULE}
    stage.clock.sleep_s(10.0)
    assert timed(stage, lambda: pump.start_basal(1.0)) == {"sent_s": 52.0, "acknowledged_s": 52.0}


def test_a_bolus_of_which_the_pump_tells_nothing_ends_by_its_label() -> None:
    assert ended(BolusStatus(False, 1.0, 0.98)) == {"reported_ul": 0.98}
    assert ended(BolusStatus(False, 1.0, math.nan)) == {"by_label": True}


def budget(found: list[Measurement], name: str) -> dict[str, float]:
    measured = next(one for one in found if one.name == name)
    assert measured.value is not None, measured.note
    return {line.name: abs(line.contribution) for line in measured.budget}


def row_of_boluses(half_s: float | None) -> list[Measurement]:
    """Return what three boluses come to, each started within ± `half_s` of its command by hand; None: by itself."""
    volumes_u = [0.1, 0.1, 0.1]
    recording = boluses.made(volumes_u)
    recording.balance(boluses.mass(volumes_u), seed=None)
    if half_s is not None:
        for at, (time_s, kind, data) in enumerate(recording.events):
            if kind == "bolus commanded":
                begin_s = data["sent_s"]
                when = {"sent_s": begin_s - half_s, "acknowledged_s": begin_s + half_s}
                recording.events[at] = (max(time_s, begin_s + half_s), kind, {**data, **when, "by_hand": RULE})
            elif kind == "bolus done":
                recording.events[at] = (time_s, kind, {"index": data["index"], "by_label": True})
    record = recording.in_memory()
    return BOLUS.evaluate(boluses.settings(3), record, boluses.made_context(3)).measurements


@pytest.mark.parametrize("half_s", [0.5, 1.5])
def test_a_boluss_time_begins_in_the_middle_and_is_open_by_half_the_interval(half_s: float) -> None:
    by_itself, by_hand = row_of_boluses(None), row_of_boluses(half_s)
    times = [next(one for one in found if one.name == "delivery_time") for found in (by_itself, by_hand)]
    assert times[0].value == pytest.approx(times[1].value, abs=1e-6)
    assert OPERATOR not in budget(by_itself, "delivery_time")
    assert budget(by_hand, "delivery_time")[OPERATOR] == pytest.approx(half_s / math.sqrt(3.0))
    assert sum(budget(by_hand, "delivery_time").values()) > sum(budget(by_itself, "delivery_time").values())
    assert OPERATOR not in budget(by_hand, "mean_error")


def test_what_a_silent_pump_does_not_tell_is_not_made_up() -> None:
    found = {one.name: one for one in row_of_boluses(0.5)}
    assert found["reported_difference"].value is None
    assert found["tail_fraction"].value is None
    assert found["tail_fraction"].note == "nobody says when the pump was done"


def basal(half_s: float | None) -> list[Measurement]:
    recording = basals.made()
    recording.balance(basals.mass([(at_s, 0.05) for at_s in basals.schedule()]), seed=None)
    if half_s is not None:
        widen(recording, half_s)
    of = basals.made_context()
    return BASAL.evaluate(basals.settings(of), recording.in_memory(), of).measurements


def widen(recording: Made, half_s: float) -> None:
    for at, (time_s, kind, data) in enumerate(recording.events):
        if kind in ("basal commanded", "basal stopped"):
            middle_s = 0.5 * (data.get("sent_s", time_s) + data.get("acknowledged_s", time_s))
            when: dict[str, Any] = {"sent_s": middle_s - half_s, "acknowledged_s": middle_s + half_s, "by_hand": RULE}
            recording.events[at] = (middle_s + half_s, kind, {**data, **when})


def test_a_late_confirmation_widens_what_is_said_of_a_basal_rate() -> None:
    by_itself, quick, late = basal(None), basal(2.0), basal(20.0)
    whole, timing = "mean_error", "timing of command and stop"
    # Two instants of a delivery of 7200 s, each rectangular.
    assert budget(quick, whole)[timing] == pytest.approx(100.0 * math.sqrt(2.0 / 3.0) * 2.0 / 7200.0, rel=0.02)
    assert budget(late, whole)[timing] == pytest.approx(10.0 * budget(quick, whole)[timing], rel=0.02)
    assert budget(by_itself, whole)[timing] < 0.1 * budget(quick, whole)[timing]
    # A volume up to an instant after the command: the rate times how far that is open.
    assert budget(late, "delivered_1h")[OPERATOR] == pytest.approx(20.0 / math.sqrt(3.0) / 3600.0, rel=0.02)
    assert budget(late, "largest_hourly_error")[OPERATOR] == pytest.approx(100.0 * 20.0 / math.sqrt(3.0) / 3600.0)
    assert OPERATOR not in budget(by_itself, "delivered_1h")
    values = [next(one.value for one in found if one.name == whole) for found in (by_itself, late)]
    assert values[0] == pytest.approx(values[1], abs=0.2)


def test_an_alarm_that_was_noticed_from_outside_was_raised_between_two_instants() -> None:
    data = {
        "code": "OCCLUSION",
        "text": "",
        "pump_time_s": None,
        "time_s": 130.0,
        "earliest_s": 124.0,
        "rule": "by ear",
    }
    found = alarm_instant(Made(200.0).in_memory(), Event(131.0, "alarm seen", data))
    assert found.time_s == 127.0
    assert found.standard_uncertainty_s == pytest.approx(3.0 / math.sqrt(3.0))
    assert found.source == "between two instants: by ear"


def test_a_report_says_what_was_confirmed_and_how_surely() -> None:
    recording = Made(200.0)
    recording.events = [
        (12.0, "basal commanded", {"sent_s": 10.0, "acknowledged_s": 12.0, "by_hand": RULE}),
        (60.0, "basal stopped", {"sent_s": 50.0, "acknowledged_s": 60.0, "by_hand": RULE}),
        (40.0, "alarm seen", {"code": "EMPTY", "time_s": 39.0, "earliest_s": 33.0, "rule": "by ear"}),
        (70.0, "bolus done", {"index": 1, "by_label": True}),
    ]
    assert hand_notes(recording.in_memory()) == [
        f"An operator carried out 2 commands at the pump's keys ({RULE}): instants are known each within 6 s (median;"
        " the widest 10 s), rectangular: standard uncertainty 2.9 s at the most.",
        "One alarm noticed from outside (by ear): instants are known within 6 s, rectangular: standard uncertainty"
        " 1.7 s at the most.",
        "When a bolus was done is known from the pump's label alone; what the pump reports is not known.",
    ]
    assert hand_notes(Made(10.0).in_memory()) == []
