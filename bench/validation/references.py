"""What is known beforehand: published and analytic results, beside what the installed code makes of the same input."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from bench.metrology.attributes import clopper_pearson, needed_count
from bench.metrology.coverage import coverage_factor
from bench.metrology.cumulative import Cumulative
from bench.metrology.density import (
    air_density_kg_per_m3,
    apparent_mass_to_volume_ul,
    immersion_factor,
    water_density_kg_per_m3,
)
from bench.metrology.tolerance import one_sided_factor, two_sided_factor
from bench.metrology.trumpet import extremes_on_grid, ideal_envelope
from bench.validation.gum_examples import gum_references


@dataclass(frozen=True, slots=True)
class Known:
    """One known result: what it is, where from, and how far the code may be from it."""

    subject: str
    what: str
    source: str
    expected: float
    tolerance: float
    unit: str


@dataclass(frozen=True, slots=True)
class Reference(Known):
    """A known result, and how the installed code comes to it."""

    compute: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Checked(Known):
    """A known result, and what the installed code gives."""

    found: float

    @property
    def kept(self) -> bool:
        """Whether the code is within the tolerance."""
        return abs(self.found - self.expected) <= self.tolerance


def check_references() -> list[Checked]:
    """Compute every reference by the installed code."""
    return [
        Checked(each.subject, each.what, each.source, each.expected, each.tolerance, each.unit, each.compute())
        for each in references()
    ]


def references() -> Iterator[Reference]:
    """Return every reference."""
    yield from _water()
    yield from _air()
    yield from _volume()
    for what, source, expected, tolerance, unit, compute in gum_references():
        yield Reference("uncertainty", what, source, expected, tolerance, unit, compute)
    yield from _coverage_factors()
    yield from _tolerance_factors()
    yield from _counting()
    yield from _trumpet()


_TANAKA = "Tanaka et al., Metrologia 38 (2001) 301"
_PICARD = "CIPM-2007, Picard et al., Metrologia 45 (2008) 149, evaluated apart"


def _water() -> Iterator[Reference]:
    for temperature_c, density in ((15.0, 999.1026), (20.0, 998.2067), (25.0, 997.0470), (30.0, 995.6488)):
        yield Reference(
            "density",
            f"water at {temperature_c:g} °C",
            _TANAKA,
            density,
            6e-5,
            "kg/m³",
            partial(water_density_kg_per_m3, temperature_c),
        )


def _air() -> Iterator[Reference]:
    for (temperature_c, pressure_hpa, humidity_pct), density in (
        ((20.0, 1013.25, 50.0), 1.199314),
        ((20.0, 1013.25, 0.0), 1.204557),
        ((25.0, 1013.25, 50.0), 1.177315),
        ((20.0, 900.0, 50.0), 1.064638),
        ((22.0, 1000.0, 40.0), 1.176009),
    ):
        yield Reference(
            "density",
            f"air at {temperature_c:g} °C, {pressure_hpa:g} hPa, {humidity_pct:g} %",
            _PICARD,
            density,
            1e-6,
            "kg/m³",
            partial(air_density_kg_per_m3, temperature_c, pressure_hpa, humidity_pct),
        )


def _volume() -> Iterator[Reference]:
    # 1/(998.2067 − 1.199314) · (1 − 1.199314/8000), by hand.
    yield Reference(
        "volume",
        "volume of 1 g of indicated water at 20 °C, 1013.25 hPa, 50 %",
        "V = m (1 − ρa/8000)/(ρw − ρa), EURAMET cg-19, by hand",
        1002.8512,
        1e-3,
        "µL",
        lambda: apparent_mass_to_volume_ul(1000.0, 20.0, 20.0, 1013.25, 50.0),
    )
    yield Reference(
        "volume",
        "upthrust on a needle of 1.6 mm in a vessel of 20 mm",
        "1 − a/A: what rises round a fixed tube",
        0.9936,
        1e-12,
        "",
        lambda: immersion_factor(1.6, 20.0),
    )


def _coverage_factors() -> Iterator[Reference]:
    for degrees, factor in ((1.0, 13.97), (2.0, 4.53), (5.0, 2.65), (10.0, 2.28), (20.0, 2.13), (50.0, 2.05)):
        yield Reference(
            "uncertainty",
            f"coverage factor for 95.45 % and {degrees:g} degrees of freedom",
            "JCGM 100 (GUM), table G.2",
            factor,
            0.006,
            "",
            partial(coverage_factor, degrees),
        )


def _tolerance_factors() -> Iterator[Reference]:
    source = "tables of exact tolerance factors, 95 % of a population with 95 % confidence"
    for count, factor in ((5, 5.077), (10, 3.393), (20, 2.760), (50, 2.382)):
        yield Reference(
            "statistics",
            f"two-sided factor of {count} values",
            source,
            factor,
            6e-4,
            "",
            partial(two_sided_factor, count, 0.95, 0.95),
        )
    for count, factor in ((5, 4.203), (10, 2.911), (20, 2.396), (50, 2.065)):
        yield Reference(
            "statistics",
            f"one-sided factor of {count} values",
            source,
            factor,
            6e-4,
            "",
            partial(one_sided_factor, count, 0.95, 0.95),
        )


def _counting() -> Iterator[Reference]:
    for reliability, failures, count in ((0.95, 0, 59), (0.95, 1, 93), (0.90, 0, 29), (0.99, 0, 299)):
        yield Reference(
            "statistics",
            f"items for {100 * reliability:g} % reliability with {failures} failures",
            "binomial distribution, 95 % confidence",
            count,
            0.0,
            "",
            partial(needed_count, reliability, 0.95, failures),
        )
    yield Reference(
        "statistics",
        "greatest share after 0 of 10, 95 % interval",
        "Clopper and Pearson, 1 − 0.025^(1/10)",
        1.0 - 0.025**0.1,
        1e-9,
        "",
        lambda: clopper_pearson(10, 0, 0.95)[1],
    )


def _trumpet() -> Iterator[Reference]:
    # Flow r(1 + a·sin(2πt/T)): over a window P its error is at most a·sin(πP/T)/(πP/T).
    for window_min in (15.0, 30.0, 60.0):
        expected = 10.0 * math.sin(math.pi * window_min / 120.0) / (math.pi * window_min / 120.0)
        yield Reference(
            "trumpet",
            f"flow that swings by ±10 % within 2 h, over {window_min:g} min",
            "analytic: a·sin(πP/T)/(πP/T)",
            expected,
            1e-9,
            "%",
            partial(_of_sinusoid, window_min),
        )
    for interval_min, window_min, greatest in (
        (7.0, 15.0, 40.0),
        (3.0, 15.0, 0.0),
        (20.0, 60.0, 0.0),
        (8.0, 60.0, 20 / 3),
    ):
        yield Reference(
            "trumpet",
            f"equal pulses every {interval_min:g} min over {window_min:g} min, greatest error",
            "analytic: ⌈P/τ⌉·τ/P − 1",
            greatest,
            1e-9,
            "%",
            partial(_most_by_counting, interval_min, window_min),
        )


def _most_by_counting(interval_min: float, window_min: float) -> float:
    return ideal_envelope(60.0 * interval_min, 60.0 * window_min)[1]


def _of_sinusoid(window_min: float) -> float:
    """Return the greatest error over windows that begin every 7.5 min, one of which has its middle at the crest."""
    rate_ul_per_h, period_s = 10.0, 7200.0
    time_s = np.arange(0.0, 6.0 * period_s + 1.0, 450.0)
    angle = 2.0 * math.pi * time_s / period_s
    volume_ul = rate_ul_per_h / 3600.0 * (time_s + 0.1 * period_s / (2.0 * math.pi) * (1.0 - np.cos(angle)))
    found = extremes_on_grid(
        Cumulative(time_s, volume_ul), rate_ul_per_h, 60.0 * window_min, 450.0, 0.0, float(time_s[-1])
    )
    return found.largest_percent if found is not None else math.nan
