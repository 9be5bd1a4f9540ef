"""Coverage: how often the truth of the twin lies within what is stated, for every measurement of short tests.

    ./run python benchmarks/coverage.py --runs 400 --folder /tmp/coverage

Each run is another pump in another room before other instruments: every hidden error is drawn anew from what the rig
file declares. A study may be done in pieces: what the folder has is not run again. `--keep` keeps recordings, some
6 MB a run of all procedures; `--again` then evaluates them by the code of today without driving. Days of wear take a
third of the time with a slower balance, `--output-rate "2 Hz"`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml

from bench.rig.load import load_rig
from bench.validation.coverage import coverage_table, coverages
from bench.validation.plans import KNOWN, PROCEDURES
from bench.validation.study import coverage_study

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Run and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rig", type=Path, default=ROOT / "fixtures" / "simulated.yaml")
    parser.add_argument("--output-rate", metavar="RATE", help="of the simulated balance, in place of the rig file's")
    parser.add_argument("--runs", type=int, default=400, help="runs of each procedure (default: %(default)s)")
    parser.add_argument("--first", type=int, default=1, help="first seed (default: %(default)s)")
    parser.add_argument("--procedures", nargs="+", choices=KNOWN, default=list(PROCEDURES))
    parser.add_argument("--folder", type=Path, required=True, help="keeps partial results")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", action="store_true", help="keep recordings")
    parser.add_argument("--again", action="store_true", help="evaluate kept recordings anew")
    options = parser.parse_args()
    compared = coverage_study(
        _with_output_rate(load_rig(options.rig).text, options.output_rate),
        options.procedures,
        range(options.first, options.first + options.runs),
        options.folder,
        jobs=options.jobs,
        keep=options.keep,
        again=options.again,
        progress=lambda done, all_: print(f"\r{done} of {all_}", end="", file=sys.stderr, flush=True),
    )
    print(file=sys.stderr)
    print(coverage_table(coverages(compared)))


def _with_output_rate(rig_text: str, rate: str | None) -> str:
    if rate is None:
        return rig_text
    own = yaml.safe_load(rig_text)
    own["simulation"].setdefault("balance", {})["output_rate"] = rate
    return yaml.safe_dump(own, allow_unicode=True, sort_keys=False)


if __name__ == "__main__":
    main()
