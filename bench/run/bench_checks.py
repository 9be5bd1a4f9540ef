"""What a failed check of the bench leaves of the other verdicts of its run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.metrology.rounding import limit_text
from bench.results.model import OF_THE_BENCH, TestResult, Verdict
from bench.rig.model import Rig

_CHECK = "check"
_OF_DOSES = frozenset({"dose_error", "dose_sd"})
_UNFIT = (
    "{test}, a check of this bench in the same run, failed ({why}): what was weighed before it or after proves nothing"
    " of a pump. Mend the bench, check it again, and measure anew."
)


def in_the_light_of_checks(results: Sequence[TestResult], rig: Rig) -> list[TestResult]:
    """Return a run's results, none of which judges a pump by a bench that failed its check in the same run.

    A balance that shows too much fails a good pump and passes a bad one, so every verdict pass or fail of a test of a
    pump becomes inconclusive, with a doubt that names the check; its measurements stay. Nobody knows since when a bench
    that fails has been unfit, so tests before the check are doubted, too. Doses of a pump that stands in for the
    reference doser of a rig without one say nothing of the bench.
    """
    doubts = [_UNFIT.format(test=each.id, why=", ".join(why)) for each in results if (why := _unfit(each, rig))]
    return [_doubted(each, doubts) for each in results]


def _unfit(result: TestResult, rig: Rig) -> list[str]:
    if result.procedure != _CHECK or result.verdict is not Verdict.FAIL:
        return []
    of_pump = _OF_DOSES if rig.doser is None else frozenset()
    failed = [each for each in result.judged if each.verdict is Verdict.FAIL and each.measurement not in of_pump]
    return [f"{each.measurement}, limit {limit_text(each.limit)}" for each in failed]


def _doubted(result: TestResult, doubts: Iterable[str]) -> TestResult:
    if result.procedure in OF_THE_BENCH or result.evaluation is None or result.verdict is Verdict.ERROR:
        return result
    new = [each for each in doubts if each not in result.evaluation.doubts]
    if not new:
        return result
    evaluation = result.evaluation.model_copy(update={"doubts": [*new, *result.evaluation.doubts]})
    changed = {"verdict": Verdict.INCONCLUSIVE, "reason": " ".join(evaluation.doubts), "evaluation": evaluation}
    return result.model_copy(update=changed)
