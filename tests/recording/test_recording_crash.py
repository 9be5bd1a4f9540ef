"""A run that is killed loses nothing that was acknowledged, and its recording says that it was never sealed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.recording.errors import RecordingError
from bench.recording.reader import RecordingReader

RUN = """
import datetime, sys
from pathlib import Path
from bench.clock import SimulatedClock
from bench.recording.schema import RunConfig
from bench.recording.writer import RecordingWriter

clock = SimulatedClock(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
writer = RecordingWriter(Path(sys.argv[1]), clock, RunConfig("p", "f", "r", "g", True, 1, "2026-01-01T00:00:00+00:00"))
writer.event("test started", "T", id="T")
i = 0
while True:
    for _ in range(1000):
        writer.sample("balance.mass_g", i * 0.1, i, "stable", "S S")
        i += 1
    writer.event("noted", "T", samples=i)
    print(i, flush=True)
"""


def test_nothing_acknowledged_is_lost_when_the_run_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "recording.sqlite"
    process = subprocess.Popen([sys.executable, "-c", RUN, path], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    acknowledged = 0
    with RecordingReaderWhenThere(path, process) as reader:
        for _ in range(5):
            acknowledged = int(process.stdout.readline())
            assert len(reader.series("balance.mass_g")) >= acknowledged
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().split()
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    acknowledged = int(rest[-1]) if rest else acknowledged

    with RecordingReader(path) as reader:
        series = reader.test("T").series("balance.mass_g")
        assert len(series) >= acknowledged
        assert series.value.tolist() == list(range(len(series)))
        assert reader.events("noted")[-1].data["samples"] >= acknowledged
        assert not reader.sealed
        assert reader.check().problem == ""
        with pytest.raises(RecordingError, match="was never sealed: its run still goes on, or crashed"):
            reader.verify()


class RecordingReaderWhenThere:
    """A reader of a recording that another process has begun, which its first line of output tells."""

    def __init__(self, path: Path, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        process.stdout.readline()
        self.reader = RecordingReader(path)

    def __enter__(self) -> RecordingReader:
        return self.reader

    def __exit__(self, *_: object) -> None:
        self.reader.close()
