"""What the models of the Harvard Protocol 11 family do not have in common.

PHD ULTRA manual 5419-002 pp. 83 and 88, KDS Legato 130 5617-008 p. 57 and 200 5617-002 p. 65; the drive of the
Pump 11 Elite as clients have recorded its answer to `metrics`. That of the other two is a guess by their data sheets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MICROSTEP_MM = 25.4 / 24.0 / (400.0 * 16.0 * 2.4)
"""Of a screw of 24 threads per inch, 400 steps with 16 microsteps each per turn of the motor, geared down by 2.4."""


@dataclass(frozen=True, slots=True)
class Model:
    """One dialect.

    Args:
        version: what `ver` tells, with the firmware at its end.
        pump_type: what `metrics` calls it.
        counts_ms: whether `status` has milliseconds; else seconds.
        flags: how many flags `status` has.
        slowest_mm_per_s: the slowest travel.
        fastest_mm_per_s: the fastest one.
        diameters_mm: the syringes that it takes.
        point_at_end: whether it ends `Target volume not set.` with a point.
        out_of_range: how it calls a value beyond its limits.

    """

    version: str
    pump_type: str
    counts_ms: bool
    flags: int
    slowest_mm_per_s: float
    fastest_mm_per_s: float
    diameters_mm: tuple[float, float]
    point_at_end: bool = False
    out_of_range: str = "Out of range"

    def limits_ul_per_s(self, diameter_mm: float) -> tuple[float, float]:
        """Return the slowest and the fastest rate of a syringe."""
        square_mm = math.pi * (0.5 * diameter_mm) ** 2
        return square_mm * self.slowest_mm_per_s, square_mm * self.fastest_mm_per_s


MODELS = {
    "phd_ultra": Model("PHD ULTRA 3.0.5", "PHD ULTRA", False, 5, 0.18e-3 / 60.0, 190.8 / 60.0, (0.1, 45.0)),
    "pump_11_elite": Model(
        "11 ELITE I/W Single 3.0.4",
        "Pump 11",
        True,
        6,
        MICROSTEP_MM / 27.0,
        MICROSTEP_MM / 26e-6,
        (0.1, 33.0),
        point_at_end=True,
    ),
    "legato": Model(
        "Legato 110 2.0.2",
        "Legato",
        True,
        6,
        0.18e-3 / 60.0,
        190.8 / 60.0,
        (0.1, 45.0),
        out_of_range="Value out of range",
    ),
}

SYRINGES = {
    "bdp": (
        "BD plastic",
        {"1 ml": 4.699, "3 ml": 8.585, "5 ml": 11.99, "10 ml": 14.43, "20 ml": 19.05, "60 ml": 26.59},
    ),
    "hm2": (
        "Hamilton 1000",
        {"1 ml": 4.61, "2.5 ml": 7.29, "5 ml": 10.3, "10 ml": 14.57, "25 ml": 23.03, "50 ml": 32.57},
    ),
}
"""Makers that the pump knows: name, and diameter in mm of each of their syringes. A few of the many of a real pump."""


def metrics(model: Model) -> list[str]:
    """Return what `metrics` tells."""
    version = model.version.rpartition(" ")[0]
    least_mm, most_mm = model.diameters_mm
    rows = {
        "Pump type": model.pump_type,
        "Pump type string": version,
        "Display type": "Sharp",
        "Steps per rev": "400",
        "Gear ratio": "1:1",
        "Pulley ratio": "2.4:1",
        "Lead screw": "24 threads per inch",
        "Microstepping": "16 microsteps per step",
        "Low speed limit": f"{MICROSTEP_MM / model.slowest_mm_per_s:.0f} seconds",
        "High speed limit": f"{1e6 * MICROSTEP_MM / model.fastest_mm_per_s:.0f} microseconds",
        "Motor polarity": "Reverse",
        "Min syringe size": f"{least_mm:g} mm",
        "Max syringe size": f"{most_mm:g} mm",
        "Min raw force %": "20%",
        "Max raw force %": "80%",
        "Encoder": "100 lines",
        "Direction": "Infuse/withdraw",
        "Programmable": "Yes",
        "Limit switches": "No",
        "Command set": "None",
    }
    return [f"{name:19}{value}" for name, value in rows.items()]
