"""A figure's drawing: valid, complete, its extremes kept, its words apart."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET

import pytest

from bench.reporting import layout, scales
from bench.reporting.svg import mark_key, svg
from bench.results.model import Figure, Mark, Rule, Series
from tests.reporting.sample_result import HOSTILE, sample_run, trumpet_figure

SVG = "{http://www.w3.org/2000/svg}"
FIGURES = [figure for test in sample_run().tests if test.evaluation for figure in test.evaluation.figures]


def parsed(drawing: str) -> ET.Element:
    return ET.fromstring(drawing)  # noqa: S314 - our own drawing


def figure(*series: Series, marks: list[Mark] | None = None, rules: list[Rule] | None = None) -> Figure:
    return Figure(
        name="f",
        title="t",
        x_label="time / h",
        y_label="y",
        series=list(series),
        marks=marks or [],
        rules=rules or [],
        caption="c",
    )


def line(ys: list[float | None]) -> Series:
    return Series(label="curve", x=[float(n) for n in range(len(ys))], y=ys)


def text_boxes(drawing: str) -> list[tuple[float, float, float, float, str]]:
    """Return the upright texts of a drawing as boxes, by the usual width of a sans-serif letter."""
    boxes = []
    for text in parsed(drawing).iter(f"{SVG}text"):
        if "transform" in text.attrib:
            continue
        words = "".join(text.itertext())
        x, y, width = float(text.attrib["x"]), float(text.attrib["y"]), 6.0 * len(words)
        start = x - {"end": width, "middle": width / 2}.get(text.attrib.get("text-anchor", ""), 0.0)
        boxes.append((start, start + width, y - 10, y + 2, words))
    return boxes


@pytest.mark.parametrize("shown", FIGURES[:7] + FIGURES[9:14], ids=lambda f: f.name)
def test_drawing_is_valid_and_no_text_lies_on_another_or_outside(shown: Figure) -> None:
    drawing = svg(shown, simulated=True)
    root = parsed(drawing)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"].startswith(shown.title)
    boxes = text_boxes(drawing)
    assert "SIMULATED DATA" in [box[4] for box in boxes]
    for a, b in itertools.combinations(boxes, 2):
        assert not (a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]), (a, b)
    for box in boxes:
        assert box[0] >= -1, box
        assert box[1] <= width + 1, box
        assert box[3] <= height, box


def test_texts_are_escaped() -> None:
    shown = figure(line([1, 2]), marks=[Mark(x=0.5, label=HOSTILE)], rules=[Rule(y=1, label="</svg><script>")])
    drawing = svg(shown.model_copy(update={"title": HOSTILE, "y_label": '"><b>'}), simulated=False)
    assert "<img" not in drawing
    assert "<script" not in drawing
    assert {element.tag.removeprefix(SVG) for element in parsed(drawing).iter()} == {
        "svg",
        "title",
        "path",
        "g",
        "text",
    }


def test_a_single_spike_among_many_points_is_drawn() -> None:
    ys: list[float | None] = [0.0] * 20_000
    ys[12_345] = 5.0
    shown = figure(line(ys))
    path = next(p.attrib["d"] for p in parsed(svg(shown, simulated=False)).iter(f"{SVG}path") if "l" in p.attrib["d"])
    steps = [int(dy) for _, dy in re.findall(r"l(-?\d+) ?(-?\d+)", path)]
    plot_height = 2100  # tenths of a pixel; the y range is 6 % wider than the data at both ends
    assert min(steps) == pytest.approx(-plot_height / 1.12, abs=2)
    assert len(path) < 10_000


def test_gaps_are_not_bridged() -> None:
    drawing = svg(figure(line([1, 2, None, 2, 3])), simulated=False)
    paths = [p.attrib["d"] for p in parsed(drawing).iter(f"{SVG}path") if p.attrib.get("stroke-width") == "15"]
    assert paths[0].count("M") == 2


@pytest.mark.parametrize(
    "series",
    [
        line([]),
        line([None, None]),
        line([3.0]),
        line([2.0, 2.0]),
        Series(label="b", x=[1], y=[4], style="bars"),
        line([1e-9, 2e-9]),
    ],
)
def test_poor_data_are_drawn_all_the_same(series: Series) -> None:
    parsed(svg(figure(series), simulated=False))


def test_no_series_at_all() -> None:
    parsed(svg(figure(), simulated=False))


def test_rules_are_in_view_and_named() -> None:
    shown = figure(line([1.0, 2.0]), rules=[Rule(y=9.0, label="upper limit 9 µL"), Rule(y=9.01, label="twin")])
    low, high = layout.y_range(shown)
    assert low < 1.0
    assert high > 9.01
    boxes = {box[4]: box for box in text_boxes(svg(shown, simulated=False))}
    assert abs(boxes["upper limit 9 µL"][2] - boxes["twin"][2]) >= 12


def test_labels_that_repeat_become_numbers_and_the_others_stay() -> None:
    shown = next(each for each in FIGURES if each.name == "strip")
    words = [box[4] for box in text_boxes(svg(shown, simulated=False))]
    assert f"alarm {HOSTILE}" in words
    assert "bolus commanded" not in words
    assert mark_key(shown) == [("bolus commanded", "1–12, 14–26")]


def test_labels_that_count_become_their_own_numbers() -> None:
    marks = [Mark(x=0.1 * n, label=f"bolus {n + 1}") for n in range(1, 25)] + [Mark(x=1.23, label="alarm OCCLUSION")]
    shown = figure(line([1.0, 2.0]), marks=marks)
    words = [box[4] for box in text_boxes(svg(shown, simulated=False))]
    assert {"2", "25", "alarm OCCLUSION"} <= set(words)
    assert mark_key(shown) == [("bolus", "2–25")]


def test_too_many_kinds_of_marks_are_all_numbered_and_explained() -> None:
    words = ["one long label of an event", "another long label of one", "and a third one, as long as these"]
    marks = [Mark(x=0.001 * n, label=words[n % 3] + "abcdefghi"[n // 3]) for n in range(9)]
    shown = figure(line([1.0, 2.0]), marks=marks)
    assert [label for label, _ in mark_key(shown)] == [mark.label for mark in marks]
    assert [numbers for _, numbers in mark_key(shown)] == [str(n) for n in range(1, 10)]


def test_few_marks_keep_their_labels() -> None:
    shown = next(each for each in FIGURES if each.name == "pressure")
    words = [box[4] for box in text_boxes(svg(shown, simulated=False))]
    assert {mark.label for mark in shown.marks} <= set(words)
    assert mark_key(shown) == []


def test_ticks_are_round_and_dial_like_for_times() -> None:
    assert [text for _, text in scales.ticks(0, 24, 8, "h")] == ["0", "3", "6", "9", "12", "15", "18", "21", "24"]
    assert [text for _, text in scales.ticks(-0.25, 0.31, 6)] == ["−0.2", "−0.1", "0.0", "0.1", "0.2", "0.3"]
    assert [
        scales.time_unit(label) for label in ("time / h", "time in min", "t (s)", "rate / (U/h)", "U/h", "path")
    ] == [
        "h",
        "min",
        "s",
        "",
        "",
        "",
    ]


def test_two_roles_of_a_figure_never_share_a_colour() -> None:
    shown = figure(
        Series(label="a", x=[0], y=[0], role="mass"),
        Series(label="b", x=[0], y=[0], role="volume"),
        Series(label="c", x=[0], y=[0], role="mass"),
    )
    a, b, c = layout.colours(shown)
    assert a == c
    assert a != b


def test_few_places_of_data_are_the_ticks() -> None:
    assert [label for _, label in layout.x_ticks(trumpet_figure(), 4, 0.05)] == ["2", "5", "11", "19", "31"]
    assert [label for _, label in layout.x_ticks(trumpet_figure(), 4, 0.2)] == ["2", "11", "19", "31"]


def test_what_is_counted_on_the_x_axis_has_no_ticks_between() -> None:
    weighed = Series(label="weighed", x=[1.0, 2.0, 3.0], y=[20.0, 20.1, 20.0])
    counted = figure(weighed).model_copy(update={"x_label": "weighing"})
    assert [label for _, label in layout.x_ticks(counted, 6, 0.05)] == ["1", "2", "3"]
    assert len(layout.x_ticks(figure(weighed), 6, 0.05)) > 3  # hours


def test_counts_have_whole_ticks_and_every_axis_at_least_three() -> None:
    counted = figure(Series(label="b", x=[-4, -3, 0, 4], y=[0, 1, 2, 0], style="bars"))
    assert [label for _, label in layout.y_ticks(counted, 6)] == ["0", "1", "2"]
    assert len(layout.x_ticks(counted, 4, 0.05)) >= 3


def logarithmic() -> Figure:
    xs: list[float | None] = [0.1, 1.0, 10.0, 1000.0]
    curve = Series(label="curve", x=xs, y=[0.02, 0.005, 0.0, 0.01])
    return figure(curve, rules=[Rule(y=0.005, label="limit")]).model_copy(update={"x_log": True, "y_log": True})


def test_logarithmic_axes_have_decades_of_equal_length_labelled_with_plain_values() -> None:
    shown = layout.drawn(logarithmic())
    assert shown.series[0].x == pytest.approx([-1.0, 0.0, 1.0, 3.0])
    # Nothing has no logarithm: a gap.
    assert shown.series[0].y[2] is None
    assert shown.rules[0].y == pytest.approx(shown.series[0].y[1])
    ticks = dict(layout.x_ticks(shown, 5, 0.1))
    assert [ticks[at] for at in (-1.0, 0.0, 1.0, 2.0, 3.0)] == ["0.1", "1", "10", "100", "1000"]
    assert [label for _, label in layout.y_ticks(shown, 5)] == ["0.005", "0.01", "0.02"]
    words = {text for *_, text in text_boxes(svg(logarithmic(), simulated=False))}
    assert {"0.1", "1", "10", "100", "1000"} <= words


def test_a_figure_without_logarithms_is_drawn_as_it_is() -> None:
    plain = figure(line([1.0, 2.0]))
    assert layout.drawn(plain) is plain
