"""One measurement over all pumps: the typical one, the lowest and the highest."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence

from bench.metrology.rounding import MINUS, number
from bench.pooling.sources import Source
from bench.results.model import Measurement
from bench.results.pooled import AcrossPumps


def across_pumps(sources: Sequence[Source], name: str) -> AcrossPumps | None:
    """Return a measurement over all pumps; None where no test has it.

    The typical value is the median of the pumps, each by the mean of its runs; lowest and highest are those of single
    tests. A bound such as `> 3 h` is greater than any value; as a mean over runs it makes its pump's a bound.
    """
    measured = [(source.pump, each) for source in sources if (each := measurement_of(source, name)) is not None]
    if not measured:
        return None
    values = [_ordered(each) for _, each in measured]
    by_pump: dict[str, list[float]] = {}
    for (pump, _), value in zip(measured, values, strict=True):
        by_pump.setdefault(pump, []).append(value)
    typical = statistics.median(_mean(of_pump) for of_pump in by_pump.values())
    bounds = [each.value or 0.0 for _, each in measured if each.censored == "above"]
    highest, first = max(values), measured[0][1]
    uncertainties = [each.expanded_uncertainty for _, each in measured if each.expanded_uncertainty is not None]
    # A bound that is shown is the least of them: the truth is greater than that for all.
    return AcrossPumps(
        name=name,
        title=first.title,
        unit=first.unit,
        typical=typical if math.isfinite(typical) else min(bounds),
        lowest=min((value for value in values if math.isfinite(value)), default=min(bounds, default=0.0)),
        highest=highest if math.isfinite(highest) else max(bounds),
        typical_is_bound=not math.isfinite(typical),
        highest_is_bound=not math.isfinite(highest),
        greatest_uncertainty=max(uncertainties, default=None),
        pumps=len(by_pump),
        tests=len(measured),
    )


def measurement_of(source: Source, name: str) -> Measurement | None:
    """Return a test's measurement by name, if it has a value."""
    evaluation = source.test.evaluation
    found = [each for each in (evaluation.measurements if evaluation else []) if each.name == name]
    return found[0] if found and found[0].value is not None else None


def label_text(found: AcrossPumps | None) -> str:
    """Return `0.99 [0.65, 1.55]`, as labels have it; `n/a` where there is nothing."""
    if found is None:
        return "n/a"
    typical, highest = end_texts(found)
    return f"{typical} [{_alike(found.lowest, found)}, {highest}]"


def end_texts(found: AcrossPumps | None) -> tuple[str, str]:
    """Return the typical and the highest value, a bound with its sign."""
    if found is None:
        return "n/a", "n/a"
    ends = ((found.typical, found.typical_is_bound), (found.highest, found.highest_is_bound))
    typical, highest = (f"{'> ' if is_bound else ''}{_alike(value, found)}" for value, is_bound in ends)
    return typical, highest


def percent_text(value: float) -> str:
    """Return a deviation in percent with its sign, to a hundredth."""
    return f"{value:+.2f}".replace("-", MINUS)


def _alike(value: float, found: AcrossPumps) -> str:
    """Return a value to the decimals that give the largest one four digits."""
    largest = max(abs(found.lowest), abs(found.highest))
    if largest == 0.0 or found.unit == "":
        return number(value, 4)
    return f"{value:.{min(4, max(0, 3 - math.floor(math.log10(largest))))}f}".replace("-", MINUS)


def setting_notes(sources: Sequence[Source], of_group: Sequence[str]) -> list[str]:
    """Return the settings that are not alike in all tests of a group, and pumps with several tests."""
    notes = []
    for name in dict.fromkeys(name for source in sources for name in source.test.settings):
        counts = Counter(str(source.test.settings.get(name)) for source in sources)
        if len(counts) > 1 and name not in of_group:
            listed = ", ".join(f"{value} ({times} tests)" for value, times in counts.items())
            notes.append(f"Not the same in all tests: {name.replace('_', ' ')}: {listed}.")
    several = [pump for pump, times in Counter(source.pump for source in sources).items() if times > 1]
    if several:
        notes.append(f"Pumps with several tests: {', '.join(several)}; lowest and highest are those of single tests.")
    return notes


def size_text(sources: Sequence[Source], name: str) -> str:
    """Return the commanded size as most of the tests have it."""
    return Counter(str(source.test.settings[name]) for source in sources).most_common(1)[0][0]


def count_text(count: int, what: str) -> str:
    """Return `1 pump` or `4 pumps`."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def _ordered(measured: Measurement) -> float:
    return math.inf if measured.censored == "above" else float(measured.value or 0.0)


def _mean(values: Sequence[float]) -> float:
    return math.inf if any(math.isinf(value) for value in values) else math.fsum(values) / len(values)
