"""Fewer points to draw, and no extreme lost."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.results.model import Series

Floats = NDArray[np.float64]


def min_max(x: ArrayLike, y: ArrayLike, points: int) -> tuple[Floats, Floats]:
    """Return at most about `points` points of a curve: the first, last, least and greatest of every stretch.

    Stretches hold equal numbers of points. A stretch with a NaN keeps one NaN, at its place, so that a gap stays a gap.
    """
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if len(xs) != len(ys):
        raise ValueError(f"a curve has as many x as y, not {len(xs)} and {len(ys)}")
    if len(xs) <= max(4, points):
        return xs.copy(), ys.copy()
    stretches = max(1, points // 4)
    edges = np.linspace(0, len(xs), stretches + 1).astype(np.int64)
    starts, ends = edges[:-1], edges[1:]
    gap = np.isnan(ys)
    keep = np.zeros(len(xs), dtype=np.bool_)
    keep[starts] = keep[ends - 1] = True
    number = np.repeat(np.arange(stretches), ends - starts)
    for sign in (1.0, -1.0):
        values = np.where(gap, np.inf, sign * ys)
        least = np.minimum.reduceat(values, starts)
        hits = np.flatnonzero(values == least[number])
        keep[hits[np.unique(number[hits], return_index=True)[1]]] = True
    holes = np.flatnonzero(gap)
    keep[holes[np.unique(number[holes], return_index=True)[1]]] = True
    return xs[keep], ys[keep]


def series(
    label: str,
    x: ArrayLike,
    y: ArrayLike,
    *,
    role: str = "",
    style: str = "line",
    points: int = 2000,
) -> Series:
    """Return a curve as results hold it: reduced by `min_max`, a NaN or infinity as None."""
    xs, ys = min_max(x, y, points)
    return Series.model_validate(
        {"label": label, "x": _plain(xs), "y": _plain(ys), "style": style, "role": role},
    )


def _plain(values: Floats) -> list[float | None]:
    """Return floats with seven digits: more than any screen shows, and results stay small."""
    return [float(f"{value:.7g}") if np.isfinite(value) else None for value in values]
