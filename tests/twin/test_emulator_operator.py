"""The simulated operator: by its bytes, and what its hands do to the balance."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bench.twin.emulators.operator_terminal import OperatorTerminal
from bench.twin.refusal import HandsRefusal
from bench.twin.world import World
from tests.twin.quiet import quiet

LATENCY_S = 0.002


class Desk:
    """A terminal with one hand, and what it has said."""

    def __init__(self) -> None:
        self.said: list[tuple[float, bytes]] = []
        self.done: list[tuple[float, str, float]] = []

        def place(value: float, unit: str, time_s: float) -> None:
            if unit != "g":
                raise HandsRefusal(f"{unit} is no mass")
            self.done.append((value, unit, time_s))

        self.terminal = OperatorTerminal(
            lambda data, due_s: self.said.append((due_s, data)), {"place_weight": place}, reaction_s=20.0, serial="S-1"
        )

    def tell(self, line: bytes, time_s: float) -> None:
        self.terminal.receive(line + b"\r\n", time_s)

    def pass_time(self) -> None:
        self.terminal.run_until(self.terminal.next_event_s())

    @property
    def last(self) -> bytes:
        return self.said[-1][1]


def test_it_says_who_it_is() -> None:
    desk = Desk()
    desk.tell(b"ID?", 1.0)
    assert desk.said == [(1.0 + LATENCY_S, b"ID pumpbench twin,simulated operator,S-1,1.0\r\n")]


def test_what_is_asked_is_done_after_a_while_and_then_confirmed() -> None:
    desk = Desk()
    desk.tell("ASK 7 place_weight 20 g | Gewicht äuflegen".encode(), 100.0)
    assert desk.said == []
    assert desk.terminal.next_event_s() == 120.0
    desk.pass_time()
    assert desk.done == [(20.0, "g", 120.0)]
    assert desk.said == [(120.0 + LATENCY_S, b"DONE 7\r\n")]
    assert math.isinf(desk.terminal.next_event_s())


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"ASK 1 place_weight 20 mm | x", b"NO 1 mm is no mass\r\n"),
        (b"ASK 1 set_head_height 100 mm | x", b"NO 1 nothing on this bench can set head height\r\n"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(line: bytes, answer: bytes) -> None:
    desk = Desk()
    desk.tell(line, 0.0)
    desk.pass_time()
    assert desk.last == answer
    assert desk.done == []


@pytest.mark.parametrize("line", [b"", b"HELLO", b"ASK 1 place_weight 20 | x", b"ASK"])
def test_what_it_does_not_understand_it_says(line: bytes) -> None:
    desk = Desk()
    desk.tell(line, 0.0)
    assert desk.last == b"NO 0 not understood\r\n"


def test_one_thing_at_a_time_and_what_is_taken_back_is_not_done() -> None:
    desk = Desk()
    desk.tell(b"ASK 1 place_weight 20 g | x", 0.0)
    desk.tell(b"ASK 2 place_weight 20 g | x", 1.0)
    assert desk.last == b"NO 2 busy with 1\r\n"
    desk.tell(b"CANCEL 1", 2.0)
    assert math.isinf(desk.terminal.next_event_s())
    assert desk.done == []


def shown_g(world: World, time_s: float) -> float:
    world.advance(time_s)
    return world.balance.indication_g(time_s)


def test_a_weight_shows_behind_the_balances_lag_and_leaves_again() -> None:
    # The air still changes by its wander: some micrograms on the vessel.
    world = World(quiet(operator={"weight_error": "1 mg"}), 1)
    empty = shown_g(world, 100.0)
    world.hands.actions["place_weight"](20.0, "g", 100.0)
    assert shown_g(world, 101.0) - empty == pytest.approx(20.001 * (1.0 - math.exp(-1.0)), abs=1e-5)
    assert shown_g(world, 130.0) - empty == pytest.approx(20.001, abs=1e-5)
    world.hands.actions["remove_weight"](20.0, "g", 130.0)
    assert shown_g(world, 160.0) == pytest.approx(empty, abs=1e-5)


def test_what_does_not_lie_there_cannot_be_removed() -> None:
    world = World(quiet(), 1)
    with pytest.raises(HandsRefusal, match="no weight of 20 g"):
        world.hands.actions["remove_weight"](20.0, "g", 1.0)
    with pytest.raises(HandsRefusal, match="is no mass"):
        world.hands.actions["place_weight"](20.0, "mm", 1.0)


def test_a_bench_that_counts_anew_has_forgotten_what_it_asked() -> None:
    desk = Desk()
    desk.tell(b"ASK 7 place_weight 20 g | x", 0.0)
    desk.tell(b"ASK 1 place_weight 10 g | x", 5.0)
    desk.pass_time()
    assert (desk.done, desk.last) == ([(10.0, "g", 25.0)], b"DONE 1\r\n")


def quick(**operator: Any) -> World:
    return World(quiet(operator=operator), 1)


def hear(world: World, until_s: float) -> tuple[OperatorTerminal, list[tuple[float, bytes]]]:
    said: list[tuple[float, bytes]] = []
    terminal = OperatorTerminal(
        lambda data, due_s: said.append((due_s, data)),
        world.hands.actions,
        reaction_s=20.0,
        serial="S-1",
        pace_s=world.hands.pace_s,
        ears=world.hands,
    )
    live(world, terminal, until_s)
    return terminal, said


def live(world: World, terminal: OperatorTerminal, until_s: float) -> None:
    while (next_s := terminal.next_event_s()) <= until_s:
        world.advance(next_s)
        terminal.run_until(next_s)
    world.advance(until_s)


def test_the_pump_is_programmed_first_and_started_when_asked() -> None:
    world = quick(key_reaction="1 s", key_answer="700 ms", spread="0 %")
    terminal, said = hear(world, 0.0)
    terminal.receive(b"ASK 1 check_pump 0 - | x\r\nASK 1 program_basal 1.5 U/h | x\r\n", 0.0)
    live(world, terminal, 50.0)
    assert said == [(20.0 + LATENCY_S, b"DONE 1\r\n")]
    assert not world.pump.basal_on
    terminal.receive(b"ASK 2 start_pump 0 - | x\r\n", 50.0)
    live(world, terminal, 50.9)
    assert not world.pump.basal_on
    live(world, terminal, 51.0)
    assert (world.pump.basal_on, world.pump.basal_rate_u_per_h) == (True, 1.5)
    assert said[-1] == (51.7 + LATENCY_S, b"DONE 2\r\n")
    terminal.receive(b"ASK 3 start_pump 0 - | x\r\n", 60.0)
    live(world, terminal, 70.0)
    assert said[-1][1] == b"NO 3 nothing is programmed that could be started\r\n"
    terminal.receive(b"ASK 4 stop_pump 0 - | x\r\n", 70.0)
    live(world, terminal, 80.0)
    assert world.pump.state == "STOP"


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (b"program_bolus 0.07 U", b"NO 1 the pump does not take it: 0.07 U is no multiple of 0.05 U"),
        (b"program_basal 99 U/h", b"NO 1 the pump does not take it: 99.0 is not from"),
        (b"program_basal 1 kg", b"NO 1 1 kg cannot be set"),
        (b"program_basal 1 U/h 2 U/h", b"NO 1 those are not the amounts of program_basal"),
        (b"resume_pump 0 -", b"NO 1 the pump does not take it: nothing is suspended"),
        (b"place_weight 20 g 3 g", b"NO 1 one amount is meant, and 2 were told"),
        (b"check_pump 0 -", b"DONE 1 SIM-PUMP-1"),
        (b"program_extended_bolus 1 U 2 U 3600 s", b"DONE 1"),
        (b"program_bolus 10 \xc2\xb5L", b"DONE 1"),
        (b"program_profile 0 s 1 U/h 3600 s 2 U/h", b"DONE 1"),
    ],
)
def test_what_the_pump_does_not_take_the_operator_refuses(asked: bytes, answer: bytes) -> None:
    world = quick()
    terminal, said = hear(world, 0.0)
    terminal.receive(b"ASK 1 " + asked + b" | x\r\n", 0.0)
    live(world, terminal, 30.0)
    assert said[0][1].startswith(answer)


def test_reaction_times_are_the_seeds_own() -> None:
    paces = [World(quiet(), seed).hands.pace_s("start_pump") for seed in (1, 1, 2)]
    assert paces[0] == paces[1] != paces[2]
    assert 0.5 <= paces[0][0] <= 1.5
    assert 0.35 <= paces[0][1] <= 1.05


def test_an_operator_who_listens_notes_each_alarm_once() -> None:
    world = quick(notes_alarms=True, alarm_reaction="4 s", spread="0 %")
    terminal, said = hear(world, 10.1)
    world.pump.raise_alarm("OCCLUSION")
    live(world, terminal, 60.0)
    assert [words for _, words in said] == [b"NOTE alarm\r\n"]
    assert said[0][0] == pytest.approx(14.1 + LATENCY_S)
    world.pump.acknowledge()
    live(world, terminal, 70.0)
    world.pump.raise_alarm("EMPTY")
    live(world, terminal, 80.0)
    assert len(said) == 2
    assert hear(quick(), 20.0)[1] == []
