"""What the paper and the screen form of a figure share: ranges, colours, pairs of band edges, places of mark labels."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.reporting.scales import decades, padded, tick_label, ticks, time_unit
from bench.results.model import Figure, Mark, Series

# Okabe and Ito, then a grey for what frames the data and a black for what happens to them.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5A6570", "#1A1D21")
_FRAME = 6
_COLOUR_OF_ROLE = {
    "mass": 0,
    "volume": 0,
    "delivered": 0,
    "error": 0,
    "rate": 0,
    "pulse": 1,
    "missed": 1,
    "pulse-expected": 2,
    "pulse-missed": 1,
    "pulse-doubled": 4,
    "pulse-extra": 3,
    "pulse-split": 5,
    "alarm": 1,
    "pressure": 2,
    "doubled": 4,
    "temperature": 3,
    "envelope": 2,
    "limit": _FRAME,
    "nominal": _FRAME,
    "event": 7,
}
_ORDER_OF_THE_REST = (0, 1, 2, 3, 4, 5, 7)
LANES = 4
_MANY_POINTS = 150
_SELDOM = 3
_FEW_PLACES = 14
_OWN_NUMBER = re.compile(r"\d+$")


@dataclass(frozen=True, slots=True)
class PlacedMark:
    """A mark with the text that stands at its head (nothing where there was no room) and the lane of that text."""

    x: float
    text: str
    lane: int
    leftwards: bool


def drawn(figure: Figure) -> Figure:
    """Return a figure with the decimal logarithms of what stands on its logarithmic axes; what has none is left out."""
    if not figure.x_log and not figure.y_log:
        return figure
    x: Callable[[float], float | None] = _logarithm if figure.x_log else float
    y: Callable[[float], float | None] = _logarithm if figure.y_log else float
    series = [
        one.model_copy(
            update={
                "x": [None if value is None else x(value) for value in one.x],
                "y": [None if value is None else y(value) for value in one.y],
            }
        )
        for one in figure.series
    ]
    marks = [mark.model_copy(update={"x": at}) for mark in figure.marks if (at := x(mark.x)) is not None]
    rules = [rule.model_copy(update={"y": at}) for rule in figure.rules if (at := y(rule.y)) is not None]
    return figure.model_copy(update={"series": series, "marks": marks, "rules": rules})


def _logarithm(value: float) -> float | None:
    return math.log10(value) if value > 0.0 else None


def is_wide(figure: Figure) -> bool:
    """Return whether a figure needs the whole width of the page: long curves and marked events do."""
    return bool(figure.marks) or any(len(series.x) > _MANY_POINTS for series in figure.series)


def is_ordered(figure: Figure) -> bool:
    """Return whether every curve runs from left to right, as the zoomable form needs."""
    for series in figure.series:
        xs = [x for x in series.x if x is not None]
        if series.style != "points" and any(b < a for a, b in itertools.pairwise(xs)):
            return False
    return True


def colours(figure: Figure) -> list[int]:
    """Return each series' place in the palette: by role, and no two roles of a figure alike while colours last."""
    owner: dict[int, str] = {}
    chosen: list[int] = []
    for index, series in enumerate(figure.series):
        name = series.role or f"#{index}"
        wanted = _COLOUR_OF_ROLE.get(series.role)
        order = [*([wanted] if wanted is not None else []), *_ORDER_OF_THE_REST]
        colour = next((c for c in order if owner.get(c, name) == name), order[0])
        owner[colour] = name
        chosen.append(colour)
    return chosen


def band_pairs(figure: Figure) -> list[tuple[int, int]]:
    """Return the bands as pairs of series numbers (low, high): the first low edge goes with the first high edge."""
    lows = [n for n, series in enumerate(figure.series) if series.style == "band-low"]
    highs = [n for n, series in enumerate(figure.series) if series.style == "band-high"]
    return list(zip(lows, highs, strict=False))


def bar_width(series: Series) -> float:
    """Return the width of a series' bars in units of x: most of the least distance between two."""
    xs = sorted({x for x in series.x if x is not None})
    return 0.86 * min((b - a for a, b in itertools.pairwise(xs)), default=1.0)


def bar_offsets(figure: Figure) -> dict[int, tuple[float, float]]:
    """Return for each series of bars its (offset, width) in units of x; several stand side by side."""
    bars = [n for n, series in enumerate(figure.series) if series.style == "bars"]
    widths = [bar_width(figure.series[n]) for n in bars]
    whole = min(widths, default=1.0)
    part = whole / max(len(bars), 1)
    return {n: ((place + 0.5) * part - whole / 2, part) for place, n in enumerate(bars)}


def x_range(figure: Figure) -> tuple[float, float]:
    """Return the range of the x axis."""
    bars = bar_offsets(figure)
    edges = [mark.x for mark in figure.marks]
    for index, series in enumerate(figure.series):
        offset, width = bars.get(index, (0.0, 0.0))
        xs = [x for x, y in zip(series.x, series.y, strict=True) if x is not None and y is not None]
        if xs:
            edges += [min(xs) + offset - width / 2, max(xs) + offset + width / 2]
    few = all(len(series.x) <= _MANY_POINTS for series in figure.series)
    return padded(edges, 0.03 if few else 0.01)


def y_range(figure: Figure) -> tuple[float, float]:
    """Return the range of the y axis; rules are always inside."""
    values = [rule.y for rule in figure.rules]
    for series in figure.series:
        values += [y for x, y in zip(series.x, series.y, strict=True) if x is not None and y is not None]
    return padded(values, 0.06, with_zero=any(series.style == "bars" for series in figure.series))


def x_ticks(figure: Figure, about: int, room: float) -> list[tuple[float, str]]:
    """Return the ticks of the x axis: where few places have data, these; else round values.

    Args:
        figure: what is drawn.
        about: how many round values are wanted.
        room: least distance of two ticks, as a share of the axis.

    """
    low, high = x_range(figure)
    if figure.x_log:
        return decades(low, high)
    places = few_places(figure)
    chosen: list[float] = []
    for place in places:
        if not chosen or place - chosen[-1] >= room * (high - low):
            chosen.append(place)
    return [(x, tick_label(x)) for x in chosen] if places else ticks(low, high, about, x_unit(figure))


def few_places(figure: Figure) -> list[float]:
    """Return the places of data on the x axis where they are few (windows, numbers of boluses), else nothing.

    Those of a single course are its ticks only where they count: nothing was weighed the 1.5th time.
    """
    if figure.x_log or figure.marks or any(series.style in ("bars", "step") for series in figure.series):
        return []
    places = sorted({x for series in figure.series for x in series.x if x is not None})
    meant = len(figure.series) > 1 or (not x_unit(figure) and all(place == round(place) for place in places))
    return places if meant and 2 <= len(places) <= _FEW_PLACES else []


def counts(figure: Figure) -> bool:
    """Return whether the y axis counts things: bars of whole heights."""
    ys = [y for series in figure.series for y in series.y if y is not None]
    return bool(ys) and all(s.style == "bars" for s in figure.series) and all(y == round(y) for y in ys)


def y_ticks(figure: Figure, about: int) -> list[tuple[float, str]]:
    """Return the ticks of the y axis; counts have none between whole numbers."""
    if figure.y_log:
        return decades(*y_range(figure))
    found = ticks(*y_range(figure), about)
    if counts(figure) and any(value != round(value) for value, _ in found):
        return [(value, f"{value:.0f}") for value, _ in found if value == round(value)]
    return found


def x_unit(figure: Figure) -> str:
    """Return the time unit of the x axis, if it is a time."""
    return time_unit(figure.x_label)


def mark_texts(marks: Sequence[Mark]) -> list[tuple[Mark, str, str, str]]:
    """Return the marks by x, each with three forms of its text, of which the first that fits everywhere is drawn.

    They are its label; a number where more than `_SELDOM` labels are of its kind (`bolus 7`, `bolus 8`), else its
    label; its running number.
    """
    ordered = sorted(marks, key=lambda mark: mark.x)
    count = Counter(_kind(mark.label) for mark in ordered)
    often = {kind for kind, times in count.items() if times > _SELDOM}
    own = [_OWN_NUMBER.search(mark.label) for mark in ordered if _kind(mark.label) in often]
    own_numbers = [found.group() for found in own if found]
    tell_apart = len(often) == 1 and len(set(own_numbers)) == len(own)
    forms = []
    for place, mark in enumerate(ordered):
        running = str(place + 1)
        found = _OWN_NUMBER.search(mark.label)
        short = found.group() if tell_apart and found else running
        forms.append((mark, mark.label, short if _kind(mark.label) in often else mark.label, running))
    return forms


def _kind(label: str) -> str:
    return _OWN_NUMBER.sub("", label).rstrip() or label


def place_marks(
    marks: Sequence[Mark], pixels: Callable[[float], float], right: float, character: float
) -> list[PlacedMark]:
    """Give each mark's text a lane above the plot so that none meets another or another's line.

    Where four lanes do not do for the labels, running numbers stand for them (`mark_key` explains these), and a
    number without room is left out. Marks come back in the order of their x.
    """
    forms = mark_texts(marks)
    at = [pixels(form[0].x) for form in forms]
    texts: list[str] = []
    lanes: list[int | None] = []
    for which in (1, 2, 3):
        texts = [str(form[which]) for form in forms]
        lanes = _lanes(texts, at, right, character)
        if None not in lanes:
            break
    return [
        PlacedMark(form[0].x, "" if lane is None else text, lane or 0, _leftwards(text, x, right, character))
        for form, text, lane, x in zip(forms, texts, lanes, at, strict=True)
    ]


def mark_key(marks: Sequence[Mark], placed: Sequence[PlacedMark]) -> list[tuple[str, str]]:
    """Return what stands for numbers: each kind of label with its numbers, runs shortened (`bolus`, `1–25`)."""
    forms = mark_texts(marks)
    numbered = [n for n, (form, at) in enumerate(zip(forms, placed, strict=True)) if at.text != form[1]]
    running = any(placed[n].text not in (forms[n][2], "") or forms[n][1] == forms[n][2] for n in numbered)
    numbers: dict[str, list[int]] = {}
    for n in numbered:
        kind = forms[n][1] if running else _kind(forms[n][1])
        numbers.setdefault(kind, []).append(int(forms[n][3] if running else forms[n][2]))
    return [(kind, _runs(found)) for kind, found in numbers.items()]


def _runs(numbers: list[int]) -> str:
    runs: list[list[int]] = []
    for n in numbers:
        if runs and runs[-1][-1] == n - 1:
            runs[-1].append(n)
        else:
            runs.append([n])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


def _leftwards(text: str, x: float, right: float, character: float) -> bool:
    return x + len(text) * character + 4 > right


def _lanes(labels: Sequence[str], at: Sequence[float], right: float, character: float) -> list[int | None]:
    taken: list[tuple[float, float, float, int]] = []  # line, text from, text to, lane
    lanes: list[int | None] = [None] * len(labels)
    for n in reversed(range(len(labels))):
        x, width = at[n], len(labels[n]) * character + 4
        start, end = (x - width, x) if _leftwards(labels[n], x, right, character) else (x, x + width)
        for lane in range(LANES):
            if start >= 0 and not any(_meet((x, start, end, lane), other) for other in taken):
                lanes[n] = lane
                taken.append((x, start, end, lane))
                break
    return lanes


def _meet(a: tuple[float, float, float, int], b: tuple[float, float, float, int]) -> bool:
    if a[3] == b[3]:
        return a[1] < b[2] + 3 and b[1] < a[2] + 3
    high, low = (a, b) if a[3] > b[3] else (b, a)
    return low[1] - 1 <= high[0] <= low[2] + 1
