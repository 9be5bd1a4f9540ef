"""Occlusion tests from several runs: the typical time to the alarm and the longest, and what was missed and stored."""

from __future__ import annotations

from bench.pooling.across import across_all, across_table, end_texts, missing_notes, setting_notes, size_text
from bench.pooling.claims import Claim
from bench.pooling.sources import Source
from bench.quantities import Concentration
from bench.results.model import Table
from bench.results.pooled import AcrossPumps, PooledGroup


def pool_occlusions(sources: list[Source], concentration: Concentration, claim: Claim, simulated: bool) -> PooledGroup:
    """Pool occlusions at one rate, or into one bolus; a test without an alarm counts as longer than any with one."""
    del concentration, claim, simulated
    by_rate = sources[0].test.settings.get("rate") is not None
    size = size_text(sources, "rate" if by_rate else "bolus")
    across = across_all(sources)
    level = sources[0].test.settings.get("level")
    time = next((each for each in across if each.name == "time_to_alarm"), None)
    missed = next((each for each in across if each.name == "missed_volume"), None)
    tables = [_label_table(size, len(sources), time, missed), across_table(across)]
    return PooledGroup(
        procedure="occlusion",
        title=f"Occlusion {'at' if by_rate else 'of a bolus of'} {size}{f', alarm set to {level}' if level else ''}",
        setting={"rate" if by_rate else "bolus": size, **({"level": level} if level else {})},
        tests=len(sources),
        pumps=len({source.pump for source in sources}),
        across=across,
        tables=[each for each in tables if each.rows],
        notes=[*setting_notes(sources, ("rate", "bolus")), *_silent_notes(time), *missing_notes(sources)],
    )


def _label_table(size: str, tests: int, time: AcrossPumps | None, missed: AcrossPumps | None) -> Table:
    row = [size, *end_texts(time), *end_texts(missed), str(tests), "0" if time is None else str(time.pumps)]
    return Table(
        name="label",
        title="Time from occlusion to alarm",
        columns=["at", "typical / min", "longest / min", "missed, typical / U", "missed, most / U", "tests", "pumps"],
        rows=[row],
        note="Typical is the median pump; longest and most are those of single tests. >: no alarm had come by then.",
    )


def _silent_notes(time: AcrossPumps | None) -> list[str]:
    if time is None or time.highest_bound != "above":
        return []
    return ["In one test or more no alarm came at all: the longest time is not known."]
