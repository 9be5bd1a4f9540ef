"""Errors that an instrument can cause, each naming the instrument and the bytes seen."""

from __future__ import annotations

from drivers.secrets import InstrumentName


class InstrumentError(Exception):
    """Base of everything that goes wrong between the bench and an instrument.

    Args:
        instrument: what the rig calls it and where it is, such as `balance at /dev/ttyUSB0`; a link's own name
            (`Link.name`) keeps the link's secrets out of the error.
        problem: what happened, in words.
        sent: the bytes that the bench had sent, if any.
        seen: the bytes that came back, if any.
        advice: the way out.

    """

    def __init__(
        self,
        instrument: str,
        problem: str,
        *,
        sent: bytes | None = None,
        seen: bytes | None = None,
        advice: str = "",
    ) -> None:
        if isinstance(instrument, InstrumentName):
            secrets = instrument.secrets
            problem, advice = secrets.hide_in_text(problem), secrets.hide_in_text(advice)
            sent = secrets.hide(sent) if sent is not None else None
            seen = secrets.hide(seen) if seen is not None else None
        self.instrument = instrument
        self.problem = problem
        self.sent = sent
        self.seen = seen
        self.advice = advice
        parts = [f"{instrument}: {problem}"]
        if sent is not None:
            parts.append(f"sent {sent!r}")
        if seen is not None:
            parts.append(f"saw {seen[:200]!r}" if seen else "saw nothing")
        text = "; ".join(parts)
        super().__init__(f"{text}. {advice}" if advice else text)


class LinkError(InstrumentError):
    """The link cannot be opened, or broke."""


class NoReplyError(InstrumentError):
    """The instrument did not answer in time."""


class GarbledReplyError(InstrumentError):
    """The instrument answered with something that its protocol does not have."""


class RefusedError(InstrumentError):
    """The instrument understood and said no."""


class ControlLostError(NoReplyError):
    """An instrument that obeys only a host which it hears often enough has not heard this one, or obeys it no more."""


class ReadBackError(RefusedError):
    """The instrument took a command, and what it says of itself afterwards is something else."""
