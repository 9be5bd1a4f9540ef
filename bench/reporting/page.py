"""What a page needs once: style, the chart library and the chart element; and the last touch to pytest-html's file."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_ASSETS = Path(__file__).parent / "assets"
_CSS_SOURCE = re.compile(r"^ \* .*[/\\](report\.css)$", re.MULTILINE)


def css_path() -> Path:
    """Return the style sheet of reports, for pytest-html's `--css`."""
    return _ASSETS / "report.css"


@cache
def css_text() -> str:
    """Return the style of reports and of the chart library."""
    return _read("uPlot.min.css") + _read("report.css")


@cache
def assets_html() -> str:
    """Return style and scripts as HTML that a page holds once, before any chart."""
    scripts = "".join(f"<script>{_read(name)}</script>" for name in ("uPlot.iife.min.js", "chart.js"))
    return f"<style>{css_text()}</style>{scripts}"


def finish_page(path: Path) -> None:
    """Give pytest-html's page what it lacks for readers of every kind: a language, a viewport, named checkboxes.

    The file is replaced in one step, so that no half-written report is ever seen.
    """
    text = path.read_text(encoding="utf-8")
    text = text.replace("<html>", '<html lang="en">', 1)
    text = text.replace(
        '<meta charset="utf-8"/>',
        '<meta charset="utf-8"/><meta name="viewport" content="width=device-width"/>'
        '<meta name="color-scheme" content="light dark"/>',
        1,
    )
    text = re.sub(
        r'(<input [^>]*name="filter_checkbox"[^>]*data-test-result="(\w+)")', r'\1 aria-label="show \2"', text
    )
    # A report is kept for years and opens without a network: it links to nothing outside.
    text = re.sub(r'<a href="https?://[^"]*pytest-html[^"]*">(pytest-html)</a>', r"\1", text, count=1)
    text = _CSS_SOURCE.sub(r" * \1", text)  # the machine's own path, which is nobody's business
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def _read(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")
