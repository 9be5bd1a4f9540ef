"""The states of a run and the transitions between them; nothing else is possible."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class RunState(StrEnum):
    """What a run is doing.

    `opening` instruments; `ready` for a test; `driving` one; `settling` after it, while the rig is made safe;
    `evaluating` it; `sealed` when the run ended by itself; `aborted` when it was ended before.
    """

    OPENING = "opening"
    READY = "ready"
    DRIVING = "driving"
    SETTLING = "settling"
    EVALUATING = "evaluating"
    SEALED = "sealed"
    ABORTED = "aborted"


TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    RunState.OPENING: frozenset({RunState.READY, RunState.ABORTED}),
    RunState.READY: frozenset({RunState.DRIVING, RunState.SEALED, RunState.ABORTED}),
    RunState.DRIVING: frozenset({RunState.SETTLING}),  # every end of a test passes through the safe state
    RunState.SETTLING: frozenset({RunState.EVALUATING, RunState.ABORTED}),
    RunState.EVALUATING: frozenset({RunState.READY, RunState.ABORTED}),
    RunState.SEALED: frozenset(),
    RunState.ABORTED: frozenset(),
}


class IllegalTransitionError(RuntimeError):
    """The run was told to do something that its state does not allow."""

    def __init__(self, state: RunState, wanted: RunState) -> None:
        self.state = state
        self.wanted = wanted
        allowed = ", ".join(sorted(TRANSITIONS[state])) or "nothing: the run is over"
        super().__init__(f"a run that is {state} cannot become {wanted}; it can become {allowed}")


class RunStates:
    """Where a run stands.

    Args:
        on_change: told of each new state.

    """

    def __init__(self, on_change: Callable[[RunState], None] | None = None) -> None:
        self.current = RunState.OPENING
        self._on_change = on_change

    def become(self, state: RunState) -> None:
        """Go to `state`.

        Raises:
            IllegalTransitionError: the present state does not lead there.

        """
        if state not in TRANSITIONS[self.current]:
            raise IllegalTransitionError(self.current, state)
        self.current = state
        if self._on_change is not None:
            self._on_change(state)

    def require(self, state: RunState) -> None:
        """Check that the run is in `state`.

        Raises:
            IllegalTransitionError: it is in another.

        """
        if self.current is not state:
            raise IllegalTransitionError(self.current, state)

    @property
    def over(self) -> bool:
        """Whether the run has ended."""
        return not TRANSITIONS[self.current]
