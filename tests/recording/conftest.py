"""Recordings made by the real writer on a simulated clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.clock import SimulatedClock
from bench.recording.schema import RunConfig
from bench.recording.writer import RecordingWriter

ORIGIN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
CONFIG = RunConfig(
    plan_text="plan: P\n",
    plan_file="p.yaml",
    rig_text="rig: R\n",
    rig_file="r.yaml",
    simulated=True,
    seed=7,
    origin_utc=ORIGIN.isoformat(),
    versions={"pumpbench": "1"},
)


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(ORIGIN)


@pytest.fixture
def write(tmp_path: Path, clock: SimulatedClock) -> Iterator[Callable[..., RecordingWriter]]:
    with ExitStack() as stack:

        def open_writer(name: str = "recording.sqlite", config: RunConfig = CONFIG) -> RecordingWriter:
            writer = RecordingWriter(tmp_path / name, clock, config)
            stack.callback(writer.close)
            return writer

        yield open_writer


def weigh(writer: RecordingWriter, count: int, start: int = 0) -> None:
    """Write `count` balance samples at 10 Hz; every 50th is dynamic, every 100th overload without a value."""
    for i in range(start, start + count):
        value = float("nan") if i % 100 == 99 else 1.0 + i * 1e-5
        status = "overload" if i % 100 == 99 else "dynamic" if i % 50 == 49 else "stable"
        writer.sample("balance.mass_g", i * 0.1, value, status, f"S S {value:.5f} g")
