"""The volume that a pump counts, counted on where it begins anew. Volumes in µL."""

from __future__ import annotations

DUST_UL = 1e-6
"""What binary fractions leave of a decimal one."""


class PumpCount:
    """What the pump's counter last said, and what it has said before it was cleared."""

    def __init__(self) -> None:
        self.counter_ul = 0.0
        """What the pump's counter last said."""
        self.settled_ul = 0.0
        """What it has said before it was cleared."""

    @property
    def total_ul(self) -> float:
        """What was infused in all, by the last look at the counter."""
        return self.settled_ul + self.counter_ul

    def note(self, volume_ul: float) -> str:
        """Note what the counter says; return what is wrong with that, and nothing where it is right."""
        before_ul, self.counter_ul = self.counter_ul, volume_ul
        if volume_ul < before_ul - DUST_UL:
            self.settled_ul += before_ul
            return f"counts back from {before_ul:g} µL"
        return ""

    def settle(self) -> None:
        """Count on from here: the pump's counter begins anew."""
        self.settled_ul += self.counter_ul
        self.counter_ul = 0.0
