"""The report's pieces as HTML, ready for pytest-html: a test's section, its table cells, the run's header, the assets.

pytest-html puts in as it is whatever it is given, so every text from a plan, a rig or an instrument is escaped here.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from bench.metrology.rounding import MINUS, limit_text, number, value_and_uncertainty
from bench.reporting.budgets import budgets
from bench.reporting.figure_html import figure_html
from bench.reporting.header import run_header_html
from bench.reporting.measurements import judged_table, measured_text, other_table, title_text, verdict_chip
from bench.reporting.numbers import clock_time, duration, with_minus
from bench.reporting.page import assets_html, css_path, css_text, finish_page
from bench.reporting.rows import duration_cell, finding_cell, section_id, test_cell, verdict_cell
from bench.results.model import Evaluation, Judged, Pulse, Table, TestCondition, TestResult, Verdict

__all__ = [
    "assets_html",
    "css_path",
    "css_text",
    "data_table_html",
    "duration_cell",
    "figure_html",
    "finding_cell",
    "finish_page",
    "list_html",
    "run_header_html",
    "test_cell",
    "test_html",
    "verdict_cell",
]

_NOT_MET = (Verdict.FAIL, Verdict.INCONCLUSIVE)
_MOST_PULSES = 500
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:%|µL|mg|kPa|U|min|s|h)\b|%)")
_NUMERIC = re.compile(r"[-+−]?[0-9.]*(?: × 10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?(?: ± [0-9.]+)?|–|")
_LONG_TABLE = 12


def test_html(test: TestResult, simulated: bool) -> str:
    """Return the section of one test: verdict, what was found, the first figure, limits, notes, the rest."""
    flag = '<span class="simulated">SIMULATED</span>' if simulated else ""
    parts = [
        f'<section class="bench-test" id="{section_id(test)}" aria-label="{escape(test.id)}"><header>',
        f"<h3>{verdict_chip(test.verdict)} <span>{escape(test.id)}</span> {flag}</h3>",
        f'<p class="title">{escape(test.title)}</p>' if test.title else "",
        _doubts(test),
        _findings(test),
        _reason(test),
        "</header>",
    ]
    evaluation = test.evaluation
    if evaluation is None:
        parts += [_facts(test), '<p class="none">Nothing was evaluated.</p>']
        if test.judged:
            parts.append(f"<h4>Measurements against limits</h4>{judged_table(test.judged, [])}")
    else:
        parts.append(_evaluation(test, evaluation, simulated=simulated))
    return "".join([*parts, "</section>"])


test_html.__test__ = False  # type: ignore[attr-defined]  # not a test of pytest


def _evaluation(test: TestResult, evaluation: Evaluation, *, simulated: bool) -> str:
    judged_names = {judged.measurement for judged in test.judged}
    others = [each for each in evaluation.measurements if each.name not in judged_names]
    rest = budgets(others)
    judged_budgets = budgets([each for each in evaluation.measurements if each.name in judged_names])
    part = " (PARTIAL: of what was recorded until the abort, not judged)" if evaluation.partial else ""
    figures = [figure_html(each, f"{test.id}/{each.name}", simulated) for each in evaluation.figures]
    parts = [
        f'<div class="figures">{figures[0]}</div>' if figures else "",
        _facts(test),
        f"<h4>Measurements against limits{part}</h4>"
        + judged_table(
            test.judged,
            evaluation.measurements,
            why=test.verdict is Verdict.FAIL,
            partial=bool(evaluation.partial),
        )
        if test.judged
        else "",
        list_html("notes", "Notes", evaluation.notes),
    ]
    if figures[1:]:
        parts.append(f'<h4>More figures</h4><div class="figures">{"".join(figures[1:])}</div>')
    if others:
        parts.append(f"<h4>Other measurements{part}</h4>{other_table(others)}")
    parts += [data_table_html(table) for table in evaluation.tables]
    # Boluses have a table of their own, which tells more of them.
    if pulses := [pulse for pulse in evaluation.pulses if pulse.kind != "bolus"]:
        parts.append(_pulses(pulses))
    if judged_budgets or rest:
        parts.append(f'<h4>Uncertainty budgets</h4><div class="budgets">{judged_budgets}</div>')
    if rest:
        parts.append(
            f'<div class="budgets rest">{rest}</div><p class="on-paper">Budgets of the measurements without a limit'
            " are in results.json and, on screen, in this report.</p>"
        )
    return "".join(parts)


def _doubts(test: TestResult) -> str:
    doubts = test.evaluation.doubts if test.evaluation is not None else []
    return list_html("doubts", "Doubts: why no verdict can be given, whatever the rows below say", doubts)


def _findings(test: TestResult) -> str:
    """Return what was found, in the colour of the verdict where that tells of it."""
    findings = test.evaluation.findings if test.evaluation is not None else []
    return list_html(f"found of-{test.verdict.value}", "What was found", findings)


def _reason(test: TestResult) -> str:
    """Return why the verdict is as it is: a line for each limit not met, fails first; doubts have a box."""
    if test.evaluation is not None and test.evaluation.doubts:
        return ""
    unmet = [_not_met(line, test) for verdict in _NOT_MET for line in test.judged if line.verdict is verdict]
    lines = [each for each in unmet if each]
    if test.verdict in _NOT_MET and lines:
        items = "".join(f"<li>{escape(each)}" for each in lines)
        met = sum(line.verdict is Verdict.PASS for line in test.judged)
        rest = f"<li>{_count(met, 'other limit')} {'is' if met == 1 else 'are'} met." if met else ""
        return f'<ul class="reason">{items}{rest}</ul>'
    return f'<p class="reason">{escape(_sentence(test.reason))}</p>' if test.reason else ""


def _not_met(judged: Judged, test: TestResult) -> str:
    """Return a value beside its limit; the table has the odds. What leaves the test open says its whole reason."""
    measured = {each.name: each for each in test.evaluation.measurements} if test.evaluation is not None else {}
    found = measured.get(judged.measurement)
    if test.verdict is Verdict.INCONCLUSIVE or found is None or found.value is None:
        return _sentence(judged.reason) if judged.reason else ""
    limit = limit_text(judged.limit)
    how = f"breaks the limit {limit}" if judged.verdict is Verdict.FAIL else f"may keep or break the limit {limit}"
    return f"{title_text(found)}: {measured_text(found, judged)} {how}."


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _pulses(pulses: Sequence[Pulse]) -> str:
    """Return the pulses that the balance saw, closed at first; the later ones of many are in results.json alone."""
    odd = Counter(pulse.kind for pulse in pulses if pulse.kind != "expected")
    rows = []
    for place, pulse in enumerate(pulses[:_MOST_PULSES], 1):
        u = pulse.standard_uncertainty_ul
        volume, _ = value_and_uncertainty(pulse.volume_ul, u)
        kind = pulse.kind if pulse.kind == "expected" else f"<b>{pulse.kind}</b>"
        rows.append(f"<tr><td>{place}<td>{pulse.time_s:.1f}<td>{volume}<td>{number(u, 2)}<td>{kind}")
    heads = "<th>Pulse<th>Time / s<th>Volume / µL<th>u / µL<th>Kind"
    told = "".join(f", {count} {kind}" for kind, count in odd.items())
    more = (
        f"<p>The first {_MOST_PULSES} of {len(pulses)} pulses; all of them are in results.json.</p>"
        if len(pulses) > _MOST_PULSES
        else ""
    )
    return (
        f'<details class="long pulses"><summary><h4>Every pulse</h4> ({_count(len(pulses), "pulse")}{told})</summary>'
        f'<div class="data"><table><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>{more}'
        "<p>Time on the run's clock; u: standard uncertainty.</p></details>"
    )


def _facts(test: TestResult) -> str:
    facts = [("Procedure", test.procedure), *((_words(key), _setting(value)) for key, value in test.settings.items())]
    facts += [(_words(each.name), _condition(each)) for each in test.conditions if each.kind != "setting"]
    facts.append(("Took", duration(test.ended_s - test.started_s)))
    if test.verifies:
        facts.append(("Verifies", ", ".join(test.verifies)))
    return _definitions(facts)


def _condition(condition: TestCondition) -> str:
    if condition.set_s is None:
        return f"{condition.text} (asked for; not recorded as set)"
    return f"{condition.text} (set by {condition.set_by} at {clock_time(condition.set_s)})"


def _definitions(facts: Sequence[tuple[str, str]]) -> str:
    inside = "".join(f"<div><dt>{escape(name)}<dd>{escape(with_minus(text))}</div>" for name, text in facts if text)
    return f'<dl class="facts">{inside}</dl>'


def _words(key: str) -> str:
    words = key.replace("_", " ")
    return words[:1].upper() + words[1:]


def _setting(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping) and set(value) == {"value", "unit"}:
        return f"{value['value']} {value['unit']}"
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        return ", ".join(_setting(each) for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def list_html(kind: str, heading: str, lines: Sequence[str]) -> str:
    """Return lines in a box of a kind (`notes`, `doubts`); nothing where there are none."""
    if not lines:
        return ""
    items = "".join(f"<li>{escape(with_minus(line))}" for line in lines)
    return f'<div class="{kind}"><h4>{heading}</h4><ul>{items}</ul></div>'


def data_table_html(table: Table) -> str:
    """Return a table with its title and note; a long one is closed at first."""
    numeric = [all(_NUMERIC.fullmatch(cell) for cell in column) for column in zip(*table.rows, strict=True)]
    kinds = [' class="n"' if flag else "" for flag in numeric] or [""] * len(table.columns)
    heads = "".join(f"<th{kind}>{_cell(column)}" for column, kind in zip(table.columns, kinds, strict=True))
    rows = "".join(f"<tr>{_cells(row, kinds)}</tr>" for row in table.rows)
    note = f"<p>{escape(with_minus(table.note))}</p>" if table.note else ""
    inside = f'<div class="data"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>{note}'
    if len(table.rows) <= _LONG_TABLE:
        return f"<h4>{escape(table.title)}</h4>{inside}"
    summary = f"<summary><h4>{escape(table.title)}</h4> ({len(table.rows)} rows)</summary>"
    return f'<details class="long">{summary}{inside}</details>'


def _cells(row: Sequence[str], kinds: Sequence[str]) -> str:
    return "".join(f"<td{kind}>{_cell(cell, numeric=bool(kind))}" for cell, kind in zip(row, kinds, strict=True))


def _cell(text: str, *, numeric: bool = False) -> str:
    """Return a cell that does not break between number, uncertainty and unit, and whose minus is one."""
    text = text.replace("-", MINUS) if numeric else with_minus(text)
    return escape(_BEFORE_UNIT.sub("\u00a0", text.replace(" ± ", "\u00a0±\u00a0")))
