"""Finds the drivers: every module under `drivers/<role>/` and every entry point of group `pumpbench.drivers`.

A driver module declares `DRIVER = DriverEntry(…)`; an entry point names such a module or the entry itself. Nothing else
has to be told of a new driver.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, Protocol

from pydantic import BaseModel

from bench.clock import Clock
from drivers.link import WireLog
from drivers.roles import Instrument

ROLES = ("pump", "balance", "pressure", "occluder", "climate", "operator", "power")
ENTRY_POINT_GROUP = "pumpbench.drivers"


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
        confidential: its protocol may not be told: no wire log is kept of it, and its errors are shown without bytes.

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
    confidential: bool = False


class UnknownDriverError(LookupError):
    """A name that no driver has; the text lists those that there are."""


def drivers_of(role: str) -> dict[str, DriverEntry]:
    """Return the drivers of one role by name, sorted."""
    return {name: entry for name, entry in all_drivers().items() if entry.role == role}


def driver(name: str) -> DriverEntry:
    """Return the driver called `name`.

    Raises:
        UnknownDriverError: there is none.

    """
    known = all_drivers()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UnknownDriverError(f"no driver is called {name!r} (known: {', '.join(known)}){hint}")
    return known[name]


@functools.cache
def all_drivers() -> Mapping[str, DriverEntry]:
    """Return every driver by name, sorted.

    Raises:
        TypeError: a module under `drivers/` or an entry point declares none.
        ValueError: two drivers have the same name, or one has no known role.

    """
    found: dict[str, DriverEntry] = {}
    for entry in [*_in_tree(), *_out_of_tree()]:
        if entry.name in found:
            raise ValueError(f"two drivers are called {entry.name!r}")
        if entry.role not in ROLES:
            raise ValueError(f"driver {entry.name!r} has role {entry.role!r} (known: {', '.join(ROLES)})")
        found[entry.name] = entry
    return dict(sorted(found.items()))


def _in_tree() -> list[DriverEntry]:
    entries = []
    for role in ROLES:
        package = importlib.import_module(f"drivers.{role}")
        for module in pkgutil.iter_modules(package.__path__):
            name = f"drivers.{role}.{module.name}"
            entries.append(_entry(importlib.import_module(name), name))
    return entries


def _out_of_tree() -> list[DriverEntry]:
    return [_entry(point.load(), f"entry point {point.value}") for point in entry_points(group=ENTRY_POINT_GROUP)]


def _entry(declared: object, where: str) -> DriverEntry:
    entry = getattr(declared, "DRIVER", declared)
    if not isinstance(entry, DriverEntry):
        raise TypeError(f"{where} declares no DRIVER = DriverEntry(…)")
    return entry
