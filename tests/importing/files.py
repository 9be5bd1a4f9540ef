"""Files of readings as other software writes them, made from a delivery that is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.cli import main

BLANK_S, DELIVERY_S, INTERVAL_S = 300.0, 3600.0, 1.0
PULSE_S, PULSE_MG = 90.0, 0.5
SETTINGS = ("--procedure", "basal", "--rate", "2 U/h", "--insulin", "U-100", "--basal-increment", "0.05 U")
EVENTS = {0: "blank started", 299: "blank ended", 300: "basal commanded", 3900: "basal stopped", 3960: "blank started"}
TRUE_MG = PULSE_MG * DELIVERY_S / PULSE_S


def readings(seed: int = 1) -> tuple[list[float], list[float]]:
    """Return times in s and masses in g, rounded to 0.01 mg: a blank, an hour of pulses at 2 U/h, a blank."""
    time_s = np.arange(0.0, 2.0 * BLANK_S + DELIVERY_S, INTERVAL_S)
    rng = np.random.default_rng(seed)
    mass_mg = 25_000.0 + rng.normal(0.0, 0.02, len(time_s)) - 0.05 * time_s / 3600.0
    pulses_s = BLANK_S + PULSE_S * np.arange(1, round(DELIVERY_S / PULSE_S) + 1) - 1.0
    mass_mg += PULSE_MG * np.searchsorted(pulses_s, time_s, "right")
    return time_s.tolist(), np.round(mass_mg * 1e-3, 5).tolist()


def lines(seed: int = 1) -> list[str]:
    """Return a whole file: header, readings and events."""
    rows = [
        f"{at:.0f},{mass:.5f},{EVENTS.get(row, '')}" for row, (at, mass) in enumerate(zip(*readings(seed), strict=True))
    ]
    return ["time_s,mass_g,event", *rows]


def write(path: Path, rows: Sequence[str], end: str = "\n") -> Path:
    path.write_bytes("".join(row + end for row in rows).encode())
    return path


def analyse(path: Path, *options: str) -> int:
    """Run the command on a file with the settings that it was made with; what it prints is the caller's to capture."""
    return main(["analyse", str(path), *SETTINGS, *options])
