"""What a driver may use of the rig beside its own instrument: the person at the bench, and other instruments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from drivers.roles import OperatorAnswer, OperatorRequest


@dataclass(frozen=True, slots=True)
class Asked:
    """An operator's answer, and when the question was first shown: what was asked for was done in between."""

    answer: OperatorAnswer
    shown_s: float


class Beside(Protocol):
    """What stands on the rig beside an instrument whose driver says that it needs others (`DriverEntry.needs`)."""

    def instrument(self, role: str) -> Any:
        """Return the instrument of a role, whose link is opened again where it is lost; None where there is none."""

    def ask(self, request: OperatorRequest, patience_s: float) -> Asked:
        """Ask the operator for something to be done and wait for the answer; the run goes on meanwhile.

        Question and answer are recorded. It never raises `LinkError`: what was lost is not the caller's own link.

        Raises:
            InstrumentError: there is no operator, or none who answers within `patience_s`.

        """
