"""One run of a score: one test, on one simulated pump, with one fault or none."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from bench.plan.load import load_plan
from bench.plan.model import Plan
from bench.procedures import registry
from bench.results.model import Verdict
from bench.rig.errors import RigError
from bench.rig.load import load_rig
from bench.rig.model import Rig
from bench.run.session import RunOverError
from bench.scoring.model import Tried
from bench.scoring.plan_set import OneTest
from bench.validation.faults import set_up, speaks_of
from bench.validation.runs import drive
from bench.validation.twin_rig import twin_for
from bench.validation.world import draw_world
from drivers.errors import InstrumentError


@dataclass(frozen=True, slots=True)
class ScoreTask:
    """One test of a plan on the pump of a seed; `fault` is JSON, empty for a healthy pump."""

    rig_text: str
    plan_text: str
    plan_file: str
    test: str
    fault: str
    seen: str
    seed: int
    folder: str

    @property
    def key(self) -> str:
        """Plan, test, fault and seed."""
        return f"{self.plan_file} {self.test} {self.fault or 'healthy'} {self.seed}"


def task(rig: Rig, test: OneTest, seed: int, folder: Path, fault: dict[str, Any] | None, seen: str = "") -> ScoreTask:
    """Return the task of a test on a pump of a seed; `seen` is what words must tell of the fault, as an expression."""
    plan = test.plan
    told = json.dumps(fault, sort_keys=True) if fault is not None else ""
    return ScoreTask(rig.text, plan.text, plan.file, test.id, told, seen, seed, str(folder))


def run_task(task: ScoreTask) -> dict[str, Any]:
    """Drive a test and return what it said, as the data of a `Tried`."""
    plan = _plan(task.plan_text, task.plan_file)
    (planned,) = (each for each in plan.tests if each.id == task.test)
    rig = _twin(task.rig_text, frozenset(registry()[planned.procedure].requires(planned.settings)))
    alone = _alone(plan, task.test)
    fault = json.loads(task.fault) if task.fault else None
    world = set_up(draw_world(rig, task.seed), alone, fault)
    folder = Path(task.folder)
    try:
        (result,) = drive(alone, rig, world, folder).tests
    except (RigError, InstrumentError, RunOverError) as error:
        # The run broke off with a message to the people at the bench: nobody would call that a pass.
        text = str(error)
        said = Tried(
            test=task.test,
            procedure=planned.procedure,
            verdict=Verdict.ERROR,
            not_met=[],
            reason=text,
            named=True,
        )
    else:
        said = Tried(
            test=task.test,
            procedure=planned.procedure,
            verdict=result.verdict,
            not_met=[each.measurement for each in result.judged if each.verdict is not Verdict.PASS],
            reason=result.reason,
            named=not task.seen or speaks_of(result, task.seen),
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return said.model_dump(mode="json")


def _alone(plan: Plan, test: str) -> Plan:
    return replace(plan, tests=tuple(each for each in plan.tests if each.id == test))


@lru_cache(maxsize=8)
def _plan(text: str, file: str) -> Plan:
    return load_plan(text, registry(), name=file)


@lru_cache(maxsize=16)
def _twin(text: str, needs: frozenset[str]) -> Rig:
    return twin_for(load_rig(text, name="rig.yaml"), dict.fromkeys(needs, ()))
