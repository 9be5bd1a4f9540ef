"""What a pump does that knows neither basal rates nor boluses: it runs, for a volume or without end, and rests."""

from __future__ import annotations

from enum import Enum, auto
from typing import Protocol, TypeVar

from drivers.pump_alarms import PumpAlarms
from drivers.pump_count import PumpCount

Told = TypeVar("Told")
"""A rate or a volume as a pump is told it."""


class Doing(Enum):
    """What a pump does."""

    RESTS = auto()
    INFUSES = auto()
    PAUSES = auto()
    """It would go on if somebody let it, who is not this driver."""
    PRIMES = auto()
    """A purge or a withdrawal, started by somebody else."""


class SingleRuns(Protocol[Told]):
    """What a pump does one thing at a time. Every method is called within the caller's turn at the link."""

    name: str
    alarms: PumpAlarms
    count: PumpCount

    def told_rate(self, rate_ul_per_h: float) -> Told:
        """Return how a rate is told.

        Raises:
            RefusedError: the pump cannot take it; the text says which it could.

        """

    def told_volume(self, volume_ul: float) -> Told:
        """Return how a volume is told.

        Raises:
            RefusedError: the pump cannot take it; the text says which it could.

        """

    def ul_per_h(self, rate: Told) -> float:
        """Return a rate that is told so."""

    def ul(self, volume: Told) -> float:
        """Return a volume that is told so."""

    def words(self, rate: Told) -> str:
        """Return a rate as a person reads it."""

    def doing(self) -> Doing:
        """Ask what the pump does."""

    def look(self) -> Doing:
        """Ask what the pump does, and note what it has counted."""

    def halt(self) -> None:
        """Stop the pump."""

    def run(self, volume: Told | None, rate: Told) -> None:
        """Infuse a volume, or for ever, at a rate; the pump is at rest."""

    def goes_on_at(self, now: Told | None, rate: Told) -> bool:
        """Return whether the pump, which was told to run at the rate `now`, runs and can change without a stop.

        Raises:
            RefusedError: it cannot be started now.

        """

    def change_rate(self, rate: Told) -> None:
        """Infuse on at another rate."""
