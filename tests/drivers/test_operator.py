"""Who is asked to do something by hand: at a line terminal, and at the terminal of the run."""

from __future__ import annotations

import os
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.clock import RealClock
from bench.rig.fitness import misfits
from bench.rig.load import load_rig
from drivers.errors import GarbledReplyError, InstrumentError, LinkError, NoReplyError
from drivers.operator import console, line_terminal
from drivers.operator.console import Console
from drivers.operator.line_terminal import LineTerminal, Options, open_terminal
from drivers.roles import Identity, Operator, OperatorAction, OperatorRequest, TakesNotes
from tests.drivers.memory_link import MemoryLink
from tests.drivers.peers import Answer, PtyPeer, Script

MakePty = Callable[[Answer, bytes], PtyPeer]
WEIGHT = OperatorRequest(OperatorAction.PLACE_WEIGHT, "Place the weight\nof 20 g", 20.0, "g")
ASKED = b"ASK 1 place_weight 20 g | Place the weight of 20 g"


@pytest.fixture(autouse=True)
def _short_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_terminal, "_TIMEOUT_S", 0.3)


def at(script: Answer, make: MakePty, clock: RealClock) -> LineTerminal:
    return open_terminal(make(script, b"\r\n").address, Options(), clock)


def test_a_request_goes_in_one_line_and_its_answer_comes_back(pty_peer: MakePty, clock: RealClock) -> None:
    identity = (b"ID?", b"ID Panel Works,P7,0042,1.2\r\n")
    script = Script([identity, (ASKED, b"DONE 1\r\n")])
    terminal = at(script, pty_peer, clock)
    assert isinstance(terminal, Operator)
    assert terminal.identify() == Identity("Panel Works", "P7", "0042", "1.2")
    terminal.ask(WEIGHT)
    answer = terminal.answer(clock.now_s() + 2.0)
    assert answer is not None
    assert (answer.done, answer.reason) == (True, "")
    script.check()


def test_a_refusal_has_its_reason(pty_peer: MakePty, clock: RealClock) -> None:
    terminal = at(Script([(ASKED, b"NO 1 the weight is at calibration\r\n")]), pty_peer, clock)
    terminal.ask(WEIGHT)
    answer = terminal.answer(clock.now_s() + 2.0)
    assert answer is not None
    assert (answer.done, answer.reason) == (False, "the weight is at calibration")


def test_nothing_comes_while_the_operator_is_under_way(pty_peer: MakePty, clock: RealClock) -> None:
    terminal = at(Script([(ASKED, b""), (b"CANCEL 1", b"")]), pty_peer, clock)
    terminal.ask(WEIGHT)
    assert terminal.answer(clock.now_s() + 0.1) is None
    terminal.cancel()


def test_an_answer_to_what_was_taken_back_is_passed_over(pty_peer: MakePty, clock: RealClock) -> None:
    second = ASKED.replace(b"ASK 1", b"ASK 2")
    terminal = at(Script([(ASKED, b""), (second, b"DONE 1\r\nNO 2 busy\r\n")]), pty_peer, clock)
    terminal.ask(WEIGHT)
    terminal.ask(WEIGHT)
    answers = [terminal.answer(clock.now_s() + 2.0) for _ in range(2)]
    assert answers[0] is None
    assert answers[1] is not None
    assert not answers[1].done


@pytest.mark.parametrize(("reply", "error"), [(b"", NoReplyError), (b"S S 1.0 g\r\n", GarbledReplyError)])
def test_what_is_no_operators_terminal_is_told(
    reply: bytes, error: type[Exception], pty_peer: MakePty, clock: RealClock
) -> None:
    terminal = at(Script([(b"ID?", reply)]), pty_peer, clock)
    with pytest.raises(error, match="operator's terminal"):
        terminal.identify()


def test_an_answer_that_is_none_is_told_with_its_bytes(pty_peer: MakePty, clock: RealClock) -> None:
    terminal = at(Script([(ASKED, b"ok\r\n")]), pty_peer, clock)
    terminal.ask(WEIGHT)
    with pytest.raises(GarbledReplyError, match=r"gave no answer.*b'ok'"):
        terminal.answer(clock.now_s() + 2.0)


@pytest.fixture
def person() -> Iterator[tuple[int, Path]]:
    """Return a person's side of a terminal and where the terminal is."""
    near, far = os.openpty()
    tty.setraw(far)
    yield near, Path(os.ttyname(far))
    os.close(near)
    os.close(far)


@pytest.mark.parametrize(
    ("typed", "done", "reason"),
    [
        (b"\n", True, ""),
        (b"with tweezers\n", True, "with tweezers"),
        (b"no it fell\n", False, "it fell"),
        (b"n\n", False, "no reason given"),
    ],
)
def test_a_person_answers_at_the_terminal(
    typed: bytes, done: bool, reason: str, person: tuple[int, Path], clock: RealClock
) -> None:
    near, where = person
    asked = Console(clock, where)
    asked.ask(WEIGHT)
    assert b"Place the weight" in os.read(near, 1000)
    assert asked.answer(clock.now_s() + 0.05) is None
    os.write(near, typed)
    answer = asked.answer(clock.now_s() + 2.0)
    assert answer is not None
    assert (answer.done, answer.reason) == (done, reason)
    asked.close()
    asked.close()


def test_without_a_terminal_nobody_can_be_asked(
    tmp_path: Path, clock: RealClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "TERMINAL", tmp_path / "none")
    with pytest.raises(LinkError, match="start the run from one"):
        Console(clock, tmp_path / "none")
    text = "rig: r\ninstruments:\n  operator: {driver: console}\n"
    (lacking,) = misfits(load_rig(text, name="rig.yaml"), {"operator": [Operator]})
    assert "there is no terminal to ask at" in lacking


def test_a_rig_without_an_operator_is_told_the_way_out() -> None:
    text = "rig: r\ninstruments:\n  occluder: {driver: numato_relay, address: /dev/null}\n"
    (lacking,) = misfits(load_rig(text, name="rig.yaml"), {"operator": [Operator]})
    assert "needs an operator, and the rig has none" in lacking
    assert "operator: {driver: console}" in lacking


def test_what_is_typed_unasked_is_a_note_and_what_is_typed_ahead_no_answer(
    person: tuple[int, Path], clock: RealClock
) -> None:
    near, where = person
    asked = Console(clock, where)
    assert isinstance(asked, TakesNotes)
    assert asked.take_notes() == []
    os.write(near, b"\na occlusion\nhm\n")
    time_s = clock.now_s()
    asked.ask(WEIGHT)
    assert asked.answer(clock.now_s() + 0.05) is None
    os.write(near, b"alarm\nplaced\n")
    answer = asked.answer(clock.now_s() + 2.0)
    assert answer is not None
    assert (answer.done, answer.reason) == (True, "placed")
    notes = asked.take_notes()
    assert [each.words for each in notes] == ["a occlusion", "alarm"]
    assert time_s <= notes[0].time_s <= notes[1].time_s <= clock.now_s()
    assert asked.take_notes() == []
    asked.close()


def test_a_line_terminal_says_something_unasked_at_any_time() -> None:
    link = MemoryLink(lambda command: b"NOTE alarm\r\nDONE 1\r\n" if command == ASKED else b"")
    terminal = LineTerminal(link)
    link.say(b"NOTE alarm low reservoir\r\nDONE 7\r\nNOTE al", 0.0)
    assert [each.words for each in terminal.take_notes()] == ["alarm low reservoir"]
    link.say(b"arm 2\r\n")
    terminal.ask(WEIGHT)
    answer = terminal.answer(link.clock.now_s() + 1.0)
    assert answer is not None
    assert answer.done
    link.say(b"NOTE alarm 3\r\n", 5.0)
    assert [each.words for each in terminal.take_notes()] == ["alarm 2", "alarm"]
    link.clock.sleep_s(5.0)
    (note,) = terminal.take_notes()
    assert (note.words, note.time_s) == ("alarm 3", link.clock.now_s())


def test_further_values_follow_with_their_units() -> None:
    link = MemoryLink(lambda _: b"")
    LineTerminal(link).ask(
        OperatorRequest(OperatorAction.PROGRAM_EXTENDED_BOLUS, "Bolus", 1.0, "U", ((2.0, "U"), (3600.0, "s")))
    )
    assert link.received == [b"ASK 1 program_extended_bolus 1 U 2 U 3600 s | Bolus"]


LINES = [b"DONE 1\r\n", b"DONE 2\r\n", b"NO 1 busy\r\n", b"NOTE alarm\r\n", b"NOTE", b"\r\n"]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.one_of(st.binary(max_size=40), st.sampled_from(LINES)), st.just(1)),
            # Without line ends: whole lines are taken one by one, however many there are.
            st.tuples(st.binary(max_size=4).filter(lambda noise: b"\n" not in noise), st.just(40000)),
        ),
        max_size=5,
    )
)
def test_whatever_a_terminal_says_it_is_an_answer_to_the_question_or_an_error(parts: list[tuple[bytes, int]]) -> None:
    said = [data * times for data, times in parts]
    link = MemoryLink(lambda _: said.pop(0) if said else b"")
    everything = b"".join(said)
    terminal = LineTerminal(link)
    terminal.ask(WEIGHT)
    for _ in range(3):
        began_s = link.clock.now_s()
        try:
            answer = terminal.answer(began_s + 1.0)
            terminal.take_notes()
        except InstrumentError:
            answer = None
        assert answer is None or b" 1" in everything
        assert link.clock.now_s() - began_s <= 2.0
    assert len(link.unread) <= 2 * 65536
