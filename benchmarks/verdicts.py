"""Verdicts: how pumps whose mean error is drawn around a limit are judged by each decision rule.

    ./run python benchmarks/verdicts.py --runs 400 --folder /tmp/verdicts

Pumps are drawn evenly from three expanded uncertainties within to three beyond the limit, where verdicts are hardest;
hidden errors of bench and room are drawn as in `coverage.py`. A false accept is a pass of a pump whose true mean error
breaks the limit. A study may be done in pieces: what the folder has is not run again.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from bench.rig.load import load_rig
from bench.validation.coverage import Share
from bench.validation.study import verdict_study
from bench.validation.twin_rig import twin_of
from bench.validation.verdicts import RULES, Decided, planned_percent, rates

ROOT = Path(__file__).resolve().parents[1]


def table(procedure: str, decided: list[Decided]) -> list[str]:
    """Return a line for each rule."""
    lines = []
    for rule in map(str, RULES):
        found = rates(decided, rule)
        low, high = Share(found.false_accepts, found.bad).interval()
        lines.append(
            f"| {procedure} | `{rule}` | {found.bad} of {found.pumps} | {found.false_accepts}"
            f" ({100 * found.false_accepts / max(1, found.bad):.1f} %; {100 * low:.1f}–{100 * high:.1f} %)"
            f" | {found.false_rejects} ({100 * found.false_rejects / max(1, found.good):.1f} %)"
            f" | {found.inconclusive} | {found.unexplained} |"
        )
    return lines


def main() -> None:
    """Run and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rig", type=Path, default=ROOT / "fixtures" / "simulated.yaml")
    parser.add_argument("--runs", type=int, default=400, help="pumps of each procedure (default: %(default)s)")
    parser.add_argument(
        "--limit", type=float, default=5.0, help="limit of the mean error in ± %% (default: %(default)s)"
    )
    parser.add_argument("--procedures", nargs="+", choices=("basal", "bolus"), default=["basal", "bolus"])
    parser.add_argument("--folder", type=Path, required=True, help="keeps partial results")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    own = load_rig(options.rig)
    text, rig = own.text, twin_of(own)
    if rig.simulation is None:
        raise SystemExit(f"{options.rig}: no twin could be made of it")
    lines, open_ = [], Counter[str]()
    for procedure in options.procedures:
        decided = verdict_study(
            text,
            procedure,
            range(1, 1 + options.runs),
            options.limit,
            planned_percent(rig, procedure, rig.simulation.pump),
            options.folder / procedure,
            jobs=options.jobs,
            progress=lambda done, all_: print(f"\r{done} of {all_}", end="", file=sys.stderr, flush=True),
        )
        print(file=sys.stderr)
        lines += table(procedure, decided)
        open_.update(
            "a doubt" if "limit" not in e.reasons["guarded"] else "its interval holds the limit"
            for e in decided
            if e.verdicts["guarded"] == "inconclusive"
        )
    print(
        "| procedure | rule | bad pumps | bad pumps that passed | good pumps that failed | inconclusive | unexplained |"
    )
    print("|---|---|---|---|---|---|---|")
    print("\n".join(lines))
    print(f"\nInconclusive by `guarded`: {dict(open_)}")


if __name__ == "__main__":
    main()
