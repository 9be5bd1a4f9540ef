"""A cumulative volume as it was recorded: stamps that need not be uniform, and the gaps between them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_END_S = 1e-6
"""An instant that arithmetic moved off a stamp by no more is at that stamp."""
_BLOCK = 32
"""Stamps of which the least and the greatest volume are kept together."""


@dataclass(frozen=True)
class Cumulative:
    """Volume in µL against time in s, straight from stamp to stamp; what is between two stamps far apart is not known.

    Args:
        time_s: stamps, shape (n,), strictly increasing; n is 2 or more.
        volume_ul: cumulative volume at the stamps, shape (n,).
        longest_step_s: stamps further apart than this enclose a gap.

    Raises:
        ValueError: the arrays are no such record, or are held in single precision.

    """

    time_s: Floats
    volume_ul: Floats
    longest_step_s: float = math.inf
    _steps: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse what is no record."""
        for name, values in (("time_s", self.time_s), ("volume_ul", self.volume_ul)):
            if values.dtype != np.float64:
                raise ValueError(
                    f"{name} is {values.dtype}: a cumulative volume needs double precision (float64), since a reading"
                    " of 100 g in single precision has steps of 8 µg"
                )
        if self.time_s.ndim != 1 or self.time_s.shape != self.volume_ul.shape:
            shapes = f"{self.time_s.shape} and {self.volume_ul.shape}"
            raise ValueError(f"time and volume must be two columns of one length, not of shapes {shapes}")
        if len(self.time_s) < 2:
            raise ValueError(f"{len(self.time_s)} samples are no record: at least two are needed")
        steps = np.diff(self.time_s)
        # NaN compares false, so a stamp that is no number is found here, too.
        if not bool(np.all(steps > 0.0)):
            first = int(np.argmin(steps > 0.0))
            raise ValueError(
                f"time does not increase from sample {first} ({self.time_s[first]:.6f} s) to sample {first + 1}"
                f" ({self.time_s[first + 1]:.6f} s): sort the record, and leave out stamps that occur twice"
            )
        if not math.isfinite(float(np.sum(self.volume_ul))):
            raise ValueError("some volumes are no finite numbers: leave those samples out; the gap is then seen")
        object.__setattr__(self, "_steps", steps)

    @cached_property
    def gaps_s(self) -> tuple[Floats, Floats]:
        """Begins and ends of the gaps."""
        wide = np.flatnonzero(self._steps > self.longest_step_s)
        return self.time_s[wide], self.time_s[wide + 1]

    def at(self, instants_s: Floats) -> Floats:
        """Return the volume at instants: exact for a volume that grows straight between stamps; gaps are bridged."""
        return np.interp(instants_s, self.time_s, self.volume_ul)

    def known(self, instants_s: Floats) -> Bools:
        """Return at which instants the volume is known: not beyond the record's ends, not inside a gap."""
        inside = (instants_s >= self.time_s[0] - _END_S) & (instants_s <= self.time_s[-1] + _END_S)
        begins_s, ends_s = self.gaps_s
        if len(begins_s) == 0:
            return np.asarray(inside, dtype=np.bool_)
        last = np.searchsorted(begins_s, instants_s - _END_S, "left") - 1
        in_gap = (last >= 0) & (instants_s < ends_s[np.maximum(last, 0)] - _END_S)
        return np.asarray(inside & ~in_gap, dtype=np.bool_)

    def gaps_within(self, starts_s: Floats, ends_s: Floats) -> NDArray[np.int64]:
        """Return for every window how many gaps lie in it."""
        begins_s, closes_s = self.gaps_s
        first = np.searchsorted(begins_s, starts_s - _END_S, "left")
        last = np.searchsorted(closes_s, ends_s + _END_S, "right")
        return np.asarray(np.maximum(0, last - first), dtype=np.int64)

    def bounds(self, starts_s: Floats, ends_s: Floats) -> tuple[Floats, Floats]:
        """Return bounds of the volume over stretches of time: no more than the least, no less than the greatest in it.

        They are taken over whole blocks of stamps, so that a bound costs the same however long the stretch is.
        """
        first = np.clip(np.searchsorted(self.time_s, starts_s, "right") - 1, 0, len(self.time_s) - 1) // _BLOCK
        last = np.clip(np.searchsorted(self.time_s, ends_s, "left"), 0, len(self.time_s) - 1) // _BLOCK
        level = np.frexp((last - first + 1).astype(np.float64))[1] - 1
        second = last - (1 << level) + 1
        least, greatest = self._extremes_of_blocks
        return np.minimum(least[level, first], least[level, second]), np.maximum(
            greatest[level, first], greatest[level, second]
        )

    @cached_property
    def _extremes_of_blocks(self) -> tuple[Floats, Floats]:
        """Return the least and greatest volume of 1, 2, 4 … blocks from each block on, a row for each number."""
        at = np.arange(0, len(self.volume_ul), _BLOCK)
        least, greatest = [np.minimum.reduceat(self.volume_ul, at)], [np.maximum.reduceat(self.volume_ul, at)]
        span = 1
        while 2 * span <= len(at):
            for rows, choose in ((least, np.minimum), (greatest, np.maximum)):
                row = rows[-1].copy()
                row[: len(at) - span] = choose(rows[-1][:-span], rows[-1][span:])
                rows.append(row)
            span *= 2
        return np.array(least), np.array(greatest)
