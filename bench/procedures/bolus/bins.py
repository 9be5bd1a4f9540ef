"""How bolus volumes are counted against what was commanded: the label's bins.

The eight bins are those in the labelling of an alternate controller enabled pump (21 CFR 880.5730, in our words);
published labels also use ten, with 75–95 % and 105–125 % split at 90 % and 110 %. A lower edge belongs to its bin, an
upper one to the next; only the last two differ: exactly 250 % is still "175 % to 250 %".
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from bench.results.model import Table

EDGES_OF_8_PERCENT = (25.0, 75.0, 95.0, 105.0, 125.0, 175.0)
EDGES_OF_10_PERCENT = (25.0, 75.0, 90.0, 95.0, 105.0, 110.0, 125.0, 175.0)
TOP_PERCENT = 250.0


def bin_counts(percents: Sequence[float], edges_percent: Sequence[float]) -> list[int]:
    """Count volumes, given in percent of commanded, into the bins between `edges_percent`, 250 % and beyond."""
    counts = [0] * (len(edges_percent) + 2)
    for percent in percents:
        counts[len(counts) - 1 if percent > TOP_PERCENT else bisect_right(edges_percent, percent)] += 1
    return counts


def bin_names(edges_percent: Sequence[float]) -> list[str]:
    """Return the bins' names in order, such as `75 to <95 %`."""
    middle = [f"{lower:g} to <{upper:g} %" for lower, upper in pairwise(edges_percent)]
    last = edges_percent[-1]
    return [f"<{edges_percent[0]:g} %", *middle, f"{last:g} to {TOP_PERCENT:g} %", f">{TOP_PERCENT:g} %"]


def bin_table(percents: Sequence[float], edges_percent: Sequence[float]) -> Table:
    """Return the bins from top to bottom with the count and the share of each."""
    counts = bin_counts(percents, edges_percent)
    total = len(percents)
    shares = [f"{100 * count / total:.1f} %" if total else "–" for count in counts]
    rows = [
        [name, str(count), share] for name, count, share in zip(bin_names(edges_percent), counts, shares, strict=True)
    ]
    return Table(
        name=f"bins_{len(counts)}",
        title=f"Boluses by volume delivered, in {len(counts)} bins of percent of commanded",
        columns=["volume, % of commanded", "boluses", "share"],
        rows=[*rows, ["all", str(total), "100 %" if total else "–"]],
        note="A bolus counts by its weighed volume; near an edge its uncertainty can move it to the neighbouring bin.",
    )
