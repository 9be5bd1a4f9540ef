"""Lays windows over the pulses of a run: what is weighed together, and from when to when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.metrology.noise import Floats
from bench.metrology.pulse_blocks import Blocks, Spacing
from bench.metrology.pulse_window import Window
from bench.metrology.step_response import StepResponse

_ALONE = 40.0
"""Smears of the balance, that far from its neighbours a pulse is weighed alone: what their rises hide is little."""
_CORE = 6
_CORE_S = 24.0
_FLANK = 2
_FLANK_S = 32.0
_REACH_S = 3600.0


@dataclass(frozen=True, slots=True)
class Layout:
    """How far pulses reach, by the response and by how well their onsets are known."""

    settling_s: float
    uncertain_s: float
    alone_s: float
    core_s: float
    flank_s: float


def layout_of(response: StepResponse, spread_s: float, sample_s: float) -> tuple[Layout, Spacing]:
    """Return how pulses are laid out and cut, for a response and onsets known within `spread_s`."""
    smear_s = max(response.width_s, sample_s)
    fine_s = max(1, round(0.3 * smear_s / sample_s)) * sample_s
    settling_s = 6.0 * response.lag_s + response.average_s
    anchor_s = max(smear_s, sample_s)
    slack_s = 2.0 * spread_s + 0.5 * anchor_s
    spacing = Spacing(fine_s, slack_s + 2.0 * fine_s, settling_s + slack_s, anchor_s, sample_s)
    return Layout(
        settling_s + spread_s, 3.0 * spread_s, _ALONE * smear_s, _CORE_S * smear_s, _FLANK_S * smear_s
    ), spacing


def windows_of(blocks: Blocks, onsets_s: Floats, layout: Layout) -> list[Window]:
    """Return windows of which every pulse is in the core of one; ascending."""
    windows = []
    for core in _cores(onsets_s, layout):
        first, last = _flanked(onsets_s, core, layout)
        begin_s = onsets_s[first] - _REACH_S
        if first:
            begin_s = max(begin_s, onsets_s[first - 1] + layout.settling_s)
        end_s = onsets_s[last - 1] + _REACH_S
        if last < len(onsets_s):
            end_s = min(end_s, onsets_s[last] - layout.uncertain_s)
        part = blocks.between(float(begin_s), float(end_s))
        windows.append(Window(part.start, part.stop, range(first, last), core))
    return windows


def apart(windows: list[Window]) -> list[Window]:
    """Return windows of which none overlaps another: the last, and those before it that a walk along them finds.

    The last shows how what crept behind the pulses comes to rest, which tells the tail best.
    """
    last = windows[-1]
    chosen: list[Window] = []
    for window in windows[:-1]:
        if _after(last, window) and (not chosen or _after(window, chosen[-1])):
            chosen.append(window)
    return [*chosen, last]


def _after(window: Window, other: Window) -> bool:
    return window.first >= other.last and window.pulses.start >= other.pulses.stop


def _cores(onsets_s: Floats, layout: Layout) -> list[range]:
    cores = []
    start = 0
    for index in range(1, len(onsets_s) + 1):
        ends = index == len(onsets_s) or onsets_s[index] - onsets_s[index - 1] >= layout.alone_s
        if ends or (index - start >= _CORE and onsets_s[index] - onsets_s[start] >= layout.core_s):
            cores.append(range(start, index))
            start = index
    return cores


def _flanked(onsets_s: Floats, core: range, layout: Layout) -> tuple[int, int]:
    """Return the pulses that are weighed with a core: two before and after it, and all that come within the flank."""
    first, last = core.start, core.stop
    while first > 0 and onsets_s[first] - onsets_s[first - 1] < layout.alone_s:
        if core.start - first >= _FLANK and onsets_s[core.start] - onsets_s[first] >= layout.flank_s:
            break
        first -= 1
    while last < len(onsets_s) and onsets_s[last] - onsets_s[last - 1] < layout.alone_s:
        if last - core.stop >= _FLANK and onsets_s[last - 1] - onsets_s[core.stop - 1] >= layout.flank_s:
            break
        last += 1
    return first, last


def readings_interval(time_s: Floats) -> float:
    """Return the usual time between readings."""
    return float(np.median(np.diff(time_s)))
