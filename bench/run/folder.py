"""Where a run writes: one folder under `reports/` for each."""

from __future__ import annotations

import os
import re
from itertools import count
from pathlib import Path

from bench.clock import Clock
from bench.results.model import RunResult

RECORDING = "recording.sqlite"
RESULTS = "results.json"


def make_run_folder(reports: Path, name: str, clock: Clock) -> Path:
    """Make and return `reports/<UTC stamp>-<name>/`, with `-2`, `-3` … where there is one already.

    Args:
        reports: the folder of all runs; made where it is missing.
        name: the plan's id or file name.
        clock: gives the stamp by its wall clock: a real clock's, for simulated runs too.

    Raises:
        OSError: the folder cannot be made.

    """
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "run"
    base = f"{clock.wall_utc():%Y-%m-%dT%H-%M-%SZ}-{slug}"
    reports.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        folder = reports / (base if number == 1 else f"{base}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise AssertionError("unreachable")


def write_results(folder: Path, result: RunResult) -> Path:
    """Write `results.json` so that a reader finds the whole file or none; return its path.

    Raises:
        OSError: it cannot be written.

    """
    path = folder / RESULTS
    partial = folder / f".{RESULTS}.partial"
    with partial.open("w", encoding="utf-8", newline="\n") as file:
        file.write(result.model_dump_json(indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    return path
