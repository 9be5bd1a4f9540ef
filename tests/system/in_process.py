"""Drive plans on the twin inside this process, by the same RunSession that pytest's plugin uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from bench.clock import SimulatedClock
from bench.plan.load import load_plan
from bench.procedures import registry
from bench.results.model import RunResult, TestResult
from bench.rig.load import load_rig
from bench.run.session import RunSession
from bench.twin.twin import Twin

ROOT = Path(__file__).resolve().parents[2]
OUTPUT_RATE = "2 Hz"
"""Of the balance: a fifth of the readings of `fixtures/simulated.yaml`, at which simulated hours take half the time.
Tests of whole runs through pytest have all of them."""


def rig_text(faults: Iterable[Mapping[str, Any]] = (), **simulation: Any) -> str:
    """Return the simulated rig with a slower balance, faults switched on and sections of its simulation changed."""
    rig = yaml.safe_load((ROOT / "fixtures" / "simulated.yaml").read_text(encoding="utf-8"))
    rig["simulation"]["balance"]["output_rate"] = OUTPUT_RATE
    for section, changes in simulation.items():
        rig["simulation"][section].update(changes)
    rig["simulation"]["faults"] = [dict(fault) for fault in faults]
    return yaml.safe_dump(rig, allow_unicode=True, sort_keys=False)


def smoke_text() -> str:
    return (ROOT / "test_plans" / "smoke.yaml").read_text(encoding="utf-8")


def run_plan(plan_text: str, rig: str, seed: int, folder: Path, tests: Iterable[str] = ()) -> RunResult:
    """Drive a plan (or only some of its tests) and return its results; the folder keeps recording and truth.

    A balance whose output rate the rig leaves open has `OUTPUT_RATE`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = yaml.safe_load(rig)
    balance = data["simulation"].setdefault("balance", {})
    if "output_rate" not in balance:
        balance["output_rate"] = OUTPUT_RATE
        rig = yaml.safe_dump(data, allow_unicode=True, sort_keys=False)
    plan = load_plan(plan_text, registry(), name="plan.yaml")
    parsed = load_rig(rig, name="rig.yaml")
    assert parsed.simulation is not None
    clock = SimulatedClock(parsed.simulation.start_utc)
    wanted = set(tests) or {test.id for test in plan.tests}
    with Twin("twin", parsed.simulation, seed, clock, folder / "twin-truth.jsonl"):
        session = RunSession(plan, parsed, clock, folder, registry(), seed=seed)
        session.open()
        try:
            for test in plan.tests:
                if test.id in wanted:
                    session.run_test(test)
        finally:
            run = session.close()
    return run


def said(test: TestResult) -> str:
    """Return everything that a test's result says in words."""
    words = [test.reason, *(judged.reason for judged in test.judged)]
    if test.evaluation is not None:
        words += [*test.evaluation.doubts, *test.evaluation.findings, *test.evaluation.notes]
    return "\n".join(words)
