"""Numbers read all at once are the numbers that Python reads one by one."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bench.importing.spans import ListedCells, spanned

DIGITS = st.integers(0, 10**8)
SIGN = st.sampled_from(["", "+", "-"])
PLAIN = st.one_of(
    st.integers(-(10**15), 10**15).map(str),
    st.builds("{}{}.{:05d}".format, SIGN, DIGITS, st.integers(0, 99999)),
    st.builds("{}{}.".format, SIGN, DIGITS),
    st.builds("{}.{}".format, SIGN, DIGITS),
    st.just(""),
)
ODD = st.one_of(
    PLAIN,
    st.sampled_from(
        ["1e3", " 1", "1.2.3", "--1", "+", ".", "1_0", "NaN", "inf", "0x1", "1-2", "12345678901234567890.5", "1,5"]
    ),
)


def column(cells: list[str], point: str = ".") -> tuple[np.ndarray, np.ndarray] | None:
    data = "".join(f"x;{cell};\n" for cell in cells).encode()
    found = spanned(data, ord(";"), 3, ord(point))
    assert found is not None
    assert [bytes(each).decode() for each in found[1].cells()] == [cell.replace(point, ".") for cell in cells]
    return found[1].numbers()


def same(first: float, second: float) -> bool:
    return first == second and math.copysign(1.0, first) == math.copysign(1.0, second)


@given(st.lists(PLAIN, min_size=1, max_size=20))
def test_plain_decimals_are_read_to_the_last_bit(cells: list[str]) -> None:
    read = column(cells)
    if read is None:  # too many digits for one division: then they are read one by one
        assert max(len(cell) for cell in cells) > 15
        return
    values, blank = read
    assert list(blank) == [cell == "" for cell in cells]
    for value, cell in zip(values.tolist(), cells, strict=True):
        assert math.isnan(value) if cell == "" else same(value, float(cell)), cell


@given(st.lists(ODD, min_size=1, max_size=8))
def test_whatever_is_no_plain_decimal_is_left_to_the_careful_reader(cells: list[str]) -> None:
    read = column(cells)
    if read is None:
        return
    for value, cell in zip(read[0].tolist(), cells, strict=True):
        assert cell == "" or same(value, float(cell)), cell
        assert "_" not in cell


@given(st.lists(PLAIN, min_size=1, max_size=8))
def test_a_decimal_comma_is_a_decimal_point(cells: list[str]) -> None:
    with_points, with_commas = column(cells), column([cell.replace(".", ",") for cell in cells], ",")
    assert (with_points is None) == (with_commas is None)
    if with_points is not None and with_commas is not None:
        assert np.array_equal(with_points[0], with_commas[0], equal_nan=True)


@given(st.lists(ODD, min_size=1, max_size=8))
def test_cells_that_were_split_are_read_alike(cells: list[str]) -> None:
    at_once, one_by_one = column(cells), ListedCells([cell.encode() for cell in cells]).numbers()
    if at_once is not None:
        assert one_by_one is not None
        assert np.array_equal(at_once[0], one_by_one[0], equal_nan=True)


def test_lines_of_another_width_are_left_to_the_careful_reader() -> None:
    assert spanned(b"1;2\n3\n4;5;6\n", ord(";"), 2, ord(".")) is None
    assert spanned(b"1;2\n3\n", ord(";"), 2, ord(".")) is None
    assert spanned(b"1\n\n", ord(";"), 1, ord(".")) is None
