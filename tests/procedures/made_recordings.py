"""Recordings made from curves that are known, so that what an evaluation finds can be checked to the last digit."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bench.clock import SimulatedClock
from bench.recording.reader import Event, RecordingReader, Series, TestRecord
from bench.recording.schema import RunConfig
from bench.recording.writer import RecordingWriter

Floats = NDArray[np.float64]
Happening = tuple[float, str, dict[str, Any]]
TEST_ID = "T-1"


def balance_noise_mg(rng: np.random.Generator, count: int, interval_s: float) -> Floats:
    """Return noise of a five-place balance: white behind a 1 s lag, and a random walk."""
    share = 1.0 - math.exp(-interval_s)
    white = rng.normal(0.0, 0.015 / math.sqrt(share / (2.0 - share)), count)
    lagged = np.empty(count)
    state = 0.0
    for index, value in enumerate(white):
        state += share * (value - state)
        lagged[index] = state
    return lagged + np.cumsum(rng.normal(0.0, 2e-4 * math.sqrt(interval_s / 0.1), count))


def pulses_mg(time_s: Floats, pulses: Sequence[tuple[float, float]]) -> Floats:
    """Return the mass of pulses `(time, mass)`, each settling with the balance's lag of 1 s."""
    mass = np.zeros_like(time_s)
    for at_s, size_mg in pulses:
        after = time_s >= at_s
        mass[after] += size_mg * (1.0 - np.exp(-(time_s[after] - at_s)))
    return mass


@dataclass
class Made:
    """What goes into a recording; channels as `name: (times, values)`.

    A value of NaN is one that the instrument did not give, an infinite one lay beyond its range (status `overload`).
    """

    duration_s: float
    channels: dict[str, tuple[Floats, Floats]] = field(default_factory=dict)
    events: list[Happening] = field(default_factory=list)

    def balance(self, mass_mg: Callable[[Floats], Floats], seed: int | None, interval_s: float = 0.25) -> None:
        """Add the balance's stream: rounded to 0.01 mg, with noise where a seed is given."""
        time_s = np.arange(interval_s, self.duration_s, interval_s)
        mass = mass_mg(time_s)
        if seed is not None:
            mass = np.round(mass + balance_noise_mg(np.random.default_rng(seed), time_s.size, interval_s), 2)
        self.channels["balance.mass_g"] = (time_s, mass * 1e-3)

    def climate(self, temperature_c: float = 23.0) -> None:
        """Add still air."""
        time_s = np.arange(5.0, self.duration_s, 30.0)
        for name, value in (("temperature_c", temperature_c), ("pressure_hpa", 1013.25), ("humidity_pct", 50.0)):
            self.channels[f"climate.{name}"] = (time_s, np.full_like(time_s, value))

    def record(self, path: Path, plan_text: str = "", rig_text: str = "") -> TestRecord:
        """Write everything in the order of time, seal it and open the test."""
        clock = SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        config = RunConfig(plan_text, "plan.yaml", rig_text, "rig.yaml", True, 1, "2026-01-01T00:00:00+00:00")
        writer = RecordingWriter(path, clock, config)
        writer.event("test started", TEST_ID, id=TEST_ID)
        samples = sorted(
            (float(at_s), name, float(value))
            for name, (times, values) in self.channels.items()
            for at_s, value in zip(times, values, strict=True)
        )
        done = 0
        for at_s, kind, data in sorted(self.events, key=lambda event: event[0]):
            done = _until(writer, samples, done, at_s)
            clock.sleep_s(at_s - clock.now_s())
            writer.event(kind, TEST_ID, **data)
        _until(writer, samples, done, math.inf)
        clock.sleep_s(self.duration_s - clock.now_s())
        writer.event("test ended", TEST_ID, id=TEST_ID, outcome="driven")
        writer.seal()
        return RecordingReader(path).test(TEST_ID)

    def in_memory(self) -> TestRecord:
        """Return the same test without a file, for tests that need a hundred of them."""
        return TestRecord(cast(RecordingReader, _Memory(self)), TEST_ID, 0.0, self.duration_s)


class _Memory:
    """What a test's record asks of a recording's reader."""

    def __init__(self, made: Made) -> None:
        self.config = RunConfig("", "", "", "", True, 1, "2026-01-01T00:00:00+00:00")
        self._made = made

    def events(self, kind: str | None = None, test: str | None = None) -> list[Event]:
        happened = sorted(self._made.events, key=lambda event: event[0])
        return [Event(time_s, name, data, test or "") for time_s, name, data in happened if kind in (None, name)]

    def series(self, channel: str, start_s: float, end_s: float) -> Series:
        time_s, value = self._made.channels.get(channel, (np.empty(0), np.empty(0)))
        inside = (time_s >= start_s) & (time_s <= end_s)
        beyond = np.isinf(value[inside])
        return Series(time_s[inside], np.where(beyond, np.nan, value[inside]), np.isfinite(value[inside]), beyond)


def _until(writer: RecordingWriter, samples: list[tuple[float, str, float]], done: int, end_s: float) -> int:
    while done < len(samples) and samples[done][0] <= end_s:
        at_s, name, value = samples[done]
        overload = math.isinf(value)
        writer.sample(name, at_s, math.nan if overload else value, "overload" if overload else "stable", "")
        done += 1
    return done
