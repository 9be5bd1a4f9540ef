"""Trumpet curves: the largest and least flow error over observation windows of a length (IEC 60601-2-24 style).

The mean of overlapping errors telescopes to a difference of cumulative readings, so nothing is summed up and no
rounding piles up: E_p = 100·((V(s + P) − V(s))/(r·P) − 1).

A window of which one end lies in a gap of the recording has no known volume: it is left out, and counted. A window
that holds a whole gap keeps its volume, since the balance goes on weighing while nobody reads it: it is kept, and
counted too.

What others do, for comparing figures: the normative form takes windows on a fixed sample interval; some programs take
a mean of interval errors, which is the same; some lay windows on a 2 min grid (2, 4, 10, 20, 30 min), take the whole
recording instead of its second hour, or convert by a density of 0.997 or 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.metrology.cumulative import Bools, Cumulative, Floats

_EDGE_S = 1e-6
_STRIDES = (1024, 128)
"""So many stamps are judged together before any of them is looked at."""
_FIRST = 30
"""Stretches that promise most at either end, which are looked at before the others."""


@dataclass(frozen=True, slots=True)
class Extremes:
    """Least and largest mean error over windows of a length, in percent; NaN where no window was left.

    `windows` were compared, `left_out` had an end in a gap, `bridging` of those compared hold a whole gap.
    """

    least_percent: float
    largest_percent: float
    windows: int
    left_out: int = 0
    bridging: int = 0

    @property
    def largest_by_size_percent(self) -> float:
        """The larger of both, by size."""
        return max(abs(self.least_percent), abs(self.largest_percent))


@dataclass(frozen=True, slots=True)
class GridErrors:
    """Every window of a length that begins on the sample grid and has both its ends in known volume."""

    starts_s: Floats
    errors_percent: Floats
    left_out: int
    bridging: int

    @property
    def extremes(self) -> Extremes:
        """Least and largest of the errors."""
        if len(self.errors_percent) == 0:
            return Extremes(math.nan, math.nan, 0, self.left_out, 0)
        least, largest = float(self.errors_percent.min()), float(self.errors_percent.max())
        return Extremes(least, largest, len(self.errors_percent), self.left_out, self.bridging)


def errors_on_grid(
    record: Cumulative, rate_ul_per_h: float, window_s: float, sample_s: float, start_s: float, end_s: float
) -> GridErrors | None:
    """Return the mean error of every window that begins at a sample interval; None where no window fits.

    The cumulative volume is interpolated onto the samples, which keeps the delivered amount; rates are never averaged.

    Raises:
        ValueError: `window_s` is no whole number of `sample_s`.

    """
    samples = round(window_s / sample_s)
    if samples < 1 or abs(window_s / sample_s - samples) > 1e-6:
        raise ValueError(f"a window of {window_s:g} s is no multiple of the sample interval, {sample_s:g} s")
    count = math.floor((end_s - start_s) / sample_s + 1e-6)
    if count < samples:
        return None
    grid_s = start_s + sample_s * np.arange(count + 1, dtype=np.float64)
    volume_ul, known = record.at(grid_s), record.known(grid_s)
    kept = known[samples:] & known[:-samples]
    starts_s = grid_s[:-samples][kept]
    volumes_ul = (volume_ul[samples:] - volume_ul[:-samples])[kept]
    bridging = int(np.count_nonzero(record.gaps_within(starts_s, starts_s + window_s)))
    errors = _errors_percent(volumes_ul, rate_ul_per_h, window_s)
    return GridErrors(starts_s, errors, int(len(kept) - np.count_nonzero(kept)), bridging)


def errors_of_cycles(record: Cumulative, rate_ul_per_h: float, cycles: int, boundaries_s: Floats) -> GridErrors | None:
    """Return the mean error over every run of so many dose cycles; None where there are fewer.

    Args:
        record: the cumulative volume.
        rate_ul_per_h: commanded rate.
        cycles: length of a window, in cycles.
        boundaries_s: instants between two doses, shape (cycles in all + 1,). A window is as long as its cycles took.

    """
    if len(boundaries_s) <= cycles:
        return None
    volume_ul, known = record.at(boundaries_s), record.known(boundaries_s)
    kept = known[cycles:] & known[:-cycles]
    starts_s, ends_s = boundaries_s[:-cycles][kept], boundaries_s[cycles:][kept]
    volumes_ul = (volume_ul[cycles:] - volume_ul[:-cycles])[kept]
    errors = 100.0 * (volumes_ul / (rate_ul_per_h * (ends_s - starts_s) / 3600.0) - 1.0)
    bridging = int(np.count_nonzero(record.gaps_within(starts_s, ends_s)))
    return GridErrors(starts_s, errors, int(len(kept) - np.count_nonzero(kept)), bridging)


def extremes_on_grid(
    record: Cumulative, rate_ul_per_h: float, window_s: float, sample_s: float, start_s: float, end_s: float
) -> Extremes | None:
    """Return the extremes over windows that begin at every sample interval; None where no window fits.

    Raises:
        ValueError: `window_s` is no whole number of `sample_s`.

    """
    found = errors_on_grid(record, rate_ul_per_h, window_s, sample_s, start_s, end_s)
    return None if found is None else found.extremes


def extremes_anywhere(
    record: Cumulative, rate_ul_per_h: float, window_s: float, start_s: float, end_s: float
) -> Extremes | None:
    """Return the extremes over windows that begin at any instant; None where no window fits.

    Exact for a volume that is straight between stamps, however they are spaced: extremes lie where either end of a
    window is at a stamp, and those windows are what is counted. Stretches that cannot hold an extreme, by the least
    and the greatest volume at both ends of their windows, are not looked at one by one.
    """
    latest_s = end_s - window_s
    if latest_s < start_s:
        return None
    time_s = record.time_s
    own = slice(*np.searchsorted(time_s, (start_s, latest_s + _EDGE_S)).tolist())
    others = slice(*np.searchsorted(time_s, (start_s + window_s, end_s + _EDGE_S)).tolist())
    own_s, others_s = time_s[own], time_s[others]
    edges_s = np.array([start_s, latest_s])
    if len(record.gaps_s[0]) or not record.known(np.array([start_s, end_s])).all():
        begins = np.concatenate((edges_s, own_s, others_s - window_s))
        ends = np.concatenate((edges_s + window_s, own_s + window_s, others_s))
        kept = record.known(begins) & record.known(ends)
        left_out = int(len(kept) - np.count_nonzero(kept))
        begins, ends = begins[kept], ends[kept]
        bridging = int(np.count_nonzero(record.gaps_within(begins, ends)))
        return _extremes(record.at(ends) - record.at(begins), rate_ul_per_h, window_s, len(begins), left_out, bridging)
    promising = np.ones(1, dtype=np.bool_)
    for stride in _STRIDES:
        coarse_s = own_s[::stride]
        edges_s = np.unique(np.concatenate((edges_s, coarse_s[_inside(coarse_s, edges_s, promising)])))
        grown_ul = record.at(edges_s + window_s) - record.at(edges_s)
        least_ul, greatest_ul = _bounds(record, edges_s, window_s)
        promising = (greatest_ul > grown_ul.max()) | (least_ul < grown_ul.min())
    # The most promising ones first: what they come to leaves fewer of the others.
    first = np.zeros(len(promising), dtype=np.bool_)
    first[np.argsort(greatest_ul)[-_FIRST:]] = first[np.argsort(least_ul)[:_FIRST]] = True
    for chosen in (first, ~first):
        chosen &= (greatest_ul > grown_ul.max()) | (least_ul < grown_ul.min())
        begun = _inside(own_s, edges_s, chosen)
        ended = _inside(others_s, edges_s + window_s, chosen)
        begun_ul = record.at(own_s[begun] + window_s) - record.volume_ul[own][begun]
        ended_ul = record.volume_ul[others][ended] - record.at(others_s[ended] - window_s)
        grown_ul = np.concatenate((grown_ul, begun_ul, ended_ul))
    return _extremes(grown_ul, rate_ul_per_h, window_s, len(own_s) + len(others_s) + 2, 0, 0)


def _extremes(
    volumes_ul: Floats, rate_ul_per_h: float, window_s: float, windows: int, left_out: int, bridging: int
) -> Extremes:
    if windows == 0:
        return Extremes(math.nan, math.nan, 0, left_out)
    errors = _errors_percent(np.array([volumes_ul.min(), volumes_ul.max()]), rate_ul_per_h, window_s)
    return Extremes(float(errors[0]), float(errors[1]), windows, left_out, bridging)


def _bounds(record: Cumulative, edges_s: Floats, window_s: float) -> tuple[Floats, Floats]:
    """Return bounds of the volume over any window that begins between two edges."""
    least_begin, greatest_begin = record.bounds(edges_s[:-1], edges_s[1:])
    least_end, greatest_end = record.bounds(edges_s[:-1] + window_s, edges_s[1:] + window_s)
    return least_end - greatest_begin, greatest_end - least_begin


def _inside(instants_s: Floats, edges_s: Floats, chosen: Bools) -> NDArray[np.int64]:
    """Return the indices of the instants that lie in a chosen stretch between edges."""
    marks = np.searchsorted(instants_s, edges_s)
    marks[0], marks[-1] = 0, len(instants_s)
    first, lengths = marks[:-1][chosen], np.diff(marks)[chosen]
    before = np.cumsum(lengths) - lengths
    return np.repeat(first - before, lengths) + np.arange(int(lengths.sum()), dtype=np.int64)


def _errors_percent(volumes_ul: Floats, rate_ul_per_h: float, window_s: float) -> Floats:
    return 100.0 * (volumes_ul / (rate_ul_per_h * window_s / 3600.0) - 1.0)


def overall_error_percent(record: Cumulative, rate_ul_per_h: float, start_s: float, end_s: float) -> float | None:
    """Return the mean error over a whole period (A or B of a label); None where one of its ends is not known."""
    ends_s = np.array([start_s, end_s])
    if not record.known(ends_s).all():
        return None
    first_ul, last_ul = record.at(ends_s)
    return float(_errors_percent(last_ul - first_ul, rate_ul_per_h, end_s - start_s))


def ideal_envelope(interval_s: float, window_s: float) -> tuple[float, float]:
    """Return the extremes, in percent, of a perfect pump that meters equal pulses at equal intervals, over all phases.

    A window then holds ⌊P/τ⌋ or ⌈P/τ⌉ pulses; that is counting, not error.
    """
    ratio = window_s / interval_s
    if abs(ratio - round(ratio)) < 1e-6 * max(1.0, ratio):
        return 0.0, 0.0
    return 100.0 * (math.floor(ratio) / ratio - 1.0), 100.0 * (math.ceil(ratio) / ratio - 1.0)


def noise_floor_percent(level_difference_ul: float, rate_ul_per_h: float, window_s: float, windows: int) -> float:
    """Return how far noise alone spreads the extremes of so many windows, in percent.

    Args:
        level_difference_ul: standard uncertainty of the volume over one window, by noise.
        rate_ul_per_h: commanded rate.
        window_s: length of the windows.
        windows: how many there are; the greatest of n normal values is some √(2 ln n) standard deviations out.

    """
    reach = max(1.0, math.sqrt(2.0 * math.log(max(windows, 2))))
    return 100.0 * reach * level_difference_ul / (rate_ul_per_h * window_s / 3600.0)
