"""A figure as HTML: drawn as SVG, and zoomable on screen."""

from __future__ import annotations

from html import escape

from bench.reporting import encode, layout, svg
from bench.reporting.numbers import with_minus
from bench.results.model import Figure


def figure_html(figure: Figure, key: str, simulated: bool, *, zoomable: bool = True) -> str:
    """Return a figure: its SVG inside the element that makes it zoomable on screen, and its caption."""
    zooms = zoomable and layout.is_ordered(figure)
    data = f' data-chart="{encode.encode(figure, simulated=simulated)}"' if zooms else ""
    width = "wide" if layout.is_wide(figure) else "half"
    return (
        f'<figure class="bench-figure {width}"><figcaption><b>{escape(figure.title)}</b></figcaption>'
        f'<bench-chart data-key="{escape(key)}"{data}>{svg.svg(figure, simulated=simulated)}</bench-chart>'
        f"{_mark_key(figure)}<p>{escape(with_minus(figure.caption))}</p></figure>"
    )


def _mark_key(figure: Figure) -> str:
    """Explain the numbers that stand for mark labels where these had no room."""
    inside = "; ".join(f"<b>{escape(numbers)}</b> {escape(label)}" for label, numbers in svg.mark_key(figure))
    return f'<p class="key">Marks: {inside}</p>' if inside else ""
