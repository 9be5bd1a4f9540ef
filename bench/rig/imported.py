"""The driver of an instrument that is known from an imported recording alone: it cannot be opened."""

from __future__ import annotations

from typing import Any, NoReturn

from pydantic import BaseModel, ConfigDict

from bench.clock import Clock
from drivers.errors import InstrumentError
from drivers.link import WireLog
from drivers.registry import DriverEntry, driver
from drivers.roles import Identity

IMPORTED = "imported"
"""What the rig of an imported recording has for `driver:`."""


class Options(BaseModel):
    """Nothing is known of it beside what its role has."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ImportedInstrument:
    """An instrument that other software read."""

    def identify(self) -> Identity:
        """Ask nobody: what is known of it came with the recording."""
        return Identity("unknown", "known from an imported recording alone", "")

    def close(self) -> None:
        """Release nothing."""


def _refuse(
    address: str, options: Any, clock: Clock, wire_log: WireLog | None = None, visa_library: str = "@py"
) -> NoReturn:
    del address, options, clock, wire_log, visa_library
    raise InstrumentError(
        IMPORTED, "is known from an imported recording alone", advice="Name the driver of a real instrument"
    )


def entry_of(role: str, name: str) -> DriverEntry:
    """Return the driver that a rig names for a role.

    Raises:
        UnknownDriverError: there is none.

    """
    return _imported(role) if name == IMPORTED else driver(name)


def _imported(role: str) -> DriverEntry:
    return DriverEntry(
        name=IMPORTED,
        role=role,
        instrument=ImportedInstrument,
        factory=_refuse,
        Options=Options,
        summary="known from an imported recording alone",
        needs_address=False,
    )
