"""One run of a twin study: a world of its own, driven and evaluated as any run, and compared with its truth."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from bench.clock import SimulatedClock
from bench.plan.model import Plan
from bench.procedures import registry
from bench.recording.reader import RecordingReader
from bench.results.model import Measurement, RunResult
from bench.rig.model import Rig
from bench.run.evaluate import evaluate_run
from bench.run.folder import RECORDING
from bench.run.session import RunSession
from bench.twin.settings import Simulation
from bench.twin.truth import read_truth
from bench.twin.twin import Twin
from bench.validation.course import Course
from bench.validation.truths import truths

TRUTH = "twin-truth.jsonl"


@dataclass(frozen=True, slots=True)
class Compared:
    """One stated value beside its truth, in its own unit."""

    seed: int
    procedure: str
    name: str
    unit: str
    value: float
    expanded: float
    k: float
    truth: float

    @property
    def error(self) -> float:
        """Stated less true."""
        return self.value - self.truth

    @property
    def covered(self) -> bool:
        """Whether the truth lies within the stated interval; rounding of the last digit does not count."""
        return abs(self.error) <= self.expanded + 1e-9 * max(1.0, abs(self.truth))


def drive(plan: Plan, rig: Rig, world: Simulation, folder: Path) -> RunResult:
    """Drive a plan on the twin of a world; the folder keeps recording, results and truth."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    clock = SimulatedClock(world.start_utc)
    with Twin("twin", world, world.seed, clock, folder / TRUTH):
        session = RunSession(plan, rig, clock, folder, registry(), seed=world.seed)
        session.open()
        try:
            for test in plan.tests:
                session.run_test(test)
        finally:
            run = session.close()
    return run


def evaluate_again(folder: Path) -> RunResult:
    """Evaluate a kept run by the code of today."""
    return evaluate_run(folder, registry())


def compare(run: RunResult, folder: Path, seed: int, ul_per_u: float) -> list[Compared]:
    """Return every measurement of a run that has a value and a truth, beside its truth."""
    truth = read_truth(folder / TRUTH)
    found: list[Compared] = []
    with RecordingReader(folder / RECORDING) as recording:
        for test in run.tests:
            if test.evaluation is None or test.evaluation.partial:
                continue
            course = Course(recording.test(test.id), truth, ul_per_u)
            true = truths(test.procedure, course)
            found += [
                _compared(seed, test.procedure, measured, true[measured.name])
                for measured in test.evaluation.measurements
                if measured.value is not None and measured.censored is None and measured.name in true
            ]
    return found


def _compared(seed: int, procedure: str, measured: Measurement, truth: float) -> Compared:
    if measured.value is None or measured.expanded_uncertainty is None:
        raise ValueError(f"{measured.name} has no value with an uncertainty")
    return Compared(
        seed,
        procedure,
        measured.name,
        measured.unit,
        measured.value,
        measured.expanded_uncertainty,
        measured.coverage_factor,
        truth,
    )
