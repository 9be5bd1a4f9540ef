"""Writes what was read from a file as a run's sealed recording, which says that it was imported and from what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.clock import SimulatedClock
from bench.importing.stamps import EPOCH
from bench.importing.table import Channel, Table
from bench.plan.model import Plan
from bench.procedures.base import Context
from bench.recording.reader import Event
from bench.recording.schema import RunConfig
from bench.recording.versions import software_versions
from bench.recording.writer import RecordingWriter
from bench.rig.model import Rig

IMPORTED = "recording imported"
"""Event of the run that says from which file it came; `FINDING` is one of the test, with what import found."""
FINDING = "import finding"
AIR_EVERY_S = 10.0
"""Of channels of the air one reading in so long is kept: a file may have them in every row."""
DECLARED_EVERY_S = 60.0
Happening = tuple[float, str, str, dict[str, Any]]
_IDENTITY = "read by other software"
_ROLES = {"balance": "balance.", "pressure": "pressure.", "climate": "climate."}


def write_recording(
    path: Path,
    table: Table,
    plan: Plan,
    rig: Rig,
    test_id: str,
    events: Sequence[Event],
    options: Mapping[str, str],
    *,
    simulated: bool,
) -> str:
    """Write a table as the recording of one test; return its seal's digest.

    Args:
        path: the recording to make.
        table: what was read.
        plan: with the test.
        rig: what is known of the instruments.
        test_id: which test of the plan.
        events: of the test, in order.
        options: how the file was read, for the record.
        simulated: whether nothing of it was ever measured.

    Raises:
        RecordingError: it cannot be written.

    """
    origin = table.origin.isoformat() if table.origin is not None else ""
    channels = {**table.channels, **_declared(table, rig)}
    config = RunConfig(
        plan_text=plan.text,
        plan_file=plan.file,
        rig_text=rig.text,
        rig_file=rig.file,
        simulated=simulated or rig.simulated,
        seed=int(table.layout.metadata["seed"]) if table.layout.metadata.get("seed", "").isdecimal() else None,
        origin_utc=origin,
        versions=software_versions(),
        identities={
            role: {"identity": _IDENTITY, "file": table.path.name}
            for role, begin in _ROLES.items()
            if any(name.startswith(begin) for name in table.channels)
        },
    )
    # The events bring their own instants, so that this clock is never asked.
    writer = RecordingWriter(path, SimulatedClock(table.origin or EPOCH), config, durable=False)
    try:
        _write_samples(writer, channels)
        writer.many_events(_run_events(table, test_id, events, options, plan, rig))
        return writer.seal()
    finally:
        writer.close()


def _write_samples(writer: RecordingWriter, channels: Mapping[str, Channel]) -> None:
    thinned = {name: _thinned(each) if name.startswith("climate.") else each for name, each in channels.items()}
    names = sorted(thinned)
    time_s = np.concatenate([thinned[name].time_s for name in names])
    order = np.argsort(time_s, kind="stable")
    value = np.concatenate([thinned[name].value for name in names])
    number = np.concatenate([np.full(len(thinned[name].time_s), place) for place, name in enumerate(names)])
    status: list[str] = []
    for name in names:
        own = thinned[name].status
        status += [own] * len(thinned[name].time_s) if isinstance(own, str) else own
    in_order = [status[row] for row in order.tolist()]
    writer.many_samples(names, number[order].tolist(), time_s[order].tolist(), value[order].tolist(), in_order)


def _thinned(channel: Channel) -> Channel:
    if len(channel.time_s) < 2:
        return channel
    slot = np.floor((channel.time_s - channel.time_s[0]) / AIR_EVERY_S + 1e-9)
    keep = np.flatnonzero(np.concatenate(([True], np.diff(slot) > 0.0)))
    status = channel.status if isinstance(channel.status, str) else [channel.status[int(row)] for row in keep]
    return Channel(channel.time_s[keep], channel.value[keep], status, channel.line[keep])


def _declared(table: Table, rig: Rig) -> dict[str, Channel]:
    """Return the air that the rig file declares, as a driven run records it, where the file has none."""
    climate = rig.climate
    if climate is None or climate.driver != "fixed_climate" or "climate.temperature_c" in table.channels:
        return {}
    time_s = np.arange(table.start_s, table.end_s, DECLARED_EVERY_S)
    line = np.zeros(len(time_s), dtype=np.int64)
    options = climate.options
    values = {
        "temperature_c": options.temperature.to("°C"),
        "pressure_hpa": options.pressure.to("hPa"),
        "humidity_pct": options.humidity.to("%"),
    }
    return {
        f"climate.{name}": Channel(time_s, np.full(len(time_s), value), "declared", line)
        for name, value in values.items()
    }


def _run_events(
    table: Table, test_id: str, events: Sequence[Event], options: Mapping[str, str], plan: Plan, rig: Rig
) -> list[Happening]:
    """Return everything that happened, in order: the run's own events around those of the test."""
    starts = [event.time_s for event in events if event.kind == "test started"]
    ends = [event.time_s for event in events if event.kind == "test ended"]
    start_s, end_s = (starts or [table.start_s])[0], (ends or [table.end_s])[-1]
    source = {
        "file": table.path.name,
        "sha256": table.sha256,
        "rows": table.rows,
        "options": dict(options),
    }
    inside: list[Happening] = [
        (event.time_s, event.kind, test_id, dict(event.data)) for event in events if event.kind not in _AROUND
    ]
    findings: list[Happening] = [(start_s, FINDING, test_id, {"note": text}) for text in table.notes]
    findings += [(start_s, FINDING, test_id, {"doubt": text}) for text in table.doubts]
    return [
        (start_s, "run started", "", {"plan": plan.plan, "rig": rig.rig}),
        (start_s, IMPORTED, "", source),
        (start_s, "test started", test_id, {"id": test_id}),
        *findings,
        *inside,
        (end_s, "test ended", test_id, {"id": test_id, "outcome": "driven", "reason": ""}),
        (end_s, "run ended", "", {"complete": True, "ended_by": ""}),
    ]


_AROUND = frozenset({"test started", "test ended"})


def basal_increment_ul(context: Context) -> float | None:
    """Return what a pulsed pump meters a basal rate in; None for one that moves all the time, or is not known."""
    increment = context.plan.pump.basal_increment
    if increment is None or context.plan.pump.delivery != "pulsed":
        return None
    return increment.to("µL", context.concentration)
