"""The simulated clock is a deterministic scheduler; the real one keeps real time."""

import datetime as dt
import math

import pytest

from bench.clock import RealClock, SimulatedClock, StandstillError

ORIGIN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class Ticker:
    """A world that ticks every `period_s`."""

    def __init__(self, period_s: float) -> None:
        self.period_s = period_s
        self.ticks: list[float] = []

    def next_event_s(self) -> float:
        return (len(self.ticks) + 1) * self.period_s

    def run_until(self, time_s: float) -> None:
        while self.next_event_s() <= time_s:
            self.ticks.append(self.next_event_s())


def test_sleeping_tasks_interleave_in_time_and_then_in_order_of_start() -> None:
    clock = SimulatedClock(ORIGIN)
    seen: list[tuple[str, float]] = []

    def every(name: str, period_s: float) -> None:
        for _ in range(3):
            clock.sleep_s(period_s)
            seen.append((name, clock.now_s()))

    clock.start("a", lambda: every("a", 2.0))
    clock.start("b", lambda: every("b", 1.0))
    clock.sleep_s(10.0)
    assert seen == [("b", 1.0), ("a", 2.0), ("b", 2.0), ("b", 3.0), ("a", 4.0), ("a", 6.0)]
    assert clock.now_s() == 10.0
    assert clock.utc(90.0) == ORIGIN + dt.timedelta(seconds=90)


def test_a_reader_wakes_at_the_instant_of_the_world_s_event() -> None:
    clock = SimulatedClock(ORIGIN)
    world = Ticker(0.1)
    clock.attach(world)
    arrivals: list[float] = []

    def reader() -> None:
        for count in range(1, 6):
            assert clock.wait_for(lambda n=count: len(world.ticks) >= n, math.inf)  # type: ignore[misc]
            arrivals.append(clock.now_s())

    task = clock.start("reader", reader)
    assert task.join(5.0)
    assert arrivals == world.ticks[:5]


def test_a_task_s_failure_is_kept_and_a_join_can_time_out() -> None:
    clock = SimulatedClock(ORIGIN)

    def fails() -> None:
        clock.sleep_s(1.0)
        raise ValueError("no reply")

    task = clock.start("fails", fails)
    assert not task.join(0.5)
    assert task.join(5.0)
    assert not task.alive
    assert str(task.error) == "no reply"
    assert clock.now_s() == 1.0


def test_an_interrupt_in_a_task_reaches_the_main_task() -> None:
    clock = SimulatedClock(ORIGIN)

    def interrupted() -> None:
        clock.sleep_s(1.0)
        raise KeyboardInterrupt

    clock.start("interrupted", interrupted)
    with pytest.raises(KeyboardInterrupt):
        clock.sleep_s(10.0)
    assert clock.now_s() == 1.0
    clock.sleep_s(1.0)
    assert clock.now_s() == 2.0


def test_waiting_for_ever_with_nothing_to_come_is_an_error() -> None:
    with pytest.raises(StandstillError):
        SimulatedClock(ORIGIN).wait_for(lambda: False, math.inf)


def test_the_real_clock_runs_tasks_beside_the_caller() -> None:
    clock = RealClock()
    done: list[float] = []
    task = clock.start("task", lambda: done.append(clock.now_s()))
    assert task.join(10.0)
    assert 0.0 <= done[0] <= clock.now_s()
    assert abs((clock.utc(clock.now_s()) - clock.wall_utc()).total_seconds()) < 1.0
