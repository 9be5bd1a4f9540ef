"""What the pump believes of its reservoir: it counts down what it gives, and warns. In U, as a pump counts."""

from __future__ import annotations

from bench.twin.faults import FaultSet
from bench.twin.faults.of_alarms import EmptyAlarmLate, LowWarningMissing
from bench.twin.faults.of_metering import WrongReservoirCount
from bench.twin.pulses import COUNTED_DIGITS
from bench.twin.refusal import PumpRefusal, check_range
from bench.twin.settings import PumpSettings

_SLACK_U = 1e-9


class Reservoir:
    """The pump's own count of what is left."""

    def __init__(self, settings: PumpSettings, faults: FaultSet) -> None:
        insulin = settings.insulin
        self.left_u = settings.reservoir.to("U", insulin)
        self._smallest_u = settings.pulse.to("U", insulin)
        self._low_u = settings.low_reservoir.to("U", insulin)
        overdue, miscounted = faults.get(EmptyAlarmLate), faults.get(WrongReservoirCount)
        self._mute = faults.get(LowWarningMissing) is not None
        self._late_u = overdue.after.to("U", insulin) if overdue else 0.0
        self._counted_share = miscounted.share.to("%") / 100.0 if miscounted else 1.0
        self._overdrawn_u = 0.0

    @property
    def is_low(self) -> bool:
        """Whether no more is left than it warns at."""
        return self.left_u <= self._low_u

    @property
    def is_empty(self) -> bool:
        """Whether less than a pulse is left."""
        return self.left_u < self._smallest_u - _SLACK_U

    def check(self, volume_u: float) -> None:
        """Refuse a volume that is no longer there."""
        if self.left_u + _SLACK_U < volume_u:
            raise PumpRefusal("empty", f"the reservoir holds {self.left_u} U")

    def fill(self, volume_u: float) -> None:
        """Begin anew with so much."""
        check_range(volume_u, 0.0, float("inf"))
        self.left_u = volume_u
        self._overdrawn_u = 0.0

    def count(self, size_u: float) -> list[str]:
        """Count a pulse down; return the alarms that it brings."""
        before_u, was_low = self.left_u, self.is_low
        counted_u = size_u * self._counted_share
        self.left_u = max(0.0, round(before_u - counted_u, COUNTED_DIGITS))
        codes = ["LOWRES"] if self.is_low and not was_low and not self._mute else []
        if self.is_empty:
            self._overdrawn_u += max(0.0, counted_u - before_u)
            if self._overdrawn_u >= self._late_u - _SLACK_U:
                codes.append("EMPTY")
        return codes
