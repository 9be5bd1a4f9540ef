"""One basal rate from several runs: delivered after 1, 6 and 12 h by a typical pump, the lowest and the highest."""

from __future__ import annotations

from bench.pooling.across import across_all, across_table, label_text, missing_notes, setting_notes, size_text
from bench.pooling.claims import Claim
from bench.pooling.rates import rates_of
from bench.pooling.sources import Source
from bench.quantities import Concentration
from bench.results.model import Table
from bench.results.pooled import AcrossPumps, PooledGroup

HOURS = (1, 6, 12)
_DELIVERED = tuple(f"delivered_{hours}h" for hours in HOURS)


def pool_basal(sources: list[Source], concentration: Concentration, claim: Claim, simulated: bool) -> PooledGroup:
    """Pool tests of one basal rate; the mean error of a test is what a tolerance interval is given for."""
    del concentration
    rate = size_text(sources, "rate")
    across = across_all(sources)
    by_name = {each.name: each for each in across}
    delivered = [by_name.get(name) for name in _DELIVERED]
    rates = rates_of(sources, claim, simulated)
    others = [each for each in across if each.name not in _DELIVERED]
    return PooledGroup(
        procedure="basal",
        title=f"Basal rate of {rate}",
        setting={"rate": rate},
        tests=len(sources),
        pumps=len({source.pump for source in sources}),
        doses=rates.statistics,
        across=across,
        tables=[_label_table(rate, delivered), *rates.tables, across_table(others)],
        figures=rates.figures,
        notes=[*setting_notes(sources, ("rate",)), *missing_notes(sources)],
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
