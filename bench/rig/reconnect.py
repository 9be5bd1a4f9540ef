"""Instruments whose link was lost are opened again: the same device at the same address, within a time limit.

A USB adapter that drops and returns comes back under the same by-id name, a device server under the same port. Whoever
comes back says who it is: another instrument than before is never used.
"""

from __future__ import annotations

from collections.abc import Callable

from bench.clock import Clock
from bench.rig.errors import RigError
from bench.rig.instrument import Opened, WireLogs, open_instrument
from bench.rig.safe import Record
from drivers.beside import Beside
from drivers.errors import InstrumentError, LinkError, NoReplyError
from drivers.roles import Identity, Instrument

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 5.0
_SLICE_S = 0.25

LOST, BACK, NOT_BACK = "link lost", "link back", "link not back"
"""Events of a run, each with its `instrument`; `link back` has `away_s`, from the loss that was seen to the return."""


class WrongInstrumentError(RigError):
    """Another instrument came back than the one whose link was lost."""


class Reconnection:
    """Opens instruments of a rig again.

    Args:
        opened: the instruments by role; one that comes back takes its place there.
        clock: the run's clock.
        wire_logs: gives what is told an instrument's bytes, or None.
        record: told `link lost`, `link back` and `link not back`.
        limit_s: how long to wait for one.
        beside: what stands beside each, for drivers that need others.

    """

    def __init__(
        self,
        opened: dict[str, Opened],
        clock: Clock,
        wire_logs: WireLogs | None,
        record: Record,
        limit_s: float,
        beside: Beside | None = None,
    ) -> None:
        self._opened = opened
        self._clock = clock
        self._wire_logs = wire_logs
        self._record = record
        self._limit_s = limit_s
        self._beside = beside
        self._gone: set[str] = set()

    def is_lost(self, role: str, error: InstrumentError) -> bool:
        """Return whether an error tells that a link was lost: it broke, or a network is silent, which may be both."""
        if self._limit_s <= 0.0 or role not in self._opened:
            return False
        silent = isinstance(error, NoReplyError) and any(link.is_network for link in self._opened[role].links)
        return isinstance(error, LinkError) or silent

    def bring_back(
        self,
        role: str,
        error: InstrumentError,
        ready: Callable[[Instrument], object] = lambda _: None,
        given_up: Callable[[], bool] = lambda: False,
    ) -> Instrument:
        """Open an instrument again whose link was lost, and return it.

        One that did not come back within the limit once is tried without waiting from then on.

        Args:
            role: its role.
            error: what told of the loss.
            ready: makes it ready once it is back, as by starting its stream; tried again with it.
            given_up: asked several times a second whether nobody waits for it any more.

        Raises:
            InstrumentError: it did not come back; `error` itself where nobody waited.
            WrongInstrumentError: another one came back.

        """
        before = self._opened[role]
        lost_s = self._clock.now_s()
        self._record(LOST, instrument=role, problem=str(error))
        end_s = lost_s + (0.0 if role in self._gone else self._limit_s)
        pause_s, attempts, problem = FIRST_PAUSE_S, 0, ""
        before.let_go()
        while not given_up():
            attempts += 1
            opened = open_instrument(role, before.spec, self._clock, self._wire_logs, again=True, beside=self._beside)
            self._refuse_stranger(before, opened)
            problem = opened.problem or _not_ready(opened, ready)
            if not problem:
                self._opened[role] = opened
                self._gone.discard(role)
                away_s = self._clock.now_s() - lost_s
                self._record(BACK, instrument=role, away_s=away_s, attempts=attempts, address=before.spec.address)
                assert opened.instrument is not None  # noqa: S101 - it has no problem
                return opened.instrument
            opened.let_go()
            if self._clock.now_s() >= end_s:
                break
            self._pause(min(pause_s, max(0.0, end_s - self._clock.now_s())), given_up)
            pause_s = min(2.0 * pause_s, LONGEST_PAUSE_S)
        if given_up():
            raise error
        self._gone.add(role)
        waited_s = self._clock.now_s() - lost_s
        self._record(NOT_BACK, instrument=role, waited_s=waited_s, attempts=attempts, problem=problem)
        raise LinkError(
            error.instrument,
            f"its link was lost ({error.problem}), and it did not come back within {self._limit_s:g} s: {problem}",
        ) from error

    def _refuse_stranger(self, before: Opened, opened: Opened) -> None:
        known, told = before.identity, opened.identity
        if known is None or told is None or _same(known, told):
            return
        opened.let_go()
        self._record(NOT_BACK, instrument=before.role, problem=f"another one answers: {_name(told)}")
        raise WrongInstrumentError(
            f"the link to the {before.role} was lost, and another instrument came back at {before.spec.address}:"
            f" {_name(told)} instead of {_name(known)}. The run ends, since what it measures on would be unknown. Check"
            " the cables; an address by serial number (/dev/serial/by-id/…) keeps its instrument"
        )

    def _pause(self, duration_s: float, given_up: Callable[[], bool]) -> None:
        end_s = self._clock.now_s() + duration_s
        while not given_up() and (left_s := end_s - self._clock.now_s()) > 0.0:
            self._clock.sleep_s(left_s if self._clock.simulated else min(left_s, _SLICE_S))


def _not_ready(opened: Opened, ready: Callable[[Instrument], object]) -> str:
    try:
        if opened.instrument is not None:
            ready(opened.instrument)
    except InstrumentError as error:
        return str(error)
    return ""


def _same(known: Identity, told: Identity) -> bool:
    if known.serial_number or told.serial_number:
        return known.serial_number.strip() == told.serial_number.strip()
    return (known.manufacturer, known.model) == (told.manufacturer, told.model)


def _name(identity: Identity) -> str:
    serial = f", serial number {identity.serial_number!r}" if identity.serial_number else ""
    return f"{identity.manufacturer} {identity.model}".strip() + serial
