"""A pump that an operator programs by hand: what is asked, what is known of when it was done, and what is refused."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bench.clock import SimulatedClock
from drivers import roles
from drivers.beside import Asked
from drivers.errors import InstrumentError, NoReplyError, RefusedError
from drivers.pump.operator_pump import DRIVER, Options, open_pump
from drivers.roles import (
    AlarmSignal,
    BolusStatus,
    CarriedOut,
    DeliveryState,
    Identity,
    OcclusionLevel,
    OperatorAnswer,
    OperatorNote,
    OperatorRequest,
)

LABEL: dict[str, Any] = {
    "manufacturer": "Acme",
    "model": "P1",
    "insulin": "U-100",
    "can": [
        *("basal", "bolus", "extended_bolus", "temporary_basal", "profile"),
        *("suspend", "prime", "occlusion_level", "reservoir"),
    ],
    "basal_increment": "0.05 U/h",
    "basal_minimum": "0.1 U/h",
    "basal_maximum": "10 U/h",
    "bolus_increment": "0.05 U",
    "bolus_maximum": "25 U",
    "bolus_rate": "1.5 U/min",
}
QUIET = AlarmSignal(False, math.nan, math.nan, "input 0 low")


@dataclass
class Contact:
    """An alarm input that says what it is told to."""

    now: AlarmSignal = QUIET

    def identify(self) -> Identity:
        return Identity("made", "contact", "1")

    def close(self) -> None: ...

    def signal(self) -> AlarmSignal:
        return self.now


@dataclass
class Bench:
    """An operator who takes `takes_s` for everything, and what stands beside the pump."""

    clock: SimulatedClock = field(default_factory=lambda: SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)))
    takes_s: float = 2.0
    asked: list[OperatorRequest] = field(default_factory=list)
    answers: deque[OperatorAnswer | None] = field(default_factory=deque)
    notes: list[OperatorNote] = field(default_factory=list)
    contact: Contact | None = None

    def instrument(self, role: str) -> Any:
        return {"operator": self, "alarm": self.contact}.get(role)

    def take_notes(self) -> list[OperatorNote]:
        taken, self.notes = self.notes, []
        return taken

    def ask(self, request: OperatorRequest, patience_s: float) -> Asked:
        shown_s = self.clock.now_s()
        self.asked.append(request)
        self.clock.sleep_s(self.takes_s)
        answer = self.answers.popleft() if self.answers else OperatorAnswer(True, "SN-7", self.clock.now_s())
        if answer is None:
            raise NoReplyError("operator", f"did not answer within {patience_s:g} s")
        return Asked(answer, shown_s)

    def pump(self, **changes: Any) -> Any:
        made = open_pump("", Options.model_validate({**LABEL, **changes}), self.clock, beside=self)
        self.asked.clear()
        return made

    @property
    def words(self) -> list[str]:
        return [each.words for each in self.asked]

    def refuse(self, reason: str, after: int = 0) -> None:
        self.answers.extend([OperatorAnswer(True, "", self.clock.now_s())] * after)
        self.answers.append(OperatorAnswer(False, reason, self.clock.now_s()))


def test_it_is_opened_by_asking_whether_it_stands_there_and_who_it_is() -> None:
    bench = Bench()
    pump = open_pump("", Options.model_validate(LABEL), bench.clock, beside=bench)
    assert pump.identify() == Identity("Acme", "P1", "SN-7")
    assert "Acme P1" in bench.words[0]
    assert "delivers nothing" in bench.words[0]
    assert pump.concentration_u_per_ml == 100.0
    assert pump.state() is DeliveryState.STOPPED
    assert pump.carried_out() is None


def test_a_delivery_is_programmed_first_and_started_by_a_prompt_of_its_own() -> None:
    bench = Bench()
    pump = bench.pump()
    began_s = bench.clock.now_s()
    pump.start_basal(10.0)
    assert bench.words == [
        "On the pump, set the basal rate to 1.00 U/h; do NOT start it yet",
        "Start basal 1.00 U/h on the pump NOW, and confirm at once",
    ]
    assert [(each.action.value, each.value, each.unit) for each in bench.asked] == [
        ("program_basal", 1.0, "U/h"),
        ("start_pump", 0.0, ""),
    ]
    done = pump.carried_out()
    # Only the prompt to start counts: what it took to program the pump does not.
    assert (done.earliest_s, done.latest_s) == (began_s + 2.0, began_s + 4.0)
    assert done.rule == "between the prompt to press the key and its confirmation"
    assert pump.state() is DeliveryState.BASAL


@pytest.mark.parametrize("takes_s", [0.5, 2.0, 90.0])
def test_a_late_confirmation_widens_when_it_was_done(takes_s: float) -> None:
    bench = Bench(takes_s=takes_s)
    pump = bench.pump()
    pump.start_basal(10.0)
    done: CarriedOut = pump.carried_out()
    assert done.latest_s - done.earliest_s == takes_s


def test_an_operator_who_confirms_soon_is_known_better_than_since_the_prompt() -> None:
    bench = Bench(takes_s=8.0)
    pump = bench.pump(confirmed_within="5 s")
    pump.start_basal(10.0)
    done = pump.carried_out()
    assert done.latest_s - done.earliest_s == 5.0
    assert done.rule.endswith("and within 5 s before the latter")
    bench.takes_s = 3.0
    pump.stop()
    done = pump.carried_out()
    assert done.latest_s - done.earliest_s == 3.0


@pytest.mark.parametrize(
    ("do", "words", "amounts"),
    [
        (lambda pump: pump.start_bolus(0.5), "a bolus of 0.05 U", (0.05, "U")),
        (lambda pump: pump.start_bolus(123.5), "a bolus of 12.35 U", (12.35, "U")),
        (lambda pump: pump.start_extended_bolus(10.0, 20.0, 5400.0), "a bolus of 1.00 U at once and 2.00 U spread over"
         " 1 h 30 min", (1.0, "U", (2.0, "U"), (5400.0, "s"))),
        (lambda pump: pump.start_extended_bolus(0.0, 20.0, 3600.0), "a bolus of 2.00 U spread over 1 h",
         (0.0, "U", (2.0, "U"), (3600.0, "s"))),
        (lambda pump: pump.start_temporary_basal(150.0, 1800.0), "a temporary basal rate of 150 % for 30 min",
         (150.0, "%", (1800.0, "s"))),
        (lambda pump: pump.start_temporary_rate(5.0, 90.0), "a temporary basal rate of 0.50 U/h for 1 min 30 s",
         (0.5, "U/h", (90.0, "s"))),
        (lambda pump: pump.start_profile([(0.0, 10.0), (21600.0, 8.0)]),
         "the pump's clock to 0:00 and a basal profile of 1.00 U/h from 0:00, 0.80 U/h from 6:00",
         (0.0, "s", (1.0, "U/h"), (21600.0, "s"), (0.8, "U/h"))),
        (lambda pump: pump.prime(50.0), "a prime of 5.00 U", (5.0, "U")),
    ],
)  # fmt: skip
def test_what_is_to_be_programmed_is_said_as_the_display_has_it(do: Any, words: str, amounts: tuple[Any, ...]) -> None:
    bench = Bench()
    do(bench.pump())
    assert bench.words[0] == f"On the pump, set {words}; do NOT start it yet"
    value, unit, *more = amounts
    assert (bench.asked[0].value, bench.asked[0].unit, bench.asked[0].more) == (value, unit, tuple(more))
    assert len(bench.asked) == 2


def test_a_pump_that_counts_in_volume_is_told_in_volume() -> None:
    bench = Bench()
    ml = {"basal_increment": "0.1 mL/h", "basal_minimum": "0.1 mL/h", "basal_maximum": "100 mL/h"}
    ml |= {"bolus_increment": "0.1 mL", "bolus_maximum": "5 mL", "bolus_rate": "60 mL/h"}
    pump = bench.pump(**ml, insulin=None)
    pump.start_basal(2500.0)
    assert "to 2.5 mL/h;" in bench.words[0]
    assert pump.concentration_u_per_ml is None


@pytest.mark.parametrize(
    ("do", "says"),
    [
        (lambda pump: pump.start_basal(10.3), r"no multiple of its step of 0\.05 U/h"),
        (lambda pump: pump.start_basal(0.5), r"0\.05 U/h is not from 0\.1 U/h to 10 U/h"),
        (lambda pump: pump.start_basal(120.0), "12 U/h is not from"),
        (lambda pump: pump.start_bolus(0.3), r"no multiple of its step of 0\.05 U"),
        (lambda pump: pump.start_bolus(300.0), "30 U is not from"),
        (lambda pump: pump.start_bolus(0.0), "0 U is not from"),
    ],
)
def test_what_the_label_does_not_allow_is_refused_before_anybody_is_asked(do: Any, says: str) -> None:
    bench = Bench()
    with pytest.raises(RefusedError, match=says):
        do(bench.pump())
    assert bench.asked == []


def test_no_rate_at_all_can_be_set() -> None:
    bench = Bench()
    bench.pump().start_basal(0.0)
    assert "0.00 U/h" in bench.words[0]


def test_only_what_delivers_or_may_deliver_is_stopped_by_asking() -> None:
    bench = Bench()
    pump = bench.pump()
    pump.stop()
    assert bench.asked == []
    pump.start_basal(10.0)
    bench.asked.clear()
    pump.stop()
    assert bench.words == ["Stop the pump NOW: all delivery, and confirm at once"]
    assert pump.state() is DeliveryState.STOPPED
    pump.stop()
    assert len(bench.asked) == 1


def test_a_start_that_nobody_answered_may_have_been_done_and_is_stopped() -> None:
    bench = Bench()
    pump = bench.pump()
    bench.answers.extend([OperatorAnswer(True, "", 0.0), None])
    with pytest.raises(NoReplyError):
        pump.start_basal(10.0)
    assert pump.carried_out() is None
    bench.asked.clear()
    pump.stop()
    assert [each.action.value for each in bench.asked] == ["stop_pump"]
    pump.stop()
    assert len(bench.asked) == 1


def test_a_start_that_was_refused_has_not_been_done() -> None:
    bench = Bench()
    pump = bench.pump()
    bench.refuse("the pump shows an error", after=1)
    with pytest.raises(RefusedError, match=r"Start basal 1\.00 U/h.*: the pump shows an error"):
        pump.start_basal(10.0)
    bench.asked.clear()
    pump.stop()
    assert bench.asked == []


def test_a_stop_that_was_refused_is_asked_again() -> None:
    bench = Bench()
    pump = bench.pump()
    pump.start_basal(10.0)
    bench.refuse("it is locked")
    with pytest.raises(RefusedError, match="it is locked"):
        pump.stop()
    bench.asked.clear()
    pump.stop()
    assert len(bench.asked) == 1


def test_a_bolus_is_over_by_its_label_and_nothing_is_said_of_what_it_gave() -> None:
    bench = Bench()
    pump = bench.pump()
    pump.start_bolus(10.0)
    done = pump.carried_out()
    # 40 s at 1.5 U/min, 2 s less for the last of its steps, ± 10 %, after a start that is known to 2 s.
    earliest_s, latest_s = done.earliest_s + 38.0 / 1.1, done.latest_s + 40.0 / 0.9
    seen: list[BolusStatus] = []
    for at_s in (earliest_s - 0.1, earliest_s + 0.1, latest_s - 0.1, latest_s + 0.1):
        bench.clock.sleep_s(at_s - bench.clock.now_s())
        seen.append(pump.bolus_status())
    assert [(each.active, each.certain) for each in seen] == [(True, True), (True, False), (True, False), (False, True)]
    assert all(math.isnan(each.delivered_ul) and each.programmed_ul == 10.0 for each in seen)
    assert pump.state() is DeliveryState.STOPPED
    bench.asked.clear()
    pump.cancel_bolus()
    assert bench.asked == []


def test_a_bolus_that_is_suspended_ends_so_much_later() -> None:
    bench = Bench()
    pump = bench.pump()
    pump.start_bolus(10.0)
    latest_s = pump.carried_out().latest_s + 40.0 / 0.9
    pump.suspend()
    suspended = pump.carried_out()
    assert pump.state() is DeliveryState.SUSPENDED
    bench.clock.sleep_s(600.0)
    assert pump.bolus_status().active
    pump.resume()
    resumed = pump.carried_out()
    latest_s += resumed.latest_s - suspended.earliest_s
    bench.clock.sleep_s(latest_s - 0.1 - bench.clock.now_s())
    assert pump.bolus_status().active
    bench.clock.sleep_s(0.2)
    assert not pump.bolus_status().active


def test_a_bolus_is_cancelled_by_hand() -> None:
    bench = Bench()
    pump = bench.pump()
    pump.start_basal(10.0)
    pump.start_bolus(100.0)
    assert pump.state() is DeliveryState.BOLUS
    pump.cancel_bolus()
    assert bench.words[-1].startswith("Cancel the bolus on the pump NOW")
    assert not pump.bolus_status().active
    assert pump.state() is DeliveryState.BASAL


def test_what_has_no_instant_is_asked_by_one_prompt() -> None:
    bench = Bench()
    pump = bench.pump()
    pump.set_occlusion_level(OcclusionLevel.HIGH)
    assert pump.occlusion_level() is OcclusionLevel.HIGH
    pump.reservoir_filled(3000.0)
    assert [(each.action.value, each.value, each.unit) for each in bench.asked] == [
        ("set_occlusion_level", 3.0, ""),
        ("tell_reservoir", 300.0, "U"),
    ]


# -- alarms


def poll(bench: Bench, pump: Any, after_s: float = 0.25) -> None:
    bench.clock.sleep_s(after_s)
    assert pump.poll(bench.clock.now_s()) == pytest.approx(bench.clock.now_s() + 0.25)


def test_an_alarm_at_the_contact_is_told_once_with_its_instants() -> None:
    bench = Bench(contact=Contact())
    pump = bench.pump()
    pump.start_basal(10.0)
    poll(bench, pump)
    assert bench.contact is not None
    bench.contact.now = AlarmSignal(True, 10.25, 10.5, "input 0 high")
    poll(bench, pump)
    poll(bench, pump)
    (alarm,) = pump.take_alarms()
    assert (alarm.sequence, alarm.code, alarm.text) == (1, "OCCLUSION", "input 0 high")
    assert (alarm.earliest_s, alarm.time_s, alarm.rule) == (10.25, 10.5, "between two looks at the alarm input")
    assert math.isnan(alarm.pump_time_s)
    assert pump.take_alarms() == []
    assert pump.state() is DeliveryState.ALARM
    with pytest.raises(RefusedError, match="while an alarm is not acknowledged: OCCLUSION"):
        pump.start_bolus(10.0)
    bench.asked.clear()
    pump.acknowledge_alarms()
    pump.acknowledge_alarms()
    assert [each.action.value for each in bench.asked] == ["acknowledge_alarm"]
    assert pump.state() is DeliveryState.STOPPED  # the alarm has stopped it
    bench.contact.now = QUIET
    poll(bench, pump)
    bench.contact.now = AlarmSignal(True, 20.0, 20.5, "input 0 high")
    poll(bench, pump)
    assert [each.sequence for each in pump.take_alarms()] == [2]


def test_an_alarm_that_was_there_at_the_first_look_began_since_nobody_knows_when() -> None:
    bench = Bench(contact=Contact(AlarmSignal(True, math.nan, 1.0, "")))
    began_s = bench.clock.now_s()
    (alarm,) = bench.pump().take_alarms()
    assert alarm.earliest_s == began_s


def test_no_alarm_that_is_noted_began_before_the_operator_has_seen_that_there_is_none() -> None:
    bench = Bench()
    began_s = bench.clock.now_s()
    pump = bench.pump()
    bench.notes = [OperatorNote("a", began_s + 2.5)]
    poll(bench, pump)
    (alarm,) = pump.take_alarms()
    assert (alarm.earliest_s, alarm.time_s) == (began_s, began_s + 2.5)


@pytest.mark.parametrize(
    ("words", "code", "text", "state"),
    [
        ("a", "OCCLUSION", "", DeliveryState.ALARM),
        ("alarm", "OCCLUSION", "", DeliveryState.ALARM),
        ("A empty", "EMPTY", "empty", DeliveryState.ALARM),
        ("a lowres", "LOWRES", "lowres", DeliveryState.BASAL),
        ("a no-delivery, E4", "NODELIVERY", "no-delivery, E4", DeliveryState.ALARM),
    ],
)
def test_an_alarm_that_the_operator_notes(words: str, code: str, text: str, state: DeliveryState) -> None:
    bench = Bench()
    pump = bench.pump(alarm_noted_within="6 s")
    pump.start_basal(10.0)
    poll(bench, pump, 100.0)
    looked_s = bench.clock.now_s()
    bench.notes = [OperatorNote("hm", looked_s + 0.1), OperatorNote(words, looked_s + 0.2)]
    poll(bench, pump)
    (alarm,) = pump.take_alarms()
    assert (alarm.code, alarm.text) == (code, text)
    # The line may have been there since the last look, and the alarm six seconds before that.
    assert (alarm.earliest_s, alarm.time_s) == (looked_s - 6.0, looked_s + 0.2)
    assert alarm.rule == "noted by the operator within 6 s"
    assert pump.state() is state


def test_an_alarm_is_told_once_however_many_notice_it() -> None:
    bench = Bench(contact=Contact())
    pump = bench.pump()
    assert bench.contact is not None
    bench.contact.now = AlarmSignal(True, 1.0, 1.5, "")
    bench.notes = [OperatorNote("a", 3.0), OperatorNote("a", 4.0), OperatorNote("a empty", 5.0)]
    poll(bench, pump)
    assert [each.code for each in pump.take_alarms()] == ["OCCLUSION", "EMPTY"]


# -- what it can do, and the rig file


def test_it_can_do_what_its_label_says_and_nothing_else() -> None:
    capabilities = {
        "basal": roles.DeliversBasal,
        "bolus": roles.DeliversBolus,
        "extended_bolus": roles.DeliversExtendedBolus,
        "temporary_basal": roles.DeliversTemporaryBasal,
        "profile": roles.DeliversProfile,
        "suspend": roles.Suspends,
        "prime": roles.Primes,
        "occlusion_level": roles.SetsOcclusionLevel,
        "reservoir": roles.TakesReservoir,
    }
    always = (roles.Pump, roles.RaisesAlarms, roles.NeedsPolling, roles.CarriesOutByHand)
    for name, capability in capabilities.items():
        pump = Bench().pump(can=[name])
        assert isinstance(pump, capability)
        assert all(isinstance(pump, each) for each in always)
        others = {other: each for other, each in capabilities.items() if other != name}
        can_also = [other for other, each in others.items() if isinstance(pump, each)]
        assert can_also == (["bolus"] if name == "extended_bolus" else [])
        assert not isinstance(pump, roles.ReportsDelivery | roles.HasWatchdog)
    assert DRIVER.able is not None
    assert DRIVER.kind(Options.model_validate(LABEL)) is DRIVER.able(Options.model_validate(LABEL))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"insulin": None}, "`basal_increment` in U needs `insulin`"),
        ({"basal_increment": "0 U/h"}, "is not above zero"),
        ({"bolus_rate_within": "100 %"}, "leaves no rate"),
        ({"can": []}, "at least 1 item"),
        ({"can": ["fly"]}, "Input should be 'basal'"),
        ({"alarm_code": "occlusion"}, "should match pattern"),
        ({"patience": "0 s"}, "is not above zero"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_a_label_that_makes_no_sense_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Options.model_validate({**LABEL, **change})


def test_it_is_nothing_without_a_rig() -> None:
    with pytest.raises(InstrumentError, match="programmed by the rig's operator"):
        open_pump("", Options.model_validate(LABEL), Bench().clock)


ACTS = st.sampled_from(
    ["basal", "bolus", "stop", "suspend", "resume", "cancel", "acknowledge", "wait", "alarm", "note"]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(ACTS, st.sampled_from(["done", "refused", "silent"]), st.text(max_size=8)), max_size=12))
def test_whatever_an_operator_says_the_pump_is_stopped_in_the_end_or_it_is_said(
    acts: list[tuple[str, str, str]],
) -> None:
    bench = Bench(contact=Contact())
    pump = bench.pump()
    assert bench.contact is not None
    for what, outcome, words in acts:
        bench.answers.clear()
        now_s = bench.clock.now_s()
        told = {"done": OperatorAnswer(True, words, now_s), "refused": OperatorAnswer(False, words, now_s)}
        bench.answers.append(told.get(outcome))
        bench.notes = [OperatorNote(f"a {words}" if what == "note" else words, now_s)]
        bench.contact.now = AlarmSignal(what == "alarm", now_s, now_s, words) if what == "alarm" else QUIET
        do = {
            "basal": lambda: pump.start_basal(10.0),
            "bolus": lambda: pump.start_bolus(10.0),
            "stop": pump.stop,
            "suspend": pump.suspend,
            "resume": pump.resume,
            "cancel": pump.cancel_bolus,
            "acknowledge": pump.acknowledge_alarms,
            "wait": lambda: bench.clock.sleep_s(30.0),
        }.get(what, lambda: pump.poll(bench.clock.now_s()))
        with contextlib.suppress(InstrumentError):
            do()
        assert isinstance(pump.state(), DeliveryState)
        assert all(each.earliest_s <= each.time_s for each in pump.take_alarms())
    bench.answers.clear()
    before = pump.state()
    bench.asked.clear()
    pump.stop()
    assert pump.state() in (DeliveryState.STOPPED, DeliveryState.ALARM)
    assert before is DeliveryState.STOPPED or [each.action.value for each in bench.asked] == ["stop_pump"]
