"""What a drive asks the operator: done, or the test cannot go on."""

from __future__ import annotations

from bench.procedures.base import Stage
from drivers.errors import RefusedError
from drivers.roles import OperatorAction, OperatorRequest


def ask(stage: Stage, action: OperatorAction, words: str, value: float = 0.0, unit: str = "") -> float:
    """Ask for something to be done by hand and wait until it is; return the instant of the answer.

    Raises:
        RefusedError: the operator says that it cannot be done.

    """
    answer = stage.ask(OperatorRequest(action, words, value, unit))
    if not answer.done:
        asked = action.replace("_", " ")
        raise RefusedError("operator", f"cannot {asked}: {answer.reason or 'no reason given'}")
    return answer.time_s
