"""Which pump each run was of, and whether runs may be pooled at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.pooling.errors import PoolingError
from bench.quantities import Concentration, parse_concentration
from bench.results.model import OF_THE_BENCH, RunResult, TestResult, Verdict
from bench.results.pooled import LeftOut, PooledRun


@dataclass(frozen=True, slots=True)
class Source:
    """One test that goes in: of which run, of which pump."""

    run: str
    pump: str
    test: TestResult


def check_together(runs: Mapping[str, RunResult]) -> Concentration:
    """Return the concentration that all runs have; refuse runs that do not belong together.

    Raises:
        PoolingError: real and simulated runs, different concentrations or models of pumps, or one recording twice.

    """
    if not runs:
        raise PoolingError("no run was named")
    _alike(runs, "what they are", lambda run: "simulated" if run.simulated else "real")
    _alike(runs, "insulin", lambda run: run.insulin)
    _alike(runs, "pump model", _model)
    _no_recording_twice(runs)
    insulin = next(iter(runs.values())).insulin
    if not insulin:
        raise PoolingError(
            "the results do not tell the insulin's concentration: add --evaluate, so that the recordings do"
        )
    return parse_concentration(insulin)


def pumps_of(runs: Mapping[str, RunResult], *, each_run_a_pump: bool) -> dict[str, str]:
    """Return each run's pump: by serial number, and by seed where it is simulated.

    Raises:
        PoolingError: a pump tells no serial number.

    """
    if each_run_a_pump:
        return {name: f"pump of {name}" for name in runs}
    found = {}
    for name, run in runs.items():
        serial = run.instruments.get("pump", {}).get("serial_number", "").strip()
        if not serial:
            raise PoolingError(
                f"{name} does not tell its pump's serial number, so that it cannot be told which runs are of one pump. "
                "Where each run is of another pump, say so with --each-run-a-pump"
            )
        found[name] = f"{serial}, seed {run.seed}" if run.simulated and run.seed is not None else serial
    return found


def usable_tests(runs: Mapping[str, RunResult], pumps: Mapping[str, str]) -> tuple[list[Source], list[LeftOut]]:
    """Return the tests that go in, and those that do not with the reason: no verdict, doubts, or of the bench alone."""
    sources, left_out = [], []
    for name, run in runs.items():
        for test in run.tests:
            reason = _unusable(test)
            if reason:
                left_out.append(LeftOut(run=name, test=test.id, reason=reason))
            else:
                sources.append(Source(name, pumps[name], test))
        left_out += [LeftOut(run=name, test=each.id, reason="not run") for each in run.not_run]
    return sources, left_out


def pooled_runs(runs: Mapping[str, RunResult], pumps: Mapping[str, str]) -> list[PooledRun]:
    """Return the runs as they are listed."""
    return [
        PooledRun(
            run=name,
            pump=pumps[name],
            firmware=run.instruments.get("pump", {}).get("firmware", ""),
            plan=run.plan,
            rig=run.rig,
            started_utc=run.origin_utc,
            recording_digest=run.recording_digest,
        )
        for name, run in runs.items()
    ]


def general_notes(runs: Mapping[str, RunResult], pumps: Mapping[str, str]) -> list[str]:
    """Return what a reader must know of the runs: incomplete ones, different firmware and software, few pumps."""
    notes = [
        f"{name} is incomplete: {run.ended_by or 'unknown why'}." for name, run in runs.items() if not run.complete
    ]
    if len(set(pumps.values())) == 1:
        notes.append("All runs are of one pump: nothing here tells how pumps differ.")
    for what, tell in (
        ("firmware of the pumps", lambda run: run.instruments.get("pump", {}).get("firmware", "")),
        ("pumpbench", lambda run: run.versions.get("pumpbench", "")),
        ("rig", lambda run: run.rig),
    ):
        different = _different(runs, tell)
        if len(different) > 1:
            notes.append(f"Not the same in all runs: {what} ({_listed(different)}).")
    return notes


def _unusable(test: TestResult) -> str:
    if test.procedure in OF_THE_BENCH:
        return f"procedure {test.procedure} measures the bench, not the pump"
    if test.evaluation is None or test.verdict is Verdict.ERROR:
        return test.reason or "it was not driven to its end"
    if test.evaluation.doubts:
        return f"doubt: {test.evaluation.doubts[0]}"
    if all(each.value is None for each in test.evaluation.measurements):
        return "none of its measurements has a value"
    return ""


def _model(run: RunResult) -> str:
    facts = run.instruments.get("pump", {})
    return " ".join(filter(None, (facts.get("manufacturer", ""), facts.get("model", ""))))


def _alike(runs: Mapping[str, RunResult], what: str, tell: Callable[[RunResult], str]) -> None:
    different = _different(runs, tell)
    if len(different) > 1:
        raise PoolingError(f"runs that differ in {what} are not pooled: {_listed(different)}. Pool them one by one")


def _different(runs: Mapping[str, RunResult], tell: Callable[[RunResult], str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, run in runs.items():
        found.setdefault(tell(run), []).append(name)
    return found


def _listed(different: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{value or 'not stated'}: {', '.join(names)}" for value, names in different.items())


def _no_recording_twice(runs: Mapping[str, RunResult]) -> None:
    digests = Counter(run.recording_digest for run in runs.values() if run.recording_digest)
    for digest, times in digests.items():
        if times > 1:
            names = ", ".join(name for name, run in runs.items() if run.recording_digest == digest)
            raise PoolingError(f"the same recording is there {times} times: {names}. Name it once")
