"""Statistics of values by pump and run: scatter, tolerance interval, tables and figures that show them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.metrology.dose_interval import DoseInterval, dose_interval
from bench.metrology.rounding import number
from bench.metrology.variance_components import Scatter, Variance, analyse_scatter
from bench.pooling.across import percent_text
from bench.pooling.claims import Claim
from bench.results.model import Figure, Rule, Series, Table
from bench.results.pooled import DoseStatistics, ToleranceStatement, VarianceShare

_LEVELS = ("between pumps", "between runs of a pump", "within a run")


@dataclass(frozen=True, slots=True)
class Doses:
    """Deviations in percent of commanded, each with its pump and run."""

    deviations: list[float]
    pumps: list[str]
    runs: list[str]
    what: str
    """What a value is, in the plural: boluses, mean errors of tests."""
    common_uncertainty: float
    """Greatest expanded uncertainty of a mean, in percent: what doses share."""

    def of(self, pump: str) -> list[float]:
        """Return one pump's deviations."""
        return [value for value, which in zip(self.deviations, self.pumps, strict=True) if which == pump]

    def runs_of(self, pump: str) -> int:
        """Return how many runs are of a pump."""
        return len({run for run, which in zip(self.runs, self.pumps, strict=True) if which == pump})

    @property
    def all_pumps(self) -> list[str]:
        """Every pump once, in order."""
        return sorted(set(self.pumps))


def dose_statistics(doses: Doses, claim: Claim) -> DoseStatistics:
    """Return mean, scatter by level and tolerance interval; with one dose there is only the mean."""
    values = doses.deviations
    scatter = analyse_scatter(values, doses.pumps, doses.runs) if len(values) > 1 else None
    return DoseStatistics(
        doses=len(values),
        runs=len(set(doses.runs)),
        pumps=len(doses.all_pumps),
        mean_error=scatter.mean if scatter else values[0],
        sd=math.sqrt(scatter.variance_of_one) if scatter else None,
        least=min(values),
        greatest=max(values),
        effective_count=scatter.effective_count if scatter and scatter.device_count > 1 else None,
        variances=_variances(scatter) if scatter else [],
        tolerance=_tolerance(doses, claim) if scatter else None,
    )


def statistics_table(found: DoseStatistics, more: str = "") -> Table:
    """Return scatter by where it comes from."""
    rows = [[each.source, *(f"{value:.2f}" for value in (each.sd, each.lower, each.upper))] for each in found.variances]
    told = f"Mean {percent_text(found.mean_error)} %, each pump counting alike"
    if found.sd is not None:
        told += f"; SD of a value to come {number(found.sd, 3)} %"
    if found.effective_count is not None:
        told += (
            f". The {found.doses} values tell the mean as well as {number(found.effective_count, 3)} independent ones"
        )
    return Table(
        name="scatter",
        title="Where the scatter comes from",
        columns=["source", "SD / %", "95 % from / %", "95 % to / %"],
        rows=rows,
        note=f"{told}. The scatter includes what weighing adds. {more}".strip(),
    )


def tolerance_table(found: ToleranceStatement, what: str) -> Table:
    """Return the tolerance interval, with what it rests on below."""
    share = f"{100 * found.coverage:g} %"
    reached = f"{100 * found.achieved_confidence:.3g} %"
    rows = [
        [
            f"{share} of {what} of {found.holds_for}",
            percent_text(found.lower),
            percent_text(found.upper),
            reached if found.enough else f"{reached}: NOT the {100 * found.confidence:g} % asked for",
        ]
    ]
    wide = found.lower - found.common_uncertainty, found.upper + found.common_uncertainty
    rows.append(
        [
            f"the same, widened by the greatest U of a mean, {number(found.common_uncertainty, 2)} %",
            percent_text(wide[0]),
            percent_text(wide[1]),
            rows[0][3],
        ]
    )
    told = [found.method, *found.words]
    if found.shown is not None:
        verdict = "shown" if found.shown else "NOT shown"
        told.insert(0, f"Limit {found.limit}: {verdict} (by the widened interval)")
    return Table(
        name="tolerance",
        title=f"Tolerance interval, {100 * found.coverage:g} % held with {100 * found.confidence:g} % confidence",
        columns=["holds", "from / %", "to / %", "confidence"],
        rows=rows,
        note=f"{'. '.join(each[:1].upper() + each[1:] for each in told)}.",
    )


def pump_table(doses: Doses) -> Table:
    """Return every pump with its doses."""
    rows = []
    for pump in doses.all_pumps:
        values = doses.of(pump)
        spread = f"{np.std(values, ddof=1):.2f}" if len(values) > 1 else "–"
        ends = (percent_text(min(values)), percent_text(max(values)))
        mean = percent_text(float(np.mean(values)))
        rows.append([pump, str(doses.runs_of(pump)), str(len(values)), mean, spread, *ends])
    return Table(
        name="pumps",
        title="Pump by pump",
        columns=["pump", "runs", doses.what, "mean error / %", "SD / %", "least / %", "greatest / %"],
        rows=rows,
    )


def pumps_figure(doses: Doses, found: DoseStatistics, words: str) -> Figure:
    """Return every value by pump, with the tolerance interval as two lines."""
    places = {pump: float(place) for place, pump in enumerate(doses.all_pumps, 1)}
    means: list[float | None] = [float(np.mean(doses.of(pump))) for pump in doses.all_pumps]
    several = [Series(label="mean of a pump", x=list(places.values()), y=means, style="points", role="pulse")]
    rules = [Rule(y=0.0, label="commanded")]
    said = ""
    if found.tolerance is not None:
        share = f"{100 * found.tolerance.coverage:g} %"
        rules += [Rule(y=end, label=f"{share} held") for end in (found.tolerance.lower, found.tolerance.upper)]
        said = f" Lines: the tolerance interval ({100 * found.tolerance.achieved_confidence:.3g} % confidence)."
    listed = ", ".join(f"{place:g}: {pump}" for pump, place in places.items())
    return Figure(
        name="pumps",
        title="Pump by pump",
        x_label="pump",
        y_label="deviation / %",
        series=[
            Series(
                label=doses.what,
                x=[places[pump] for pump in doses.pumps],
                y=list(doses.deviations),
                style="points",
                role="volume",
            ),
            *(several if len(doses.deviations) > len(places) else []),
        ],
        rules=rules,
        caption=f"Each point is one of the {doses.what}. Pumps: {listed}.{said}{words}",
    )


def distribution_figure(doses: Doses, words: str) -> Figure:
    """Return how all values scatter, in classes of a round width."""
    extent = max(1.0, *(abs(value) for value in doses.deviations))
    width = next((width for width in (0.5, 1.0, 2.0, 5.0) if extent / width <= 12.0), 10.0)
    classes = int(np.ceil(extent / width)) + 1
    middles = width * np.arange(-classes, classes + 1)
    counts, _ = np.histogram(doses.deviations, np.append(middles - 0.5 * width, middles[-1] + 0.5 * width))
    bars = Series(
        label=doses.what,
        x=[float(value) for value in middles],
        y=[float(value) for value in counts],
        style="bars",
        role="volume",
    )
    return Figure(
        name="distribution",
        title="How they scatter",
        x_label="deviation / %",
        y_label=doses.what,
        series=[bars],
        caption=f"All pumps together, in classes of {width:g} % of commanded.{words}",
    )


def _variances(scatter: Scatter) -> list[VarianceShare]:
    levels: list[Variance | None] = [scatter.between_devices, scatter.between_runs, scatter.within]
    return [
        VarianceShare(source=source, sd=each.sd, lower=each.sd_interval[0], upper=each.sd_interval[1])
        for source, each in zip(_LEVELS, levels, strict=True)
        if each is not None
    ]


def _tolerance(doses: Doses, claim: Claim) -> ToleranceStatement:
    found: DoseInterval = dose_interval(doses.deviations, doses.pumps, doses.runs, claim.coverage, claim.confidence)
    shown, common = None, doses.common_uncertainty
    if claim.limit is not None:
        lower, upper = claim.limit.to("%")
        within = (lower is None or lower <= found.lower - common) and (upper is None or found.upper + common <= upper)
        shown = found.enough and within
    return ToleranceStatement(
        lower=found.lower,
        upper=found.upper,
        coverage=found.coverage,
        confidence=found.confidence,
        achieved_confidence=found.achieved_confidence,
        enough=found.enough,
        method=_of_pumps(found.method),
        holds_for=_of_pumps(found.holds_for),
        words=[_of_pumps(each) for each in found.words],
        common_uncertainty=common,
        limit=claim.limit.text if claim.limit is not None else "",
        shown=shown,
    )


def _of_pumps(words: str) -> str:
    """Return words of statistics about devices as words about pumps."""
    return words.replace("device", "pump")
