"""The validation's report: one HTML file that opens without a network, in the look of a run's report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from bench.reporting.html import assets_html
from bench.reporting.measurements import verdict_chip
from bench.reporting.numbers import duration
from bench.results.model import Verdict
from bench.validation.cases_html import faults_html, references_html
from bench.validation.coverage_html import coverage_html
from bench.validation.judging import GUARDED
from bench.validation.model import Covers, Validation
from bench.validation.rules_html import rules_html

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
            coverage_html(found),
            rules_html(found),
            faults_html(found),
            references_html(found),
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
