"""Run every shipped plan on healthy simulated pumps of several seeds and print what came out.

    ./run python benchmarks/shipped_plans.py [SEEDS [PLAN ...]]     (default: 10 seeds, all plans; some 20 minutes)

A seed is another pump on another day. Every verdict that is no pass is printed with its reason: each is a false alarm
of the plan or of the bench.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def run(plan: Path, seed: int) -> dict[str, Any]:
    """Return the results of one plan on one simulated pump."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", "-q", str(plan), "--seed", str(seed), "--reports", folder]
        done = subprocess.run(
            [*command, "-p", "no:cacheprovider"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        results = list(Path(folder).glob("*/results.json"))
        if not results:
            raise SystemExit(done.stdout + done.stderr)
        return json.loads(results[0].read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def main() -> None:
    """Run and print a table."""
    seeds = range(1, 1 + int(sys.argv[1] if len(sys.argv) > 1 else "10"))
    plans = [Path(argument) for argument in sys.argv[2:]] or sorted((ROOT / "test_plans").glob("*.yaml"))
    print(f"| plan | test | verdicts of {len(seeds)} healthy pumps |")
    print("|---|---|---|")
    for plan in plans:
        with ThreadPoolExecutor(2) as pool:
            runs = dict(zip(seeds, pool.map(lambda seed, plan=plan: run(plan, seed), seeds), strict=True))
        verdicts: dict[str, Counter[str]] = {}
        for result in runs.values():
            for test in result["tests"]:
                verdicts.setdefault(test["id"], Counter())[test["verdict"]] += 1
        for test_id, counts in verdicts.items():
            print(f"| {plan.name} | {test_id} | {', '.join(f'{n} {word}' for word, n in sorted(counts.items()))} |")
        for seed, result in runs.items():
            for test in result["tests"]:
                if test["verdict"] != "pass":
                    print(f"\n{plan.name} {test['id']}, seed {seed}: {test['verdict']}: {test['reason']}\n")


if __name__ == "__main__":
    main()
