"""Figures as SVG for paper, for a page without scripts, and as what stands until the zoomable form is drawn.

Colours are presentation attributes in the print palette, so that the drawing is right wherever it is copied to; the
classes let a page's style sheet change them for a dark screen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from bench.reporting import layout
from bench.results.model import Figure, Series

_FONT = 11.5
_CHARACTER = 0.6 * _FONT
_LANE = 14.0
_GRAIN = 10  # path coordinates are tenths of a pixel
_COLUMN = 2.0  # pixels in which a curve shows its first, least, greatest and last value
_FEW = 40
_Y_TICKS = 6
_TICK_ROOM = 26.0  # pixels between two ticks that stand at the data
_LONGEST_RULE_LABEL = 26
_DASHES = {"limit": "6 4", "nominal": "2 3", "envelope": "5 3"}


@dataclass(frozen=True, slots=True)
class _Frame:
    left: float
    right: float
    top: float
    bottom: float
    x: tuple[float, float]
    y: tuple[float, float]

    def across(self, value: float) -> float:
        return self.left + (value - self.x[0]) / (self.x[1] - self.x[0]) * (self.right - self.left)

    def down(self, value: float) -> float:
        return self.bottom - (value - self.y[0]) / (self.y[1] - self.y[0]) * (self.bottom - self.top)


def svg(figure: Figure, *, simulated: bool) -> str:
    """Return a figure as one `<svg>` element; a curve of many points shows the extremes of each two pixels."""
    figure = layout.drawn(figure)
    frame, marks, width = _arranged(figure, simulated=simulated)
    legend, legend_height = _legend(figure, frame.bottom + 42, frame.left, width)
    body = [
        f"<title>{escape(figure.title)}</title>",
        _axes(figure, frame),
        _bands(figure, frame),
        _curves(figure, frame),
        _rules(figure, frame),
        _marks(frame, marks),
        legend,
    ]
    if simulated:
        body.append(_text(width - 2, 10, "SIMULATED DATA", anchor="end", extra=' font-weight="bold"'))
    label = escape(f"{figure.title}: {figure.y_label} against {figure.x_label}")
    height = frame.bottom + 40 + legend_height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{label}"'
        f' font-family="system-ui,sans-serif" font-size="{_FONT}">{"".join(body)}</svg>'
    )


def mark_key(figure: Figure) -> list[tuple[str, str]]:
    """Return what the numbers that stand for mark labels mean, as (label, numbers); nothing where labels had room."""
    return layout.mark_key(figure.marks, _arranged(layout.drawn(figure), simulated=False)[1])


def _arranged(figure: Figure, *, simulated: bool) -> tuple[_Frame, list[layout.PlacedMark], float]:
    """Return the frame of the plot, the marks with their places, and the width of the drawing."""
    width, plot_height = (800.0, 210.0) if layout.is_wide(figure) else (430.0, 200.0)
    x_limits, y_limits = layout.x_range(figure), layout.y_range(figure)
    left = 30 + _CHARACTER * max((len(text) for _, text in layout.y_ticks(figure, _Y_TICKS)), default=1)
    right = width - 16 - _CHARACTER * max((len(_shortened(rule.label)) for rule in figure.rules), default=0)
    per_unit = (right - left) / (x_limits[1] - x_limits[0])
    marks = layout.place_marks(figure.marks, lambda x: left + (x - x_limits[0]) * per_unit, width, _CHARACTER)
    top = 10 + (_LANE * (1 + max(mark.lane for mark in marks)) if marks else 0) + (_LANE if simulated else 0)
    return _Frame(left, right, top, top + plot_height, x_limits, y_limits), marks, width


def _axes(figure: Figure, frame: _Frame) -> str:
    y_ticks = layout.y_ticks(figure, _Y_TICKS)
    across = frame.right - frame.left
    x_ticks = layout.x_ticks(figure, max(int(across / 75), 2), _TICK_ROOM / across)
    grid = "".join(f"M{frame.left:.1f} {frame.down(v):.1f}H{frame.right:.1f}" for v, _ in y_ticks)
    grid += "".join(f"M{frame.across(v):.1f} {frame.top:.1f}V{frame.bottom:.1f}" for v, _ in x_ticks)
    parts = [
        f'<path class="grid" d="{grid}" stroke="#E3E7EB" fill="none"/>',
        f'<path class="axis" d="M{frame.left:.1f} {frame.top:.1f}V{frame.bottom:.1f}H{frame.right:.1f}"'
        ' stroke="#5A6570" fill="none"/>',
    ]
    parts += [_text(frame.left - 6, frame.down(value) + 4, text, anchor="end") for value, text in y_ticks]
    parts += [_text(frame.across(value), frame.bottom + 16, text, anchor="middle") for value, text in x_ticks]
    middle = (frame.top + frame.bottom) / 2
    parts.append(_text((frame.left + frame.right) / 2, frame.bottom + 33, figure.x_label, anchor="middle"))
    turned = f' transform="rotate(-90 12 {middle:.1f})"'
    parts.append(_text(12, middle, figure.y_label, anchor="middle", extra=turned))
    return "".join(parts)


def _bands(figure: Figure, frame: _Frame) -> str:
    palette = layout.colours(figure)
    parts = []
    for low, high in layout.band_pairs(figure):
        forth = _points(figure.series[high], frame)
        back = _points(figure.series[low], frame)
        outline = [point for part in forth for point in part] + [p for part in reversed(back) for p in reversed(part)]
        if outline:
            path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in outline) + "Z"
            k = palette[low]
            parts.append(f'<path class="f{k}" d="{path}" fill="{layout.PALETTE[k]}" fill-opacity=".22"/>')
    return "".join(parts)


def _curves(figure: Figure, frame: _Frame) -> str:
    palette, bars = layout.colours(figure), layout.bar_offsets(figure)
    parts = []
    for index, series in enumerate(figure.series):
        k = palette[index]
        colour = layout.PALETTE[k]
        points = _points(series, frame)
        if series.style == "bars":
            path = _bars(series, frame, *bars[index])
            parts.append(f'<path class="f{k}" d="{path}" fill="{colour}" fill-opacity=".75"/>')
            continue
        if series.style != "points":
            dash = f' stroke-dasharray="{_scaled_dash(_DASHES[series.role])}"' if series.role in _DASHES else ""
            path = "".join(_path(_thinned(part), stepped=series.style == "step") for part in points)
            parts.append(_drawn(path, k, colour, f'stroke-width="15" stroke-linejoin="round"{dash}'))
        if series.style == "points" or (series.style == "line" and sum(map(len, points)) <= _FEW):
            dots = "".join(f"M{x * _GRAIN:.0f} {y * _GRAIN:.0f}h0" for part in points for x, y in part)
            size = 45 if series.style == "points" and sum(map(len, points)) > 60 else 60
            parts.append(_drawn(dots, k, colour, f'stroke-width="{size}" stroke-linecap="round"'))
    return f'<g transform="scale({1 / _GRAIN:g})" fill="none">{"".join(parts)}</g>'


def _drawn(path: str, k: int, colour: str, style: str) -> str:
    return f'<path class="s{k}" d="{path}" stroke="{colour}" {style}/>' if path else ""


def _scaled_dash(dash: str) -> str:
    return " ".join(str(int(part) * _GRAIN) for part in dash.split())


def _points(series: Series, frame: _Frame) -> list[list[tuple[float, float]]]:
    """Return a series in pixels, in one list for each stretch without a gap."""
    parts: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(series.x, series.y, strict=True):
        if x is not None and y is not None:
            parts[-1].append((frame.across(x), frame.down(y)))
        elif parts[-1]:
            parts.append([])
    return [part for part in parts if part]


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Keep the first, least, greatest and last point of each column of pixels."""
    if len(points) < 4:
        return points
    kept: list[tuple[float, float]] = []
    start = 0
    while start < len(points):
        column = math.floor(points[start][0] / _COLUMN)
        end = start + 1
        while end < len(points) and math.floor(points[end][0] / _COLUMN) == column:
            end += 1
        if end - start <= 2:
            kept += points[start:end]
        else:
            inside = range(start, end)
            least, greatest = min(inside, key=lambda n: points[n][1]), max(inside, key=lambda n: points[n][1])
            kept += [points[n] for n in sorted({start, least, greatest, end - 1})]
        start = end
    return kept


def _path(points: list[tuple[float, float]], *, stepped: bool) -> str:
    x, y = round(points[0][0] * _GRAIN), round(points[0][1] * _GRAIN)
    moves = [f"M{x} {y}"]
    for next_x, next_y in points[1:]:
        dx, dy = round(next_x * _GRAIN) - x, round(next_y * _GRAIN) - y
        if stepped:
            moves.append((f"h{dx}" if dx else "") + (f"v{dy}" if dy else ""))
        else:
            moves.append(f"l{dx} {dy}" if dy >= 0 else f"l{dx}{dy}")
        x, y = x + dx, y + dy
    return "".join(moves)


def _bars(series: Series, frame: _Frame, offset: float, width: float) -> str:
    zero = frame.down(0.0) * _GRAIN
    parts = []
    for x, y in zip(series.x, series.y, strict=True):
        if x is None or y is None:
            continue
        start = frame.across(x + offset - width / 2) * _GRAIN
        end = frame.across(x + offset + width / 2) * _GRAIN
        parts.append(f"M{start:.0f} {zero:.0f}V{frame.down(y) * _GRAIN:.0f}H{end:.0f}V{zero:.0f}Z")
    return "".join(parts)


def _rules(figure: Figure, frame: _Frame) -> str:
    """Draw rules dashed, each labelled in the right margin; labels that would meet are pushed apart."""
    parts, used = [], frame.top - _LANE
    for rule in sorted(figure.rules, key=lambda rule: -rule.y):
        y, text = frame.down(rule.y), _shortened(rule.label)
        at = max(y, used + 13)
        used = at
        parts.append(
            f'<path class="s6" d="M{frame.left:.1f} {y:.1f}H{frame.right:.1f}L{frame.right + 5:.1f} {at:.1f}"'
            f' stroke="{layout.PALETTE[6]}" stroke-width="1.2" stroke-dasharray="6 4" fill="none"/>'
        )
        parts.append(_text(frame.right + 8, at + 4, text, title=rule.label if text != rule.label else ""))
    return "".join(parts)


def _marks(frame: _Frame, marks: Sequence[layout.PlacedMark]) -> str:
    lines, texts = [], []
    for mark in marks:
        x = frame.across(mark.x)
        baseline = frame.top - 5 - mark.lane * _LANE
        lines.append(f"M{x:.1f} {baseline - 9 if mark.text else frame.top:.1f}V{frame.bottom:.1f}")
        if mark.text:
            anchor = "end" if mark.leftwards else "start"
            texts.append(_text(x + (-3 if mark.leftwards else 3), baseline, mark.text, anchor=anchor))
    if not lines:
        return ""
    path = "".join(lines)
    line = f'<path class="s7" d="{path}" stroke="{layout.PALETTE[7]}" stroke-opacity=".55" fill="none"/>'
    return line + "".join(texts)


def legend_entries(figure: Figure) -> list[tuple[str, int, str]]:
    """Return (label, palette place, style) of what a legend names; the two edges of a band are one entry."""
    palette = layout.colours(figure)
    low_of = {high: low for low, high in layout.band_pairs(figure)}
    entries: list[tuple[str, int, str]] = []
    for index, series in enumerate(figure.series):
        if index in low_of:
            continue
        high = next((h for h, low in low_of.items() if low == index), None)
        label = series.label
        if high is not None and figure.series[high].label != label:
            label = f"{label} / {figure.series[high].label}"
        if label:
            style = "band" if high is not None else series.style
            entries.append((label, palette[index], style))
    return entries


def _legend(figure: Figure, y: float, left: float, width: float) -> tuple[str, float]:
    parts, x, top = [], left, y
    for label, k, style in legend_entries(figure):
        needed = 30 + len(label) * _CHARACTER
        if x > left and x + needed > width:
            x, y = left, y + 16
        colour = layout.PALETTE[k]
        if style in ("bars", "band"):
            opacity = ".75" if style == "bars" else ".35"
            path = f"M{x:.1f} {y - 1:.1f}h16v10h-16z"
            parts.append(f'<path class="f{k}" d="{path}" fill="{colour}" fill-opacity="{opacity}"/>')
        elif style == "points":
            path = f"M{x + 8:.1f} {y + 4:.1f}h0"
            parts.append(f'<path class="s{k}" d="{path}" stroke="{colour}" stroke-width="6" stroke-linecap="round"/>')
        else:
            role = next((s.role for s in figure.series if s.label == label), "")
            dash = f' stroke-dasharray="{_DASHES[role]}"' if role in _DASHES else ""
            path = f"M{x:.1f} {y + 4:.1f}h16"
            parts.append(f'<path class="s{k}" d="{path}" stroke="{colour}" stroke-width="2"{dash}/>')
        parts.append(_text(x + 21, y + 8, label))
        x += needed
    return "".join(parts), (y - top + 18 if parts else 0)


def _text(x: float, y: float, text: str, *, anchor: str = "", extra: str = "", title: str = "") -> str:
    where = f' text-anchor="{anchor}"' if anchor else ""
    inside = f"<title>{escape(title)}</title>" if title else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="#1A1D21"{where}{extra}>{inside}{escape(text)}</text>'


def _shortened(label: str) -> str:
    return label if len(label) <= _LONGEST_RULE_LABEL else label[: _LONGEST_RULE_LABEL - 1] + "…"
