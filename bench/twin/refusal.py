"""How the pump refuses, and the checks that several commands share."""

from __future__ import annotations

from typing import Literal

_STEP_SLACK = 1e-6

Reason = Literal["conflict", "range", "step", "empty"]


class PumpRefusal(Exception):  # noqa: N818 - a refusal is an answer, not an error of the pump
    """The pump does not do what it was told."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason: Reason = reason


def check_range(value: float, lower: float, upper: float) -> None:
    """Refuse a value that is not from `lower` to `upper`."""
    if not lower <= value <= upper:
        raise PumpRefusal("range", f"{value} is not from {lower} to {upper}")


def pulses_of(volume_u: float, increment_u: float, maximum_u: float) -> int:
    """Return how many pulses make a volume; refuse what no whole number of them makes, none at all, or too many."""
    check_range(volume_u, 0.0, maximum_u)
    pulses = volume_u / increment_u
    if abs(pulses - round(pulses)) > _STEP_SLACK * max(1.0, pulses):
        raise PumpRefusal("step", f"{volume_u} U is no multiple of {increment_u} U")
    if round(pulses) < 1:
        raise PumpRefusal("range", f"{volume_u} U is less than {increment_u} U")
    return round(pulses)


class HandsRefusal(Exception):  # noqa: N818 - a word of the bench's people
    """The simulated operator cannot do what is asked: the bench has nothing of the kind."""
