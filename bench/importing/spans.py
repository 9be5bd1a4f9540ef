"""The cells of a block of plain lines, found and turned into numbers all at once: long files are mostly such blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_LINE_FEED, _ZERO, _MINUS, _PLUS = 10, 48, 45, 43
_WIDEST = 18
"""Digits that an integer of 64 bits holds."""
_EXACT = 2**53
_TENS = np.array([10**power for power in range(_WIDEST + 1)], dtype=np.int64)
_TENS_AS_FLOATS = _TENS.astype(np.float64)


class ColumnCells(Protocol):
    """One column of a block."""

    def __len__(self) -> int: ...

    def cells(self) -> Sequence[bytes]:
        """Return every cell as it stands in the file, decimal signs being points."""

    def filled(self) -> tuple[NDArray[np.intp], Sequence[bytes]]:
        """Return which rows have something, and what."""

    def numbers(self) -> tuple[Floats, Flags] | None:
        """Return numbers, NaN where a cell is empty, and which are empty; None where any is something else."""


class ListedCells:
    """A column whose cells were read line by line."""

    def __init__(self, cells: Sequence[bytes]) -> None:
        self._cells = cells

    def __len__(self) -> int:
        return len(self._cells)

    def cells(self) -> Sequence[bytes]:
        """Return every cell."""
        return self._cells

    def filled(self) -> tuple[NDArray[np.intp], Sequence[bytes]]:
        """Return which rows have something, and what."""
        rows = [row for row, cell in enumerate(self._cells) if cell]
        return np.array(rows, dtype=np.intp), [self._cells[row] for row in rows]

    def numbers(self) -> tuple[Floats, Flags] | None:
        """Return numbers by Python's own reading of each."""
        rows, cells = self.filled()
        try:
            found = np.array(list(map(float, cells)), dtype=np.float64)
        except ValueError:
            return None
        if not np.isfinite(found).all() or any(b"_" in cell for cell in cells):
            return None
        values, blank = np.full(len(self), np.nan), np.ones(len(self), dtype=bool)
        values[rows], blank[rows] = found, False
        return values, blank


class SpannedCells:
    """A column whose cells are known by where they begin and end in the block.

    Args:
        data: the block.
        begin, end: of each cell, its first byte and the one behind its last.
        point: the byte of the decimal sign.

    """

    def __init__(self, data: bytes, begin: NDArray[np.intp], end: NDArray[np.intp], point: int) -> None:
        self._data = data
        self._begin = begin
        self._end = end
        self._point = point

    def __len__(self) -> int:
        return len(self._begin)

    def cells(self) -> Sequence[bytes]:
        """Return every cell."""
        cells = [self._data[a:b] for a, b in zip(self._begin.tolist(), self._end.tolist(), strict=True)]
        return cells if self._point == ord(".") else [cell.replace(b",", b".") for cell in cells]

    def filled(self) -> tuple[NDArray[np.intp], Sequence[bytes]]:
        """Return which rows have something, and what."""
        rows = np.flatnonzero(self._end > self._begin)
        return rows, SpannedCells(self._data, self._begin[rows], self._end[rows], self._point).cells()

    def numbers(self) -> tuple[Floats, Flags] | None:
        """Return plain decimals: digits as a whole number, divided once by a power of ten, which rounds correctly."""
        values, blank = np.full(len(self), np.nan), self._end == self._begin
        rows = np.flatnonzero(~blank)
        if len(rows) == 0:
            return values, blank
        begin, end = self._begin[rows], self._end[rows]
        widest = int((end - begin).max())
        if widest > _WIDEST:
            return None
        signs = np.frombuffer(self._data, dtype=np.uint8)
        negative = signs[begin] == _MINUS
        begin = begin + (negative | (signs[begin] == _PLUS))
        place = end[:, None] - np.arange(widest, 0, -1)
        digit = np.where(place >= begin[:, None], signs[np.maximum(place, 0)], _ZERO).astype(np.int64) - _ZERO
        is_point = digit == self._point - _ZERO
        digit[is_point] = 0
        points = is_point.sum(axis=1)
        whole = (points <= 1) & (end - begin > points)
        if not whole.all() or (digit < 0).any() or (digit > 9).any():
            return None
        decimals = np.where(points == 1, widest - 1 - is_point.argmax(axis=1), 0)
        spread = digit @ _TENS[widest - 1 :: -1]
        # The point stands for a digit of its own: what is left of it is ten times too large.
        behind = spread % _TENS[np.minimum(decimals + 1, _WIDEST)]
        mantissa = np.where(points == 1, (spread - behind) // 10 + behind, spread)
        if (mantissa >= _EXACT).any():
            return None
        found = mantissa / _TENS_AS_FLOATS[decimals]
        values[rows] = np.where(negative, -found, found)
        return values, blank


def spanned(data: bytes, separator: int, width: int, point: int) -> list[SpannedCells] | None:
    """Return the columns of a block in which every line has `width` cells; None where any has not.

    The block holds no quotation marks, comments or empty lines: those are read line by line.
    """
    signs = np.frombuffer(data, dtype=np.uint8)
    at = np.flatnonzero((signs == _LINE_FEED) | (signs == separator))
    if len(at) % width:
        return None
    is_end = (signs[at] == _LINE_FEED).reshape(-1, width)
    if not is_end[:, -1].all() or is_end[:, :-1].any():
        return None
    end = at.reshape(-1, width)
    begin = np.concatenate(([0], at[:-1] + 1)).reshape(-1, width)
    if width == 1 and (begin == end).any():
        return None
    return [SpannedCells(data, begin[:, place], end[:, place], point) for place in range(width)]
