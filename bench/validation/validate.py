"""The whole validation: references, coverage, verdicts around a limit and faults, on the twin of one rig."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from bench.clock import Clock
from bench.procedures import registry
from bench.procedures.base import Context
from bench.results.model import Verdict
from bench.rig.fitness import misfits
from bench.rig.load import load_rig
from bench.rig.model import Rig
from bench.twin.settings import PumpSettings
from bench.validation.faults import TRIALS, fits
from bench.validation.judging import (
    against,
    beside,
    coverage_results,
    fault_result,
    histograms,
    reference_result,
    rule_results,
)
from bench.validation.model import RuleResult, Validation
from bench.validation.plans import POWER, VALIDATED, short_plan
from bench.validation.references import check_references
from bench.validation.study import coverage_study, fault_study, verdict_study
from bench.validation.twin_rig import twin_of, with_supply
from bench.validation.verdicts import planned_percent

COST_S = {
    "basal": 3.0,
    "bolus": 1.0,
    "occlusion": 1.0,
    "blank": 1.5,
    "reservoir": 2.5,
    "idle": 1.2,
    "check": 1.5,
    "profile": 4.0,
    "wear": 18.0,
    "power": 2.0,
    "square bolus": 1.0,
    "dual bolus": 1.0,
    "cancelled bolus": 1.0,
    "occlusion-repeated": 2.0,
    "occlusion-released": 1.0,
    "occlusion-flowing": 1.0,
    "fault": 2.2,
}
"""About how long a processor takes for one short run."""
LIMIT_PERCENT = 5.0
"""Pumps are drawn around this mean error, or around four expanded uncertainties of a rig that is coarser."""
_NEAR_LIMIT = ("basal", "bolus")
_SOFTWARE = ("pumpbench", "numpy", "scipy", "GTC", "pydantic")

Told = Callable[[str, float, float], None]
"""Told what is being done, and how much of the whole is done, in seconds of a processor: done, whole."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a validation will do on a rig."""

    rig: Rig
    twin: Rig
    pump: PumpSettings
    runs: int
    procedures: tuple[str, ...]
    left_out: tuple[str, ...]
    trials: tuple[int, ...]

    @property
    def near_limit(self) -> tuple[str, ...]:
        """Procedures whose verdicts are studied."""
        return tuple(each for each in _NEAR_LIMIT if each in self.procedures)

    @property
    def cost_s(self) -> float:
        """About how long one processor takes."""
        coverage = sum(COST_S[each] for each in self.procedures)
        verdicts = sum(COST_S[each] for each in self.near_limit)
        return self.runs * (coverage + verdicts) + len(self.trials) * COST_S["fault"]


def plan_work(rig_file: Path, runs: int, procedures: Sequence[str] = VALIDATED) -> Work:
    """Read a rig file and find out what can be validated on its twin; nothing is driven.

    Args:
        rig_file: of the rig, simulated or not.
        runs: of each kind.
        procedures: which short tests are wanted; faults are tried by tests of theirs alone.

    Raises:
        RigError: the rig file cannot be read.

    """
    rig = load_rig(rig_file, name=str(rig_file))
    twin = twin_of(rig)
    pump = twin.simulation.pump if twin.simulation is not None else PumpSettings()
    lacking = {each: list(_lacking(each, rig, twin, pump)) for each in procedures}
    possible = tuple(each for each in procedures if not lacking[each])
    kinds = {short_plan(each, pump).tests[0].procedure for each in possible}
    trials = tuple(place for place, trial in enumerate(TRIALS) if fits(trial, rig, pump, kinds))
    left_out = tuple(f"{name}: {'; '.join(why)}" for name, why in lacking.items() if why)
    return Work(rig, twin, pump, runs, possible, left_out, trials)


def _lacking(procedure: str, rig: Rig, twin: Rig, pump: PumpSettings) -> Iterator[str]:
    """Yield why a short test cannot be run on the twin of a rig."""
    if procedure == POWER:
        if rig.power is None:
            yield "the rig has no supply in place of the pump's battery"
            return
        twin = with_supply(twin)
    plan = short_plan(procedure, pump)
    (test,) = plan.tests
    own = registry()[test.procedure]
    yield from misfits(twin, own.requires(test.settings))
    planned = own.planned_uncertainty(test.settings, Context(plan, twin))
    yield from (planned[name][1] for name in test.accept if math.isinf(planned.get(name, (0.0, ""))[0]))


def validate(work: Work, seed: int, folder: Path, clock: Clock, *, jobs: int, told: Told) -> Validation:
    """Do the work and judge it; what `folder` has from before is not done again.

    Raises:
        TaskError: a run could not be driven.

    """
    started_s, started_utc = clock.now_s(), clock.wall_utc()
    references = [reference_result(each) for each in check_references()]
    progress = _Progress(work.cost_s, told)
    text = work.rig.text
    seeds = range(seed, seed + work.runs)
    compared = []
    for procedure in work.procedures:
        tell = progress.of(f"{procedure}: coverage", COST_S[procedure])
        compared += coverage_study(text, [procedure], seeds, folder / "coverage" / procedure, jobs=jobs, progress=tell)
    rules: list[RuleResult] = []
    for procedure in work.near_limit:
        tell = progress.of(f"{procedure}: pumps around a limit", COST_S[procedure])
        expanded = planned_percent(work.twin, procedure, work.pump)
        limit = max(LIMIT_PERCENT, float(f"{4.0 * expanded:.1g}"))
        near = verdict_study(
            text, procedure, seeds, limit, expanded, folder / "verdicts" / procedure, jobs=jobs, progress=tell
        )
        rules += rule_results(procedure, near)
    tell = progress.of("faults", COST_S["fault"])
    faults = [
        fault_result(each) for each in fault_study(text, work.trials, seed, folder / "faults", jobs=jobs, progress=tell)
    ]
    coverage = coverage_results(compared)
    bad = list(against(references, coverage, rules, faults))
    return Validation(
        verdict=Verdict.FAIL if bad else Verdict.PASS,
        findings=[*bad, *beside(coverage)],
        rig=work.rig.rig,
        rig_file=work.rig.file,
        rig_sha256=sha256(text.encode("utf-8")).hexdigest(),
        twin_made=work.rig.simulation is None,
        runs=work.runs,
        seed=seed,
        started_utc=started_utc.isoformat(timespec="seconds"),
        took_s=clock.now_s() - started_s,
        versions=_versions(),
        left_out=list(work.left_out),
        references=references,
        coverage=coverage,
        histograms=histograms(compared),
        rules=rules,
        faults=faults,
    )


@cache
def code_digest() -> str:
    """Return a digest of the source of bench and drivers: outcomes of other code do not mix with those of this."""
    digest = sha256()
    for package in ("bench", "drivers"):
        root = Path(str(files(package)))
        for path in sorted(root.rglob("*.py")):
            digest.update(f"{package}/{path.relative_to(root).as_posix()}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    software = {name: version(name) for name in _SOFTWARE}
    return {"python": platform.python_version(), **software, "source": f"{code_digest()[:12]}…"}


class _Progress:
    """Adds up what the parts of the work have cost so far."""

    def __init__(self, whole_s: float, told: Told) -> None:
        self._whole_s = whole_s
        self._told = told
        self._before_s = 0.0

    def of(self, what: str, each_s: float) -> Callable[[int, int], None]:
        """Return what a part of the work tells: how many of how many are done."""

        def progress(done: int, every: int) -> None:
            self._told(f"{what}, {done} of {every}", self._before_s + done * each_s, self._whole_s)
            if done == every:
                self._before_s += every * each_s

        return progress


def summary(validation: Validation) -> Iterator[str]:
    """Give what a terminal is told of a validation."""
    kept = sum(each.kept for each in validation.references)
    yield f"references    {kept} of {len(validation.references)} kept"
    yield from _coverage_lines(validation)
    for rule in validation.rules:
        yield (
            f"verdicts      {rule.procedure}, {rule.rule}: {rule.false_accepts} of {rule.bad} bad pumps passed,"
            f" {rule.false_rejects} of {rule.pumps - rule.bad} good ones failed, {rule.inconclusive} inconclusive"
        )
    seen = sum(each.seen for each in validation.faults)
    yield f"faults        {seen} of {len(validation.faults)} seen"
    yield from validation.findings


def _coverage_lines(validation: Validation) -> Iterator[str]:
    counts: dict[str, int] = {}
    for each in validation.coverage:
        counts[each.covers.value] = counts.get(each.covers.value, 0) + 1
    told = ", ".join(f"{count} {word}" for word, count in counts.items())
    yield f"coverage      {len(validation.coverage)} measurements over {validation.runs} runs: {told}"
