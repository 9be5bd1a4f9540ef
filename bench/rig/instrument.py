"""One instrument of a rig: opened through its driver, asked who it is, and compared with what the rig file wants."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from bench.clock import Clock
from bench.rig.confidential import keep_back, without_bytes
from bench.rig.imported import entry_of
from bench.rig.instruments import InstrumentSpec
from drivers.beside import Beside
from drivers.errors import InstrumentError
from drivers.link import Link, WireLog, links_opened
from drivers.roles import Identity, Instrument

WireLogs = Callable[[str, InstrumentSpec], WireLog | None]
"""Gives the wire log of a role's instrument; None where none is kept."""


@dataclass(slots=True)
class Opened:
    """How opening one instrument went: `problem` is empty where it went well.

    `links` are what its driver has opened; of a driver with a channel of its own, none.
    """

    role: str
    spec: InstrumentSpec
    instrument: Instrument | None = None
    identity: Identity | None = None
    links: list[Link] = field(default_factory=list)
    problem: str = ""

    def let_go(self) -> None:
        """Release the links and tell the instrument nothing more."""
        for link in self.links:
            link.close()
        if not self.links and self.instrument is not None:
            with contextlib.suppress(Exception):  # whatever a driver with a channel of its own has left
                self.instrument.close()


def open_instrument(
    role: str,
    spec: InstrumentSpec,
    clock: Clock,
    wire_logs: WireLogs | None,
    *,
    again: bool = False,
    beside: Beside | None = None,
) -> Opened:
    """Open an instrument and ask who it is; what goes wrong is in the result.

    Args:
        role: its role.
        spec: what the rig file says of it.
        clock: the run's clock.
        wire_logs: gives what is told its bytes, or None.
        again: its link was lost: it is taken up as it stands, where its driver knows how.
        beside: what stands beside it, for a driver that needs others.

    """
    opened = Opened(role, spec)
    try:
        with links_opened() as opened.links:
            opened.instrument = _make(role, spec, clock, wire_logs, again, beside)
        opened.identity = opened.instrument.identify()
        opened.problem = wrong_serial(opened.identity, spec.serial_number)
    except Exception as error:
        opened.problem = str(error) if isinstance(error, InstrumentError) else f"{type(error).__name__}: {error}"
    return opened


def wrong_serial(identity: Identity, wanted: str | None) -> str:
    """Return what is wrong with an instrument's serial number; empty where nothing is, or any will do."""
    if not wanted or identity.serial_number.strip() == wanted.strip():
        return ""
    told = f"says {identity.serial_number!r}" if identity.serial_number else "does not tell one"
    return (
        f"wrong instrument: the rig file wants serial number {wanted!r} and this one ({identity.manufacturer} "
        f"{identity.model}) {told}. Check the cables, or correct serial_number and calibration in the rig file"
    )


def _make(
    role: str, spec: InstrumentSpec, clock: Clock, wire_logs: WireLogs | None, again: bool, beside: Beside | None
) -> Instrument:
    entry = entry_of(role, spec.driver)
    factory = entry.reopen if again and entry.reopen is not None else entry.factory

    more: dict[str, Any] = {"beside": beside} if entry.needs else {}

    def make(wire_log: WireLog | None) -> Instrument:
        made = factory(
            spec.address or "", spec.options, clock, wire_log=wire_log, visa_library=spec.visa_library, **more
        )
        return cast(Instrument, made)

    wire_log = wire_logs(role, spec) if wire_logs is not None else None
    if entry.confidential:
        return cast(Instrument, keep_back(without_bytes(role, lambda: make(None)), role))
    return make(wire_log)
