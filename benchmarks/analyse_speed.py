"""How long `pumpbench analyse` takes for a long recording: CSV, CSV in gzip, and a run's own recording, at 10 Hz.

    ./run python benchmarks/analyse_speed.py [HOURS ...]

The readings are made, not measured: pulses of 0.05 U at 1 U/h with a balance's lag and noise, half an hour of blank
before and after, climate once a minute. Each analysis is a process of its own, so that its peak memory is its own. Wall
and processor seconds are this machine's.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
HERTZ = 10.0
BLANK_S = 1800.0
PULSE_S, PULSE_MG, LAG_S = 180.0, 0.4985, 1.0
OPTIONS = (
    *("--procedure", "basal", "--rate", "1 U/h", "--insulin", "U-100", "--basal-increment", "0.05 U"),
    *("--accept", "mean_error=±20 %", "--readability", "0.01 mg", "--evaporation", "0.05 mg/h ± 0.05 mg/h"),
    "--simulated",
)


class Taken(NamedTuple):
    """What one process took."""

    wall_s: float
    processor_s: float
    peak_mib: float


def write_csv(path: Path, hours: int) -> int:
    """Write readings of a delivery of some hours; return how many."""
    duration_s = 3600.0 * hours
    time_s = np.round(np.arange(0.0, duration_s + 2.0 * BLANK_S, 1.0 / HERTZ), 1)
    rng = np.random.default_rng(1)
    walk_mg = np.cumsum(rng.normal(0.0, 2e-4, len(time_s)))
    mass_mg = 25_000.0 + walk_mg + rng.normal(0.0, 0.012, len(time_s)) - 0.05 * time_s / 3600.0
    pulses_s = BLANK_S + PULSE_S * np.arange(1, int(duration_s / PULSE_S) + 1)
    number = np.searchsorted(pulses_s, time_s, "right")
    since_s = time_s - np.concatenate(([-np.inf], pulses_s))[number]
    mass_mg += PULSE_MG * (number - np.exp(-since_s / LAG_S))
    events = {0.0: "blank started", BLANK_S - 0.1: "blank ended", BLANK_S: "basal commanded"}
    events |= {BLANK_S + duration_s: "basal stopped", BLANK_S + duration_s + 60.0: "blank started"}
    with path.open("w", encoding="utf-8") as file:
        file.write("time_s,mass_g,temperature_c,pressure_hpa,humidity_pct,event\n")
        file.writelines(_lines(time_s, mass_mg, events))
    return len(time_s)


def _lines(time_s: NDArray[np.float64], mass_mg: NDArray[np.float64], events: dict[float, str]) -> list[str]:
    times, masses = time_s.tolist(), (mass_mg * 1e-3).tolist()
    return [
        f"{at:.1f},{mass:.5f},{'23.1,1009.2,48.0' if row % 600 == 0 else ',,'},{events.get(at, '')}\n"
        for row, (at, mass) in enumerate(zip(times, masses, strict=True))
    ]


def analyse(named: Path, *options: str) -> Taken:
    """Run `pumpbench analyse` in a process of its own."""
    code = "import sys; from bench.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "analyse", str(named), *options]
    with tempfile.TemporaryFile() as output:
        started_s = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        # wait4 tells this child's own peak memory, where getrusage would mix all children.
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started_s
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read().decode()
    if process.returncode not in (0, 1) or "mean_error" not in said:
        raise SystemExit(said)
    return Taken(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def main() -> None:
    """Measure and print a table."""
    print("| recording | rows | wall s | processor s | peak MiB |")
    print("|---|---|---|---|---|")
    for hours in [int(argument) for argument in sys.argv[1:]] or [24, 72]:
        with tempfile.TemporaryDirectory() as folder:
            plain, packed, run = Path(folder) / "run.csv", Path(folder) / "run.csv.gz", Path(folder) / "run"
            rows = write_csv(plain, hours)
            with plain.open("rb") as source, gzip.open(packed, "wb", compresslevel=4) as target:
                target.write(source.read())
            for name, taken in (
                ("CSV", analyse(plain, *OPTIONS)),
                ("CSV, gzip", analyse(packed, *OPTIONS)),
                ("(CSV, run kept)", analyse(plain, *OPTIONS, "--output", str(run))),
                ("recording.sqlite", analyse(run)),
            ):
                if not name.startswith("("):
                    print(f"| {hours} h, {name} | {rows} | {taken.wall_s:.1f} | {taken.processor_s:.1f} |"
                          f" {taken.peak_mib:.0f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
