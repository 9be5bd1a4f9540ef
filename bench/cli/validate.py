"""`pumpbench validate`: show on the twin of a rig that the method measures what it states, and write the report."""

from __future__ import annotations

import argparse
import shutil
import sys
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.arguments import positive, processors
from bench.cli.status import Status, minutes

if TYPE_CHECKING:
    from bench.cli.arguments import Commands

RUNS = 100


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    validate = commands.add_parser(
        "validate",
        help="validate the method on the twin of a rig: references, coverage, false verdicts, faults",
        description="Check the installed code against published references, and run a study on simulated pumps before"
        " a twin of the rig whose every hidden error is drawn from what the rig file declares. Writes validation.html"
        " and validation.json. Simulated throughout: no instrument is touched.",
    )
    validate.add_argument(
        "--rig", type=Path, default=Path("fixtures/simulated.yaml"), metavar="FILE", help="(default: %(default)s)"
    )
    validate.add_argument(
        "--runs", type=positive, default=RUNS, help="simulated runs of each kind (default: %(default)s)"
    )
    validate.add_argument("--seed", type=int, default=1, help="of the first run (default: %(default)s)")
    validate.add_argument(
        "--procedures",
        nargs="+",
        metavar="NAME",
        help='short tests to run, such as basal bolus "cancelled bolus" (default: all)',
    )
    validate.add_argument(
        "--output", type=Path, metavar="FOLDER", help="of report and results (default: reports/validation-RIG)"
    )
    validate.add_argument(
        "--jobs", type=positive, default=processors(), help="processes at a time (default: %(default)s)"
    )
    validate.set_defaults(command=partial(_validate, validate))


def _validate(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    from bench.clock import RealClock
    from bench.results.model import Verdict
    from bench.validation.batch import TaskError
    from bench.validation.page import validation_html
    from bench.validation.plans import KNOWN, VALIDATED
    from bench.validation.validate import code_digest, plan_work, summary, validate

    unknown = [name for name in options.procedures or [] if name not in KNOWN]
    if unknown:
        parser.error(f"no short test is called {', '.join(unknown)}; there are {', '.join(KNOWN)}")
    clock = RealClock()
    work = plan_work(options.rig, options.runs, options.procedures or VALIDATED)
    folder: Path = options.output or Path("reports") / f"validation-{work.rig.rig}"
    folder.mkdir(parents=True, exist_ok=True)
    print(f"SIMULATED. {options.runs} runs of each kind on the twin of rig {work.rig.rig}, about", end=" ")
    print(f"{minutes(work.cost_s / options.jobs)} with {options.jobs} processes.", flush=True)
    for why in work.left_out:
        print(f"left out      {why}")
    status = Status(clock.now_s())
    # A study that was ended goes on where it was, if rig and code are still the same.
    runs = folder / f"unfinished-{sha256((work.rig.text + code_digest()).encode('utf-8')).hexdigest()[:12]}"
    try:
        found = validate(
            work,
            options.seed,
            runs,
            clock,
            jobs=options.jobs,
            told=lambda what, done, whole: status.show(what, done, whole, clock.now_s()),
        )
    except TaskError as error:
        status.clear()
        print(f"pumpbench: {error}", file=sys.stderr)
        return 2
    status.clear()
    shutil.rmtree(runs)
    (folder / "validation.json").write_text(found.model_dump_json(indent=1), encoding="utf-8")
    page = folder / "validation.html"
    page.write_text(validation_html(found), encoding="utf-8")
    print("\n".join(summary(found)))
    print(f"{found.verdict.value.upper()}: {page}")
    return 0 if found.verdict is Verdict.PASS else 1
