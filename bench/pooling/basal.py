"""One basal rate from several runs: delivered after 1, 6 and 12 h by a typical pump, the lowest and the highest."""

from __future__ import annotations

from dataclasses import replace

from bench.pooling.across import across_pumps, label_text, measurement_of, setting_notes, size_text
from bench.pooling.claims import Claim
from bench.pooling.doses import Doses, dose_statistics, pump_table, pumps_figure, statistics_table, tolerance_table
from bench.pooling.sources import Source
from bench.quantities import Concentration
from bench.results.model import Table
from bench.results.pooled import AcrossPumps, PooledGroup

HOURS = (1, 6, 12)
_OTHERS = ("mean_error", "hourly_windows_within_15_percent", "largest_hourly_error", "pulse_volume_sd")


def pool_basal(sources: list[Source], concentration: Concentration, claim: Claim, simulated: bool) -> PooledGroup:
    """Pool tests of one basal rate; the mean error of a test is what a tolerance interval is given for."""
    del concentration
    rate = size_text(sources, "rate")
    delivered = [across_pumps(sources, f"delivered_{hours}h") for hours in HOURS]
    others = [across_pumps(sources, name) for name in _OTHERS]
    across = [each for each in (*delivered, *others) if each is not None]
    tables = [_label_table(rate, delivered)]
    figures = []
    rates = _rates(sources)
    found = None
    if rates is not None:
        found = dose_statistics(rates, replace(claim, limit=None))
        if found.tolerance is not None:
            tables.append(tolerance_table(found.tolerance, rates.what))
        if found.variances:
            tables.append(statistics_table(found, "A value is the mean error of a whole test."))
        tables.append(pump_table(rates))
        figures.append(pumps_figure(rates, found, " Simulated." if simulated else ""))
    tables.append(across_table([each for each in others if each is not None]))
    return PooledGroup(
        procedure="basal",
        title=f"Basal rate of {rate}",
        setting={"rate": rate},
        tests=len(sources),
        pumps=len({source.pump for source in sources}),
        doses=found,
        across=across,
        tables=[each for each in tables if each.rows],
        figures=figures,
        notes=setting_notes(sources, ("rate",)),
    )


def across_table(found: list[AcrossPumps]) -> Table:
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
        note="Typical: the median of the pumps.",
    )


def _label_table(rate: str, delivered: list[AcrossPumps | None]) -> Table:
    return Table(
        name="label",
        title="Delivered in U, from the first command on: typical [lowest, highest] pump",
        columns=["basal rate", *(f"after {hours} h" for hours in HOURS), "pumps"],
        rows=[[rate, *(label_text(each) for each in delivered), _pump_counts(delivered)]],
        note="In the form of labels for alternate controller enabled pumps (21 CFR 880.5730, in our words); typical is "
        "the median pump. n/a: no test took so long.",
    )


def _pump_counts(delivered: list[AcrossPumps | None]) -> str:
    counts = [str(each.pumps) for each in delivered if each is not None]
    return counts[0] if len(set(counts)) == 1 else ", ".join(counts) or "0"


def _rates(sources: list[Source]) -> Doses | None:
    measured = [(source, each) for source in sources if (each := measurement_of(source, "mean_error")) is not None]
    if not measured:
        return None
    return Doses(
        [float(each.value or 0.0) for _, each in measured],
        [source.pump for source, _ in measured],
        [f"{source.run} {source.test.id}" for source, _ in measured],
        "mean errors of tests",
        max((each.expanded_uncertainty or 0.0 for _, each in measured), default=0.0),
    )
