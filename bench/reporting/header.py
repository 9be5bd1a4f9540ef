"""The head of a report: what was run, on what, by which rule, and how it came out."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bench.reporting.measurements import verdict_chip
from bench.reporting.numbers import duration
from bench.reporting.rows import finding_text
from bench.results.model import RunResult, Verdict

_WORST_FIRST = (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.PASS)
_RULES = {
    "simple": "simple acceptance: pass when the value lies within the limit",
    "guarded": "guarded acceptance (JCGM 106, w = U): pass when value ± U lies within the limit",
}


def run_header_html(run: RunResult, folder: str = "") -> str:
    """Return the head of one run's report; `folder` is the name of the run's folder."""
    parts = [_page_style(run), '<section class="bench-run">']
    if run.simulated:
        parts.append(
            '<p class="simulated-banner"><b>SIMULATED</b> The instruments were emulated by the bench\'s twin. '
            "Nothing here was measured on a real pump.</p>"
            '<div class="simulated-strip" aria-hidden="true">SIMULATED · SIMULATED · SIMULATED</div>'
        )
    title = run.plan_title or run.plan
    parts.append(f'<h2>{escape(title)}</h2><p class="outcome">{_outcome(run)}</p>')
    if not run.complete:
        parts.append(f'<p class="incomplete"><b>Incomplete run.</b> {escape(run.ended_by)}</p>')
    parts += [_facts(run, folder), _overview(run), _instruments(run), _versions(run), "</section>"]
    return "".join(parts)


def _outcome(run: RunResult) -> str:
    if not run.tests:
        return "No test was run."
    verdicts = [test.verdict for test in run.tests]
    worst = next(verdict for verdict in _WORST_FIRST if verdict in verdicts)
    counts = ", ".join(f"{verdicts.count(v)} {v.value}" for v in Verdict if v in verdicts)
    overall = (
        verdict_chip(worst)
        if run.complete or worst is not Verdict.PASS
        else '<b class="v v-inconclusive">INCOMPLETE</b>'
    )
    return f"{overall} {len(verdicts)} test{'s' if len(verdicts) != 1 else ''}: {counts}"


def _facts(run: RunResult, folder: str) -> str:
    facts = [
        ("Plan", run.plan, f"{run.plan_file} · SHA-256 {run.plan_sha256[:16]}…"),
        ("Rig", run.rig, f"{run.rig_file} · SHA-256 {run.rig_sha256[:16]}…"),
        ("Decision rule", _RULES.get(run.decision, run.decision), ""),
        ("Started", run.origin_utc, f"took {duration(run.ended_s)} on the bench's clock"),
        ("Recording", f"{run.recording_digest[:16]}…" if run.recording_digest else "not sealed", folder),
        ("Seed", "" if run.seed is None else str(run.seed), ""),
    ]
    inside = "".join(
        f"<div><dt>{name}<dd>{escape(text)}{f'<small>{escape(more)}</small>' if more else ''}</div>"
        for name, text, more in facts
        if text
    )
    return f'<dl class="facts">{inside}</dl>'


def _overview(run: RunResult) -> str:
    """Return all tests in one table: the first page of a print, and the whole of what is seen without scripts."""
    rows = "".join(
        f'<tr><td>{verdict_chip(test.verdict)}<th scope="row">{escape(test.id)}<small>{escape(test.title)}</small>'
        f"<td>{escape(finding_text(test))}<td>{escape(', '.join(test.verifies))}</tr>"
        for test in run.tests
    )
    return _table("overview", "Tests", ("Verdict", "Test", "Key figure", "Verifies"), rows)


def _instruments(run: RunResult) -> str:
    keys = list(dict.fromkeys(key for facts in run.instruments.values() for key in facts))
    rows = "".join(
        f'<tr><th scope="row">{escape(role)}' + "".join(f"<td>{escape(facts.get(key, ''))}" for key in keys) + "</tr>"
        for role, facts in run.instruments.items()
    )
    heads = ("Role", *(key.replace("_", " ").capitalize() for key in keys))
    return _table("instruments", "Instruments", heads, rows)


def _versions(run: RunResult) -> str:
    if not run.versions:
        return ""
    inside = " · ".join(f"{escape(name)} {escape(version)}" for name, version in run.versions.items())
    return f'<p class="versions">Versions: {inside}</p>'


def _table(kind: str, title: str, columns: Sequence[str], rows: str) -> str:
    if not rows:
        return ""
    heads = "".join(f"<th>{escape(column)}" for column in columns)
    return (
        f'<div class="{kind}"><h3>{title}</h3><div class="data"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></div>"
    )


def _page_style(run: RunResult) -> str:
    """Return the running head and foot of printed pages."""
    head = _css_string("SIMULATED DATA" if run.simulated else "")
    foot = _css_string(f"{run.plan} · {run.rig} · {run.origin_utc}")
    return (
        f"<style>@page{{@top-center{{content:{head};font:bold 9pt sans-serif}}"
        f"@bottom-left{{content:{foot};font:8pt sans-serif}}"
        '@bottom-right{content:"page " counter(page) " of " counter(pages);font:8pt sans-serif}}</style>'
    )


def _css_string(text: str) -> str:
    """Return text as a CSS string in which only letters and digits stand for themselves."""
    return '"' + "".join(c if c.isascii() and c.isalnum() else f"\\{ord(c):x} " for c in text) + '"'
