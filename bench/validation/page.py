"""The validation's report: one HTML file that opens without a network, in the look of a run's report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from bench.metrology.rounding import MINUS, number, value_and_uncertainty
from bench.reporting.html import assets_html, figure_html
from bench.reporting.measurements import verdict_chip
from bench.reporting.numbers import duration
from bench.results.model import Figure, Series, Verdict
from bench.validation.interval_bar import interval_bar
from bench.validation.judging import GUARDED, LEAST, MOST
from bench.validation.model import (
    CoverageResult,
    Covers,
    FaultResult,
    Histogram,
    ReferenceResult,
    RuleResult,
    Validation,
)

_VERDICT_OF_COVERS = {
    Covers.AS_STATED: Verdict.PASS,
    Covers.EXACT: Verdict.PASS,
    Covers.WIDE: Verdict.PASS,
    Covers.NARROW: Verdict.FAIL,
}
_WORD_OF_RULE = {
    "simple": "the value itself decides",
    "guarded": "value ± U decides (JCGM 106, w = U)",
    "risk": "the risk of a false accept decides",
}
_STYLE = """<style>
.bench-run .measured td, .bench-run .measured th { vertical-align: middle; }
.bench-run .measured:not(.narrow) { width: 100%; }
.bench-run .measured td.n:not(:nth-child(2)) { font-weight: 400; color: inherit; }
.bench-run .trials td:nth-child(4) { white-space: normal; overflow-wrap: anywhere; }
.bench-run .trials td:nth-child(3) { white-space: nowrap; }
.bench-run .figures { margin-top: 18px; }
.findings li { margin: 3px 0; }
.bench-run h2 { margin-top: 28px; font-size: 20px; } .bench-run h2:first-of-type { margin-top: 12px; font-size: 24px; }
.how { max-width: 76ch; } .how li { margin: 3px 0; }
@media print { .signatures { display: table; } }
</style>"""


def validation_html(found: Validation) -> str:
    """Return the whole page."""
    title = f"Validation of the method on rig {found.rig}"
    body = "".join(
        [
            '<section class="bench-run">',
            '<p class="simulated-banner"><b>SIMULATED</b> Every pump, room and instrument of this study was emulated by'
            " the bench's twin. Nothing here was measured on a real pump.</p>"
            '<div class="simulated-strip" aria-hidden="true">SIMULATED · SIMULATED · SIMULATED</div>',
            f'<h2>{escape(title)}</h2><p class="outcome">{verdict_chip(found.verdict)} {escape(_outcome(found))}</p>',
            _findings(found),
            _facts(found),
            _coverage(found),
            _verdicts(found),
            _faults(found),
            _references(found),
            _how(found),
            _signatures(),
            "</section>",
        ]
    )
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width"/>'
        f'<meta name="color-scheme" content="light dark"/><title>{escape(title)}</title>{assets_html()}{_STYLE}'
        f"{_paper(found)}</head><body>{body}</body></html>"
    )


def _outcome(found: Validation) -> str:
    kept = sum(each.kept for each in found.references)
    narrow = sum(each.covers is Covers.NARROW for each in found.coverage)
    guarded = [each for each in found.rules if each.rule == GUARDED]
    accepts, bad = sum(each.false_accepts for each in guarded), sum(each.bad for each in guarded)
    seen = sum(each.seen for each in found.faults)
    intervals = f"{narrow} of {len(found.coverage)} intervals too narrow" if narrow else "no interval too narrow"
    parts = [f"{kept} of {len(found.references)} references kept", intervals]
    if guarded:
        parts.append(f"{accepts} of {bad} bad pumps passed by the guarded rule")
    return "; ".join([*parts, f"{seen} of {len(found.faults)} faults seen"])


def _findings(found: Validation) -> str:
    if not found.findings:
        return ""
    kind = "doubts" if found.verdict is Verdict.FAIL else "notes"
    items = "".join(f"<li>{escape(each)}" for each in found.findings)
    return f'<div class="{kind} findings"><h4>Findings</h4><ul>{items}</ul></div>'


def _facts(found: Validation) -> str:
    twin = "made from the figures that the rig file declares" if found.twin_made else "the rig file's own simulation"
    facts = [
        ("Rig", found.rig, f"{found.rig_file} · SHA-256 {found.rig_sha256[:16]}…"),
        ("Twin", twin, ""),
        ("Runs", f"{found.runs} of each kind, seeds {found.seed} to {found.seed + found.runs - 1}", ""),
        ("Done", found.started_utc.replace("T", " ").replace("+00:00", " UTC"), f"took {duration(found.took_s)}"),
    ]
    inside = "".join(
        f"<div><dt>{name}<dd>{escape(text)}{f'<small>{escape(more)}</small>' if more else ''}</div>"
        for name, text, more in facts
    )
    left = "".join(f"<li>{escape(each)}" for each in found.left_out)
    missing = f'<div class="notes"><h4>Left out: this rig cannot do it</h4><ul>{left}</ul></div>' if left else ""
    versions = " · ".join(f"{escape(name)} {escape(each)}" for name, each in found.versions.items())
    return f'<dl class="facts">{inside}</dl>{missing}<p class="versions">Versions: {versions}</p>'


def _figures(figures: Sequence[Figure]) -> str:
    inside = "".join(figure_html(each, each.name, simulated=True) for each in figures)
    return f'<div class="figures">{inside}</div>' if figures else ""


def _curve_figure(rule: RuleResult) -> Figure:
    """Return how a rule's verdicts change with the pumps' true error."""
    x: list[float | None] = [point.true_error_over_limit for point in rule.curve]
    shares = (
        ("pass", "volume", [point.passed for point in rule.curve]),
        ("inconclusive", "doubled", [point.inconclusive for point in rule.curve]),
        ("fail", "pulse", [point.failed for point in rule.curve]),
    )
    series = [
        Series(label=label, x=x, y=[100.0 * share for share in values], style="line", role=role)
        for label, role, values in shares
    ]
    series.append(Series(label="limit", x=[1.0, 1.0], y=[0.0, 100.0], style="step", role="limit"))
    return Figure(
        name=f"curve-{rule.procedure}-{rule.rule}",
        title=f"{rule.procedure.capitalize()}: verdicts by rule “{rule.rule}” around ±{rule.limit_percent:g} %",
        x_label="true mean error / limit",
        y_label="share of pumps / %",
        series=series,
        caption=f"Simulated. {rule.pumps} pumps, drawn evenly around the limit; each point is"
        f" {rule.curve[0].pumps} pumps or so of about one true error.",
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


def _coverage(found: Validation) -> str:
    rows = "".join(_coverage_row(each) for each in found.coverage)
    return (
        "<h2>Coverage: how often the truth lies within value ± U</h2>"
        f"<p>It should in 95 % of all runs ({100 * LEAST:.0f} % to {100 * MOST:.0f} % is taken for it; the shaded part"
        " of the bars). The bars show what so many runs leave possible, with 95 % confidence.</p>"
        '<div class="data"><table class="measured"><thead><tr><th>Measurement<th class="n">Truth inside'
        '<th>70 % to 100 %<th class="n">Mean error<th class="n">Mean U<th class="n">RMS error / u<th>Intervals are</tr>'
        f"</thead><tbody>{rows}</tbody></table></div>{_figures([_histogram_figure(each) for each in found.histograms])}"
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


def _verdicts(found: Validation) -> str:
    if not found.rules:
        return ""
    rows = "".join(_rule_row(each) for each in found.rules)
    return (
        "<h2>Verdicts on pumps around a limit</h2>"
        "<p>Pumps were drawn evenly from three expanded uncertainties within to three beyond the limit of their mean"
        " error, where verdicts are hardest; a bad pump is one whose true error breaks the limit. The guarded rule may"
        " pass 2.5 % of the bad ones at most.</p>"
        '<div class="data"><table class="measured"><thead><tr><th>Test and rule<th class="n">Bad pumps'
        '<th class="n">passed<th>0 % to 50 %<th class="n">Good pumps<th class="n">failed<th class="n">Inconclusive'
        f'<th class="n">without reason</tr></thead><tbody>{rows}</tbody></table></div>'
        f"{_figures([_curve_figure(each) for each in found.rules if each.curve])}"
    )


def _rule_row(each: RuleResult) -> str:
    low, high = each.false_accept_interval
    share = each.false_accepts / each.bad if each.bad else 0.0
    guarded = each.rule == GUARDED
    verdict = Verdict.FAIL if guarded and low > 0.025 else Verdict.PASS if guarded else Verdict.INCONCLUSIVE
    told = f"{each.false_accepts} of {each.bad} bad pumps passed, {100 * low:.1f} % to {100 * high:.1f} % possible"
    bar = interval_bar((low, share, high), (0.0, 0.025), (0.0, 0.5), verdict, told)
    words = _WORD_OF_RULE.get(each.rule, "")
    return (
        f'<tr><th scope="row">{escape(each.procedure)} <code>{escape(each.rule)}</code><small>±{each.limit_percent:g} %'
        f'; {words}</small><td class="n">{each.bad}<td class="n">{each.false_accepts}<td>{bar}'
        f'<td class="n">{each.pumps - each.bad}<td class="n">{each.false_rejects}<td class="n">{each.inconclusive}'
        f'<td class="n">{each.unexplained}</tr>'
    )


def _faults(found: Validation) -> str:
    rows = "".join(_fault_row(each) for each in found.faults)
    return (
        "<h2>Faults</h2><p>Each fault was switched on in the test that is made to see it. It is seen when the verdict"
        " is no pass and the result speaks of what the fault does.</p>"
        '<div class="data"><table class="measured trials">'
        "<thead><tr><th>Fault<th>Test<th>Verdict<th>Said<th>Seen</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _fault_row(each: FaultResult) -> str:
    settings = f"<small>{escape(each.settings)}</small>" if each.settings else ""
    words = each.reason if len(each.reason) <= 220 else each.reason[:219].rstrip() + "…"
    return (
        f'<tr><th scope="row"><code>{escape(each.fault)}</code>{settings}<td>{escape(each.test)}'
        f"<td>{verdict_chip(each.verdict)}<td>{escape(words)}<td>{'yes' if each.seen else '<b>no</b>'}</tr>"
    )


def _references(found: Validation) -> str:
    rows = "".join(_reference_row(each) for each in found.references)
    return (
        "<h2>References: what the installed code makes of known cases</h2>"
        '<div class="data"><table class="measured"><thead><tr><th>Case<th>Source<th class="n">Known'
        '<th class="n">Found<th class="n">Difference<th class="n">Allowed<th>Kept</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _reference_row(each: ReferenceResult) -> str:
    unit = f" {each.unit}".rstrip()
    difference = each.found - each.expected
    return (
        f'<tr><th scope="row">{escape(each.what)}<small>{escape(each.subject)}</small><td>{escape(each.source)}'
        f'<td class="n">{_digits(each.expected)}{escape(unit)}<td class="n">{_digits(each.found)}{escape(unit)}'
        f'<td class="n">{_small(difference)}<td class="n">{_small(each.tolerance)}'
        f"<td>{'yes' if each.kept else '<b>no</b>'}</tr>"
    )


def _digits(value: float) -> str:
    return f"{value:.8g}".replace("-", MINUS)


def _small(value: float) -> str:
    return "0" if value == 0.0 else f"{value:.1e}".replace("-", MINUS)


_HOW: Sequence[str] = (
    "Every run is a short test (basal 1 U/h for an hour with blanks of 15 min; five boluses of 1 U; an occlusion at"
    " 15 U/h), driven over the emulated instruments' bytes and evaluated as any run is. Evaluation never sees truth.",
    "For every run is drawn anew: the room's temperature, pressure and humidity and how they wander; evaporation and"
    " the balance's drift within what the rig file declares; the balance's error over the load from its certificate and"
    " its linearity; the errors of climate and pressure sensors from theirs; the liquid's temperature; needle and"
    " vessel; the clamp's delay; softness and resistance of the line; the balance's lag; and another pump.",
    "Truth is the liquid that reached the vessel between the instants at which the pump really obeyed, and the instants"
    " at which clamp and pump really acted; the definitions, one a measurement, are in docs/validation.md.",
    "Intervals of shares are those of Clopper and Pearson with 95 % confidence. A measurement's intervals are called"
    " too narrow or wider than needed only where the counts refute 93 % to 97 %.",
    "A twin shows that the arithmetic is right for the errors that are declared. It cannot show that a rig's figures"
    " are true: those rest on its certificates and blanks.",
)


def _how(found: Validation) -> str:
    items = "".join(f"<li>{escape(each)}" for each in _HOW)
    again = f"pumpbench validate --rig {found.rig_file} --runs {found.runs} --seed {found.seed}"
    return f'<h2>How it was done</h2><ul class="how">{items}</ul><p>To do it again: <code>{escape(again)}</code></p>'


def _signatures() -> str:
    rows = "".join(f'<tr><th scope="row">{word}<td><td><td></tr>' for word in ("Prepared", "Reviewed", "Approved"))
    heads = "".join(f"<th>{word}" for word in ("", "Name", "Date", "Signature"))
    return f'<table class="signatures"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _paper(found: Validation) -> str:
    foot = "".join(_css(f"Validation · {found.rig} · {found.started_utc}"))
    return (
        '<style>@page{@top-center{content:"SIMULATED DATA";font:bold 9pt sans-serif}'
        f'@bottom-left{{content:"{foot}";font:8pt sans-serif}}'
        '@bottom-right{content:"page " counter(page) " of " counter(pages);font:8pt sans-serif}}</style>'
    )


def _css(text: str) -> Iterator[str]:
    """Give a CSS string's characters; only letters and digits stand for themselves."""
    for character in text:
        yield character if character.isascii() and character.isalnum() else f"\\{ord(character):x} "
