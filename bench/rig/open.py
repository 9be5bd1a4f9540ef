"""Opens a rig: all of its instruments, each the one that the rig file means, and leaves them safe whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from typing import Any, TypeVar, cast

from bench.clock import Clock
from bench.rig.beside import RigBeside
from bench.rig.errors import RigError
from bench.rig.imported import entry_of
from bench.rig.instrument import Opened, WireLogs, open_instrument
from bench.rig.lock import rig_lock
from bench.rig.model import Rig
from bench.rig.reconnect import Reconnection
from bench.rig.safe import Record, make_safe
from bench.rig.stand_in import stand_in
from drivers.errors import InstrumentError
from drivers.link import Link
from drivers.roles import (
    Balance,
    ClimateSensor,
    Identity,
    Instrument,
    Occluder,
    Operator,
    PowerSupply,
    PressureSensor,
    Pump,
)

_Result = TypeVar("_Result")


class RigOpenError(RigError):
    """A rig could not be opened; the text shows every instrument's state."""


class OpenRig:
    """A rig whose instruments answer and are the right ones.

    Args:
        rig: the rig file.
        opened: the instruments by role.
        reconnection: opens those again whose links are lost.
        record: told what is done to the rig.

    """

    def __init__(self, rig: Rig, opened: dict[str, Opened], reconnection: Reconnection, record: Record) -> None:
        self.rig = rig
        self.record = record
        self.identities = {role: _told(each) for role, each in opened.items()}
        self.while_asking: Callable[[str], None] = _go_on
        """Called several times a second, with what is asked, while an instrument's driver waits for the operator."""
        self._opened = opened
        self._reconnection = reconnection

    @property
    def instruments(self) -> dict[str, Instrument]:
        """The instruments by role, as they are now: one that was lost and came back is another object."""
        return {role: each.instrument for role, each in self._opened.items() if each.instrument is not None}

    def links(self, role: str) -> list[Link]:
        """Return the links that an instrument's driver has opened; of a driver with a channel of its own, none."""
        return self._opened[role].links

    def is_lost(self, role: str, error: InstrumentError) -> bool:
        """Return whether an error tells that an instrument's link was lost and may come back."""
        return self._reconnection.is_lost(role, error)

    def bring_back(
        self,
        role: str,
        error: InstrumentError,
        ready: Callable[[Any], object] | None = None,
        given_up: Callable[[], bool] = lambda: False,
    ) -> Any:
        """Open an instrument again whose link was lost, and return it; see `Reconnection.bring_back`.

        A pump is told to stop as soon as it is back.

        Raises:
            InstrumentError: it did not come back.
            WrongInstrumentError: another one came back.

        """
        usually = _stop if role in ("pump", "doser") else _leave_as_it_is
        return self._reconnection.bring_back(role, error, ready or usually, given_up)

    def steadily(self, role: str, action: Callable[[Any], _Result]) -> _Result:
        """Do something with an instrument, once more where its link was lost meanwhile: only what may be done twice.

        Raises:
            InstrumentError: it refused, or its link did not come back.
            WrongInstrumentError: another one came back.

        """
        try:
            return action(self.instruments[role])
        except InstrumentError as error:
            if not self.is_lost(role, error):
                raise
            return action(self.bring_back(role, error))

    def steady(self, role: str) -> Any:
        """Return a stand-in for an instrument, all of whose calls are made `steadily`; None where the rig has none."""
        if role not in self._opened:
            return None

        def call(name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
            return self.steadily(role, lambda instrument: getattr(instrument, name)(*arguments, **named))

        return stand_in(self.instruments[role], call, lambda name: getattr(self.instruments[role], name))

    @property
    def pump(self) -> Pump:
        """The pump under test."""
        return cast(Pump, self.instruments["pump"])

    @property
    def balance(self) -> Balance | None:
        """The balance, if the rig has one."""
        return cast("Balance | None", self.instruments.get("balance"))

    @property
    def pressure(self) -> PressureSensor | None:
        """The pressure sensor, if the rig has one."""
        return cast("PressureSensor | None", self.instruments.get("pressure"))

    @property
    def occluder(self) -> Occluder | None:
        """The occluder, if the rig has one."""
        return cast("Occluder | None", self.instruments.get("occluder"))

    @property
    def climate(self) -> ClimateSensor | None:
        """The climate sensor, if the rig has one."""
        return cast("ClimateSensor | None", self.instruments.get("climate"))

    @property
    def operator(self) -> Operator | None:
        """Who can be asked to do something by hand, if anybody."""
        return cast("Operator | None", self.instruments.get("operator"))

    @property
    def doser(self) -> Pump | None:
        """The reference doser, if the rig has one beside the pump."""
        return cast("Pump | None", self.instruments.get("doser"))

    @property
    def power(self) -> PowerSupply | None:
        """The supply in place of the pump's battery, if the rig has one."""
        return cast("PowerSupply | None", self.instruments.get("power"))

    def make_safe(self, reason: str) -> None:
        """Give the pump its full power, stop it and the doser, and open the occluder.

        What each came to is recorded as `safe state`. Every instrument is tried, whatever happens to the others; Ctrl-C
        meanwhile is obeyed afterwards.

        Raises:
            UnsafeError: one of them could not be made safe, or says that it is not.

        """
        make_safe(self.instruments, reason, self.record, self._is_back)

    def _is_back(self, role: str, error: InstrumentError) -> Instrument | None:
        return self.bring_back(role, error) if self.is_lost(role, error) else None


@contextmanager
def open_rig(
    rig: Rig, clock: Clock, plan: str = "", wire_logs: WireLogs | None = None, record: Record | None = None
) -> Iterator[OpenRig]:
    """Open every instrument of a rig, identify it and compare its serial number; on leaving make it safe and close it.

    Args:
        rig: the rig file.
        clock: the run's clock.
        plan: what the rig is opened for; shown to a second process that wants it.
        wire_logs: gives what is told every byte of an instrument, or None; a confidential driver's are told to nobody.
        record: told `safe state`, links that were lost and came back, and what could not be closed; or None.

    Raises:
        RigInUseError: another process has the rig.
        RigOpenError: an instrument does not answer or is not the right one; the text shows the state of all.
        UnsafeError: on leaving, an instrument could not be made safe.

    """
    record = record or _forget
    # A twin lives in its own process and clock: nobody else can reach it.
    lock = nullcontext() if clock.simulated else rig_lock(rig.path or rig.file, rig.rig, plan, clock)
    with lock:
        opened: dict[str, Opened] = {}
        rigs: list[OpenRig] = []
        try:
            beside = RigBeside(opened, clock, record)
            for role in sorted(rig.instruments, key=lambda role: _order(rig, role)):
                opened[role] = open_instrument(role, rig.instruments[role], clock, wire_logs, beside=beside)
            if any(each.problem for each in opened.values()):
                raise RigOpenError(_tree(rig, list(opened.values())))
            reconnection = Reconnection(opened, clock, wire_logs, record, rig.reconnect_s, beside)
            rigs.append(OpenRig(rig, opened, reconnection, record))
            beside.rig = rigs[0]
            yield rigs[0]
        finally:
            _leave(opened, record, rigs)


def _order(rig: Rig, role: str) -> tuple[bool, bool]:
    """Return when to open an instrument: a pump that lives on the supply, or needs others, comes after them."""
    return role != "power", bool(entry_of(role, rig.instruments[role].driver).needs)


def _tree(rig: Rig, opened: list[Opened]) -> str:
    failed = sum(bool(each.problem) for each in opened)
    lines = [f"rig {rig.rig} ({rig.file}) cannot be opened: {failed} of {len(opened)} instruments failed"]
    for each in opened:
        last = each is opened[-1]
        state = f"FAILED  {each.problem}" if each.problem else f"ok      {_name(each.identity)}"
        first, *more = state.splitlines()
        where = f" at {each.spec.address}" if each.spec.address and each.spec.address not in state else ""
        lines.append(f"{'└─' if last else '├─'} {each.role:9} {first}  [{each.spec.driver}{where}]")
        lines += [f"{'  ' if last else '│ '} {'':17} {line}" for line in more]
    return "\n".join(lines)


def _name(identity: Identity | None) -> str:
    if identity is None:
        return ""
    serial = f", serial number {identity.serial_number}" if identity.serial_number else ""
    return f"{identity.manufacturer} {identity.model}".strip() + serial


def _told(opened: Opened) -> dict[str, str]:
    told = asdict(opened.identity) if opened.identity is not None else {}
    return {"driver": opened.spec.driver, "address": opened.spec.address or "", **told}


def _leave(opened: dict[str, Opened], record: Record, rigs: list[OpenRig]) -> None:
    """Make safe what is known to be the rig's own, then close everything: a wrong instrument is told nothing."""
    own = {role: each.instrument for role, each in opened.items() if each.instrument is not None and not each.problem}
    try:
        if rigs:
            rigs[0].make_safe("rig closed")
        elif own:
            make_safe(own, "rig closed", record)
    finally:
        for role, each in opened.items():
            if each.instrument is not None:
                try:
                    each.instrument.close()
                except Exception as error:
                    record("close failed", instrument=role, problem=str(error))


def _stop(pump: Any) -> None:
    pump.stop()


def _leave_as_it_is(_: Any) -> None:
    return


def _go_on(_: str) -> None:
    return


def _forget(kind: str, /, **data: Any) -> None:
    """Take no note."""
