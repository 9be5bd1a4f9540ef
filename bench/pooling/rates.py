"""Mean errors of whole tests from several runs: their scatter and tolerance interval, the pump being the unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.pooling.across import measurement_of
from bench.pooling.claims import Claim
from bench.pooling.doses import Doses, dose_statistics, pump_table, pumps_figure, statistics_table, tolerance_table
from bench.pooling.sources import Source
from bench.results.model import Figure, Table
from bench.results.pooled import DoseStatistics

MEAN_ERROR = "mean_error"


@dataclass(frozen=True, slots=True)
class Rates:
    """What mean errors show; nothing where no test has one."""

    statistics: DoseStatistics | None
    tables: list[Table]
    figures: list[Figure]


def rates_of(sources: Sequence[Source], claim: Claim, simulated: bool) -> Rates:
    """Return what the mean errors of tests show; a limit of boluses is not held against them."""
    measured = [(source, each) for source in sources if (each := measurement_of(source, MEAN_ERROR)) is not None]
    if not measured:
        return Rates(None, [], [])
    errors = Doses(
        [float(each.value or 0.0) for _, each in measured],
        [source.pump for source, _ in measured],
        [f"{source.run} {source.test.id}" for source, _ in measured],
        "mean errors of tests",
        max(each.expanded_uncertainty or 0.0 for _, each in measured),
    )
    found = dose_statistics(errors, replace(claim, limit=None))
    tables = [tolerance_table(found.tolerance, errors.what)] if found.tolerance is not None else []
    if found.variances:
        tables.append(statistics_table(found, "A value is the mean error of a whole test."))
    tables.append(pump_table(errors))
    return Rates(found, tables, [pumps_figure(errors, found, " Simulated." if simulated else "")])
