"""Guard bands of the decision rules, and the uncertainty that they leave room for."""

from __future__ import annotations

from bench.metrology.conformity import Bound, Knowledge, global_guard, score_at
from bench.plan.decision import Decision

_K = 2.0
"""Coverage factor of an uncertainty that is foretold."""


def guard_band(
    decision: Decision,
    bounds: tuple[Bound, Bound],
    expanded_uncertainty: float,
    known: Knowledge,
) -> float:
    """Return how far within a limit a value must lie to pass, and beyond it to fail, in the measurement's unit.

    Of a specific risk it is that against one limit; where two are near, more is needed.
    """
    if expanded_uncertainty <= 0.0 or decision.rule == "simple":
        return 0.0
    if decision.rule == "guarded":
        return decision.r * expanded_uncertainty
    room = half_room(bounds)
    if decision.kind == "global" and room:
        return global_guard(room, expanded_uncertainty, decision.risk, decision.in_tolerance)
    return known.reach(1.0 - decision.risk)


def largest_uncertainty(decision: Decision, room: float, *, two_sided: bool) -> float:
    """Return the expanded uncertainty (k = 2) with which some value can still pass.

    No rule is asked to decide with an uncertainty greater than the room itself: a verdict at a test uncertainty ratio
    below 1 is a matter of chance.

    Args:
        decision: the rule.
        room: how far within the limit a value can lie: half of what is between two of them.
        two_sided: whether that room ends at a limit on either side.

    """
    if decision.rule == "simple":
        return room
    if decision.rule == "guarded":
        return room / max(1.0, decision.r)
    if decision.kind == "global" and two_sided:
        return _largest_of_global(decision, room)
    tail = 0.5 * decision.risk if two_sided else decision.risk
    return room * min(1.0, _K / score_at(1.0 - tail, None))


def half_room(bounds: tuple[Bound, Bound]) -> float | None:
    """Return half of what is between two limits; None where one side is open."""
    lower, upper = bounds
    return None if lower is None or upper is None else 0.5 * (upper - lower)


def _largest_of_global(decision: Decision, room: float) -> float:
    def decides(expanded: float) -> bool:
        return global_guard(room, expanded, decision.risk, decision.in_tolerance) < 0.999 * room

    if decides(room):
        return room
    low, high = 0.0, room
    while high - low > 0.01 * room:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if decides(middle) else (low, middle)
    return low
