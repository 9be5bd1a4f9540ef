"""Opens a rig: all of its instruments, each the one that the rig file means, and leaves them safe whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, cast

from bench.clock import Clock
from bench.rig.errors import RigError
from bench.rig.imported import entry_of
from bench.rig.lock import rig_lock
from bench.rig.model import InstrumentSpec, Rig
from drivers.errors import InstrumentError
from drivers.link import WireLog
from drivers.roles import (
    Balance,
    ClimateSensor,
    DeliveryState,
    HasWatchdog,
    Identity,
    Instrument,
    Occluder,
    Operator,
    PowerSupply,
    PressureSensor,
    Pump,
)

ATTEMPTS = 2
"""How often each instrument is told to become safe: an interrupted exchange may spoil the first."""

_FLOWING = frozenset({DeliveryState.BASAL, DeliveryState.BOLUS, DeliveryState.PRIMING})


class Record(Protocol):
    """Where the rig tells what was done to it."""

    def __call__(self, kind: str, /, **data: Any) -> object:
        """Take note of an event."""


class RigOpenError(RigError):
    """A rig could not be opened; the text shows every instrument's state."""


class UnsafeError(RigError):
    """An instrument could not be brought to its safe state: somebody must look at the bench now."""


@dataclass(slots=True)
class Opened:
    """How opening one instrument went: `problem` is empty where it went well."""

    role: str
    spec: InstrumentSpec
    instrument: Instrument | None = None
    identity: Identity | None = None
    problem: str = ""


@dataclass(slots=True)
class OpenRig:
    """A rig whose instruments answer and are the right ones."""

    rig: Rig
    instruments: dict[str, Instrument]
    identities: dict[str, dict[str, str]]
    record: Record = field(repr=False)

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
        make_safe(self.instruments, reason, self.record)


def make_safe(instruments: dict[str, Instrument], reason: str, record: Record) -> None:
    """Make those safe that are among `instruments`; see `OpenRig.make_safe`.

    Raises:
        UnsafeError: one of them could not be made safe, or says that it is not.

    """
    outcome: dict[str, str] = {}
    problems: list[str] = []
    interrupted: BaseException | None = None
    steps: list[tuple[str, str, Callable[[], None]]] = []
    if "power" in instruments:
        # A pump without power cannot be told to stop, and may go on by itself once it has power again.
        steps.append(("power", "on", lambda: _full_power(cast(PowerSupply, instruments["power"]))))
    if "pump" in instruments:
        steps.append(("pump", "stopped", lambda: _stop("pump", cast(Pump, instruments["pump"]))))
    if "doser" in instruments:
        steps.append(("doser", "stopped", lambda: _stop("doser", cast(Pump, instruments["doser"]))))
    if "occluder" in instruments:
        steps.append(("occluder", "open", cast(Occluder, instruments["occluder"]).release))
    for role, word, step in steps:
        for _ in range(ATTEMPTS):
            try:
                step()
                outcome[role] = word
                break
            except (KeyboardInterrupt, SystemExit) as error:
                interrupted = error
                outcome[role] = "interrupted"
            except Exception as error:
                outcome[role] = str(error)
        if outcome[role] != word:
            problems.append(f"{role} is not {word}: {outcome[role]}")
    record("safe state", reason=reason, safe=not problems, **outcome)
    if problems:
        raise UnsafeError(
            "; ".join(["THE BENCH MAY NOT BE SAFE", *problems]) + ". Stop it by hand now."
        ) from interrupted
    if interrupted is not None:
        raise interrupted


def _full_power(supply: PowerSupply) -> None:
    supply.set_voltage_v(supply.nominal_v)
    supply.switch_on()


def _stop(role: str, pump: Pump) -> None:
    pump.stop()
    state = pump.state()
    if state in _FLOWING:
        raise InstrumentError(role, f"acknowledged the stop and still says that it delivers ({state})")
    if isinstance(pump, HasWatchdog):
        pump.disarm_watchdog()


@contextmanager
def open_rig(
    rig: Rig, clock: Clock, plan: str = "", wire_log: WireLog | None = None, record: Record | None = None
) -> Iterator[OpenRig]:
    """Open every instrument of a rig, identify it and compare its serial number; on leaving make it safe and close it.

    Args:
        rig: the rig file.
        clock: the run's clock.
        plan: what the rig is opened for; shown to a second process that wants it.
        wire_log: told every byte, or None.
        record: told `safe state` and what could not be closed, or None.

    Raises:
        RigInUseError: another process has the rig.
        RigOpenError: an instrument does not answer or is not the right one; the text shows the state of all.
        UnsafeError: on leaving, an instrument could not be made safe.

    """
    record = record or _forget
    # A twin lives in its own process and clock: nobody else can reach it.
    lock = nullcontext() if clock.simulated else rig_lock(rig.path or rig.file, rig.rig, plan, clock)
    with lock:
        opened: list[Opened] = []
        try:
            # A pump that lives on the supply answers only once that is on.
            in_order = sorted(rig.instruments.items(), key=lambda each: each[0] != "power")
            opened += [_open(role, spec, clock, wire_log) for role, spec in in_order]
            good = {each.role: each.instrument for each in opened if each.instrument is not None and not each.problem}
            if len(good) < len(opened):
                raise RigOpenError(_tree(rig, opened))
            identities = {each.role: _told(each) for each in opened}
            yield OpenRig(rig, good, identities, record)
        finally:
            _leave(opened, record)


def _open(role: str, spec: InstrumentSpec, clock: Clock, wire_log: WireLog | None) -> Opened:
    opened = Opened(role, spec)
    try:
        entry = entry_of(role, spec.driver)
        opened.instrument = entry.factory(
            spec.address or "", spec.options, clock, wire_log=_named(role, wire_log), visa_library=spec.visa_library
        )
        opened.identity = opened.instrument.identify()
        opened.problem = _wrong_serial(opened.identity, spec.serial_number)
    except Exception as error:
        opened.problem = str(error) if isinstance(error, InstrumentError) else f"{type(error).__name__}: {error}"
    return opened


def _named(role: str, wire_log: WireLog | None) -> WireLog | None:
    """Return a wire log that calls an instrument by its role in the rig: a doser's driver takes itself for the pump."""
    if wire_log is None:
        return None
    log = wire_log
    return lambda _instrument, direction, time_s, data: log(role, direction, time_s, data)


def _wrong_serial(identity: Identity, wanted: str | None) -> str:
    if not wanted or identity.serial_number.strip() == wanted.strip():
        return ""
    told = f"says {identity.serial_number!r}" if identity.serial_number else "does not tell one"
    return (
        f"wrong instrument: the rig file wants serial number {wanted!r} and this one ({identity.manufacturer} "
        f"{identity.model}) {told}. Check the cables, or correct serial_number and calibration in the rig file"
    )


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


def _leave(opened: list[Opened], record: Record) -> None:
    """Make safe what is known to be the rig's own, then close everything: a wrong instrument is told nothing."""
    own = {each.role: each.instrument for each in opened if each.instrument is not None and not each.problem}
    try:
        if own:
            make_safe(own, "rig closed", record)
    finally:
        for each in opened:
            if each.instrument is not None:
                try:
                    each.instrument.close()
                except Exception as error:
                    record("close failed", instrument=each.role, problem=str(error))


def _forget(kind: str, /, **data: Any) -> None:
    """Take no note."""
