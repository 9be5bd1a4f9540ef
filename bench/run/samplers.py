"""The tasks that turn instruments into samples while a test is driven, one task an instrument."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

from bench.clock import Clock, Task
from bench.recording.errors import RecordingError
from bench.recording.writer import RecordingWriter
from bench.rig.errors import RigError
from drivers.errors import GarbledReplyError, InstrumentError, LinkError, NoReplyError
from drivers.roles import Balance, ClimateSensor, PressureSensor

SILENCE_S = 5.0
"""A balance that streams at 1 to 92 Hz and says nothing for so long is lost."""
ATTEMPTS = 3
"""Replies in a row that may be missing or garbled before an instrument counts as lost."""
_STOP_S = 30.0

Gap = Callable[[str, str], object]
"""Told the instrument and the problem of a reply that was missing or garbled."""


class BringBack(Protocol):
    """Opens an instrument again whose link was lost."""

    def __call__(self, error: InstrumentError, ready: Callable[[Any], object], given_up: Callable[[], bool]) -> Any:
        """Return the instrument, made `ready`, once it is back; `given_up` tells that nobody waits for it any more.

        Raises:
            InstrumentError: `error` itself where it tells of no lost link, or another where it did not come back.

        """


def never_back(error: InstrumentError, ready: Callable[[Any], object], given_up: Callable[[], bool]) -> Any:
    """Bring nothing back."""
    del ready, given_up
    raise error


class Sampler(Protocol):
    """One instrument that is being recorded."""

    name: str

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End, with the instrument's link at rest."""

    @property
    def error(self) -> BaseException | None:
        """What ended the sampling before it was stopped."""


class BalanceSampler:
    """Records each reading of a streaming balance with the instant at which it came.

    Args:
        balance: the balance; not streaming yet.
        clock: the run's clock.
        writer: where samples go, to channel `balance.mass_g`.
        gap: told of each garbled reading.
        bring_back: opens the balance again when its link is lost.

    """

    name = "balance"

    def __init__(
        self, balance: Balance, clock: Clock, writer: RecordingWriter, gap: Gap, bring_back: BringBack = never_back
    ) -> None:
        self._balance = balance
        self._clock = clock
        self._writer = writer
        self._gap = gap
        self._bring_back = bring_back
        self._stopping = False
        self._task: Task | None = None

    def start(self) -> None:
        """Start the stream and record what comes.

        Raises:
            InstrumentError: the balance does not start to stream.

        """
        self._balance.start_stream()
        self._task = self._clock.start("balance", self._run)

    def stop(self) -> None:
        """End the stream.

        Raises:
            InstrumentError: the balance does not end it.

        """
        self._stopping = True
        if self._task is not None:
            self._task.join(_STOP_S)
        self._balance.stop_stream()

    @property
    def error(self) -> BaseException | None:
        """What ended the sampling before it was stopped."""
        return self._task.error if self._task is not None and not self._stopping else None

    def _run(self) -> None:
        clock, sample, next_reading = self._clock, self._writer.sample, self._balance.next_reading
        failed = 0
        while not self._stopping:
            try:
                reading = next_reading(clock.now_s() + SILENCE_S)
                if reading is None:
                    raise NoReplyError("balance", f"no reading for {SILENCE_S:g} s while it should stream")
            except GarbledReplyError as error:
                failed += 1
                self._gap(self.name, str(error))
                if failed >= ATTEMPTS:
                    raise
                continue
            except (LinkError, NoReplyError) as error:
                next_reading = self._take_up_again(error).next_reading
                continue
            failed = 0
            sample("balance.mass_g", reading.time_s, reading.value, reading.status, reading.text)

    def _take_up_again(self, error: InstrumentError) -> Balance:
        back: Balance = self._bring_back(error, lambda balance: balance.start_stream(), lambda: self._stopping)
        self._balance = back
        return back


class PolledSampler:
    """Asks an instrument at a fixed interval.

    Args:
        name: the instrument's role.
        interval_s: from one question to the next; a slow answer delays none but the next.
        poll: asks once and records the answer; may raise InstrumentError.
        clock: the run's clock.
        gap: told of each answer that was missing or garbled.
        bring_back: opens the instrument again when its link is lost.

    """

    def __init__(
        self,
        name: str,
        interval_s: float,
        poll: Callable[[], None],
        clock: Clock,
        gap: Gap,
        bring_back: BringBack = never_back,
    ) -> None:
        self.name = name
        self._interval_s = interval_s
        self._poll = poll
        self._clock = clock
        self._gap = gap
        self._bring_back = bring_back
        self._task: Task | None = None
        self._lock = threading.Lock()
        self._stopping = False
        self._busy = False
        self.resting = False
        """Whether nothing is asked for the time being, as of an instrument without power."""

    def start(self) -> None:
        """Ask for the first time soon, then at every interval."""
        self._task = self._clock.start(self.name, self._run)

    def stop(self) -> None:
        """Ask no more; return when no question is under way, without waiting for the next that was due."""
        with self._lock:
            self._stopping = True
        end_s = self._clock.now_s() + _STOP_S
        while self._busy and self._clock.now_s() < end_s:
            self._clock.sleep_s(0.02)

    @property
    def error(self) -> BaseException | None:
        """What ended the sampling before it was stopped."""
        return self._task.error if self._task is not None and not self._stopping else None

    def _run(self) -> None:
        due_s = self._clock.now_s()
        failed = 0
        while self._begin():
            try:
                if not self.resting:
                    self._poll()
                    failed = 0
            except (GarbledReplyError, NoReplyError) as error:
                failed += 1
                self._gap(self.name, str(error))
                if failed >= ATTEMPTS:
                    self._wait_for_it(error)
                    failed = 0
            except LinkError as error:
                self._wait_for_it(error)
                failed = 0
            finally:
                self._busy = False
            now_s = self._clock.now_s()
            due_s = self._next_s(due_s, now_s)
            self._clock.sleep_s(due_s - now_s)

    def _next_s(self, due_s: float, now_s: float) -> float:
        """Return when to ask next, after the question that was due at `due_s`."""
        missed = max(0.0, (now_s - due_s) // self._interval_s)
        return due_s + (missed + 1.0) * self._interval_s

    def _wait_for_it(self, error: InstrumentError) -> None:
        self._bring_back(error, lambda _: None, lambda: self._stopping)

    def _begin(self) -> bool:
        with self._lock:
            self._busy = not self._stopping
            return self._busy


def pressure_sampler(
    sensor: Callable[[], PressureSensor],
    interval_s: float,
    clock: Clock,
    writer: RecordingWriter,
    gap: Gap,
    bring_back: BringBack = never_back,
) -> PolledSampler:
    """Return a sampler of channel `pressure.pressure_kpa`; `sensor` gives the instrument as it is now."""

    def poll() -> None:
        reading = sensor().read()
        writer.sample("pressure.pressure_kpa", reading.time_s, reading.value, reading.status, reading.text)

    return PolledSampler("pressure", interval_s, poll, clock, gap, bring_back)


def climate_sampler(
    sensor: Callable[[], ClimateSensor],
    interval_s: float,
    clock: Clock,
    writer: RecordingWriter,
    gap: Gap,
    bring_back: BringBack = never_back,
) -> PolledSampler:
    """Return a sampler of the three `climate.…` channels; status `declared` for values of the rig file."""

    def poll() -> None:
        climate = sensor().read()
        status = "measured" if climate.measured else "declared"
        for channel, value in (
            ("climate.temperature_c", climate.temperature_c),
            ("climate.pressure_hpa", climate.pressure_hpa),
            ("climate.humidity_pct", climate.humidity_pct),
        ):
            writer.sample(channel, climate.time_s, value, status, climate.text)

    return PolledSampler("climate", interval_s, poll, clock, gap, bring_back)


class Samplers:
    """All samplers of one test, as a context: they run inside it and are at rest after it."""

    def __init__(self, samplers: list[Sampler]) -> None:
        self._samplers = samplers
        self._started: list[Sampler] = []

    def start(self) -> None:
        """Start every sampler.

        Raises:
            InstrumentError: one does not start.

        """
        for sampler in self._samplers:
            self._started.append(sampler)
            sampler.start()

    def stop(self) -> list[str]:
        """Stop every sampler that was started; return what went wrong, instrument by instrument."""
        problems = []
        for sampler in self._started:
            try:
                sampler.stop()
            except InstrumentError as error:
                problems.append(str(error))
        self._started = []
        return problems

    def rest(self, name: str, resting: bool) -> None:
        """Ask an instrument nothing for the time being, or ask it again; nothing to do where it is not asked at all."""
        for sampler in self._started:
            if sampler.name == name and isinstance(sampler, PolledSampler):
                sampler.resting = resting

    def check(self) -> None:
        """Check that every sampler still runs.

        Raises:
            InstrumentError: one was ended by a lost instrument.
            RigError: another instrument came back than the one whose link was lost.
            RecordingError: one could not be recorded.

        """
        for sampler in self._started:
            error = sampler.error
            if isinstance(error, InstrumentError):
                raise type(error)(
                    error.instrument,
                    f"lost while it was recorded: {error.problem}",
                    sent=error.sent,
                    seen=error.seen,
                    advice=error.advice,
                ) from error
            if isinstance(error, RecordingError | RigError):
                raise error
            if error is not None:
                raise RuntimeError(f"recording of the {sampler.name} ended: {error!r}") from error
