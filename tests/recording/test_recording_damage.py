"""What was changed after it was written is named; what cannot be read is refused with its cause and a way out."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.recording.errors import RecordingError
from bench.recording.reader import RecordingReader
from bench.recording.schema import VERSION
from bench.recording.writer import RecordingWriter
from tests.recording.conftest import weigh

Write = Callable[..., RecordingWriter]


def sealed(write: Write) -> Path:
    writer = write()
    weigh(writer, 10_000)
    writer.event("occluder closed", "T", sent_s=1.0)
    writer.seal()
    return writer.path


def change(path: Path, sql: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(sql)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("UPDATE samples SET value = value + 1e-5 WHERE seq = 5001", r"samples block 2 \(rows 4097 to 8192\)"),
        ("UPDATE samples SET time_s = 3.01 WHERE seq = 31", r"samples block 1 \(rows 1 to 4096\)"),
        ("UPDATE samples SET text = 'S S 9.9 g' WHERE seq = 9999", r"samples block 3 \(rows 8193 to 10000\)"),
        ("DELETE FROM samples WHERE seq = 4096", "samples block 1"),
        ("DELETE FROM blocks WHERE first_seq = 4097", "rows 4097 to 8192 before it are in no block"),
        ("DELETE FROM blocks WHERE first_seq = 8193", "1808 rows were added after the recording was sealed"),
        ("UPDATE events SET kind = 'occluder opened'", r"events block 1 \(rows 1 to 1\)"),
        ("INSERT INTO samples VALUES (10001, 1, 1000.1, 1.0, 'stable', '')", "1 rows were added after"),
        ("UPDATE meta SET value = '\"plan: Q\"' WHERE key = 'plan_text'", "the seal does not fit"),
        ("UPDATE channels SET name = 'x'", "the seal does not fit"),
    ],
)
def test_a_change_is_found_and_named(write: Write, sql: str, named: str) -> None:
    path = sealed(write)
    with RecordingReader(path) as reader:
        reader.verify()
    change(path, sql)
    with RecordingReader(path) as reader, pytest.raises(RecordingError, match=named):
        reader.verify()


def test_a_torn_file_is_refused_with_a_way_out(write: Write) -> None:
    path = sealed(write)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])

    def read() -> None:
        with RecordingReader(path) as reader:
            reader.series("balance.mass_g")

    with pytest.raises(RecordingError, match=r"cannot be read: .*malformed.*torn or damaged: take it from a copy"):
        read()


@pytest.mark.parametrize("content", [b"time,mass\n0,1\n" * 200, b"x"])
def test_another_kind_of_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.csv"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match="is not a recording"):
        RecordingReader(path)


def test_another_database_an_empty_file_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    change(path, "CREATE TABLE t(x)")
    with pytest.raises(RecordingError, match="is not a recording"):
        RecordingReader(path)
    (tmp_path / "empty").touch()
    with pytest.raises(RecordingError, match="is not a recording"):
        RecordingReader(tmp_path / "empty")
    with pytest.raises(RecordingError, match="there is no such file"):
        RecordingReader(tmp_path / "missing")


def test_a_newer_version_is_refused(write: Write) -> None:
    path = sealed(write)
    change(path, f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(RecordingError, match=f"has version {VERSION + 1} of the format.*newer"):
        RecordingReader(path)


def test_a_recording_is_never_written_over(write: Write) -> None:
    path = sealed(write)
    with pytest.raises(RecordingError, match="never written over"):
        write()
    with RecordingReader(path) as reader:
        reader.verify()


def test_a_reader_cannot_write(write: Write) -> None:
    with RecordingReader(sealed(write)) as reader, pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._connection.execute("DELETE FROM samples")
