"""What was published of real pumps, beside the same design on simulated ones: the ranges that pump models are held to.

A range is what the label gives, or what the studies named span. A study that stands alone with one figure is widened by
a fifth of the figure, which is about what two such studies differ by; shares of boluses of two pumps by their sampling.
Published figures are those of the named source; simulated ones are rounded as they are before they are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bench.validation.design_statistics import (
    alarm_h,
    alarm_in_bolus_s,
    bolus_mean,
    bolus_sd,
    boluses_counted,
    boluses_within,
    doses_beyond,
    doses_sd,
    hourly_within,
    means_beyond,
    median_off,
    total_error,
    windows_beyond,
)
from bench.validation.designs import Array, Pumps

ALONE = 0.2
"""By how much of itself a figure that stands alone is widened."""


@dataclass(frozen=True)
class Figure:
    """One published figure, and how the same comes from simulated pumps.

    `found` returns what is shown: a single value, or median (mean, for boluses), lowest and highest.
    """

    source: str
    design: str
    published: str
    low: float
    high: float
    digits: int
    unit: str
    found: Callable[[Pumps], tuple[float, ...]]

    def compare(self, pumps: Pumps) -> Compared:
        """Run the design on simulated pumps."""
        values = tuple(round(value, self.digits) for value in self.found(pumps))
        return Compared(self, values, all(self.low <= value <= self.high for value in values))


@dataclass(frozen=True)
class Compared:
    """A published figure and the simulated one."""

    figure: Figure
    values: tuple[float, ...]
    inside: bool

    @property
    def text(self) -> str:
        """The simulated figure as the published is written."""
        first, *ends = (f"{value:.{self.figure.digits}f}" for value in self.values)
        return f"{first} [{', '.join(ends)}]" if ends else first


def _middle_and_ends(values: Array) -> tuple[float, float, float]:
    return float(np.median(values)), float(values.min()), float(values.max())


def _mean_and_ends(values: Array) -> tuple[float, float, float]:
    return float(values.mean()), float(values.min()), float(values.max())


def _spread(ends: tuple[float, float], digits: int) -> str:
    low, high = (f"{value:.{digits}f}" for value in ends)
    return low if low == high else f"{low}{' to ' if ends[0] < 0 else '–'}{high}"


def _label_basal(
    source: str, pumps: int, rate: float, digits: int, *hours: tuple[int, float, float, float]
) -> list[Figure]:
    def of(place: int) -> Callable[[Pumps], tuple[float, ...]]:
        times = tuple(hour for hour, *_ in hours)
        return lambda made: _middle_and_ends(made.basal(pumps, rate, times)[:, place])

    return [
        Figure(
            source,
            f"{rate:g} U/h, {hour} h, {pumps} pumps",
            f"{middle:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]",
            low,
            high,
            digits,
            "U",
            of(place),
        )
        for place, (hour, middle, low, high) in enumerate(hours)
    ]


def _label_bolus(
    source: str, pumps: int, each: int, volume: float, mean: float, low: float, high: float, digits: int
) -> Figure:
    return Figure(
        source,
        f"{volume:g} U, {pumps * each} boluses of {pumps} pumps",
        f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]",
        low,
        high,
        digits,
        "U",
        lambda made: _mean_and_ends(made.boluses(pumps, volume, each)),
    )


def _range(
    source: str, design: str, ends: tuple[float, float], unit: str, found: Callable[[Pumps], float], digits: int = 0
) -> Figure:
    """Return a figure that several sources give, or one as a range."""
    low, high = ends
    return Figure(source, design, _spread(ends, digits), low, high, digits, unit, lambda made: (found(made),))


def _alone(
    source: str, design: str, value: float, unit: str, found: Callable[[Pumps], float], digits: int = 1
) -> Figure:
    """Return a figure that one source gives alone."""
    ends = (round(value * (1.0 - ALONE), digits), round(value * (1.0 + ALONE), digits))
    return Figure(source, design, f"{value:.{digits}f}", *ends, digits, unit, lambda made: (found(made),))


_JAHN = "Jahn 2013"
_BOWEN = "Bowen 2016"
_ULM = "Ziegler 2019, 2020"
_TUBELESS = "Freckmann 2020"
_LETTER = "letter 2022"
_OCCLUSION = "Freckmann 2018"
_POD = "label, 12 pumps"
_TSLIM = "label, as remembered"
_GIRARDOT = "Girardot 2020"


def _ulm(tenth: tuple[float, float], tenth_source: str = _ULM) -> list[Figure]:
    return [
        _range(tenth_source, "0.1 U, 225 boluses: within ±15 %", tenth, "%", boluses_within(0.1)),
        _range("Ziegler 2020", "0.1 U, 225 boluses: mean error", (-2.0, 9.0), "%", bolus_mean(0.1)),
        _range("Ziegler 2019", "1 U, 225 boluses: within ±15 %", (100.0, 100.0), "%", boluses_within(1.0)),
        _range("Ziegler 2019", "10 U, 108 boluses: within ±15 %", (100.0, 100.0), "%", boluses_within(10.0)),
        _range("Ziegler 2020", "0.1 U/h, 72 h: error", (-5.0, 24.0), "%", total_error(0.1), 1),
    ]


def _not_late() -> list[Figure]:
    return [
        _range(_OCCLUSION, "occlusion at 1 U/h", (0.0, 5.0), "h", alarm_h(1.0), 1),
        _range(_OCCLUSION, "occlusion at 0.1 U/h", (4.0, 40.0), "h", alarm_h(0.1)),
    ]


FIGURES: Mapping[str, list[Figure]] = {
    "durable-pump": [
        _range(_JAHN, "0.5 U/h, 20 h: doses off by > 5 %", (43.2, 50.6), "%", doses_beyond(0.5, 0.025, 5.0), 1),
        _range(_JAHN, "0.5 U/h, 20 h: doses off by > 10 %", (14.3, 24.4), "%", doses_beyond(0.5, 0.025, 10.0), 1),
        _range(_JAHN, "0.5 U/h, 20 h: doses off by > 20 %", (1.8, 5.5), "%", doses_beyond(0.5, 0.025, 20.0), 1),
        _range(_JAHN, "0.5 U/h: 30 min off by > 15 %", (1.0, 4.2), "%", windows_beyond(0.5, 20.0, 0.5, 15.0), 1),
        _range(_JAHN, "0.5 U/h: 1 h off by > 15 %", (0.4, 3.5), "%", windows_beyond(0.5, 20.0, 1.0, 15.0), 1),
        _range(_JAHN, "0.5 U/h: 2 h off by > 15 %", (0.0, 3.1), "%", windows_beyond(0.5, 20.0, 2.0, 15.0), 1),
        _range(
            "Borot 2014",
            "1 U/h, 24 h: 15 min, median of absolute errors",
            (1.60, 2.22),
            "%",
            median_off(1.0, 24.0, 0.25),
            2,
        ),
        *_ulm((71.0, 96.0)),
        *_not_late(),
    ],
    "patch-pump": [
        *_label_basal(_POD, 12, 0.05, 2, (1, 0.049, 0.00, 0.12), (6, 0.30, 0.13, 0.57), (12, 0.59, 0.34, 0.99)),
        *_label_basal(_POD, 12, 1.0, 2, (1, 0.99, 0.65, 1.55), (6, 5.97, 5.06, 6.87), (12, 11.88, 10.53, 13.26)),
        *_label_basal(_POD, 12, 30.0, 2, (1, 29.82, 28.85, 31.39), (6, 179.33, 177.49, 181.15)),
        _label_bolus(_POD, 12, 499, 0.05, 0.050, 0.0, 0.119, 3),
        _label_bolus(_POD, 12, 25, 5.0, 5.01, 4.49, 5.37, 2),
        _label_bolus(_POD, 12, 6, 30.0, 30.05, 29.56, 30.62, 2),
        _range(f"{_JAHN}–{_BOWEN}", "single pulse: SD from thresholds", (18.9, 28.8), "%", doses_sd(1.0, 0.05), 1),
        _range(f"{_JAHN}–{_BOWEN}", "pulses off by > 5 %", (79.1, 86.2), "%", doses_beyond(1.0, 0.05, 5.0), 1),
        _range(f"{_JAHN}–{_BOWEN}", "pulses off by > 10 %", (60.5, 71.6), "%", doses_beyond(1.0, 0.05, 10.0), 1),
        _alone(_BOWEN, "pulses off by > 15 %", 57.4, "%", doses_beyond(1.0, 0.05, 15.0)),
        _range(f"{_JAHN}–{_BOWEN}", "pulses off by > 20 %", (34.9, 45.5), "%", doses_beyond(1.0, 0.05, 20.0), 1),
        _alone(_BOWEN, "pulses off by > 30 %", 25.4, "%", doses_beyond(1.0, 0.05, 30.0)),
        _range(
            f"{_JAHN}–{_BOWEN}", "10-pulse means off by > 15 %", (19.9, 37.6), "%", means_beyond(1.0, 0.05, 10, 15.0), 1
        ),
        _range(
            f"{_JAHN}–{_BOWEN}", "20-pulse means off by > 15 %", (10.3, 31.8), "%", means_beyond(1.0, 0.05, 20, 15.0), 1
        ),
        _alone(_BOWEN, "40-pulse means off by > 15 %", 25.9, "%", means_beyond(1.0, 0.05, 40, 15.0)),
        _range(f"{_TUBELESS}", "0.2 U, 225 boluses: within ±15 %", (40.0, 100.0), "%", boluses_within(0.2)),
        _range(f"{_TUBELESS}", "1 U, 225 boluses: within ±15 %", (40.0, 100.0), "%", boluses_within(1.0)),
        _range(f"{_TUBELESS}", "1 U, 225 boluses: mean error", (-3.3, 4.0), "%", bolus_mean(1.0), 1),
        _alone(_LETTER, "0.1 U, 225 boluses: SD", 12.9, "%", bolus_sd(0.1)),
        _alone(_LETTER, "0.2 U, 225 boluses: SD", 18.5, "%", bolus_sd(0.2)),
        _alone(_LETTER, "1 U, 225 boluses: SD", 13.6, "%", bolus_sd(1.0)),
        _range(f"{_TUBELESS}", "0.1 U/h, 72 h: hours within ±15 %", (48.0, 98.0), "%", hourly_within(0.1)),
        _range(f"{_TUBELESS}", "1 U/h, 72 h: hours within ±15 %", (48.0, 98.0), "%", hourly_within(1.0)),
        _range(f"{_TUBELESS}", "0.1 U/h, 72 h: error", (-5.3, 6.5), "%", total_error(0.1), 1),
        _range(f"{_TUBELESS}", "1 U/h, 72 h: error", (-5.3, 6.5), "%", total_error(1.0), 1),
        _range("label", "occlusion at 1 U/h", (3.0, 5.5), "h", alarm_h(1.0), 1),
        _range("label", "occlusion at 0.05 U/h", (51.0, 80.0), "h", alarm_h(0.05)),
    ],
    "frequency-modulated-pump": [
        _alone(_JAHN, "0.5 U/h, 20 h: doses off by > 5 %", 54.2, "%", doses_beyond(0.5, 0.05, 5.0)),
        _alone(_JAHN, "0.5 U/h, 20 h: doses off by > 10 %", 26.7, "%", doses_beyond(0.5, 0.05, 10.0)),
        _alone(_JAHN, "0.5 U/h, 20 h: doses off by > 20 %", 6.6, "%", doses_beyond(0.5, 0.05, 20.0)),
        _alone(_JAHN, "0.5 U/h: 30 min off by > 15 %", 3.9, "%", windows_beyond(0.5, 20.0, 0.5, 15.0)),
        _alone(_JAHN, "0.5 U/h: 1 h off by > 15 %", 3.1, "%", windows_beyond(0.5, 20.0, 1.0, 15.0)),
        _alone(_JAHN, "0.5 U/h: 2 h off by > 15 %", 2.2, "%", windows_beyond(0.5, 20.0, 2.0, 15.0)),
        _alone(
            "Borot 2014", "1 U/h, 24 h: 15 min, median of absolute errors", 2.22, "%", median_off(1.0, 24.0, 0.25), 2
        ),
        *_ulm((71.0, 96.0)),
        _range("label, MiniMed 511", "occlusion at 1 U/h", (0.5, 3.0), "h", alarm_h(1.0), 2),
        _range("label, MiniMed 511", "occlusion at 0.1 U/h", (5.0, 30.0), "h", alarm_h(0.1), 1),
        _range("label, MiniMed 511", "occlusion in a bolus", (10.0, 120.0), "s", alarm_in_bolus_s(10.0)),
    ],
    "volume-modulated-pump": [
        *_label_basal(_TSLIM, 16, 0.1, 2, (1, 0.12, 0.09, 0.16), (6, 0.67, 0.56, 0.76), (12, 1.24, 1.04, 1.48)),
        *_label_basal(_TSLIM, 16, 2.0, 1, (1, 2.1, 2.1, 2.2), (6, 12.4, 12.0, 12.8), (12, 24.3, 22.0, 24.9)),
        *_label_basal(_TSLIM, 16, 15.0, 1, (1, 15.4, 14.7, 15.7), (6, 90.4, 86.6, 93.0), (12, 181.0, 175.0, 187.0)),
        _label_bolus(_TSLIM, 32, 25, 0.05, 0.050, 0.0, 0.114, 3),
        _label_bolus(_TSLIM, 32, 25, 2.5, 2.46, 0.0, 2.70, 2),
        _label_bolus(_TSLIM, 32, 8, 25.0, 25.03, 22.43, 25.91, 2),
        *(
            _alone(_TSLIM, f"0.05 U, 800 boluses: {text} of set", count, "boluses", boluses_counted(low, high), 0)
            for text, low, high, count in (
                ("< 25 %", 0.0, 25.0, 21.0),
                ("25–75 %", 25.0, 75.0, 79.0),
                ("75–95 %", 75.0, 95.0, 97.0),
                ("95–105 %", 95.0, 105.0, 272.0),
                ("105–125 %", 105.0, 125.0, 285.0),
                ("125–175 %", 125.0, 175.0, 29.0),
                ("175–250 %", 175.0, 250.0, 17.0),
            )
        ),
        _range(_GIRARDOT, "0.1 U/h: SD of strokes", (38.3, 46.4), "%", doses_sd(0.1, 0.1 / 12.0), 1),
        _range("Ziegler 2020", "0.1 U, 225 boluses: within ±15 %", (53.0, 96.0), "%", boluses_within(0.1)),
        _range(_TSLIM, "occlusion at 2 U/h", (64 / 60, 2.0), "h", alarm_h(2.0), 2),
        _range(_TSLIM, "occlusion at 0.1 U/h", (19.7, 36.0), "h", alarm_h(0.1), 1),
        _range(_TSLIM, "occlusion in a bolus", (62.0, 180.0), "s", alarm_in_bolus_s(3.0)),
    ],
    "rate-proportional-pump": [
        _range(_GIRARDOT, "0.1 U/h: SD of strokes", (38.3, 46.4), "%", doses_sd(0.1, 0.025), 1),
        *_ulm((80.0, 92.0), "Ziegler 2019: 85, 88"),
        *_not_late(),
    ],
}
"""By the name of the pump model's file."""
