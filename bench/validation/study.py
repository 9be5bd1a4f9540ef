"""A twin study: many short runs, each in a world of its own, in a folder that a later call goes on with."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.rig.load import load_rig
from bench.run.folder import RECORDING
from bench.validation.batch import Progress, batch
from bench.validation.faults import TRIALS, FaultSeen, try_fault
from bench.validation.plans import CHECK, POWER, short_plan
from bench.validation.runs import Compared, compare, drive, evaluate_again
from bench.validation.twin_rig import twin_of, with_supply
from bench.validation.verdicts import Decided, decide
from bench.validation.world import draw_world, with_leak, with_references


@dataclass(frozen=True, slots=True)
class CoverageTask:
    """One run of a procedure's short test in the world of a seed; `again` evaluates a kept recording anew."""

    rig_text: str
    procedure: str
    seed: int
    folder: str
    keep: bool = False
    again: bool = False

    @property
    def key(self) -> str:
        """Procedure and seed."""
        return f"{self.procedure} {self.seed}"


@dataclass(frozen=True, slots=True)
class VerdictTask:
    """One pump near the limit, in the world of a seed."""

    rig_text: str
    procedure: str
    seed: int
    folder: str
    limit_percent: float
    expanded_percent: float

    @property
    def key(self) -> str:
        """Procedure, limit and seed."""
        return f"{self.procedure} {self.limit_percent:g} {self.seed}"


@dataclass(frozen=True, slots=True)
class FaultTask:
    """One trial of `TRIALS`, by its place."""

    rig_text: str
    trial: int
    seed: int
    folder: str

    @property
    def key(self) -> str:
        """Fault, place and seed."""
        return f"{TRIALS[self.trial].name} {self.trial} {self.seed}"


def run_coverage(task: CoverageTask) -> list[dict[str, Any]]:
    """Drive (or, with `again`, only evaluate anew where a recording is kept) and compare."""
    folder = Path(task.folder)
    rig = twin_of(load_rig(task.rig_text, name="rig.yaml"))
    rig = with_supply(rig) if task.procedure == POWER else rig
    world = draw_world(rig, task.seed)
    if task.procedure == "idle":
        world = with_leak(world, task.seed)
    if task.procedure == CHECK:
        world = with_references(world, task.seed)
    if task.again and (folder / RECORDING).exists():
        run = evaluate_again(folder)
    else:
        run = drive(short_plan(task.procedure, world.pump), rig, world, folder)
    found = [
        dataclasses.replace(each, procedure=task.procedure)
        for each in compare(run, folder, task.seed, world.pump.insulin.ul_per_u)
    ]
    if not task.keep:
        shutil.rmtree(folder)
    return [dataclasses.asdict(each) for each in found]


def run_verdict(task: VerdictTask) -> dict[str, Any]:
    """Drive one pump near the limit and judge it by every rule."""
    folder = Path(task.folder)
    rig = twin_of(load_rig(task.rig_text, name="rig.yaml"))
    decided = decide(rig, task.procedure, task.seed, task.limit_percent, task.expanded_percent, folder)
    shutil.rmtree(folder)
    return dataclasses.asdict(decided)


def run_fault(task: FaultTask) -> dict[str, Any]:
    """Drive one test with a fault."""
    folder = Path(task.folder)
    seen = try_fault(TRIALS[task.trial], load_rig(task.rig_text, name="rig.yaml"), task.seed, folder)
    shutil.rmtree(folder)
    return dataclasses.asdict(seen)


def coverage_study(
    rig_text: str,
    procedures: Sequence[str],
    seeds: Iterable[int],
    folder: Path,
    *,
    jobs: int = 1,
    keep: bool = False,
    again: bool = False,
    progress: Progress | None = None,
) -> list[Compared]:
    """Return every measurement of every run beside its truth; runs that the folder has are not made again.

    Args:
        rig_text: the rig file's text; without a `simulation:` its twin is made.
        procedures: whose short tests are run.
        seeds: one run of each procedure a seed.
        folder: keeps the outcome of every run, and with `keep` its recording.
        jobs: processes at a time.
        keep: keep recordings, so that `again` can evaluate them anew.
        again: evaluate every run anew, from its recording where that is kept.
        progress: told after each run.

    """
    kept = folder / "coverage.jsonl"
    if again:
        kept.unlink(missing_ok=True)
    tasks = [
        CoverageTask(rig_text, procedure, seed, str(folder / procedure / str(seed)), keep, again)
        for seed in seeds
        for procedure in procedures
    ]
    outcomes = batch(tasks, run_coverage, kept, jobs=jobs, progress=progress)
    return [Compared(**each) for outcome in outcomes.values() for each in outcome]


def verdict_study(
    rig_text: str,
    procedure: str,
    seeds: Iterable[int],
    limit_percent: float,
    expanded_percent: float,
    folder: Path,
    *,
    jobs: int = 1,
    progress: Progress | None = None,
) -> list[Decided]:
    """Return how pumps around ±`limit_percent` were judged; see `coverage_study` for the arguments."""
    tasks = [
        VerdictTask(rig_text, procedure, seed, str(folder / "near" / str(seed)), limit_percent, expanded_percent)
        for seed in seeds
    ]
    outcomes = batch(tasks, run_verdict, folder / "verdicts.jsonl", jobs=jobs, progress=progress)
    return [Decided(**outcome) for outcome in outcomes.values()]


def fault_study(
    rig_text: str,
    trials: Iterable[int],
    seed: int,
    folder: Path,
    *,
    jobs: int = 1,
    progress: Progress | None = None,
) -> list[FaultSeen]:
    """Return what came of trials, by their places in `TRIALS`; see `coverage_study` for the other arguments."""
    tasks = [FaultTask(rig_text, trial, seed, str(folder / "fault" / str(trial))) for trial in trials]
    outcomes = batch(tasks, run_fault, folder / "faults.jsonl", jobs=jobs, progress=progress)
    return [FaultSeen(**outcome) for outcome in outcomes.values()]
