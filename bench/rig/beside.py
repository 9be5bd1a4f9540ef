"""What stands beside an instrument of a rig, for drivers that need others to do their work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.clock import Clock
from bench.rig.asking import Note, ask
from bench.rig.instrument import Opened
from drivers.beside import Asked
from drivers.errors import InstrumentError, LinkError
from drivers.roles import OperatorRequest

if TYPE_CHECKING:
    from bench.rig.open import OpenRig


class RigBeside:
    """The instruments of a rig, while it is opened and afterwards.

    Args:
        opened: the instruments by role, as far as they are open.
        clock: the run's clock.
        record: told what the operator is asked and answers.

    """

    def __init__(self, opened: dict[str, Opened], clock: Clock, record: Note) -> None:
        self.rig: OpenRig | None = None
        """The rig once all of it is open: only then are lost links opened again."""
        self._opened = opened
        self._clock = clock
        self._record = record
        self._steady: dict[str, Any] = {}

    def instrument(self, role: str) -> Any:
        """Return the instrument of a role, whose link is opened again where it is lost; None where there is none."""
        # Of the operator's lost link whoever asks next takes care.
        if self.rig is None or role == "operator":
            found = self._opened.get(role)
            return found.instrument if found is not None else None
        if role not in self._steady:
            self._steady[role] = self.rig.steady(role)
        return self._steady[role]

    def ask(self, request: OperatorRequest, patience_s: float) -> Asked:
        """Ask the operator for something to be done and wait for the answer.

        Raises:
            InstrumentError: there is no operator, or none who answers within `patience_s`; never a `LinkError`, since
                it is not the caller's link that was lost.

        """
        shown_s = self._clock.now_s()
        while True:
            try:
                asked = ask(self._operator(), request, self._clock, self._record, self._attend, patience_s)
                return Asked(asked.answer, shown_s)
            except LinkError as error:
                self._bring_back(error)

    def _operator(self) -> Any:
        found = self._opened.get("operator")
        if found is None or found.instrument is None:
            problem = "the rig has none who could be asked" if found is None else "cannot be asked: see there"
            raise InstrumentError("operator", problem, advice="Write `operator: {driver: console}` into the rig file")
        return found.instrument

    def _attend(self, activity: str) -> None:
        if self.rig is not None:
            self.rig.while_asking(activity)

    def _bring_back(self, error: LinkError) -> None:
        try:
            if self.rig is None or not self.rig.is_lost("operator", error):
                raise error
            self.rig.bring_back("operator", error)
        except LinkError as lost:
            raise InstrumentError(lost.instrument, lost.problem, advice=lost.advice) from lost
