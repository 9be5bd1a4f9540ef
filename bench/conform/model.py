"""What a conformance check is, what it is run on, and what it may come to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import BaseModel

from bench.clock import Clock
from bench.rig.confidential import keep_back, without_bytes
from drivers.link import WireLog
from drivers.registry import DriverEntry

POLL_S = 0.5
SHORTEST_S = 0.01
"""However soon an instrument wants to be polled again, so much passes."""


class UnfitError(Exception):
    """The driver does not do what its role asks; the text says what it does."""


class LeftOutError(Exception):
    """The check cannot be made here; the text says why."""


def expect(fits: bool, otherwise: str) -> None:
    """Raise unless something fits.

    Raises:
        UnfitError: with the text `otherwise`.

    """
    if not fits:
        raise UnfitError(otherwise)


class Elsewhere(NamedTuple):
    """Another address than the instrument's, and the clock of what is there."""

    address: str
    clock: Clock


@dataclass
class Subject:
    """The driver that is checked, and the instrument that it is checked with.

    Args:
        entry: the driver.
        address: where the instrument is.
        options: the driver's, as a rig file would give them.
        clock: the instrument's time.
        visa_library: for VISA resources.
        silent: opens a place at which something listens and never answers.
        noisy: opens a place at which something answers garbage.
        simulated: whether nothing real is moved.
        bolus_ul: what boluses and primes of moving checks come to.
        rate_ul_per_h: the basal rate of moving checks.
        patience_s: how long is waited for something to be delivered.

    """

    entry: DriverEntry
    address: str
    options: BaseModel
    clock: Clock
    silent: Callable[[], AbstractContextManager[Elsewhere]]
    noisy: Callable[[], AbstractContextManager[Elsewhere]]
    visa_library: str = "@py"
    simulated: bool = False
    bolus_ul: float = 5.0
    rate_ul_per_h: float = 20.0
    patience_s: float = 300.0
    instrument: Any = None
    logged: list[tuple[str, float]] = field(default_factory=list)
    """Direction and instant of everything that the open instrument's driver has told its wire log."""

    @contextmanager
    def opened(self, elsewhere: Elsewhere | None = None, *, again: bool = False) -> Iterator[Any]:
        """Open the instrument, as it stands where `again`, and close it afterwards."""
        factory = self.entry.reopen if again and self.entry.reopen is not None else self.entry.factory
        address, clock = elsewhere or (self.address, self.clock)

        def log(instrument: str, direction: str, time_s: float, data: bytes) -> None:
            del instrument, data
            self.logged.append((direction, time_s))

        wire_log: WireLog | None = None if self.entry.confidential else log

        def make() -> Any:
            return factory(address, self.options, clock, wire_log=wire_log, visa_library=self.visa_library)

        made = keep_back(without_bytes(self.entry.role, make), self.entry.role) if self.entry.confidential else make()
        try:
            yield made
        finally:
            made.close()

    def can(self, capability: type) -> bool:
        """Return whether the instrument has a capability."""
        return isinstance(self.instrument, capability)

    def until(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until something is done, asking twice a second; return whether it was within the time."""
        end_s = self.clock.now_s() + timeout_s
        while not done():
            if self.clock.now_s() >= end_s:
                return False
            self.wait_s(POLL_S)
        return True

    def wait_s(self, duration_s: float) -> None:
        """Let time pass, and poll an instrument that wants to be polled meanwhile."""
        end_s = self.clock.now_s() + duration_s
        while (now_s := self.clock.now_s()) < end_s:
            due_s = end_s
            if callable(poll := getattr(self.instrument, "poll", None)):
                due_s = min(end_s, max(now_s + SHORTEST_S, poll(now_s)), now_s + self.instrument.longest_silence_s)
            self.clock.sleep_s(due_s - self.clock.now_s())


@dataclass(frozen=True, slots=True)
class Check:
    """One property that a role asks for.

    Args:
        name: for lists.
        proves: what is known of the driver once it has passed.
        run: tries it; raises `UnfitError`, `LeftOutError` or whatever the driver raises.
        moves: whether it lets something move, or changes how the instrument is set.
        needs: capabilities without which there is nothing to check.

    """

    name: str
    proves: str
    run: Callable[[Subject], None]
    moves: bool = False
    needs: tuple[type, ...] = ()


class Outcome(StrEnum):
    """What a check may come to."""

    OK = "ok"
    FAILED = "FAILED"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Result:
    """What one check came to, and why where it is not ok."""

    check: Check
    outcome: Outcome
    why: str = ""
