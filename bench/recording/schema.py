"""The shape of a recording: one SQLite file a run, and the chain of digests over its rows.

A recording holds `meta` (what was asked, with what), `channels`, and three append-only streams of rows: `samples`,
`events` and, on request, `wire`. Rows of a stream are numbered from 1 and chained in blocks of `BLOCK_ROWS` rows:

    digest(block) = SHA-256(digest(block before) + "\\n" + JSON(rows of the block))

with JSON as an array of arrays without spaces, ASCII only, floats at their shortest, and 64 zeros
before the first block.
Blocks are counted in rows, never in time, and hold nothing of the host, so that one seed gives one digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

APPLICATION_ID = 0x50424E43
"""`PBNC` in the file's header: tells a recording from any other SQLite file."""

VERSION = 1
"""Of this schema; a reader refuses a newer one."""

BLOCK_ROWS = 4096
FIRST_DIGEST = "0" * 64

DDL = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE channels(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE samples(seq INTEGER PRIMARY KEY, channel INTEGER NOT NULL, time_s REAL NOT NULL, value REAL, status TEXT, text TEXT);
CREATE TABLE events(seq INTEGER PRIMARY KEY, time_s REAL NOT NULL, test TEXT NOT NULL, kind TEXT NOT NULL, data TEXT NOT NULL);
CREATE TABLE wire(seq INTEGER PRIMARY KEY, time_s REAL NOT NULL, instrument TEXT NOT NULL, direction TEXT NOT NULL, hex TEXT NOT NULL);
CREATE TABLE blocks(stream TEXT NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
    first_time_s REAL NOT NULL, last_time_s REAL NOT NULL, digest TEXT NOT NULL, PRIMARY KEY(stream, first_seq)) WITHOUT ROWID;
CREATE TABLE seal(digest TEXT NOT NULL, samples INTEGER NOT NULL, events INTEGER NOT NULL, wire INTEGER NOT NULL);
"""  # noqa: E501 - a table a line

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "samples": ("seq", "channel", "time_s", "value", "status", "text"),
    "events": ("seq", "time_s", "test", "kind", "data"),
    "wire": ("seq", "time_s", "instrument", "direction", "hex"),
}
TIME_COLUMN = {stream: columns.index("time_s") for stream, columns in COLUMNS.items()}

_NOT_SEALED_IN = ("plan_file", "rig_file", "versions")
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, check_circular=False).encode

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class RunConfig:
    """What a run was asked to do, with what: enough to evaluate it again from its recording alone.

    `origin_utc` is instant 0 of the run's clock in ISO 8601; `seed` is None on a real rig.
    """

    plan_text: str
    plan_file: str
    rig_text: str
    rig_file: str
    simulated: bool
    seed: int | None
    origin_utc: str
    versions: dict[str, str] = field(default_factory=dict)
    identities: dict[str, dict[str, str]] = field(default_factory=dict)

    def to_meta(self) -> dict[str, str]:
        """Return the rows of the `meta` table."""
        return {key: json.dumps(value, sort_keys=True) for key, value in asdict(self).items()}

    @classmethod
    def from_meta(cls, meta: Mapping[str, str]) -> RunConfig:
        """Return the configuration that `meta` rows hold.

        Raises:
            KeyError, ValueError: a row is missing or is no JSON.

        """
        return cls(**{item.name: json.loads(meta[item.name]) for item in fields(cls)})


def block_digest(before: str, rows: Sequence[Row]) -> str:
    """Return the digest of a block of rows that follows the block of digest `before`."""
    return hashlib.sha256(f"{before}\n{_encode(rows)}".encode("ascii")).hexdigest()


def seal_digest(config: RunConfig, channels: Sequence[Row], last_digests: Mapping[str, str]) -> str:
    """Return the digest of a whole recording.

    Where plan and rig files lay and which software ran are left out: they belong to the host, not to what was found.
    """
    asked = {key: value for key, value in sorted(config.to_meta().items()) if key not in _NOT_SEALED_IN}
    content = [asked, list(channels), dict(sorted(last_digests.items()))]
    return hashlib.sha256(_encode(content).encode("ascii")).hexdigest()
