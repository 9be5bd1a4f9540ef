"""The page of several runs together: self-contained, in the look of a run's report."""

from __future__ import annotations

from html import escape

from bench.reporting.head_tables import table_html
from bench.reporting.html import assets_html, data_table_html, figure_html, list_html
from bench.results.pooled import Pooled, PooledGroup

_SIMULATED = (
    '<p class="simulated-banner"><b>SIMULATED</b> The instruments were emulated by the bench\'s twin. Nothing here was '
    "measured on a real pump.</p>"
    '<div class="simulated-strip" aria-hidden="true">SIMULATED · SIMULATED · SIMULATED</div>'
)


def comparison_html(pooled: Pooled) -> str:
    """Return the whole page; it opens without a network and links to nothing outside."""
    title = f"{_count(len(pooled.runs), 'run')} of {_count(len(pooled.pumps), 'pump')} together"
    groups = "".join(_group(group, place, simulated=pooled.simulated) for place, group in enumerate(pooled.groups))
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width"/>'
        f'<meta name="color-scheme" content="light dark"/><title>{escape(title)}</title>{_page_style(pooled)}</head>'
        f"<body><h1>{escape(title)}</h1>{assets_html()}{_head(pooled)}{groups}</body></html>\n"
    )


def _head(pooled: Pooled) -> str:
    facts = [
        ("Insulin", pooled.insulin),
        (
            "Tolerance intervals",
            f"{100 * pooled.coverage:g} % held with {100 * pooled.confidence:g} % confidence, the pump as the unit",
        ),
        ("Plans", ", ".join(sorted({run.plan for run in pooled.runs}))),
        ("Rigs", ", ".join(sorted({run.rig for run in pooled.runs}))),
    ]
    told = "".join(f"<div><dt>{name}<dd>{escape(text)}</div>" for name, text in facts)
    return "".join(
        [
            '<section class="bench-run">',
            _SIMULATED if pooled.simulated else "",
            f'<dl class="facts">{told}</dl>',
            list_html("notes", "Notes", pooled.notes),
            _runs(pooled),
            _left_out(pooled),
            "</section>",
        ]
    )


def _runs(pooled: Pooled) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(run.run)}<td>{escape(run.pump)}<td>{escape(run.firmware)}<td>{escape(run.plan)}'
        f"<td>{escape(run.rig)}<td>{escape(_instant(run.started_utc))}<td><code>{escape(run.recording_digest[:16])}…</code></tr>"
        for run in pooled.runs
    )
    return table_html("runs", "Runs", ("Run", "Pump", "Firmware", "Plan", "Rig", "Started", "Recording"), rows)


def _left_out(pooled: Pooled) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(each.run)}<td>{escape(each.test)}<td>{escape(each.reason)}</tr>'
        for each in pooled.left_out
    )
    return table_html("left-out", "Left out", ("Run", "Test", "Reason"), rows)


def _group(group: PooledGroup, place: int, *, simulated: bool) -> str:
    flag = '<span class="simulated">SIMULATED</span>' if simulated else ""
    figures = "".join(figure_html(each, f"{place}/{each.name}", simulated) for each in group.figures)
    return "".join(
        [
            f'<section class="bench-test" aria-label="{escape(group.title)}"><header>',
            f"<h3><span>{escape(group.title)}</span> {flag}</h3>",
            f'<p class="title">{_count(group.tests, "test")} of {_count(group.pumps, "pump")}</p></header>',
            list_html("notes", "Notes", group.notes),
            *(data_table_html(table) for table in group.tables[:1]),
            f'<h4>Figures</h4><div class="figures">{figures}</div>' if figures else "",
            *(data_table_html(table) for table in group.tables[1:]),
            "</section>",
        ]
    )


def _page_style(pooled: Pooled) -> str:
    """Return the running head and foot of printed pages, and room between the groups."""
    head = "SIMULATED DATA" if pooled.simulated else ""
    return (
        f'<style>@page{{@top-center{{content:"{head}";font:bold 9pt sans-serif}}'
        '@bottom-right{content:"page " counter(page) " of " counter(pages);font:8pt sans-serif}}'
        ".bench-test{margin-top:28px}</style>"
    )


def _instant(text: str) -> str:
    return f"{text.removesuffix('Z').removesuffix('+00:00').replace('T', ' ')} UTC" if text else ""


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
