"""Run every shipped plan on healthy simulated pumps of several seeds and print what came out.

    ./run python benchmarks/shipped_plans.py                                  (ten seeds, all plans: a day or so)
    ./run python benchmarks/shipped_plans.py --seeds 1 --jobs 1               (one seed: an hour or so)
    ./run python benchmarks/shipped_plans.py --plans basal bolus --seeds 1-10

A seed is another pump on another day. Each plan runs on the rig that its comments name, else on the simulated bench.
Every verdict that is no pass is printed below the table with its reason: each is a false alarm of the plan or of the
bench.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RIGS = {
    "syringe-pump": "simulated-syringe.yaml",
    "iec-60601-2-24-syringe": "simulated-syringe.yaml",
    "paediatric": "simulated-paediatric.yaml",
    "smoke-clinical": "simulated-alaris.yaml",
    "smoke-by-hand": "simulated-operator-pump.yaml",
}
"""Of plans that ask for another pump than that of `simulated.yaml`, which only collects them."""


@dataclass(frozen=True)
class Run:
    """One plan on one pump."""

    results: dict[str, Any]
    wall_s: float


def rig_of(plan: Path) -> Path:
    """Return the simulated rig that a plan is for."""
    return ROOT / "fixtures" / RIGS.get(plan.stem, "simulated.yaml")


def run(plan: Path, seed: int, rig: Path | None = None) -> Run:
    """Run one plan on one simulated pump, on a rig or on the one that the plan is for.

    Raises:
        SystemExit: it left no results; the message is what pytest printed.

    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", "-q", str(plan), "--seed", str(seed), "--reports", folder]
        began_s = time.monotonic()
        done = subprocess.run(
            [*command, "--rig", str(rig or rig_of(plan)), "-p", "no:cacheprovider"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        results = list(Path(folder).glob("*/results.json"))
        if not results:
            raise SystemExit(done.stdout + done.stderr)
        return Run(json.loads(results[0].read_text(encoding="utf-8")), time.monotonic() - began_s)


def rows(plan: Path, runs: Sequence[Run]) -> list[str]:
    """Return the table's rows of one plan; the time of a plan stands in the row of its first test."""
    verdicts: dict[str, Counter[str]] = {}
    for each in runs:
        for test in each.results["tests"]:
            verdicts.setdefault(test["id"], Counter())[test["verdict"]] += 1
    wall = f"{sum(each.wall_s for each in runs) / len(runs):.0f}"
    return [
        f"| {plan.name} | {test_id} | {', '.join(f'{n} {word}' for word, n in sorted(counts.items()))} "
        f"| {wall if place == 0 else ''} |"
        for place, (test_id, counts) in enumerate(verdicts.items())
    ]


def seeds_of(text: str) -> list[int]:
    """Return the seeds that `3`, `1-10` or `1,4,7` names."""
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return seeds


def plan_of(name: str) -> Path:
    """Return a plan's file, by its path or by the name of a shipped one."""
    path = Path(name).resolve()
    return path if path.is_file() else ROOT / "test_plans" / f"{name.removesuffix('.yaml')}.yaml"


def main() -> None:
    """Run and print a table."""
    parser = argparse.ArgumentParser(description="run shipped plans on healthy simulated pumps")
    parser.add_argument("--plans", nargs="+", metavar="PLAN", help="names or files (default: all of test_plans/)")
    parser.add_argument("--seeds", type=seeds_of, default="1-10", help="such as 1, 1-10 or 1,4,7 (default: 1-10)")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time (default: 2)")
    told = parser.parse_args()
    plans = [plan_of(name) for name in told.plans] if told.plans else sorted((ROOT / "test_plans").glob("*.yaml"))
    failures = []
    print(f"| plan | test | verdicts of healthy pumps ({len(told.seeds)}) | wall s a run |")
    print("|---|---|---|---|")
    for plan in plans:
        with ThreadPoolExecutor(told.jobs) as pool:
            runs = list(pool.map(lambda seed, plan=plan: run(plan, seed), told.seeds))
        print("\n".join(rows(plan, runs)), flush=True)
        failures += [
            f"{plan.name} {test['id']}, seed {seed}: {test['verdict']}: {test['reason']}"
            for seed, each in zip(told.seeds, runs, strict=True)
            for test in each.results["tests"]
            if test["verdict"] != "pass"
        ]
    print("".join(f"\n{each}\n" for each in failures))


if __name__ == "__main__":
    main()
