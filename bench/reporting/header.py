"""The head of a report: what was run, on what, by which rule, and how it came out."""

from __future__ import annotations

from html import escape

from bench.reporting.head_tables import instruments_html, overdue_html, requirements_html, table_html
from bench.reporting.matrix_html import matrices_html
from bench.reporting.measurements import verdict_chip
from bench.reporting.numbers import duration
from bench.reporting.rows import finding_text, section_id
from bench.results.model import RunResult, Verdict

_WORST_FIRST = (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.PASS)
_INCOMPLETE = '<b class="v v-inconclusive">INCOMPLETE</b>'
_RULES = {
    "simple": "simple acceptance: pass when the value lies within the limit, else fail",
    "guarded": "guarded acceptance (JCGM 106, guard band w = U unless r says otherwise): pass when value ± w lies"
    " within the limit, fail when it lies outside, inconclusive between the two",
    "risk": "acceptance by risk (JCGM 106): pass when the probability of conformity leaves no more risk than this, fail"
    " when that of breaking the limit does, inconclusive between the two",
}
_GLOBAL = (
    "acceptance by global risk (JCGM 106): between two limits, guarded so that no more than this share of all pumps is"
    " accepted wrongly; against one limit the risk of this very measurement is held to it"
)


def run_header_html(run: RunResult, folder: str = "") -> str:
    """Return the head of one run's report; `folder` is the name of the run's folder."""
    parts = [_page_style(run), '<section class="bench-run">']
    if run.simulated:
        parts.append(
            f'<p class="simulated-banner"><b>SIMULATED{_seed(run)}</b> '
            "The instruments were emulated by the bench's twin. Nothing here was measured on a real pump.</p>"
            '<div class="simulated-strip" aria-hidden="true">SIMULATED · SIMULATED · SIMULATED</div>'
        )
    parts.append(_imported(run))
    title = run.plan_title or run.plan
    parts.append(f'<h2>{escape(title)}</h2><p class="outcome">{_outcome(run)}</p>')
    parts += [
        overdue_html(run),
        _not_passed(run),
        _missing(run),
        matrices_html(run),
        _facts(run, folder),
        _overview(run),
        "</section>",
        # On screen this stands behind the tests (report.css); on paper it is the rest of the first pages.
        '<section class="bench-run bench-basis">',
        requirements_html(run),
        instruments_html(run),
        _pump_model(run),
        _versions(run),
        _signatures(),
        "</section>",
    ]
    return "".join(parts)


def _imported(run: RunResult) -> str:
    """Say that a recording came from other software, and how it was read."""
    if run.imported is None:
        return ""
    told = "; ".join(f"{name} {text}" for name, text in run.imported.options.items())
    return (
        f'<div class="incomplete"><p><b>Imported, not driven by this bench:</b> {escape(run.imported.file)},'
        f" {run.imported.rows} rows, SHA-256 {run.imported.sha256[:16]}….</p>"
        f"{f'<p>Read with: {escape(told)}.</p>' if told else ''}</div>"
    )


def _seed(run: RunResult) -> str:
    return "" if run.seed is None else f", seed {run.seed}"


def _missing(run: RunResult) -> str:
    """Say that a run is not the whole of its plan: ended early, or only some of the tests were asked for."""
    if run.complete and not run.not_run:
        return ""
    ended = f"<p><b>Incomplete run.</b> It was ended by: {escape(run.ended_by or 'unknown')}.</p>"
    chosen = "<p><b>Part of the plan.</b> Only the tests below were asked for.</p>"
    left = "".join(f"<li>{escape(test.id)} {escape(test.title)}" for test in run.not_run)
    tests = (
        f"<details><summary>Not run: {len(run.not_run)} of the plan's {len(run.tests) + len(run.not_run)} tests"
        f"</summary><ul>{left}</ul></details>"
        if left
        else ""
    )
    kind = "incomplete part" if run.complete else "incomplete"
    return f'<div class="{kind}">{chosen if run.complete else ended}{tests}</div>'


def _not_passed(run: RunResult) -> str:
    """Return what was found in each of several tests that did not pass, with a link to its section."""
    tests = [test for verdict in _WORST_FIRST[:-1] for test in run.tests if test.verdict is verdict]
    if len(run.tests) < 2 or not tests:
        return ""
    items = "".join(
        f'<li>{verdict_chip(test.verdict)} <span><a href="#{section_id(test)}">{escape(test.id)}</a>'
        f" {escape(finding_text(test))}</span>"
        for test in tests
    )
    return f'<ul class="not-passed">{items}</ul>'


def _signatures() -> str:
    """Return lines to sign on paper."""
    rows = "".join(f'<tr><th scope="row">{word}<td><td><td></tr>' for word in ("Prepared", "Reviewed", "Approved"))
    heads = "".join(f"<th>{word}" for word in ("", "Name", "Date", "Signature"))
    return f'<table class="signatures"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _outcome(run: RunResult) -> str:
    if not run.tests:
        return "No test was run."
    verdicts = [test.verdict for test in run.tests]
    worst = next(verdict for verdict in _WORST_FIRST if verdict in verdicts)
    counts = ", ".join(f"{verdicts.count(v)} {v.value}" for v in Verdict if v in verdicts)
    whole = run.complete and not run.not_run
    overall = verdict_chip(worst) if whole or worst is not Verdict.PASS else _INCOMPLETE
    planned = len(verdicts) + len(run.not_run)
    of = f" of the plan's {planned}" if run.not_run else ""
    aborted = {test.id for test in run.tests if test.evaluation is not None and test.evaluation.partial}
    limits = [judged for test in run.tests if test.id not in aborted for judged in test.judged]
    met = sum(judged.verdict is Verdict.PASS for judged in limits)
    told = f"; {met} of {len(limits)} limits met" if limits else ""
    unjudged = sum(len(test.judged) for test in run.tests if test.id in aborted)
    told += f"; {unjudged} limits not judged" if unjudged else ""
    return f"{overall} {len(verdicts)}{of} test{'s' if planned != 1 else ''}: {counts}{told}"


def _facts(run: RunResult, folder: str) -> str:
    facts = [
        ("Plan", run.plan, f"{run.plan_file} · SHA-256 {run.plan_sha256[:16]}…"),
        ("Rig", run.rig, f"{run.rig_file} · SHA-256 {run.rig_sha256[:16]}…"),
        ("Simulated pump", str(run.pump_model or ""), "a model, described below"),
        ("Started", _instant(run), _took(run)),
        ("Recording", f"{run.recording_digest[:16]}…" if run.recording_digest else "not sealed", folder),
        ("Decision rule", *_rule(run.decision)),
    ]
    inside = "".join(
        f"<div><dt>{name}<dd>{escape(text)}{f'<small>{escape(more)}</small>' if more else ''}</div>"
        for name, text, more in facts
        if text
    )
    return f'<dl class="facts">{inside}</dl>'


def _pump_model(run: RunResult) -> str:
    """Return what the model of a simulated pump rests on and leaves out."""
    if run.pump_model is None:
        return ""
    model = run.pump_model
    lists = "".join(
        f"<p>{title}:</p><ul>{''.join(f'<li>{escape(each)}' for each in told)}</ul>"
        for title, told in (("Its figures come from", model.source), ("It does not model", model.not_modelled))
    )
    return f"<details><summary>Simulated pump: {escape(str(model))}</summary>{lists}</details>"


def _rule(decision: str) -> tuple[str, str]:
    """Return a decision rule in words, and its figures where it has any."""
    words = _GLOBAL if "(global" in decision else _RULES.get(decision.replace(",", " ").split(" ")[0], decision)
    return words, decision if decision not in _RULES else ""


def _overview(run: RunResult) -> str:
    """Return all tests in one table: the first page of a print, and the whole of what is seen without scripts."""
    rows = "".join(
        f'<tr><td>{verdict_chip(test.verdict)}<th scope="row">{escape(test.id)}<small>{escape(test.title)}</small>'
        f"<td>{escape(finding_text(test))}</tr>"
        for test in run.tests
    )
    return table_html("overview", "Tests", ("Verdict", "Test", "What was found"), rows)


def _instant(run: RunResult) -> str:
    """Return when the run began, as a date and a time of day."""
    if not run.origin_utc:
        return "not known"
    text = run.origin_utc.removesuffix("Z").removesuffix("+00:00").replace("T", " ")
    return f"{text} UTC{' (simulated time)' if run.seed is not None else ''}"


def _took(run: RunResult) -> str:
    if run.imported is None:
        return f"took {duration(run.ended_s)} on the bench's clock"
    started_s = min((test.started_s for test in run.tests), default=0.0)
    return f"took {duration(run.ended_s - started_s)} by the file's own times"


def _versions(run: RunResult) -> str:
    if not run.versions:
        return ""
    inside = " · ".join(f"{escape(name)} {escape(version)}" for name, version in run.versions.items())
    return f'<p class="versions">Versions: {inside}</p>'


def _page_style(run: RunResult) -> str:
    """Return the running head and foot of printed pages."""
    head = _css_string("SIMULATED DATA" if run.simulated else "")
    foot = _css_string(f"{run.plan} · {run.rig} · {_instant(run)}")
    return (
        f"<style>@page{{@top-center{{content:{head};font:bold 9pt sans-serif}}"
        f"@bottom-left{{content:{foot};font:8pt sans-serif}}"
        '@bottom-right{content:"page " counter(page) " of " counter(pages);font:8pt sans-serif}}</style>'
    )


def _css_string(text: str) -> str:
    """Return text as a CSS string in which only letters and digits stand for themselves."""
    return '"' + "".join(c if c.isascii() and c.isalnum() else f"\\{ord(c):x} " for c in text) + '"'
