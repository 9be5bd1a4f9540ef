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


def put_in(stage: Stage, volume_ul: float) -> float:
    """Ask for a reservoir that holds so much to be put in and wait until it is; return the instant of the answer.

    Raises:
        RefusedError: the operator says that it cannot be done.

    """
    words = f"Put in a reservoir that holds {volume_ul / stage.context.concentration.ul_per_u:g} U, without air"
    return ask(stage, OperatorAction.CHANGE_RESERVOIR, words, volume_ul, "µL")
