"""Time as an argument: the only module that reads a clock or sleeps.

One clock serves one run. Its instants are seconds since the clock was made, monotonic; the wall clock is read once, at
that moment, so that instants can be shown as UTC. On the simulated rig time is *event time*: when every task waits, the
clock jumps to the next instant at which anything can happen. Tasks are then greenlets of one thread, switched only when
they wait, in a fixed order: a run on the twin is reproducible to the last bit and needs no locks.
"""

from __future__ import annotations

import datetime as dt
import math
import threading
import time
from collections.abc import Callable
from typing import Protocol

import greenlet


class Task(Protocol):
    """A running task, such as the reader of one instrument."""

    name: str

    @property
    def alive(self) -> bool:
        """Whether the task still runs."""

    @property
    def error(self) -> BaseException | None:
        """What ended the task, if it did not end by itself."""

    def join(self, timeout_s: float) -> bool:
        """Wait until the task has ended, `timeout_s` at most; return whether it has."""


class Clock(Protocol):
    """What the bench needs of time."""

    simulated: bool

    def now_s(self) -> float:
        """Return the monotonic time in seconds since this clock was made."""

    def utc(self, time_s: float) -> dt.datetime:
        """Return the instant `time_s` of this clock as UTC, by the mapping made when the clock was made."""

    def wall_utc(self) -> dt.datetime:
        """Return UTC now as the machine's wall clock has it (on the twin: the simulated date)."""

    def sleep_s(self, duration_s: float) -> None:
        """Let `duration_s` seconds pass; other tasks run meanwhile."""

    def start(self, name: str, target: Callable[[], None]) -> Task:
        """Run `target` as a task beside the caller."""


class EventSource(Protocol):
    """A simulated world that moves only when the clock says so."""

    def next_event_s(self) -> float:
        """Return the next instant at which the world does something by itself; `inf` if it never will."""

    def run_until(self, time_s: float) -> None:
        """Do everything that is due up to and including `time_s`."""


class _ThreadTask:
    def __init__(self, name: str, target: Callable[[], None]) -> None:
        self.name = name
        self.error: BaseException | None = None
        self._target = target
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._target()
        except BaseException as error:  # kept for the task's owner, who decides
            self.error = error

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def join(self, timeout_s: float) -> bool:
        self._thread.join(timeout_s)
        return not self._thread.is_alive()


class RealClock:
    """The machine's monotonic clock; tasks are threads."""

    simulated = False

    def __init__(self) -> None:
        self._origin_s = time.monotonic()
        self._origin_utc = dt.datetime.now(dt.UTC)

    def now_s(self) -> float:
        """Return the monotonic time in seconds since this clock was made."""
        return time.monotonic() - self._origin_s

    def utc(self, time_s: float) -> dt.datetime:
        """Return the instant `time_s` of this clock as UTC."""
        return self._origin_utc + dt.timedelta(seconds=time_s)

    def wall_utc(self) -> dt.datetime:
        """Return UTC now by the wall clock."""
        return dt.datetime.now(dt.UTC)

    def sleep_s(self, duration_s: float) -> None:
        """Sleep; a negative duration is none."""
        time.sleep(max(0.0, duration_s))

    def start(self, name: str, target: Callable[[], None]) -> Task:
        """Run `target` in a daemon thread."""
        return _ThreadTask(name, target)


def host_monotonic_s() -> float:
    """Return the machine's own monotonic time in seconds, simulated run or not.

    It may decide *when* the bench writes to disk or to the terminal, never *what*: nothing that it returns is recorded.
    """
    return time.monotonic()


class StandstillError(RuntimeError):
    """Every task waits for ever and the simulated world has nothing left to do."""


class _Waiting:
    __slots__ = ("deadline_s", "order", "ready", "runner")

    def __init__(
        self, order: int, runner: greenlet.greenlet, ready: Callable[[], bool] | None, deadline_s: float
    ) -> None:
        self.order = order
        self.runner = runner
        self.ready = ready
        self.deadline_s = deadline_s


class _GreenletTask:
    def __init__(self, name: str, target: Callable[[], None], clock: SimulatedClock) -> None:
        self.name = name
        self.error: BaseException | None = None
        self.alive = True
        self._target = target
        self._clock = clock

    def run(self) -> None:
        try:
            self._target()
        except Exception as error:
            self.error = error
        except (KeyboardInterrupt, SystemExit, greenlet.GreenletExit) as error:
            # A signal lands in whichever task runs; it belongs to the main one.
            self.error = error
            self.alive = False
            if not isinstance(error, greenlet.GreenletExit):
                self._clock.throw_into_main(error)
        self.alive = False

    def join(self, timeout_s: float) -> bool:
        self._clock.wait_for(lambda: not self.alive, self._clock.now_s() + timeout_s)
        return not self.alive


class SimulatedClock:
    """Event time for the twin: waiting costs nothing, and one seed gives one history.

    Args:
        origin_utc: the simulated date and time of instant 0.

    """

    simulated = True

    def __init__(self, origin_utc: dt.datetime) -> None:
        self._now_s = 0.0
        self._origin_utc = origin_utc
        self._sources: list[EventSource] = []
        self._waiting: list[_Waiting] = []
        self._main = greenlet.getcurrent()
        self._orders: dict[greenlet.greenlet, int] = {self._main: 0}

    def attach(self, source: EventSource) -> None:
        """Let `source` live in this clock's time."""
        self._sources.append(source)

    def now_s(self) -> float:
        """Return the simulated time in seconds since instant 0."""
        return self._now_s

    def utc(self, time_s: float) -> dt.datetime:
        """Return the simulated instant `time_s` as UTC."""
        return self._origin_utc + dt.timedelta(seconds=time_s)

    def wall_utc(self) -> dt.datetime:
        """Return the simulated date and time."""
        return self.utc(self._now_s)

    def sleep_s(self, duration_s: float) -> None:
        """Let simulated time pass; other tasks and the world run meanwhile."""
        self.wait_for(None, self._now_s + max(0.0, duration_s))

    def start(self, name: str, target: Callable[[], None]) -> Task:
        """Run `target` as a greenlet; it begins when the caller next waits."""
        task = _GreenletTask(name, target, self)
        runner = greenlet.greenlet(task.run, parent=self._main)
        self._orders[runner] = len(self._orders)
        self._waiting.append(_Waiting(self._orders[runner], runner, None, self._now_s))
        self._waiting.sort(key=lambda waiting: waiting.order)
        return task

    def wait_for(self, ready: Callable[[], bool] | None, deadline_s: float) -> bool:
        """Wait until `ready()` holds or `deadline_s` has come; return whether it holds.

        Raises:
            StandstillError: nothing can ever happen again.

        """
        if ready is not None and ready():
            return True
        me = _Waiting(self._orders[greenlet.getcurrent()], greenlet.getcurrent(), ready, deadline_s)
        try:
            while True:
                other = self._next_due()
                if other is None or me.order < other.order:
                    if ready is not None and ready():
                        return True
                    if deadline_s <= self._now_s:
                        return False
                if other is None:
                    self._advance(ready, deadline_s)
                    continue
                self._waiting.append(me)
                self._waiting.remove(other)
                other.runner.switch()
                if me in self._waiting:
                    self._waiting.remove(me)
        finally:
            if me in self._waiting:
                self._waiting.remove(me)

    def throw_into_main(self, error: BaseException) -> None:
        """Raise `error` in the main task."""
        self._main.throw(error)

    def _next_due(self) -> _Waiting | None:
        due: _Waiting | None = None
        for waiting in self._waiting:
            if (due is None or waiting.order < due.order) and (
                waiting.deadline_s <= self._now_s or (waiting.ready is not None and waiting.ready())
            ):
                due = waiting
        return due

    def _advance(self, ready: Callable[[], bool] | None, deadline_s: float) -> None:
        """Let time jump from event to event until the present task, or one that waits, may have something to do."""
        watched = []
        for waiting in self._waiting:
            if waiting.deadline_s < deadline_s:
                deadline_s = waiting.deadline_s
            if waiting.ready is not None:
                watched.append(waiting.ready)
        sources = self._sources
        while True:
            next_s = deadline_s
            for source in sources:
                event_s = source.next_event_s()
                if event_s < next_s:
                    next_s = event_s
            if next_s == math.inf:
                raise StandstillError("simulated time stands still: every task waits for ever")
            if next_s > self._now_s:
                self._now_s = next_s
            for source in sources:
                if source.next_event_s() <= self._now_s:
                    source.run_until(self._now_s)
            if self._now_s >= deadline_s or (ready is not None and ready()):
                return
            for other_ready in watched:
                if other_ready():
                    return
