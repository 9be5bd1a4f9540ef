"""A run goes only where its state table leads."""

from __future__ import annotations

from itertools import product

import pytest

from bench.run.state import IllegalTransitionError, RunState, RunStates

OPENING, READY, DRIVING, SETTLING, EVALUATING, SEALED, ABORTED = (
    RunState.OPENING,
    RunState.READY,
    RunState.DRIVING,
    RunState.SETTLING,
    RunState.EVALUATING,
    RunState.SEALED,
    RunState.ABORTED,
)
LEGAL = {
    (OPENING, READY),
    (READY, DRIVING),
    (DRIVING, SETTLING),
    (SETTLING, EVALUATING),
    (EVALUATING, READY),
    (READY, SEALED),
    *((state, ABORTED) for state in (OPENING, READY, SETTLING, EVALUATING)),
}


@pytest.mark.parametrize(("state", "to"), list(product(RunState, RunState)))
def test_every_transition_is_either_legal_or_refused(state: RunState, to: RunState) -> None:
    states = RunStates()
    states.current = state
    if (state, to) in LEGAL:
        states.become(to)
        assert states.current is to
    else:
        with pytest.raises(IllegalTransitionError, match=f"a run that is {state} cannot become {to}"):
            states.become(to)
        assert states.current is state


def test_a_test_cannot_be_driven_without_coming_to_rest_after_it() -> None:
    states = RunStates()
    for state in (READY, DRIVING):
        states.become(state)
    with pytest.raises(IllegalTransitionError, match="it can become settling"):
        states.become(SEALED)
    with pytest.raises(IllegalTransitionError):
        states.require(READY)


def test_changes_are_told_and_the_end_is_the_end() -> None:
    told: list[RunState] = []
    states = RunStates(told.append)
    for state in (READY, DRIVING, SETTLING, EVALUATING, READY, SEALED):
        assert not states.over
        states.become(state)
    assert told == [READY, DRIVING, SETTLING, EVALUATING, READY, SEALED]
    assert states.over
    with pytest.raises(IllegalTransitionError, match="nothing: the run is over"):
        states.become(READY)
