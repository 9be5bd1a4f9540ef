"""`pumpbench validate`: show on the twin of a rig that the method measures what it states, and write the report."""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.cli.arguments import Commands

RUNS = 100
_WIDTH = 79


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
        "--runs", type=_positive, default=RUNS, help="simulated runs of each kind (default: %(default)s)"
    )
    validate.add_argument("--seed", type=int, default=1, help="of the first run (default: %(default)s)")
    validate.add_argument(
        "--output", type=Path, metavar="FOLDER", help="of report and results (default: reports/validation-RIG)"
    )
    validate.add_argument(
        "--jobs", type=_positive, default=_processors(), help="processes at a time (default: %(default)s)"
    )
    validate.set_defaults(command=_validate)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than one")
    return number


def _processors() -> int:
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def _validate(options: argparse.Namespace) -> int:
    from bench.clock import RealClock
    from bench.results.model import Verdict
    from bench.validation.batch import TaskError
    from bench.validation.page import validation_html
    from bench.validation.validate import code_digest, plan_work, summary, validate

    clock = RealClock()
    work = plan_work(options.rig, options.runs)
    folder: Path = options.output or Path("reports") / f"validation-{work.rig.rig}"
    folder.mkdir(parents=True, exist_ok=True)
    print(f"SIMULATED. {options.runs} runs of each kind on the twin of rig {work.rig.rig}, about", end=" ")
    print(f"{_minutes(work.cost_s / options.jobs)} with {options.jobs} processes.", flush=True)
    for why in work.left_out:
        print(f"left out      {why}")
    status = _Status(clock.now_s())
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


def _minutes(seconds: float) -> str:
    return f"{max(1, math.ceil(seconds / 60.0))} min"


class _Status:
    """One line of a terminal that tells what is done and how long it will take; nothing where there is no terminal."""

    def __init__(self, started_s: float) -> None:
        self._started_s = started_s
        self._first: float | None = None
        self._shown = sys.stdout.isatty()

    def show(self, what: str, done: float, whole: float, now_s: float) -> None:
        """Show what is done out of the whole."""
        if not self._shown:
            return
        # What a folder had from before took no time now.
        self._first = done if self._first is None else self._first
        share = (done - self._first) / max(whole - self._first, 1e-9)
        passed_s = now_s - self._started_s
        left = f", {_minutes(passed_s * (1.0 - share) / share)} left" if share > 0.02 else ""
        line = f"{100.0 * done / whole:3.0f} % {what}{left}"
        print(f"\r{line[:_WIDTH]:<{_WIDTH}}", end="", flush=True)

    def clear(self) -> None:
        """Leave the line empty."""
        if self._shown:
            print(f"\r{'':<{_WIDTH}}\r", end="", flush=True)
