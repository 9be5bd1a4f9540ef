"""A pump that needs it is polled when it wants to be, and never left alone for longer than it bears."""

from __future__ import annotations

import datetime as dt
import math

import pytest

from bench.clock import SimulatedClock
from bench.run.poller import AFTER_FAILURE_S, SOONEST_S, Poller
from bench.run.samplers import Samplers
from drivers.errors import LinkError, NoReplyError
from drivers.roles import NeedsPolling


class Polled:
    """A pump that wants to be polled at given instants."""

    longest_silence_s = 10.0

    def __init__(self, *wanted_s: float) -> None:
        self.wanted_s = list(wanted_s)
        self.polled_s: list[float] = []
        self.errors: dict[int, Exception] = {}

    def poll(self, now_s: float) -> float:
        self.polled_s.append(now_s)
        if error := self.errors.get(len(self.polled_s)):
            raise error
        return next((each for each in self.wanted_s if each > now_s), math.inf)


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))


def polling(pump: Polled, clock: SimulatedClock, gaps: list[str]) -> Samplers:
    assert isinstance(pump, NeedsPolling)
    samplers = Samplers([Poller("pump", pump, clock, lambda name, problem: gaps.append(f"{name}: {problem}"))])
    samplers.start()
    return samplers


def test_it_is_polled_at_the_instants_that_it_names_and_within_its_silence(clock: SimulatedClock) -> None:
    pump = Polled(3.25, 7.5, 40.0)
    samplers = polling(pump, clock, [])
    clock.sleep_s(45.0)
    assert samplers.stop() == []
    clock.sleep_s(60.0)
    assert pump.polled_s == [0.0, 3.25, 7.5, 17.5, 27.5, 37.5, 40.0]


def test_one_that_wants_to_be_polled_at_once_lets_time_pass_all_the_same(clock: SimulatedClock) -> None:
    pump = Polled(*(0.001 * step for step in range(1, 2000)))
    samplers = polling(pump, clock, [])
    clock.sleep_s(1.0)
    samplers.check()
    assert len(pump.polled_s) == pytest.approx(1.0 / SOONEST_S, abs=2)


def test_a_poll_without_an_answer_is_a_gap_and_three_in_a_row_are_a_lost_pump(clock: SimulatedClock) -> None:
    pump, gaps = Polled(), list[str]()
    silence = NoReplyError("pump", "no answer")
    pump.errors = {2: silence, 4: silence, 5: silence, 6: silence}
    samplers = polling(pump, clock, gaps)
    clock.sleep_s(20.0 + 2.5 * AFTER_FAILURE_S)
    samplers.check()
    clock.sleep_s(5.0)
    again_s = [10.0, 10.0 + AFTER_FAILURE_S, *(20.0 + each * AFTER_FAILURE_S for each in (1, 2, 3))]
    assert pump.polled_s == [0.0, *again_s]
    assert gaps == ["pump: pump: no answer"] * 4
    with pytest.raises(NoReplyError, match="lost"):
        samplers.check()


def test_a_broken_link_ends_the_test_at_once(clock: SimulatedClock) -> None:
    pump = Polled()
    pump.errors = {1: LinkError("pump", "the link broke")}
    samplers = polling(pump, clock, [])
    clock.sleep_s(0.1)
    with pytest.raises(LinkError, match="broke"):
        samplers.check()


def test_a_pump_without_power_is_left_alone(clock: SimulatedClock) -> None:
    pump = Polled(3.0, 5.0)
    samplers = polling(pump, clock, [])
    clock.sleep_s(1.0)
    samplers.rest("pump", resting=True)
    clock.sleep_s(40.0)
    assert pump.polled_s == [0.0]
    samplers.rest("pump", resting=False)
    clock.sleep_s(10.0)
    assert len(pump.polled_s) > 1
