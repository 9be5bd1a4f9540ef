"""Speed of the trumpet: 24 h at 10 Hz, all windows, beside one pass of numpy and beside a plain loop.

    ./run python benchmarks/trumpet_speed.py

All windows: the six of an ambulatory pump, each on its 15 min grid and from any instant, exactly. As evaluated: from
readings to means over 10 s, as a basal test's evaluation does it, with the windows in dose cycles as well. The plain
loop does the same as the first, window by window, two indices running along the stamps. Times are processor time, the
least of several in one process.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench.metrology.cumulative import Cumulative
from bench.metrology.noise import block_means
from bench.metrology.observation import (
    AMBULATORY_SAMPLE_S,
    AMBULATORY_WINDOWS_S,
    SHOT_WINDOWS,
    CycleWindows,
    GridWindows,
    Period,
    cycle_boundaries,
    observe,
)

Floats = NDArray[np.float64]
HOURS, RATE_HZ = 24.0, 10.0
RATE_UL_PER_H = 10.0
REPEATS = 15
AMBULATORY = GridWindows("ambulatory", AMBULATORY_SAMPLE_S, AMBULATORY_WINDOWS_S)


def best_ms(what: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the least processor time of several calls."""
    found = []
    for _ in range(repeats):
        begun = time.process_time()
        what()
        found.append(time.process_time() - begun)
    return 1000.0 * min(found)


def recording(interval_s: float, jitter_s: float) -> tuple[Floats, Floats, Floats]:
    """Return stamps, cumulative volume and doses of a pump on a five-place balance; no interval: steady flow."""
    rng = np.random.default_rng(1)
    count = round(HOURS * 3600.0 * RATE_HZ)
    time_s = np.arange(count) / RATE_HZ + rng.uniform(0.0, jitter_s, count)
    white = rng.normal(0.0, 0.015, count)
    noise = np.convolve(white, np.full(10, 10.0**-0.5), "same") + np.cumsum(rng.normal(0.0, 2e-4, count))
    if not interval_s:
        return time_s, RATE_UL_PER_H / 3600.0 * time_s + noise, np.empty(0)
    doses_s = np.arange(interval_s, HOURS * 3600.0, interval_s)
    sizes = RATE_UL_PER_H * interval_s / 3600.0 * rng.normal(1.0, 0.08, len(doses_s))
    index = np.searchsorted(doses_s, time_s, "right")
    cumulative = np.concatenate(([0.0], np.cumsum(sizes)))[index]
    last = np.maximum(index - 1, 0)
    arriving = np.where(index > 0, sizes[last] * np.exp(-(time_s - doses_s[last])), 0.0)
    return time_s, cumulative - arriving + noise, doses_s


def everything(record: Cumulative, doses_s: Floats | None = None) -> object:
    """Evaluate the ambulatory windows, and those in dose cycles where doses are given."""
    period = Period("all", float(record.time_s[0]), float(record.time_s[-1]), RATE_UL_PER_H)
    found = observe(record, AMBULATORY, period)
    if doses_s is not None:
        found += observe(record, CycleWindows("cycles", SHOT_WINDOWS, cycle_boundaries(doses_s)[1:-1]), period)
    return found


def as_evaluated(time_s: Floats, volume_ul: Floats, doses_s: Floats) -> object:
    """Evaluate means over 10 s."""
    middles_s, means_ul = block_means(time_s, volume_ul, 10.0)
    return everything(Cumulative(middles_s, means_ul, longest_step_s=15.0), doses_s)


def plain_loop(time_s: list[float], volume_ul: list[float], window_s: float) -> tuple[float, float]:
    """Return least and largest error over windows that begin, or end, at a stamp."""
    least, largest = math.inf, -math.inf
    nominal_ul = RATE_UL_PER_H * window_s / 3600.0
    after = before = 0
    for i in range(len(time_s)):
        end_s = time_s[i] + window_s
        if end_s <= time_s[-1]:
            while time_s[after + 1] < end_s:
                after += 1
            share = (end_s - time_s[after]) / (time_s[after + 1] - time_s[after])
            end_ul = volume_ul[after] + share * (volume_ul[after + 1] - volume_ul[after])
            error = 100.0 * ((end_ul - volume_ul[i]) / nominal_ul - 1.0)
            least, largest = min(least, error), max(largest, error)
        start_s = time_s[i] - window_s
        if start_s >= time_s[0]:
            while time_s[before + 1] < start_s:
                before += 1
            share = (start_s - time_s[before]) / (time_s[before + 1] - time_s[before])
            start_ul = volume_ul[before] + share * (volume_ul[before + 1] - volume_ul[before])
            error = 100.0 * ((volume_ul[i] - start_ul) / nominal_ul - 1.0)
            least, largest = min(least, error), max(largest, error)
    return least, largest


def main() -> None:
    """Print a table."""
    columns = "recording", "stamps", "one pass / ms", "all windows / ms", "passes", "as evaluated / ms", "passes"
    print(f"| {' | '.join((*columns, 'loop / s', 'loop over all windows'))} |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, interval_s in (("0.05 U every 180 s", 180.0), ("0.05 U every 514.3 s", 3600.0 / 7.0), ("steady", 0.0)):
        for stamps, jitter_s in (("even", 0.0), ("uneven by 20 ms", 0.02)):
            print(row(name, stamps, *recording(interval_s, jitter_s)), flush=True)


def row(name: str, stamps: str, time_s: Floats, volume_ul: Floats, doses_s: Floats) -> str:
    """Time one recording."""
    one_ms = best_ms(lambda: (np.cumsum(volume_ul), np.diff(volume_ul)))
    all_ms = best_ms(lambda: everything(Cumulative(time_s, volume_ul, longest_step_s=1.0)))
    evaluated_ms = best_ms(lambda: as_evaluated(time_s, volume_ul, doses_s))
    lists = time_s.tolist(), volume_ul.tolist()
    loops = [partial(plain_loop, *lists, window_s) for window_s in AMBULATORY_WINDOWS_S]
    loop_ms = sum(best_ms(loop, repeats=1) for loop in loops)
    return (
        f"| {name} | {stamps} | {one_ms:.2f} | {all_ms:.0f} | {all_ms / one_ms:.1f} | {evaluated_ms:.0f}"
        f" | {evaluated_ms / one_ms:.1f} | {loop_ms / 1000.0:.1f} | {loop_ms / all_ms:.0f} |"
    )


if __name__ == "__main__":
    main()
