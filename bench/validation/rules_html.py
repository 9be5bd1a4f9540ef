"""Decision rules in a validation's report: what they made of good and bad pumps around a limit."""

from __future__ import annotations

from html import escape

from bench.results.model import Figure, Series, Verdict
from bench.validation.interval_bar import interval_bar
from bench.validation.judging import GUARDED
from bench.validation.model import RuleResult, Validation
from bench.validation.study_html import figures_html, table_html

_WORD_OF_RULE = {
    "simple": "the value itself decides",
    "guarded": "value ± U decides (JCGM 106, w = U)",
    "risk": "the risk of a false accept decides",
}
_HEADS = (
    '<th>Test and rule<th class="n">Bad pumps<th class="n">passed<th>0 % to 50 %<th class="n">Good pumps'
    '<th class="n">failed<th class="n">Inconclusive<th class="n">without reason'
)


def rules_html(found: Validation) -> str:
    """Return the section that counts false accepts and false rejects; nothing without any."""
    if not found.rules:
        return ""
    rows = "".join(_rule_row(each) for each in found.rules)
    return (
        "<h2>Verdicts on pumps around a limit</h2>"
        "<p>Pumps were drawn evenly from three expanded uncertainties within to three beyond the limit of their mean"
        " error, where verdicts are hardest; a bad pump is one whose true error breaks the limit. The guarded rule may"
        " pass 2.5 % of the bad ones at most.</p>"
        f"{table_html(_HEADS, rows)}{figures_html([_curve_figure(each) for each in found.rules if each.curve])}"
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
