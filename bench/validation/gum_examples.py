"""The worked examples of the GUM and of its supplement on propagated distributions, by the installed code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, Literal

from bench.metrology.budget import bounded, component
from bench.metrology.gum import Combined, evaluate, uncertain
from bench.metrology.monte_carlo import Propagated, propagate
from bench.results.model import Component, Correlation

Example = tuple[str, str, float, float, str, Callable[[], float]]
"""What, source, expected, tolerance, unit and how it is computed."""
DRAWS = 200_000


def gum_references() -> Iterator[Example]:
    """Return the examples."""
    source = "JCGM 100 (GUM), H.1 end gauge"
    yield "length", source, 50.000838, 5e-7, "mm", lambda: 1e-6 * _end_gauge().estimate
    yield "standard uncertainty", source, 32.0, 0.5, "nm", lambda: _end_gauge().standard_uncertainty
    yield "effective degrees of freedom", source, 16.7, 0.1, "", lambda: _end_gauge().degrees_of_freedom
    source = "JCGM 100 (GUM), H.2 resistance and reactance"
    for index, (name, estimate, spread) in enumerate(
        (("resistance", 127.732, 0.071), ("reactance", 219.847, 0.295), ("impedance", 254.260, 0.236))
    ):
        yield name, source, estimate, 0.0015, "Ω", partial(_impedance_part, index, "x")
        yield f"{name}, standard uncertainty", source, spread, 7e-4, "Ω", partial(_impedance_part, index, "u")
    yield "correlation of resistance and reactance", source, -0.588, 0.001, "", _correlation
    source = "JCGM 101, 9.3 mass calibration"
    yield "first-order standard uncertainty", source, 0.0539, 5e-5, "mg", lambda: _mass()[0].standard_uncertainty
    yield "propagated standard uncertainty", source, 0.0754, 4e-4, "mg", lambda: _mass()[1].standard_uncertainty
    yield (
        "length of the shortest 95 % interval",
        source,
        0.2991,
        3e-3,
        "mg",
        lambda: _mass()[1].shortest_high - _mass()[1].shortest_low,
    )
    source = "JCGM 101, 9.2.4 additive model with one dominant rectangle"
    yield "standard uncertainty", source, 10.1, 0.06, "", lambda: _additive().standard_uncertainty
    yield "end of the 95 % interval", source, 17.0, 0.06, "", lambda: _additive().high


@cache
def _end_gauge() -> Combined:
    inputs = [
        component("standard", 25.0, "nm", degrees_of_freedom=18, estimate=50_000_623.0),
        component("comparison", 5.8, "nm", degrees_of_freedom=24, estimate=215.0),
        component("random comparator", 3.9, "nm", degrees_of_freedom=5),
        component("systematic comparator", 6.7, "nm", degrees_of_freedom=8),
        bounded("expansion difference", 1e-6, "1/K", degrees_of_freedom=50),
        bounded("temperature difference", 0.05, "K", degrees_of_freedom=2),
        bounded("expansion of the standard", 2e-6, "1/K", estimate=11.5e-6),
        component("mean temperature", 0.2, "K", estimate=-0.1),
        bounded("cyclic temperature", 0.5, "K", distribution="u-shaped"),
    ]

    def length(x: Any) -> Any:
        temperature = x["mean temperature"] + x["cyclic temperature"]
        thermal = x["expansion difference"] * temperature + x["expansion of the standard"] * x["temperature difference"]
        difference = x["comparison"] + x["random comparator"] + x["systematic comparator"]
        return x["standard"] * (1.0 - thermal) + difference

    return evaluate(length, inputs)


def _impedance() -> tuple[Any, Any, Any]:
    from GTC import cos, sin  # type: ignore[import-untyped]  # slow

    inputs = [
        component("V", 0.0032094, "V", degrees_of_freedom=4, estimate=4.9990),
        component("I", 0.0094710, "mA", degrees_of_freedom=4, estimate=19.6610),
        component("phi", 0.00075206, "rad", degrees_of_freedom=4, estimate=1.04446),
    ]
    volt, milliampere, phase = uncertain(
        inputs,
        [
            Correlation(first="V", second="I", coefficient=-0.355311),
            Correlation(first="V", second="phi", coefficient=0.857645),
            Correlation(first="I", second="phi", coefficient=-0.645127),
        ],
    )
    ohm = 1000.0 * volt / milliampere
    return ohm * cos(phase), ohm * sin(phase), ohm


def _impedance_part(index: int, part: Literal["x", "u"]) -> float:
    return float(getattr(_impedance()[index], part))


def _correlation() -> float:
    from GTC import get_correlation

    resistance, reactance, _ = _impedance()
    return float(get_correlation(resistance, reactance))


@cache
def _mass() -> tuple[Combined, Propagated]:
    inputs = [
        component("reference mass", 0.050, "mg", estimate=100_000.0),
        component("added mass", 0.020, "mg", estimate=1.234),
        bounded("air", 0.10, "kg/m³", estimate=1.20),
        bounded("weight", 1000.0, "kg/m³", estimate=8000.0),
        bounded("reference", 50.0, "kg/m³", estimate=8000.0),
    ]

    def mass(x: Any) -> Any:
        buoyancy = (x["air"] - 1.2) * (1.0 / x["weight"] - 1.0 / x["reference"])
        return (x["reference mass"] + x["added mass"]) * (1.0 + buoyancy) - 100_000.0

    return evaluate(mass, inputs), propagate(mass, inputs, draws=DRAWS, probability=0.95)


@cache
def _additive() -> Propagated:
    wide = 10.0 * 3.0**0.5
    inputs: list[Component] = [
        *(bounded(name, 3.0**0.5, "") for name in ("a", "b", "c")),
        bounded("d", wide, ""),
    ]
    return propagate(lambda x: x["a"] + x["b"] + x["c"] + x["d"], inputs, draws=DRAWS, probability=0.95)
