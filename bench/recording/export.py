"""A test of a recording as CSV: everything that evaluation reads, for other software and for `pumpbench analyse`."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from bench.recording.errors import RecordingError
from bench.recording.reader import RecordingReader

CHANNELS = {
    "balance.mass_g": "mass_g",
    "climate.temperature_c": "temperature_c",
    "climate.pressure_hpa": "pressure_hpa",
    "climate.humidity_pct": "humidity_pct",
    "climate.liquid_temperature_c": "liquid_temperature_c",
    "pressure.pressure_kpa": "pressure_kpa",
}
"""Channels of a recording and their columns in CSV."""
_OF_RUN = ("link latency",)
"""Events of the whole run that its evaluation reads; they stand at the begin of the test."""
_IN_WORDS = frozenset({"overload", "underload"})
_STABLE = {"stable": "1", "dynamic": "0"}

Row = tuple[float, int, str, str, str]
"""Instant, order within it, column, its cell, and `stable` of a mass."""


def write_csv(recording: RecordingReader, test_id: str, file: TextIO) -> int:
    """Write one test of a recording; return the number of rows.

    A row has the readings of one instant, or an event with its data as JSON. Numbers are written so that reading them
    gives the same numbers. Comment lines in front say what a table cannot: `# simulated: true`, `# origin_utc: …`.

    Raises:
        RecordingError: the test was never started, or the recording cannot be read.

    """
    record = recording.test(test_id)
    channels = [name for name in CHANNELS if name in recording.channels()]
    if not channels:
        raise RecordingError(recording.path, f"has no readings of test {test_id}", "There is nothing to export")
    columns = [CHANNELS[name] for name in channels]
    declared = [CHANNELS[name] for name in channels if record.series(name).declared]
    for key, value in _comments(recording, test_id, declared):
        file.write(f"# {key}: {value}\n")
    has_stable = "mass_g" in columns
    header = ["time_s", *columns, *(["stable"] if has_stable else []), "event"]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    place = {name: number for number, name in enumerate(header)}
    count = 0
    for time_s, cells in _rows(recording, test_id, channels):
        row = [""] * len(header)
        row[0] = repr(time_s)
        for name, text in cells.items():
            row[place[name]] = text
        writer.writerow(row)
        count += 1
    return count


def _comments(recording: RecordingReader, test_id: str, declared: list[str]) -> Iterator[tuple[str, str]]:
    config = recording.config
    yield (
        "pumpbench",
        f"test {test_id}, recording {Path(recording.path).parent.name}, seal {recording.digest or 'none'}",
    )
    if config.simulated:
        yield "simulated", "true"
    if config.seed is not None:
        yield "seed", str(config.seed)
    if config.origin_utc:
        yield "origin_utc", config.origin_utc
    if declared:
        yield "declared", " ".join(declared)


def _rows(recording: RecordingReader, test_id: str, channels: list[str]) -> Iterator[tuple[float, dict[str, str]]]:
    """Yield rows in the order of time; readings of one instant share one, every event has its own."""
    record = recording.test(test_id)
    of_run = [(record.start_s, event) for kind in _OF_RUN for event in record.run_events(kind)]
    events = [
        (time_s, {"event": f"{event.kind} {json.dumps(event.data, sort_keys=True, separators=(',', ':'))}"})
        for time_s, event in [*of_run, *((event.time_s, event) for event in record.events())]
    ]
    done = 0
    held: tuple[float, dict[str, str]] | None = None
    for time_s, cells in recording.samples_between(record.start_s, record.end_s):
        named = _cells(cells, channels)
        if not named:
            continue
        if held is not None and held[0] == time_s and not held[1].keys() & named.keys() - {"stable"}:
            held[1].update(named)
            continue
        if held is not None:
            while done < len(events) and events[done][0] < held[0]:
                yield events[done]
                done += 1
            yield held
        held = (time_s, named)
    if held is not None:
        while done < len(events) and events[done][0] < held[0]:
            yield events[done]
            done += 1
        yield held
    yield from events[done:]


def _cells(cells: tuple[str, float | None, str], channels: list[str]) -> dict[str, str]:
    channel, value, status = cells
    if channel not in channels:
        return {}
    text = status if status in _IN_WORDS else "nan" if value is None else repr(value)
    found = {CHANNELS[channel]: text}
    if channel == "balance.mass_g":
        found["stable"] = _STABLE.get(status, "")
    return found
