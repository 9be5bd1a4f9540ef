"""Finds the drivers: every module under `drivers/<role>/` and every entry point of group `pumpbench.drivers`.

A driver module declares `DRIVER = DriverEntry(…)`; an entry point names such a module or the entry itself. Nothing else
has to be told of a new driver. One from another distribution says for which version of the driver API it was written;
one that cannot be used is told of where it is asked for, and keeps nobody from using the others.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol

from pydantic import BaseModel

from bench.clock import Clock
from drivers.link import WireLog
from drivers.probe import Probe
from drivers.roles import Instrument

ROLES = ("pump", "balance", "pressure", "occluder", "climate", "operator", "power", "alarm")
ENTRY_POINT_GROUP = "pumpbench.drivers"
DRIVER_API = 1
"""Version of what a driver must be and may use: the roles, links, errors and this entry (docs/drivers.md)."""


class Factory(Protocol):
    """Opens an instrument."""

    def __call__(
        self, address: str, options: Any, clock: Clock, wire_log: WireLog | None = None, visa_library: str = "@py"
    ) -> Any:
        """Open the link to `address` and return the driver; `options` is an instance of the entry's `Options`.

        Raises:
            InstrumentError: it cannot be opened or is not what it should be.

        """


@dataclass(frozen=True, slots=True)
class DriverEntry:
    """One driver as a rig file names it.

    Args:
        name: such as `mettler_mt_sics`.
        role: one of `ROLES`.
        instrument: the driver's class, for asking what it can do (`issubclass(entry.instrument, DeliversBasal)`).
        factory: opens the instrument at an address.
        Options: the keys that a rig may give it beside driver, address and calibration.
        summary: one line for lists of drivers.
        needs_address: false for an instrument that is no device.
        unavailable: tells why it cannot be used here and now, as a console without a terminal; empty where it can.
        reopen: opens the instrument again after its link was lost, and leaves zero, tare and settings as they stand;
            None where the factory does, too.
        probes: read-only questions by which `pumpbench discover` finds its instruments.
        confidential: its protocol may not be told: no wire log is kept of it, and its errors are shown without bytes.
        api_version: the `DRIVER_API` that it was written for; must be said by drivers of other distributions.
        needs: roles without which it cannot be used on a rig, such as `operator`; where it names any, its factory is
            given `beside` (`drivers.beside.Beside`), too.
        able: returns the class of the instrument that some `Options` make, where these decide what it can do; None
            where they do not.

    """

    name: str
    role: str
    instrument: type[Instrument]
    factory: Factory
    Options: type[BaseModel]
    summary: str
    needs_address: bool = True
    unavailable: Callable[[], str] = lambda: ""
    reopen: Factory | None = None
    probes: tuple[Probe, ...] = ()
    confidential: bool = False
    api_version: int | None = None
    needs: tuple[str, ...] = ()
    able: Callable[[Any], type[Instrument]] | None = None

    def kind(self, options: Any) -> type[Instrument]:
        """Return the class of the instrument that some options make: what it can do."""
        return self.instrument if self.able is None or options is None else self.able(options)


class UnknownDriverError(LookupError):
    """A name that no driver has, or one of a driver that cannot be used; the text says which, or why."""


class UnusableDriverError(Exception):
    """A driver of another distribution that cannot be used; the text says why."""


def drivers_of(role: str) -> dict[str, DriverEntry]:
    """Return the drivers of one role by name, sorted."""
    return {name: entry for name, entry in all_drivers().items() if entry.role == role}


def driver(name: str) -> DriverEntry:
    """Return the driver called `name`.

    Raises:
        UnknownDriverError: there is none.

    """
    known = all_drivers()
    if name not in known and name in (unusable := unusable_drivers()):
        raise UnknownDriverError(f"driver {name!r} is installed and cannot be used: {unusable[name]}")
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UnknownDriverError(f"no driver is called {name!r} (known: {', '.join(known)}){hint}")
    return known[name]


def all_drivers() -> Mapping[str, DriverEntry]:
    """Return every driver that can be used by name, sorted.

    Raises:
        TypeError: a module under `drivers/` declares none.
        ValueError: two drivers have the same name, or one has no known role.

    """
    return _all()[0]


def unusable_drivers() -> Mapping[str, str]:
    """Return why drivers of other distributions cannot be used, by the names of their entry points."""
    return _all()[1]


def forget() -> None:
    """Look for drivers anew when they are next asked for."""
    _all.cache_clear()


@functools.cache
def _all() -> tuple[Mapping[str, DriverEntry], Mapping[str, str]]:
    found: dict[str, DriverEntry] = {}
    unusable: dict[str, str] = {}
    for entry in _in_tree():
        _add(entry, found)
    for point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            _add(_of_other_distribution(point), found)
        except Exception as error:  # whatever its import or its entry does
            told = str(error) if isinstance(error, UnusableDriverError | ValueError | TypeError) else repr(error)
            unusable[point.name] = f"{told} (entry point {point.value})"
    return dict(sorted(found.items())), unusable


def _add(entry: DriverEntry, found: dict[str, DriverEntry]) -> None:
    if entry.name in found:
        raise ValueError(f"two drivers are called {entry.name!r}")
    if entry.role not in ROLES:
        raise ValueError(f"driver {entry.name!r} has role {entry.role!r} (known: {', '.join(ROLES)})")
    found[entry.name] = entry


def _in_tree() -> list[DriverEntry]:
    entries = []
    for role in ROLES:
        package = importlib.import_module(f"drivers.{role}")
        for module in pkgutil.iter_modules(package.__path__):
            name = f"drivers.{role}.{module.name}"
            entries.append(_entry(importlib.import_module(name), name))
    return entries


def _of_other_distribution(point: EntryPoint) -> DriverEntry:
    entry = _entry(point.load(), f"entry point {point.value}")
    if entry.api_version is None:
        raise UnusableDriverError(f"it does not say which driver API it is for: api_version={DRIVER_API} in its entry")
    if entry.api_version != DRIVER_API:
        raise UnusableDriverError(
            f"it is for driver API {entry.api_version}, and this bench has {DRIVER_API}: install the version of the"
            " driver that fits, or of the bench"
        )
    return entry


def _entry(declared: object, where: str) -> DriverEntry:
    entry = getattr(declared, "DRIVER", declared)
    if not isinstance(entry, DriverEntry):
        raise TypeError(f"{where} declares no DRIVER = DriverEntry(…)")
    return entry
