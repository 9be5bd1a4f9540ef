"""The simulated operator: by its bytes, and what its hands do to the balance."""

from __future__ import annotations

import math

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
