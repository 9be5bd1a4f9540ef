"""What the browser reads is what was found."""

from __future__ import annotations

import pytest

from bench.reporting.encode import decode, encode
from bench.results.model import Figure, Series
from tests.reporting.sample_result import sample_run


def figure(series: Series) -> Figure:
    return Figure(name="f", title="t", x_label="x", y_label="y", series=[series], caption="c")


def test_values_and_gaps_come_back_to_the_stated_grain() -> None:
    shown = next(f for f in sample_run().tests[0].evaluation.figures if f.name == "mass")  # type: ignore[union-attr]
    header, curves = decode(encode(shown, simulated=True))
    assert header["simulated"] is True
    assert [s["label"] for s in header["series"]] == ["mass", "pulse"]
    for series, (xs, ys) in zip(shown.series, curves, strict=True):
        known = [y for y in series.y if y is not None]
        grain = (max(known) - min(known)) / 65534
        assert xs == pytest.approx([x for x in series.x if x is not None], abs=24 / 2**24)
        assert [y is None for y in ys] == [y is None for y in series.y]
        for found, true in zip(ys, series.y, strict=True):
            assert found is None or true is None or abs(found - true) <= grain * 0.51
        assert max(y for y in ys if y is not None) == pytest.approx(max(known), rel=1e-12)


@pytest.mark.parametrize("ys", [[], [None], [5.0], [2.0, 2.0], [-1e-12, 1e-12], [1e12, -1e12, None]])
def test_poor_data_come_back(ys: list[float | None]) -> None:
    _, [(_, found)] = decode(
        encode(figure(Series(label="", x=[float(n) for n in range(len(ys))], y=ys)), simulated=False)
    )
    assert found == pytest.approx(ys)


def test_points_are_sorted_for_the_chart_library() -> None:
    _, [(xs, ys)] = decode(
        encode(figure(Series(label="", x=[3, 1, 2], y=[30, 10, 20], style="points")), simulated=False)
    )
    assert xs == pytest.approx([1, 2, 3])
    assert ys == pytest.approx([10, 20, 30], rel=1e-4)


def test_encoding_has_nothing_that_html_must_escape_and_is_small() -> None:
    shown = next(f for f in sample_run().tests[0].evaluation.figures if f.name == "mass")  # type: ignore[union-attr]
    text = encode(shown, simulated=True)
    assert text.replace("+", "").replace("/", "").replace("=", "").isalnum()
    assert len(text) < 14_000


def test_logarithmic_axes_come_as_decimal_logarithms() -> None:
    curve = Series(label="curve", x=[1.0, 10.0, 100.0], y=[0.1, 0.01, 0.001])
    shown = figure(curve).model_copy(update={"x_log": True, "y_log": True})
    header, ((xs, ys),) = decode(encode(shown, simulated=False))
    assert header["logs"] == [1, 1]
    assert xs == pytest.approx([0.0, 1.0, 2.0], abs=1e-6)
    assert ys == pytest.approx([-1.0, -2.0, -3.0], abs=1e-4)
