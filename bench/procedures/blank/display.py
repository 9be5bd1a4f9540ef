"""Does the display move, and in the steps that the rig file says?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.metrology.noise import Floats

_BLOCK_S = 10.0
_STILL_DIGITS = 2
_MOSTLY = 0.5
_SAME = 0.05


@dataclass(frozen=True, slots=True)
class Display:
    """The least step that was seen (mg; 0 where nothing moved), and how often ten seconds showed two values or one."""

    step_mg: float
    still_share: float

    @property
    def mostly_still(self) -> bool:
        """Whether readings stand rather than scatter: then means are no finer than the display."""
        return self.still_share > _MOSTLY


def display_of(time_s: Floats, shown_mg: Floats) -> Display:
    """Look at readings as they were shown, all with a value."""
    moves = np.abs(np.diff(shown_mg))
    steps = moves[moves > 1e-9]
    if len(steps) == 0:
        return Display(0.0, 1.0)
    index = np.floor((time_s - time_s[0]) / _BLOCK_S).astype(np.int64)
    edges = np.flatnonzero(np.diff(index)) + 1
    blocks = [block for block in np.split(shown_mg, edges) if len(block) >= 5]
    still = [len(np.unique(np.round(block, 7))) <= _STILL_DIGITS for block in blocks]
    return Display(float(np.min(steps)), float(np.mean(still)) if still else 0.0)


def display_findings(display: Display, readability_mg: float) -> tuple[list[str], list[str]]:
    """Return `(notes, doubts)`: a display that stands is noted, one that moves in other steps than declared doubted."""
    notes: list[str] = []
    doubts: list[str] = []
    if display.step_mg == 0.0:
        return [], ["The display never moved: it is frozen, or far too coarse for this bench."]
    if readability_mg > 0.0 and display.step_mg > (1.0 + _SAME) * readability_mg:
        doubts.append(
            f"The balance shows steps of {display.step_mg:.3g} mg, and the rig file says `readability:"
            f" {readability_mg:g} mg`: switch the balance to its full display (its menu calls it readability, 1d or"
            " resolution), or correct the rig file."
        )
    if readability_mg > 0.0 and display.step_mg < (1.0 - _SAME) * readability_mg:
        notes.append(
            f"The balance shows steps of {display.step_mg:.3g} mg, finer than the rig file's `readability:"
            f" {readability_mg:g} mg`: correct the rig file, and plans may ask for more."
        )
    if display.mostly_still:
        notes.append(
            f"The digits hardly move: in {100.0 * display.still_share:.0f} % of all ten seconds the display showed one"
            " or two values. Means of readings are then no finer than a digit; choose a faster filter on the balance,"
            " or a balance with one place more."
        )
    else:
        notes.append("The digits move: means of readings are finer than a digit.")
    return notes, doubts
