"""`pumpbench score`: seed every fault, run a plan set on it, and tell what was caught, missed and falsely blamed."""

from __future__ import annotations

import argparse
import sys
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.arguments import positive, processors
from bench.cli.status import Status, minutes

if TYPE_CHECKING:
    from bench.cli.arguments import Commands

PLANS = [Path("test_plans/score.yaml")]
HEALTHY = 100


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    score = commands.add_parser(
        "score",
        help="seed every fault into the twin: which test of a plan set catches which, what slips through",
        description="Run the tests of a plan set on every fault that the twin can have and on healthy pumps, and tell"
        " which test caught which fault, what slipped through, and what was falsely blamed. A test was made for a fault"
        " if its id is the one that bench/validation/faults.py names (`slow basal` is SLOW-BASAL). Simulated"
        " throughout: no instrument is touched. Exit status: 0 when every fault was caught by the tests made for it and"
        " no healthy pump caused an alarm, 1 otherwise, 2 for input that cannot be used.",
    )
    score.add_argument("--plans", type=Path, nargs="+", default=PLANS, metavar="FILE", help="(default: score.yaml)")
    score.add_argument("--faults", nargs="+", default=[], metavar="NAME", help="these alone (default: all)")
    score.add_argument("--own", action="store_true", help="try each fault only by the tests known to see it")
    score.add_argument("--healthy", type=_count, default=HEALTHY, metavar="N", help="pumps (default: %(default)s)")
    score.add_argument(
        "--rig", type=Path, default=Path("fixtures/simulated.yaml"), metavar="FILE", help="(default: %(default)s)"
    )
    score.add_argument("--seed", type=int, default=1, help="of the first pump (default: %(default)s)")
    score.add_argument("--jobs", type=positive, default=processors(), help="processes (default: %(default)s)")
    score.add_argument("--json", type=Path, metavar="FILE", help="write the score as JSON")
    score.add_argument("--md", type=Path, metavar="FILE", help="write the score as a page in Markdown")
    score.add_argument(
        "--output", type=Path, metavar="FOLDER", help="keeps outcomes to go on with (default: reports/score-RIG)"
    )
    score.set_defaults(command=_score)


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{number} is less than none")
    return number


def _score(options: argparse.Namespace) -> int:
    from bench.clock import RealClock
    from bench.rig.load import load_rig
    from bench.scoring.plan_set import ScoreError
    from bench.scoring.score import plan_score, run_score
    from bench.scoring.text import markdown, summary
    from bench.validation.batch import TaskError
    from bench.validation.validate import code_digest

    clock = RealClock()
    rig = load_rig(options.rig, name=str(options.rig))
    try:
        work = plan_score(
            rig, options.plans, options.faults, healthy=options.healthy, seed=options.seed, own_only=options.own
        )
        print(
            f"SIMULATED. {len(work.faults)} faults and {work.healthy} healthy pumps, {len(work.tests)} tests:"
            f" {len(list(work.pairs())) + work.healthy * len(work.tests)} runs, about"
            f" {minutes(work.cost_s / options.jobs)} with {options.jobs} processes.",
            flush=True,
        )
        status = Status(clock.now_s(), logged=True)
        told = "".join([rig.text, code_digest(), *(test.plan.text for test in work.tests)])
        kept = (options.output or Path("reports") / f"score-{rig.rig}") / sha256(told.encode("utf-8")).hexdigest()[:12]
        score = run_score(
            work,
            kept,
            jobs=options.jobs,
            progress=lambda done, whole: status.show(f"{done} of {whole} runs", done, whole, clock.now_s()),
        )
    except (ScoreError, TaskError) as error:
        print(f"pumpbench: {error}", file=sys.stderr)
        return 2
    status.clear()
    print("\n".join(summary(score)))
    if options.json is not None:
        options.json.write_text(score.model_dump_json(indent=1), encoding="utf-8")
    if options.md is not None:
        options.md.write_text(markdown(score, _command(options)), encoding="utf-8")
    return 0 if score.perfect else 1


def _command(options: argparse.Namespace) -> str:
    """Return what makes the same page again, without what changes nothing in it."""
    words = ["./run pumpbench score"]
    words += ["--plans", *map(str, options.plans)] if options.plans != PLANS else []
    words += ["--faults", *options.faults] if options.faults else []
    words += ["--own"] if options.own else []
    words += ["--healthy", str(options.healthy)] if options.healthy != HEALTHY else []
    words += ["--rig", str(options.rig)] if options.rig != Path("fixtures/simulated.yaml") else []
    words += ["--seed", str(options.seed)] if options.seed != 1 else []
    return " ".join([*words, "--md", str(options.md)])
