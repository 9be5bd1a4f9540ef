"""A long test that was aborted: what was recorded up to then is evaluated, is marked as partial, and never passes."""

from __future__ import annotations

import numpy as np

from bench.plan.model import Plan, PlanTest
from bench.procedures.base import Context, Procedure
from bench.recording.reader import TestRecord
from bench.results.model import Evaluation, Judged, Verdict
from bench.run.judging import judge_test

NOT_JUDGED = "not judged: the test was aborted, and what holds for a part is not shown for the whole"
_HOUR_S = 3600.0


def evaluates_partial(procedure: Procedure) -> bool:
    """Return whether a part of this kind of test tells anything."""
    return bool(getattr(procedure, "partial", False))


def partial_result(
    test: PlanTest, procedure: Procedure, record: TestRecord, context: Context, reason: str
) -> tuple[Evaluation | None, list[Judged], str]:
    """Evaluate an aborted test as far as it came.

    Args:
        test: the test.
        procedure: its kind.
        record: what was recorded of it.
        context: plan and rig.
        reason: why it ended.

    Returns:
        The evaluation, or None where nothing can be made of the part; its limits, none of them judged; and the reason,
        with what came in the way of the evaluation.

    """
    try:
        with np.errstate(all="ignore"):  # a part may hold next to nothing, which is told by its measurements
            evaluation = procedure.evaluate(test.settings, record, context)
        judged = _unjudged(test, evaluation, context.plan)
    except Exception as error:  # a part may lack whatever a procedure relies on; the abort stays what it is
        told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return None, [], f"{reason} (the part that was recorded could not be evaluated: {told})"
    came = _in_words(record.end_s - record.start_s)
    whole = _in_words(procedure.expected_duration_s(test.settings, context.plan))
    partial = f"Aborted after {came} of about {whole}: {reason or 'no reason was recorded'}"
    doubt = (
        f"{partial.rstrip('.')}. Everything below is of the part until then, and none of it is judged; nothing settled"
        " after the last dose, which may be cut off."
    )
    return evaluation.model_copy(update={"partial": partial, "doubts": [doubt, *evaluation.doubts]}), judged, reason


def _unjudged(test: PlanTest, evaluation: Evaluation, plan: Plan) -> list[Judged]:
    """Return the test's limits beside the measurements of the part, without a verdict of theirs."""
    silent = {
        "verdict": Verdict.INCONCLUSIVE,
        "reason": NOT_JUDGED,
        "probability_of_conformity": None,
        "test_uncertainty_ratio": None,
    }
    return [each.model_copy(update=silent) for each in judge_test(test, evaluation, plan).judged]


def _in_words(seconds: float) -> str:
    return f"{seconds / 60.0:.0f} min" if seconds < _HOUR_S else f"{seconds / _HOUR_S:.1f} h"
