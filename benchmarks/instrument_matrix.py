"""Run a whole smoke plan with every balance and every pump on the twin and print what came out.

    ./run python benchmarks/instrument_matrix.py                              (some five minutes)
    ./run python benchmarks/instrument_matrix.py --pumps new_era --balances ohaus radwag

Each cell is the shipped simulated bench of that pump with that balance in the place of its own. The plan is `smoke`,
`smoke-clinical` for a pump that gives no rates of an insulin pump, `smoke-by-hand` for one that nobody can ask. Every
verdict that is no pass is printed below the table with its reason.
"""

from __future__ import annotations

import argparse
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from benchmarks import shipped_plans

ROOT = Path(__file__).resolve().parents[1]
PUMPS = {
    "scpi_insulin_pump": ("simulated", "smoke"),
    "new_era": ("simulated-new-era", "smoke"),
    "harvard_ultra": ("simulated-harvard", "smoke"),
    "alaris_asena": ("simulated-alaris", "smoke-clinical"),
    "operator_pump": ("simulated-operator-pump", "smoke-by-hand"),
}
"""By driver: the simulated bench with that pump, and the plan for it."""
BALANCES = ("mettler_mt_sics", "sartorius_sbi", "and_standard", "ohaus", "radwag")
"""By driver; the emulator of each has the same name, but for the first, which every simulated bench has."""
_USUAL = BALANCES[0]


def rig_with(pump: str, balance: str, options: dict[str, Any] | None = None, emulator: Any = None) -> str:
    """Return the text of a rig file: the simulated bench of a pump, with a balance in the place of its own.

    Args:
        pump: driver of the pump, one of `PUMPS`.
        balance: driver of the balance, one of `BALANCES`.
        options: keys of that driver.
        emulator: what plays the balance; the one of the driver's name if it is None.

    """
    rig = yaml.safe_load((ROOT / "fixtures" / f"{PUMPS[pump][0]}.yaml").read_text(encoding="utf-8"))
    if balance != _USUAL:
        rig["instruments"]["balance"].update({"driver": balance, **(options or {})})
        rig["simulation"].setdefault("emulators", {})["balance"] = emulator or balance
    return yaml.safe_dump(rig, allow_unicode=True, sort_keys=False)


def plan_for(pump: str) -> Path:
    """Return the file of the plan that a pump is run with."""
    return ROOT / "test_plans" / f"{PUMPS[pump][1]}.yaml"


def run(pump: str, balance: str, seed: int) -> list[dict[str, Any]]:
    """Run the plan on one cell and return its tests as in its results.

    Raises:
        SystemExit: it left no results; the message is what pytest printed.

    """
    with tempfile.TemporaryDirectory() as folder:
        rig = Path(folder) / "rig.yaml"
        rig.write_text(rig_with(pump, balance), encoding="utf-8")
        tests: list[dict[str, Any]] = shipped_plans.run(plan_for(pump), seed, rig).results["tests"]
        return tests


def main() -> None:
    """Run and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pumps", nargs="+", choices=PUMPS, default=list(PUMPS))
    parser.add_argument("--balances", nargs="+", choices=BALANCES, default=list(BALANCES))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="cells at a time (default: %(default)s)")
    told = parser.parse_args()
    cells = [(pump, balance) for balance in told.balances for pump in told.pumps]
    with ThreadPoolExecutor(told.jobs) as pool:
        results = dict(zip(cells, pool.map(lambda cell: run(cell[0], cell[1], told.seed), cells), strict=True))
    print(f"| balance | {' | '.join(told.pumps)} |")
    print(f"|---{'|---' * len(told.pumps)}|")
    for balance in told.balances:
        row = (results[pump, balance] for pump in told.pumps)
        words = (f"{sum(test['verdict'] == 'pass' for test in tests)} of {len(tests)} pass" for tests in row)
        print(f"| {balance} | {' | '.join(words)} |")
    for (pump, balance), tests in results.items():
        for test in tests:
            if test["verdict"] != "pass":
                print(f"\n{pump} with {balance}, {test['id']}: {test['verdict']}: {test['reason']}")


if __name__ == "__main__":
    main()
