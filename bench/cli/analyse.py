"""`pumpbench analyse`: evaluate a finished run again and print what it found."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bench.cli.arguments import add_monte_carlo, add_run, run_folder

if TYPE_CHECKING:
    from bench.cli.arguments import Commands


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    analyse = commands.add_parser("analyse", help="evaluate a finished run again and print what it found")
    add_run(analyse)
    analyse.add_argument("--json", action="store_true", help="print results.json's form")
    add_monte_carlo(analyse)
    analyse.set_defaults(command=_analyse)


def _analyse(options: argparse.Namespace) -> int:
    from bench.procedures import registry
    from bench.pytest_plugin.outcomes import describe
    from bench.results.model import Verdict
    from bench.run.evaluate import evaluate_run
    from bench.run.propagation import monte_carlo_text, with_monte_carlo

    run = evaluate_run(run_folder(options.run), registry())
    if options.monte_carlo is not None:
        run = with_monte_carlo(run, options.monte_carlo or None)
    if options.json:
        print(run.model_dump_json(indent=1))
    else:
        if run.simulated:
            print(f"SIMULATED, seed {run.seed}")
        for test in run.tests:
            print(describe(test))
            if checks := monte_carlo_text(test):
                print(checks)
        if not run.complete:
            print(f"INCOMPLETE: {run.ended_by}")
    return 0 if run.complete and all(test.verdict is Verdict.PASS for test in run.tests) else 1
