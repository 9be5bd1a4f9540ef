"""The whole score: plan what is to be run, run it, and put together what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.rig.model import Rig
from bench.scoring.model import FalseAlarm, FaultScore, Score, Tried
from bench.scoring.plan_set import OneTest, Seeded, left_out, plan_tests, seeded
from bench.scoring.runs import ScoreTask, run_task, task
from bench.twin.faults import REGISTRY
from bench.validation.batch import Progress, batch


@dataclass(frozen=True, slots=True)
class Work:
    """What a score will run, on which rig."""

    rig: Rig
    plans: tuple[str, ...]
    tests: tuple[OneTest, ...]
    left_out: Mapping[str, list[str]]
    """Tests that the rig cannot run, and why."""
    faults: tuple[Seeded, ...]
    seed: int
    healthy: int
    own_only: bool

    def pairs(self) -> Iterator[tuple[Seeded, OneTest]]:
        """Give each fault with each test that it is tried on."""
        for fault in self.faults:
            for test in self.tests:
                if not self.own_only or test.id in fault.tried_by:
                    yield fault, test

    @property
    def cost_s(self) -> float:
        """About how long one processor takes."""
        return sum(test.cost_s for _, test in self.pairs()) + self.healthy * sum(test.cost_s for test in self.tests)


def plan_score(
    rig: Rig, plans: Sequence[Path], faults: Sequence[str], *, healthy: int, seed: int, own_only: bool
) -> Work:
    """Find out what a score has to run; nothing is driven.

    Args:
        rig: with a `simulation:`, or its twin is scored.
        plans: the plan set.
        faults: names; all where there is none.
        healthy: how many healthy pumps.
        seed: of the pump with the faults, and of the first healthy one.
        own_only: try each fault by nothing but the tests that are known to see it.

    Raises:
        PlanError, ScoreError, OSError: the plans cannot be used, or there is no such fault.

    """
    every = plan_tests(plans)
    without = {test.id: words for test in every if (words := left_out(test, rig))}
    able = tuple(test for test in every if test.id not in without)
    names = tuple(str(path) for path in plans)
    return Work(rig, names, able, without, tuple(seeded(faults)), seed, healthy, own_only)


def run_score(work: Work, folder: Path, *, jobs: int = 1, progress: Progress | None = None) -> Score:
    """Run and put together; runs that the folder has an outcome of are not made again.

    Raises:
        TaskError: a run could not be driven, and not for the fault's sake.

    """
    tasks: dict[tuple[str, str, int], ScoreTask] = {}
    for fault, test in work.pairs():
        trial = fault.made.get(test.id)
        settings = dict(fault.trials[0].fault)
        key = (_label(fault), test.id, work.seed)
        tasks[key] = task(
            work.rig, test, work.seed, folder / f"run-{len(tasks)}", settings, trial.seen if trial else ""
        )
    for seed in range(work.seed, work.seed + work.healthy):
        for test in work.tests:
            tasks["", test.id, seed] = task(work.rig, test, seed, folder / f"run-{len(tasks)}", None)
    outcomes = batch(list(tasks.values()), run_task, folder / "score.jsonl", jobs=jobs, progress=progress)
    tried = {key: Tried.model_validate({**outcomes[each.key], "plan": each.plan_file}) for key, each in tasks.items()}
    return _put_together(work, tried)


def _put_together(work: Work, tried: Mapping[tuple[str, str, int], Tried]) -> Score:
    healthy = {key: said for key, said in tried.items() if not key[0]}
    return Score(
        rig=work.rig.rig,
        plans=list(work.plans),
        tests=[test.id for test in work.tests],
        left_out=[f"{name} {'; '.join(words)}" for name, words in work.left_out.items()],
        seed=work.seed,
        own_only=work.own_only,
        faults=[_fault_score(work, fault, tried) for fault in work.faults],
        healthy=work.healthy,
        healthy_runs=len(healthy),
        false_alarms=[FalseAlarm(seed=key[2], tried=said) for key, said in healthy.items() if not said.passed],
    )


def _fault_score(work: Work, fault: Seeded, tried: Mapping[tuple[str, str, int], Tried]) -> FaultScore:
    said = {test: each for (label, test, _), each in tried.items() if label == _label(fault)}
    place, _, what = " ".join((REGISTRY[fault.name].__doc__ or "").replace("`", "").split()).partition(": ")
    present = {test.id for test in work.tests}
    return FaultScore(
        fault=fault.name,
        settings=_settings(fault),
        place=place,
        what=what,
        own=[each for test, each in said.items() if test in fault.made],
        others=[each for test, each in said.items() if test not in fault.made],
        lacking=[_why(work, test) for test in fault.made if test not in present],
    )


def _why(work: Work, test: str) -> str:
    words = work.left_out.get(test)
    return f"{test} {'; '.join(words)}" if words else f"{test} is not in the plan set"


def _settings(fault: Seeded) -> str:
    settings: Mapping[str, Any] = fault.trials[0].fault
    return ", ".join(f"{key} {value}" for key, value in settings.items() if key != "fault")


def _label(fault: Seeded) -> str:
    return f"{fault.name} {_settings(fault)}".strip()
