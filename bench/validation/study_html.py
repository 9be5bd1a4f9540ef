"""What the sections of a validation's report are built of: a table of data, and figures."""

from __future__ import annotations

from collections.abc import Sequence

from bench.reporting.html import figure_html
from bench.results.model import Figure


def table_html(heads: str, rows: str, kind: str = "measured") -> str:
    """Return a table of a class, of cells as HTML has them: one row of heads above others."""
    head = f"<thead><tr>{heads}</tr></thead>"
    return f'<div class="data"><table class="{kind}">{head}<tbody>{rows}</tbody></table></div>'


def figures_html(figures: Sequence[Figure]) -> str:
    """Return figures one below the other, each marked as simulated."""
    inside = "".join(figure_html(each, each.name, simulated=True) for each in figures)
    return f'<div class="figures">{inside}</div>' if figures else ""
