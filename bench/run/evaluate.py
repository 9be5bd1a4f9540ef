"""From a recording to results: the one way, for the run that has just ended and for one of years ago."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bench.importing.recording import FINDING, IMPORTED
from bench.plan.load import load_plan
from bench.plan.model import Plan, PlanTest
from bench.procedures.base import Context, Procedure
from bench.recording.errors import RecordingError
from bench.recording.reader import Event, RecordingReader, TestRecord
from bench.results.model import (
    Certificate,
    Evaluation,
    Imported,
    Judged,
    PlannedTest,
    PumpModel,
    RunResult,
    TestCondition,
    TestResult,
    Verdict,
)
from bench.rig.declared import BalanceCalibration, ClimateCalibration, DoserCalibration, PressureCalibration
from bench.rig.instruments import BalanceSpec, ClimateSpec, DoserSpec, PressureSpec
from bench.rig.load import load_rig
from bench.rig.model import Rig
from bench.run.bench_checks import in_the_light_of_checks
from bench.run.bench_state import CONDITION_LEFT, CONDITION_SET
from bench.run.folder import RECORDING
from bench.run.judging import judge_test
from bench.run.partial import evaluates_partial, partial_result

DRIVEN = "driven"
"""Outcome of a test that was driven to its end; only such a one is judged."""


def evaluate_run(
    folder: Path, procedures: Mapping[str, Procedure], *, just_sealed: str = "", without: Sequence[str] = ()
) -> RunResult:
    """Evaluate and judge every test of a run anew, from its recording alone.

    The recording holds plan and rig as they were; the files that they came from are not read.

    Args:
        folder: the run's folder.
        procedures: kinds of test by name.
        just_sealed: digest with which this very process has sealed the recording, whose rows need no second look.
        without: corrections to leave off (`evaporation` …), whatever the plan has: to see what they do.

    Raises:
        RecordingError: there is no recording, or it cannot be read or was changed.
        PlanError, RigError: its plan or rig is one that this version of the bench no longer understands.
        ValueError: there is no such correction.

    """
    with RecordingReader(folder / RECORDING) as recording:
        found = None if just_sealed and recording.digest == just_sealed else recording.check()
        if found is not None and found.problem:
            raise RecordingError(recording.path, found.problem, "It was changed after it was written: use the original")
        config = recording.config
        imported = bool(recording.events(IMPORTED))
        plan = load_plan(config.plan_text, procedures, name=config.plan_file, without_limits=imported)
        plan = replace(plan, corrections=plan.corrections.without(*without))
        rig = load_rig(config.rig_text, name=config.rig_file)
        tests = {test.id: test for test in plan.tests}
        results = [test_result(recording, tests[test_id], plan, rig, procedures) for test_id in recording.test_ids()]
        return run_result(recording, plan, rig, in_the_light_of_checks(results, rig))


def test_result(
    recording: RecordingReader, test: PlanTest, plan: Plan, rig: Rig, procedures: Mapping[str, Procedure]
) -> TestResult:
    """Evaluate and judge one test of a recording.

    A test that was not driven to its end has verdict `error`; of a long one the part that was recorded is shown.
    """
    record = recording.test(test.id)
    outcome, reason = _outcome(record.events("test ended"))
    procedure, context = procedures[test.procedure], Context(plan.under(test), rig)
    if outcome != DRIVEN:
        if not evaluates_partial(procedure):
            return error_result(recording, test, reason)
        part, unjudged, reason = partial_result(test, procedure, record, context, reason)
        return _result(test, record, Verdict.ERROR, reason, unjudged, part)
    evaluation = procedure.evaluate(test.settings, record, context)
    evaluation = _with_findings(evaluation, record.events(FINDING))
    evaluation = _with_left_conditions(evaluation, record.events(CONDITION_LEFT))
    judged, verdict, reason = judge_test(test, evaluation, plan)
    return _result(test, record, verdict, reason, judged, evaluation)


def error_result(recording: RecordingReader, test: PlanTest, reason: str) -> TestResult:
    """Return the result of a test that came to no verdict."""
    record = recording.test(test.id)
    return _result(test, record, Verdict.ERROR, reason, [], None)


def run_result(recording: RecordingReader, plan: Plan, rig: Rig, tests: list[TestResult]) -> RunResult:
    """Return the results of a whole run; everything beside `tests` is as the recording has it."""
    config = recording.config
    ended = recording.events("run ended")
    return RunResult(
        simulated=config.simulated,
        seed=config.seed,
        plan=plan.plan,
        plan_title=plan.title,
        plan_file=config.plan_file,
        plan_sha256=_sha256(config.plan_text),
        decision=str(plan.decision),
        insulin=str(plan.pump.insulin),
        rig=rig.rig,
        rig_file=config.rig_file,
        rig_sha256=_sha256(config.rig_text),
        origin_utc=config.origin_utc,
        ended_s=recording.end_s,
        instruments=config.identities,
        calibrations=_calibrations(rig, config.origin_utc),
        versions=config.versions,
        complete=bool(ended and ended[-1].data["complete"]),
        ended_by=str(ended[-1].data["ended_by"]) if ended else "the run crashed: its recording was never sealed",
        recording_digest=recording.digest,
        pump_model=_pump_model(rig),
        imported=_imported(recording),
        tests=tests,
        not_run=_not_run(plan, tests),
    )


def _pump_model(rig: Rig) -> PumpModel | None:
    pump = rig.simulation.pump if rig.simulation is not None else None
    if pump is None or not pump.model:
        return None
    return PumpModel(model=pump.model, source=pump.source, not_modelled=pump.not_modelled, changed=list(pump.changed))


def _imported(recording: RecordingReader) -> Imported | None:
    found = recording.events(IMPORTED)
    if not found:
        return None
    data = found[0].data
    return Imported(file=data["file"], sha256=data["sha256"], rows=data["rows"], options=data["options"])


def _with_findings(evaluation: Evaluation, findings: list[Event]) -> Evaluation:
    """Return an evaluation with what import found in front of its own notes and doubts."""
    if not findings:
        return evaluation
    notes = [event.data["note"] for event in findings if "note" in event.data]
    doubts = [event.data["doubt"] for event in findings if "doubt" in event.data]
    return evaluation.model_copy(update={"notes": [*notes, *evaluation.notes], "doubts": [*doubts, *evaluation.doubts]})


def _not_run(plan: Plan, tests: list[TestResult]) -> list[PlannedTest]:
    tried = {test.id for test in tests}
    return [
        PlannedTest(id=test.id, title=test.title, procedure=test.procedure, verifies=list(test.verifies))
        for test in plan.tests
        if test.id not in tried
    ]


def _calibrations(rig: Rig, origin_utc: str) -> dict[str, Certificate | None]:
    """Return the certificate of each instrument that measures, as the rig file has it."""
    begun = dt.datetime.fromisoformat(origin_utc).date() if origin_utc else None
    found: dict[str, Certificate | None] = {}
    for role, spec in rig.instruments.items():
        if isinstance(spec, BalanceSpec | PressureSpec | ClimateSpec | DoserSpec):
            stated = spec.calibration
            found[role] = None if stated is None else _certificate(stated, begun)
    return found


def _certificate(
    stated: BalanceCalibration | PressureCalibration | ClimateCalibration | DoserCalibration, begun: dt.date | None
) -> Certificate:
    return Certificate(
        certificate=stated.certificate,
        due=stated.due.isoformat() if stated.due is not None else None,
        overdue=stated.due is not None and begun is not None and stated.due < begun,
        expanded_uncertainty=str(stated.expanded_uncertainty),
        coverage_factor=stated.k,
    )


def _outcome(ended: list[Event]) -> tuple[str, str]:
    if not ended:
        return "crashed", "the run crashed while this test was driven"
    return str(ended[-1].data["outcome"]), str(ended[-1].data.get("reason", ""))


def _result(
    test: PlanTest,
    record: TestRecord,
    verdict: Verdict,
    reason: str,
    judged: list[Judged],
    evaluation: Evaluation | None,
) -> TestResult:
    return TestResult(
        id=test.id,
        title=test.title,
        procedure=test.procedure,
        verifies=list(test.verifies),
        settings=test.settings.model_dump(mode="json"),
        started_s=record.start_s,
        ended_s=record.end_s,
        verdict=verdict,
        reason=reason,
        judged=judged,
        evaluation=evaluation,
        entry=test.entry if test.conditions else "",
        conditions=_conditions(test, record.events(CONDITION_SET)),
    )


def _conditions(test: PlanTest, events: list[Event]) -> list[TestCondition]:
    """Return a test's conditions in the plan's order, each with who set it and when, as far as it was recorded."""
    told = {event.data["name"]: event.data for event in events}
    return [
        TestCondition(
            name=each.name,
            kind=each.kind,
            text=each.text,
            number=each.number,
            unit=each.unit,
            set_by=told[each.name]["by"] if each.name in told else "",
            set_s=told[each.name]["set_s"] if each.name in told else None,
        )
        for each in test.conditions
    ]


def _with_left_conditions(evaluation: Evaluation, left: list[Event]) -> Evaluation:
    """Return an evaluation whose notes say how the bench still stood, where the test did not ask for it."""
    if not left:
        return evaluation
    notes = [
        f"The bench still stood at {each.data['words']}, set for {each.data['asked_for']}: this test names no such"
        " condition, so nobody put it back."
        for each in left
    ]
    return evaluation.model_copy(update={"notes": [*notes, *evaluation.notes]})


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
