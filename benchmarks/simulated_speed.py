"""How fast the simulated bench is: a 24 h and a 72 h basal test at 10 Hz, from the command to the finished report.

    ./run python benchmarks/simulated_speed.py [HOURS ...]

Each run is a process of its own, so that its peak memory is its own. Prints simulated seconds per second; wall times
are this machine's, the ratio between stages is what compares.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLAN = """
plan: BENCH-BASAL
title: Basal for the benchmark
pump: {{insulin: U-100, basal_increment: 0.05 U}}
decision: guarded
tests:
  - id: BASAL-{hours}H
    procedure: basal
    rate: 1 U/h
    duration: {hours} h
    accept: {{mean_error: ±20 %}}
"""


def measure(hours: int) -> tuple[float, float, float]:
    """Return simulated seconds, wall seconds and peak memory in MiB of one run."""
    with tempfile.TemporaryDirectory() as folder:
        plan = Path(folder) / "plan.yaml"
        plan.write_text(PLAN.format(hours=hours), encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            str(plan),
            "--reports",
            f"{folder}/reports",
            "-p",
            "no:cacheprovider",
        ]
        with (Path(folder) / "output").open("wb") as output:
            started_s = time.perf_counter()
            process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
            # wait4 tells this child's own peak memory, where getrusage would mix all children.
            _, status, usage = os.wait4(process.pid, 0)
            wall_s = time.perf_counter() - started_s
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1):
            raise SystemExit((Path(folder) / "output").read_text(encoding="utf-8"))
    return hours * 3600.0, wall_s, usage.ru_maxrss / 1024


def main() -> None:
    """Measure and print a table."""
    hours = [int(argument) for argument in sys.argv[1:]] or [24, 72]
    print("| simulated | wall s | simulated s per s | peak MiB |")
    print("|---|---|---|---|")
    for each in hours:
        simulated_s, wall_s, memory = measure(each)
        print(f"| {each} h | {wall_s:.1f} | {simulated_s / wall_s:.0f} | {memory:.0f} |")


if __name__ == "__main__":
    main()
