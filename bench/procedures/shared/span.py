"""Between a command and its confirmation: when something was done, as far as the bench can know."""

from __future__ import annotations

from dataclasses import dataclass

from bench.recording.reader import Event


@dataclass(frozen=True, slots=True)
class Span:
    """Something was done at some moment between the command and its confirmation."""

    sent_s: float
    acknowledged_s: float

    @property
    def middle_s(self) -> float:
        """The middle between the two."""
        return 0.5 * (self.sent_s + self.acknowledged_s)

    @property
    def half_width_s(self) -> float:
        """How far from the middle it may have been."""
        return 0.5 * (self.acknowledged_s - self.sent_s)


def span_of(event: Event) -> Span:
    """Return when the command that an event tells of was obeyed: at the event itself, where nothing else is known."""
    data = event.data
    return Span(float(data.get("sent_s", event.time_s)), float(data.get("acknowledged_s", event.time_s)))
