"""Writes a run's recording while it happens, so that a crash loses a second at most."""

from __future__ import annotations

import json
import math
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from bench.clock import Clock, host_monotonic_s
from bench.recording.errors import RecordingError
from bench.recording.schema import (
    APPLICATION_ID,
    BLOCK_ROWS,
    COLUMNS,
    DDL,
    FIRST_DIGEST,
    TIME_COLUMN,
    VERSION,
    Row,
    RunConfig,
    block_digest,
    seal_digest,
)

COMMIT_EVERY_S = 0.9
"""Host time after which a sample commits what is pending; the promise is a second."""

_MANY_ROWS = 16 * BLOCK_ROWS
_ROWS_A_STATEMENT = 128
"""Rows that one statement writes where many are pending, a third faster than one by one: below 999 values, the least
that any SQLite takes."""
_LOOK_EVERY_ROWS = 16
"""How often samples look at the host's clock: simulated ones come by thousands a second, real time has a task."""


class _Stream:
    """The rows of one table that are not yet in a closed block, and how many of them are on disk.

    A signal may interrupt any line: a row's number follows from the list that it is appended to, and writing rows again
    is harmless (`OR IGNORE`), so that the stream stays whole wherever it was interrupted.
    """

    __slots__ = ("base", "digest", "insert", "insert_many", "name", "rows", "written")

    def __init__(self, name: str) -> None:
        columns = COLUMNS[name]
        self.name = name
        self.base = 1
        self.rows: list[Row] = []
        self.written = 0
        self.digest = FIRST_DIGEST
        row = f"({','.join('?' * len(columns))})"
        self.insert = f"INSERT OR IGNORE INTO {name} VALUES {row}"  # noqa: S608
        self.insert_many = f"{self.insert}{f',{row}' * (_ROWS_A_STATEMENT - 1)}"

    @property
    def count(self) -> int:
        return self.base + len(self.rows) - 1

    def write_to(self, connection: sqlite3.Connection) -> None:
        rows = self.rows[self.written :]
        whole = len(rows) // _ROWS_A_STATEMENT * _ROWS_A_STATEMENT
        together = (rows[begin : begin + _ROWS_A_STATEMENT] for begin in range(0, whole, _ROWS_A_STATEMENT))
        connection.executemany(self.insert_many, [tuple(chain.from_iterable(each)) for each in together])
        connection.executemany(self.insert, rows[whole:])
        while len(self.rows) >= BLOCK_ROWS:
            self.close_block(connection, BLOCK_ROWS)
        self.written = len(self.rows)

    def close_block(self, connection: sqlite3.Connection, size: int) -> None:
        block, rest = self.rows[:size], self.rows[size:]
        if not block:
            return
        digest = block_digest(self.digest, block)
        times_s = [row[TIME_COLUMN[self.name]] for row in block]
        row = (self.name, block[0][0], block[-1][0], min(times_s), max(times_s), digest)
        connection.execute("INSERT OR IGNORE INTO blocks VALUES (?,?,?,?,?,?)", row)
        self.base, self.rows, self.written, self.digest = self.base + len(block), rest, 0, digest


class RecordingWriter:
    """Appends samples, events and wire traffic to a new recording.

    A transaction is committed for every event at once, and at least every second of host time while samples come; what
    is committed survives a crash of the process and of the machine, and other processes read it meanwhile. Safe to use
    from several threads.

    Args:
        path: the file to make; it must not exist.
        clock: the run's clock, which dates the events.
        config: what the run was asked to do.
        durable: whether what is committed must survive a crash; an import that crashes is simply made again.

    Raises:
        RecordingError: the file exists or cannot be made.

    """

    def __init__(self, path: Path, clock: Clock, config: RunConfig, *, durable: bool = True) -> None:
        self.path = path
        self._clock = clock
        self._config = config
        self._lock = threading.RLock()
        self._samples, self._events, self._wire = _Stream("samples"), _Stream("events"), _Stream("wire")
        self._channels: dict[str, int] = {}
        self._latest: dict[str, float] = {}
        self._closed = False
        if path.exists():
            raise RecordingError(path, "there is a file already, and a recording is never written over")
        try:
            self._connection = _create(path, config, durable=durable)
        except sqlite3.Error as error:
            raise RecordingError(path, f"cannot be made: {error}", "Check the folder and the space left") from error
        self._committed_s = host_monotonic_s()
        if not clock.simulated:
            clock.start("recording", self._commit_regularly)

    def set_identities(self, identities: dict[str, dict[str, str]]) -> None:
        """Add to the configuration who each instrument said that it is."""
        with self._lock:
            self._config = RunConfig(
                **{name: getattr(self._config, name) for name in self._config.to_meta() if name != "identities"},
                identities=identities,
            )
            self._commit()
            self._execute("UPDATE meta SET value = ? WHERE key = 'identities'", (self._config.to_meta()["identities"],))

    def sample(self, channel: str, time_s: float, value: float, status: str, text: str) -> None:
        """Append one value of a channel, with the instant at which it arrived; NaN where the instrument gave none."""
        value, time_s = float(value), float(time_s)
        with self._lock:
            number = self._channels.get(channel) or self._new_channel(channel)
            stream = self._samples
            rows = stream.rows
            # SQLite has no NaN: a value that is not itself is stored as NULL.
            rows.append((stream.base + len(rows), number, time_s, value if value == value else None, status, text))
            self._latest[channel] = value
            if not len(rows) % _LOOK_EVERY_ROWS:
                self._commit_if_due(stream)

    def event(self, kind: str, test: str, /, **data: Any) -> float:
        """Append that something was done or seen now, in `test` (empty: in the run); return the instant."""
        text = json.dumps(_plain(data), sort_keys=True, allow_nan=False)
        with self._lock:
            time_s = self._clock.now_s()
            stream = self._events
            stream.rows.append((stream.base + len(stream.rows), time_s, test, kind, text))
            self._commit()
        return time_s

    def many_samples(
        self,
        channels: Sequence[str],
        channel: Sequence[int],
        time_s: Sequence[float],
        value: Sequence[float],
        status: Sequence[str],
    ) -> None:
        """Append samples of several channels at once, as `sample` does one by one.

        Args:
            channels: names.
            channel: of each sample, which of `channels` it belongs to.
            time_s: of each sample, its instant; in order.
            value: of each sample, its value; NaN where there is none.
            status: of each sample, what was said of it.

        """
        with self._lock:
            numbers = [self._channels.get(name) or self._new_channel(name) for name in channels]
            stream = self._samples
            for begin in range(0, len(time_s), _MANY_ROWS):
                part = slice(begin, begin + _MANY_ROWS)
                values = [None if each != each else each for each in value[part]]
                first = stream.base + len(stream.rows)
                stream.rows += zip(
                    range(first, first + len(values)),
                    [numbers[each] for each in channel[part]],
                    time_s[part],
                    values,
                    status[part],
                    repeat(""),
                    strict=False,
                )
                self._commit()

    def many_events(self, events: Iterable[tuple[float, str, str, dict[str, Any]]]) -> None:
        """Append events that tell their own instants: `(time_s, kind, test, data)`, in order."""
        with self._lock:
            stream = self._events
            for time_s, kind, test, data in events:
                text = json.dumps(_plain(data), sort_keys=True, allow_nan=False)
                stream.rows.append((stream.base + len(stream.rows), float(time_s), test, kind, text))
            self._commit()

    def wire(self, instrument: str, direction: str, time_s: float, data: bytes) -> None:
        """Append bytes that were sent to (`tx`) or came from (`rx`) an instrument."""
        with self._lock:
            stream = self._wire
            stream.rows.append((stream.base + len(stream.rows), float(time_s), instrument, direction, data.hex()))
            if not len(stream.rows) % _LOOK_EVERY_ROWS:
                self._commit_if_due(stream)

    def latest(self, channel: str) -> float:
        """Return the newest value of a channel; NaN before its first."""
        return self._latest.get(channel, math.nan)

    def commit(self) -> None:
        """Put everything that was appended on disk now."""
        with self._lock:
            self._commit()

    def seal(self) -> str:
        """Close the recording for ever: write what is pending, chain it, leave WAL mode; return the digest."""
        with self._lock:
            self._commit()
            streams = (self._samples, self._events, self._wire)
            counts = [stream.count for stream in streams]
            channels = sorted((number, name) for name, number in self._channels.items())
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                for stream in streams:
                    stream.close_block(self._connection, len(stream.rows))
                digest = seal_digest(self._config, channels, {stream.name: stream.digest for stream in streams})
                self._connection.execute("INSERT INTO seal VALUES (?,?,?,?)", (digest, *counts))
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise RecordingError(self.path, f"cannot be sealed: {error}", "What was recorded is kept") from error
            self._leave_wal()
            self.close()
        return digest

    def close(self) -> None:
        """Stop writing without sealing; safe to call twice."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._connection.close()

    def _leave_wal(self) -> None:
        # A reader that holds the file open only postpones this: the sealed rows are safe in the WAL until it leaves.
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError:
            pass

    def _new_channel(self, channel: str) -> int:
        number = len(self._channels) + 1
        self._commit()
        self._execute("INSERT OR IGNORE INTO channels VALUES (?,?)", (number, channel))
        self._channels[channel] = number
        return number

    def _commit_if_due(self, stream: _Stream) -> None:
        if len(stream.rows) >= BLOCK_ROWS or host_monotonic_s() - self._committed_s >= COMMIT_EVERY_S:
            self._commit()

    def _commit(self) -> None:
        try:
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            for stream in (self._samples, self._events, self._wire):
                if len(stream.rows) > stream.written:
                    stream.write_to(self._connection)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise RecordingError(
                self.path, f"cannot be written: {error}", "Check the disk and the space left"
            ) from error
        self._committed_s = host_monotonic_s()

    def _execute(self, sql: str, values: Row) -> None:
        try:
            self._connection.execute(sql, values)
        except sqlite3.Error as error:
            raise RecordingError(
                self.path, f"cannot be written: {error}", "Check the disk and the space left"
            ) from error

    def _commit_regularly(self) -> None:
        # In real time an instrument may fall silent: the last samples before that must not wait for another.
        while not self._closed:
            self._clock.sleep_s(COMMIT_EVERY_S / 2)
            with self._lock:
                if not self._closed and host_monotonic_s() - self._committed_s >= COMMIT_EVERY_S / 2:
                    self._commit()


def _create(path: Path, config: RunConfig, *, durable: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    connection.execute(f"PRAGMA journal_mode = {'WAL' if durable else 'OFF'}")
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
    connection.executescript(
        f"BEGIN; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; {DDL} COMMIT;"
    )
    connection.executemany("INSERT INTO meta VALUES (?,?)", config.to_meta().items())
    return connection


def _plain(value: Any) -> Any:
    """Return `value` as JSON can hold it: no number is NaN or infinite, none is numpy's."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return _plain(value.item()) if hasattr(value, "item") else str(value)
