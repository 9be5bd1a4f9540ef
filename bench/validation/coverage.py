"""How often the truth lies within what is stated, with the interval that so few runs leave open."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrology.attributes import clopper_pearson
from bench.validation.runs import Compared

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Share:
    """A share of runs, with its exact interval (Clopper–Pearson) for 95 % confidence."""

    hits: int
    runs: int

    @property
    def value(self) -> float:
        """The share itself, 0 to 1; NaN without runs."""
        return self.hits / self.runs if self.runs else math.nan

    def interval(self) -> tuple[float, float]:
        """Return the least and the greatest share that these counts leave possible."""
        return clopper_pearson(self.runs, self.hits, CONFIDENCE) if self.runs else (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Coverage:
    """Every run of one measurement: how often it covered the truth, and how errors compare with what is stated."""

    procedure: str
    name: str
    unit: str
    share: Share
    bias: float
    mean_expanded: float
    rms_error: float
    rms_over_u: float
    """Root mean square of error over standard uncertainty: 1 where budgets are just right."""
    exact: int
    """Runs that state no uncertainty at all: counts and shares that nothing could have changed."""


def coverages(compared: Iterable[Compared]) -> list[Coverage]:
    """Return the coverage of every measurement, in the order in which they first occur."""
    groups: dict[tuple[str, str], list[Compared]] = {}
    for each in compared:
        groups.setdefault((each.procedure, each.name), []).append(each)
    return [_coverage(group) for group in groups.values()]


def _coverage(group: Sequence[Compared]) -> Coverage:
    errors = np.array([each.error for each in group])
    standard = np.array([each.expanded / each.k for each in group])
    stated = standard > 0.0
    ratio = float(np.sqrt(np.mean((errors[stated] / standard[stated]) ** 2))) if stated.any() else math.nan
    return Coverage(
        group[0].procedure,
        group[0].name,
        group[0].unit,
        Share(sum(each.covered for each in group), len(group)),
        float(errors.mean()),
        float(np.mean([each.expanded for each in group])),
        float(np.sqrt(np.mean(errors**2))),
        ratio,
        int(np.count_nonzero(~stated)),
    )


def coverage_table(found: Iterable[Coverage]) -> str:
    """Return the coverages as a table in Markdown."""
    lines = [
        "| procedure | measurement | truth inside | 95 % interval | bias | mean U | RMS error / u | exact |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in found:
        low, high = each.share.interval()
        unit = f" {each.unit}".rstrip()
        lines.append(
            f"| {each.procedure} | `{each.name}` | {100 * each.share.value:.1f} % of {each.share.runs}"
            f" | {100 * low:.1f}–{100 * high:.1f} % | {each.bias:+.2g}{unit} | {each.mean_expanded:.2g}{unit}"
            f" | {each.rms_over_u:.2f} | {each.exact or ''} |"
        )
    return "\n".join(lines)
