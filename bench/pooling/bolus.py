"""Boluses of one size from several runs: the label's bins, shares within bands, and what future doses will be like."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from bench.metrology.shares import BAND_PERCENTS, share_within
from bench.pooling.across import (
    across_all,
    across_table,
    count_text,
    measurement_of,
    missing_notes,
    setting_notes,
    size_text,
)
from bench.pooling.claims import Claim
from bench.pooling.doses import (
    Doses,
    distribution_figure,
    dose_statistics,
    pump_table,
    pumps_figure,
    statistics_table,
    tolerance_table,
)
from bench.pooling.errors import PoolingError
from bench.pooling.sources import Source
from bench.procedures.bolus.bins import (
    EDGES_OF_8_PERCENT,
    EDGES_OF_10_PERCENT,
    bin_table,
)
from bench.quantities import Concentration, parse_quantity
from bench.results.model import Table
from bench.results.pooled import PooledGroup


def pool_boluses(sources: list[Source], concentration: Concentration, claim: Claim, simulated: bool) -> PooledGroup:
    """Pool boluses of one size.

    Raises:
        PoolingError: a test holds no bolus.

    """
    volume_text = size_text(sources, "volume")
    commanded_ul = parse_quantity(volume_text, "volume").to("µL", concentration)
    doses = _doses(sources, commanded_ul)
    found = dose_statistics(doses, claim)
    percents = [100.0 + value for value in doses.deviations]
    tables = [_label_table(doses, volume_text, commanded_ul / concentration.ul_per_u)]
    tables += [bin_table(percents, edges) for edges in (EDGES_OF_8_PERCENT, EDGES_OF_10_PERCENT)]
    tables += [_band_table(doses), pump_table(doses)]
    if found.variances:
        tables.insert(1, statistics_table(found))
    if found.tolerance is not None:
        tables.insert(1, tolerance_table(found.tolerance, doses.what))
    across = across_all(sources)
    tables.append(across_table(across))
    words = " Simulated." if simulated else ""
    basal = sources[0].test.settings.get("basal")
    return PooledGroup(
        procedure="bolus",
        title=f"{_shape(sources[0])} of {volume_text}{f' beside a basal rate of {basal}' if basal else ''}",
        setting={"volume": volume_text, "basal": basal},
        tests=len(sources),
        pumps=found.pumps,
        doses=found,
        across=across,
        tables=tables,
        figures=[pumps_figure(doses, found, words), distribution_figure(doses, words)],
        notes=[*setting_notes(sources, ("volume", "basal")), *_lost_notes(sources), *missing_notes(sources)],
    )


def _doses(sources: Sequence[Source], commanded_ul: float) -> Doses:
    deviations: list[float] = []
    pumps: list[str] = []
    runs: list[str] = []
    uncertainties = []
    for source in sources:
        evaluation = source.test.evaluation
        volumes = [each.volume_ul for each in (evaluation.pulses if evaluation else []) if each.kind == "bolus"]
        if not volumes:
            raise PoolingError(f"{source.run} {source.test.id} has no weighed bolus in its results: add --evaluate")
        deviations += [100.0 * (volume / commanded_ul - 1.0) for volume in volumes]
        pumps += [source.pump] * len(volumes)
        # A test of its own has blanks and levels of its own: two in one run count as two runs of the pump.
        runs += [f"{source.run} {source.test.id}"] * len(volumes)
        mean = measurement_of(source, "mean_error")
        if mean is not None and mean.expanded_uncertainty is not None:
            uncertainties.append(mean.expanded_uncertainty)
    return Doses(deviations, pumps, runs, "boluses", max(uncertainties, default=0.0))


def _label_table(doses: Doses, volume_text: str, commanded_u: float) -> Table:
    volumes = [commanded_u * (1.0 + 0.01 * value) for value in doses.deviations]
    decimals = max(0, 3 - math.floor(math.log10(commanded_u)))
    row = [
        volume_text,
        str(len(volumes)),
        count_text(len(doses.all_pumps), "pump"),
        *(f"{each:.{decimals}f}" for each in (statistics.fmean(volumes), min(volumes), max(volumes))),
    ]
    return Table(
        name="label",
        title="Delivered bolus volume",
        columns=["commanded", "boluses", "of", "mean / U", "least / U", "greatest / U"],
        rows=[row],
        note="In the form of labels for alternate controller enabled pumps (21 CFR 880.5730, in our words).",
    )


def _band_table(doses: Doses) -> Table:
    rows = []
    for band in BAND_PERCENTS:
        by_pump = [share_within(doses.of(pump), band) for pump in doses.all_pumps]
        shares = (share_within(doses.deviations, band), min(by_pump), max(by_pump))
        rows.append([f"±{band} %", *(f"{share:.1f} %" for share in shares)])
    return Table(
        name="bands",
        title="Boluses within bands around commanded",
        columns=["band", "all boluses", "lowest pump", "highest pump"],
        rows=rows,
        note="A bolus counts by its weighed volume; both edges of a band belong to it.",
    )


def _shape(source: Source) -> str:
    shape, over = source.test.settings.get("shape", "normal"), source.test.settings.get("over")
    return "Boluses" if shape in (None, "normal") else f"{str(shape).capitalize()} boluses over {over}"


def _lost_notes(sources: Sequence[Source]) -> list[str]:
    """Say where fewer boluses were weighed than were to be given."""
    notes = []
    for source in sources:
        evaluation, wanted = source.test.evaluation, source.test.settings.get("count")
        weighed = sum(each.kind == "bolus" for each in (evaluation.pulses if evaluation else []))
        if isinstance(wanted, int) and weighed < wanted:
            notes.append(f"{source.run} {source.test.id}: only {weighed} of {wanted} boluses could be weighed.")
    return notes
