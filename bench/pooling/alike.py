"""Tests of any procedure that were set alike, from several runs: each of their measurements over all pumps."""

from __future__ import annotations

from bench.pooling.across import across_all, across_table, missing_notes, setting_notes
from bench.pooling.claims import Claim
from bench.pooling.rates import rates_of
from bench.pooling.sources import Source
from bench.quantities import Concentration
from bench.results.pooled import PooledGroup

FREE = frozenset({"blank"})
"""Settings that need not be alike: they change how surely something is known, and not what it is."""


def pool_alike(sources: list[Source], concentration: Concentration, claim: Claim, simulated: bool) -> PooledGroup:
    """Pool tests of one procedure and the same settings; where they have a mean error, that with its scatter."""
    del concentration
    first = sources[0].test
    across, rates = across_all(sources), rates_of(sources, claim, simulated)
    setting = {name: value for name, value in first.settings.items() if value is not None and name not in FREE}
    told = "; ".join(f"{name.replace('_', ' ')} {_text(value)}" for name, value in setting.items())
    return PooledGroup(
        procedure=first.procedure,
        title=f"{first.procedure.capitalize()}: {', '.join(dict.fromkeys(_entry(source) for source in sources))}",
        setting=setting,
        tests=len(sources),
        pumps=len({source.pump for source in sources}),
        doses=rates.statistics,
        across=across,
        tables=[across_table(across), *rates.tables],
        figures=rates.figures,
        notes=[f"All with {told}.", *setting_notes(sources, tuple(setting)), *missing_notes(sources)],
    )


def _entry(source: Source) -> str:
    return source.test.entry or source.test.id


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
