"""Coverage in a validation's report: how often the truth lay within what was stated, and how errors spread."""

from __future__ import annotations

from html import escape

from bench.metrology.rounding import number, value_and_uncertainty
from bench.results.model import Figure, Series, Verdict
from bench.validation.interval_bar import interval_bar
from bench.validation.judging import LEAST, MOST
from bench.validation.model import CoverageResult, Covers, Histogram, Validation
from bench.validation.study_html import figures_html, table_html

_VERDICT_OF_COVERS = {
    Covers.AS_STATED: Verdict.PASS,
    Covers.EXACT: Verdict.PASS,
    Covers.WIDE: Verdict.PASS,
    Covers.NARROW: Verdict.FAIL,
}
_HEADS = (
    '<th>Measurement<th class="n">Truth inside<th>70 % to 100 %<th class="n">Mean error<th class="n">Mean U'
    '<th class="n">RMS error / u<th>Intervals are'
)


def coverage_html(found: Validation) -> str:
    """Return the section that counts truths within their intervals."""
    rows = "".join(_coverage_row(each) for each in found.coverage)
    return (
        "<h2>Coverage: how often the truth lies within value ± U</h2>"
        f"<p>It should in 95 % of all runs ({100 * LEAST:.0f} % to {100 * MOST:.0f} % is taken for it; the shaded part"
        " of the bars). The bars show what so many runs leave possible, with 95 % confidence.</p>"
        f"{table_html(_HEADS, rows)}{figures_html([_histogram_figure(each) for each in found.histograms])}"
    )


def _coverage_row(each: CoverageResult) -> str:
    low, high = each.share_interval
    share = each.inside / each.runs if each.runs else 0.0
    verdict = _VERDICT_OF_COVERS[each.covers]
    unit = f" {each.unit}".rstrip()
    bias, spread = value_and_uncertainty(each.bias, each.bias_uncertainty, signed=True)
    told = f"{100 * share:.1f} % of {each.runs}, {100 * low:.1f} % to {100 * high:.1f} % possible"
    bar = interval_bar((low, share, high), (LEAST, MOST), (0.7, 1.0), verdict, told)
    ratio = "–" if each.rms_error_over_u is None else f"{each.rms_error_over_u:.2f}"
    few = f"<small>U = 0 in {each.without_uncertainty} runs</small>" if each.without_uncertainty else ""
    error = f"{bias} ± {spread}{unit}" if spread is not None and each.bias_uncertainty else f"{bias}{unit}"
    word = f"<b>{each.covers.value}</b>" if each.covers is Covers.NARROW else each.covers.value
    return (
        f'<tr><th scope="row">{escape(each.procedure)} <code>{escape(each.measurement)}</code>{few}'
        f'<td class="n">{100 * share:.1f} %<td>{bar}<td class="n">{escape(error)}'
        f'<td class="n">{number(each.mean_expanded_uncertainty, 2)}{escape(unit)}<td class="n">{ratio}<td>{word}</tr>'
    )


def _histogram_figure(histogram: Histogram) -> Figure:
    x: list[float | None] = list(histogram.middles)
    return Figure(
        name=f"errors-{histogram.procedure}",
        title=f"{histogram.procedure.capitalize()}: errors of {histogram.measurement}",
        x_label="(stated − true) / standard uncertainty",
        y_label="runs",
        series=[
            Series(label="runs", x=x, y=[float(count) for count in histogram.counts], style="bars", role="volume"),
            Series(label="normal distribution", x=x, y=list(histogram.expected), style="line", role="limit"),
        ],
        caption="Simulated. Budgets that are just right give the normal curve; a narrower hill states too much.",
    )
