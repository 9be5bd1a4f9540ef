"""What a score is made of: the tests of a plan set, the faults, and which test was made for which fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.plan.load import load_plan
from bench.plan.model import Plan
from bench.procedures import registry
from bench.procedures.base import Context
from bench.rig.model import Rig
from bench.run.judging import UnresolvableError, check_resolvable
from bench.run.lacking import lacking
from bench.twin.faults import REGISTRY
from bench.validation.faults import TRIALS, Trial
from bench.validation.twin_rig import twin_for

SECONDS_AN_HOUR = 1.6
"""About how long a processor takes for a simulated hour …"""
SECONDS_A_RUN = 0.3
"""… beside what every run takes."""


class ScoreError(Exception):
    """What was asked for cannot be scored; the text says why and what can."""

    is_bench_refusal = True


@dataclass(frozen=True, slots=True)
class OneTest:
    """A plan with a single test of a plan set."""

    plan: Plan
    cost_s: float

    @property
    def id(self) -> str:
        """The test's."""
        return self.plan.tests[0].id


@dataclass(frozen=True, slots=True)
class Seeded:
    """A fault with its settings and the trials of it that count, by the id of their test."""

    trials: tuple[Trial, ...]

    @property
    def name(self) -> str:
        """The fault's."""
        return self.trials[0].name

    @property
    def made(self) -> dict[str, Trial]:
        """Trials by the tests made for this fault."""
        return {id_of(each.test): each for each in self.trials if each.made}

    @property
    def tried_by(self) -> set[str]:
        """Tests that are known to see it, whether made for it or not."""
        return {id_of(each.test) for each in self.trials}


def id_of(name: str) -> str:
    """Return the id, in a plan, of a test that faults are tried on: `slow basal` is SLOW-BASAL."""
    return name.upper().replace(" ", "-")


def plan_tests(files: Sequence[Path]) -> list[OneTest]:
    """Return every test of some plans, each as a plan of its own, so that a fault finds it at its beginning.

    Raises:
        PlanError: a plan cannot be used.
        ScoreError: two tests have one id.
        OSError: a file cannot be read.

    """
    tests: dict[str, OneTest] = {}
    for file in files:
        plan = load_plan(file, registry(), name=str(file))
        for test in plan.tests:
            if test.id in tests:
                raise ScoreError(f"{file}: test {test.id} is in {tests[test.id].plan.file}, too; give one another id")
            hours = registry()[test.procedure].expected_duration_s(test.settings, plan) / 3600.0
            tests[test.id] = OneTest(replace(plan, tests=(test,)), SECONDS_A_RUN + SECONDS_AN_HOUR * hours)
    return list(tests.values())


def left_out(test: OneTest, rig: Rig) -> list[str]:
    """Return in words what the twin of a rig lacks for a test; empty where it can be run."""
    (planned,) = test.plan.tests
    procedure = registry()[planned.procedure]
    twin = twin_for(rig, procedure.requires(planned.settings))
    words = lacking(twin, planned, procedure)
    if words:
        return words
    try:
        check_resolvable(planned, procedure, Context(test.plan, twin))
    except UnresolvableError as error:
        return [str(error).splitlines()[0]]
    return []


def seeded(names: Sequence[str] = ()) -> list[Seeded]:
    """Return the faults of these names, or all, each setting of a fault by itself.

    Raises:
        ScoreError: there is no fault of a name.

    """
    unknown = sorted(set(names) - set(REGISTRY))
    if unknown:
        raise ScoreError(f"there is no fault {unknown[0]!r}; there are {', '.join(sorted(REGISTRY))}")
    by_settings: dict[str, list[Trial]] = {}
    for trial in TRIALS:
        if not names or trial.name in names:
            by_settings.setdefault(repr(sorted(trial.fault.items())), []).append(trial)
    found = [Seeded(tuple(trials)) for trials in by_settings.values()]
    order = list(dict.fromkeys(each.name for each in found))
    return sorted(found, key=lambda each: order.index(each.name))
