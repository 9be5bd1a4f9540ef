"""Measurements over all pumps: the typical one, the lowest and the highest, and what has no value."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence

from bench.metrology.rounding import MINUS, number
from bench.pooling.sources import Source
from bench.results.model import Measurement, Table
from bench.results.pooled import AcrossPumps, Bound


def across_all(sources: Sequence[Source]) -> list[AcrossPumps]:
    """Return every measurement that any of the tests has a value of."""
    names = dict.fromkeys(each.name for source in sources for each in _measurements(source))
    return [found for name in names if (found := across_pumps(sources, name)) is not None]


def across_pumps(sources: Sequence[Source], name: str) -> AcrossPumps | None:
    """Return a measurement over all pumps; None where no test has it.

    The typical value is the median of the pumps, each by the mean of its runs; lowest and highest are those of single
    tests. A bound such as `> 3 h` is greater than any value, one such as `< 1.1 V` less than any; as a mean over runs
    it makes its pump's a bound.
    """
    measured = [(source.pump, each) for source in sources if (each := measurement_of(source, name)) is not None]
    if not measured:
        return None
    values = [_ordered(each) for _, each in measured]
    by_pump: dict[str, list[float]] = {}
    for (pump, _), value in zip(measured, values, strict=True):
        by_pump.setdefault(pump, []).append(value)
    bounds = _Bounds([each for _, each in measured])
    typical, typical_bound = bounds.shown(_median([_mean(of_pump) for of_pump in by_pump.values()]))
    lowest, lowest_bound = bounds.shown(min(values), lowest=True)
    highest, highest_bound = bounds.shown(max(values), highest=True)
    uncertainties = [each.expanded_uncertainty for _, each in measured if each.expanded_uncertainty is not None]
    first = measured[0][1]
    return AcrossPumps(
        name=name,
        title=first.title,
        unit=first.unit,
        typical=typical,
        lowest=lowest,
        highest=highest,
        typical_bound=typical_bound,
        lowest_bound=lowest_bound,
        highest_bound=highest_bound,
        greatest_uncertainty=max(uncertainties, default=None),
        pumps=len(by_pump),
        tests=len(measured),
    )


class _Bounds:
    """What stands for a value that is a bound."""

    def __init__(self, measured: Sequence[Measurement]) -> None:
        self._above = [float(each.value or 0.0) for each in measured if each.censored == "above"]
        self._below = [float(each.value or 0.0) for each in measured if each.censored == "below"]

    def shown(self, value: float, *, lowest: bool = False, highest: bool = False) -> tuple[float, Bound | None]:
        """Return a value, or the bound that is true of all that are bounds: the highest alone has its own."""
        if value == math.inf:
            return (max if highest else min)(self._above), "above"
        if value == -math.inf:
            return (min if lowest else max)(self._below), "below"
        return value, None


def measurement_of(source: Source, name: str) -> Measurement | None:
    """Return a test's measurement by name, if it has a value."""
    found = [each for each in _measurements(source) if each.name == name]
    return found[0] if found and found[0].value is not None else None


def _measurements(source: Source) -> list[Measurement]:
    return source.test.evaluation.measurements if source.test.evaluation is not None else []


def missing_notes(sources: Sequence[Source]) -> list[str]:
    """Return which measurements have no value in some of the tests, each with the reasons."""
    missing: dict[str, list[str]] = {}
    for source in sources:
        for each in _measurements(source):
            if each.value is None:
                missing.setdefault(each.title, []).append(each.note or "no reason given")
    every = count_text(len(sources), "test")
    return [
        f"{title}: no value in {len(reasons)} of {every}: {'; '.join(dict.fromkeys(reasons))}."
        for title, reasons in missing.items()
    ]


def across_table(found: Sequence[AcrossPumps]) -> Table:
    """Return measurements over all pumps."""
    rows = [
        [
            each.title,
            label_text(each),
            each.unit,
            "–" if each.greatest_uncertainty is None else f"{each.greatest_uncertainty:.2g}",
            str(each.pumps),
            str(each.tests),
        ]
        for each in found
    ]
    return Table(
        name="across",
        title="Over all pumps",
        columns=["measurement", "typical [lowest, highest]", "unit", "greatest U", "pumps", "tests"],
        rows=rows,
        note="Typical: the median of the pumps; lowest and highest: of single tests. > and <: bounds, beyond which the"
        " truth lies.",
    )


def label_text(found: AcrossPumps | None) -> str:
    """Return `0.99 [0.65, 1.55]`, as labels have it; `n/a` where there is nothing."""
    if found is None:
        return "n/a"
    typical, highest = end_texts(found)
    return f"{typical} [{_end(found.lowest, found.lowest_bound, found)}, {highest}]"


def end_texts(found: AcrossPumps | None) -> tuple[str, str]:
    """Return the typical and the highest value, a bound with its sign."""
    if found is None:
        return "n/a", "n/a"
    return _end(found.typical, found.typical_bound, found), _end(found.highest, found.highest_bound, found)


def _end(value: float, bound: Bound | None, found: AcrossPumps) -> str:
    sign = {"above": "> ", "below": "< ", None: ""}[bound]
    return f"{sign}{_alike(value, found)}"


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
    return {"above": math.inf, "below": -math.inf}.get(measured.censored or "", float(measured.value or 0.0))


def _mean(values: Sequence[float]) -> float:
    beyond = [value for value in values if math.isinf(value)]
    return beyond[0] if beyond else math.fsum(values) / len(values)


def _median(values: Sequence[float]) -> float:
    median = statistics.median(values)
    # Of a bound above and one below there is no middle.
    return statistics.median_low(values) if math.isnan(median) else median
