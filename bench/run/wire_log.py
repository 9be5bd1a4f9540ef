"""The wire log of a run: every byte of an instrument, in the recording and as text in the run's folder."""

from __future__ import annotations

import threading
from collections.abc import Collection
from pathlib import Path
from typing import TextIO

from bench.clock import Clock
from bench.recording.writer import RecordingWriter
from bench.rig.imported import entry_of
from bench.rig.instruments import InstrumentSpec
from drivers.link import WireLog

NAME = "wire-{role}.log"
_HEAD = """\
{simulated}# {role}: driver {driver} at {address}
# s since the run began, UTC, direction (tx: to the instrument), hex, text
"""
_CONFIDENTIAL = "# Nothing is logged: the driver is confidential.\n"


class WireLogs:
    """The wire logs of one run, one an instrument; in real time each line is on disk as soon as it has passed.

    Args:
        folder: of the run; `wire-<role>.log` is written there.
        clock: the run's clock.
        writer: the run's recording, which keeps the same bytes.
        simulated: whether nothing of it was ever sent to a real instrument.
        roles: whose bytes are wanted; None for everybody's.

    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        writer: RecordingWriter,
        *,
        simulated: bool = False,
        roles: Collection[str] | None = None,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._writer = writer
        self._simulated = simulated
        self._roles = roles
        self._files: dict[str, TextIO] = {}
        self._lock = threading.Lock()

    def of(self, role: str, spec: InstrumentSpec) -> WireLog | None:
        """Return the wire log of a role's instrument; None where none is wanted, or its driver is confidential."""
        if self._roles is not None and role not in self._roles:
            return None
        confidential = entry_of(role, spec.driver).confidential
        if role not in self._files:
            simulated = "# SIMULATED\n" if self._simulated else ""
            head = _HEAD.format(simulated=simulated, role=role, driver=spec.driver, address=spec.address or "-")
            self._files[role] = self._open(role)
            self._files[role].write(head + (_CONFIDENTIAL if confidential else ""))
        return None if confidential else self._log_of(role)

    def close(self) -> None:
        """Close the files; what passes later is in the recording alone."""
        with self._lock:
            files, self._files = self._files, {}
            for file in files.values():
                file.close()

    def _open(self, role: str) -> TextIO:
        buffering = -1 if self._clock.simulated else 1
        return (self._folder / NAME.format(role=role)).open("a", buffering, encoding="ascii", newline="\n")

    def _log_of(self, role: str) -> WireLog:
        def log(instrument: str, direction: str, time_s: float, data: bytes) -> None:
            del instrument  # as the driver calls it; the rig calls it by its role
            self._writer.wire(role, direction, time_s, data)
            with self._lock:
                file = self._files.get(role)
                if file is not None:
                    file.write(self._line(direction, time_s, data))

        return log

    def _line(self, direction: str, time_s: float, data: bytes) -> str:
        utc = self._clock.utc(time_s).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        text = data.decode("latin-1").encode("unicode_escape").decode("ascii")
        return f"{time_s:12.6f} {utc} {direction} {data.hex(' ')} {text}\n"
