"""Asking the person beside the bench, and waiting for the answer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

from bench.clock import Clock
from drivers.beside import Asked
from drivers.errors import NoReplyError
from drivers.roles import Operator, OperatorAnswer, OperatorRequest

_SLICE_S = 0.5


class Note(Protocol):
    """Where events go."""

    def __call__(self, kind: str, /, **data: Any) -> object:
        """Take note of an event."""


def ask(
    operator: Operator,
    request: OperatorRequest,
    clock: Clock,
    note: Note,
    attend: Callable[[str], object],
    patience_s: float = math.inf,
) -> Asked:
    """Ask an operator to do something by hand and wait for the answer; both are noted, each with its instant.

    Args:
        operator: who is asked.
        request: what is to be done.
        clock: the run's clock.
        note: told `operator asked`, and `operator confirmed` or `operator refused`.
        attend: called several times a second with what is waited for; what it raises ends the waiting.
        patience_s: how long to wait.

    Raises:
        InstrumentError: the operator cannot be asked, or did not answer in time.

    """
    shown_s = clock.now_s()
    told = {"action": request.action.value, "value": request.value, "unit": request.unit, "words": request.words}
    note("operator asked", **told)
    operator.ask(request)
    answer: OperatorAnswer | None = None
    try:
        while answer is None:
            attend(f"waiting for the operator: {request.words}")
            answer = operator.answer(clock.now_s() + _SLICE_S)
            if answer is None and clock.now_s() - shown_s >= patience_s:
                raise NoReplyError(
                    "operator",
                    f"did not answer within {patience_s:g} s: {request.words}",
                    advice="Is anybody there? What was asked for may have been done all the same.",
                )
    finally:
        if answer is None:
            operator.cancel()
    kind = "operator confirmed" if answer.done else "operator refused"
    note(kind, action=request.action.value, reason=answer.reason, asked_s=shown_s, answered_s=answer.time_s)
    return Asked(answer, shown_s)
