"""`pumpbench compare`: what several runs give together, the pump being the unit."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.arguments import run_folder
from bench.cli.plan_size import ratio_limit, share

if TYPE_CHECKING:
    from bench.cli.arguments import Commands
    from bench.results.model import RunResult
    from bench.results.pooled import Pooled


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    compare = commands.add_parser(
        "compare",
        help="pool several runs: tables, scatter and tolerance intervals over pumps",
        description="Pool several runs of one or more pumps of a kind: bolus bins, basal delivery after 1, 6 and 12 h, "
        "times to the occlusion alarm, scatter between and within pumps, and tolerance intervals with the pump as the "
        "unit (docs/statistics.md).",
    )
    compare.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a run's folder or its recording.sqlite")
    compare.add_argument("--coverage", type=share, default=0.95, metavar='"95 %"', help="of doses (default 95 %%)")
    compare.add_argument("--confidence", type=share, default=0.95, metavar='"95 %"', help="(default 95 %%)")
    compare.add_argument("--limit", type=ratio_limit, metavar='"±15 %"', help="of a bolus' error; to be shown")
    compare.add_argument("--each-run-a-pump", action="store_true", help="take every run for one of another pump")
    compare.add_argument("--evaluate", action="store_true", help="evaluate the recordings again, not results.json")
    compare.add_argument("--html", type=Path, metavar="FILE", help="write a page there, too")
    compare.add_argument("--json", action="store_true", help="print everything as JSON")
    compare.set_defaults(command=partial(_compare, compare))


def _compare(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    from bench.pooling.claims import Claim
    from bench.pooling.pool import pool

    pooled = pool(
        _runs(parser, options),
        Claim(options.coverage, options.confidence, options.limit),
        each_run_a_pump=options.each_run_a_pump,
    )
    if options.html is not None:
        from bench.reporting.comparison import comparison_html

        options.html.write_text(comparison_html(pooled), encoding="utf-8")
    if options.json:
        print(pooled.model_dump_json(indent=1))
    else:
        from bench.cli.compare_text import pooled_text

        print(pooled_text(pooled))
    return 0 if options.limit is None or _shown(pooled) else 1


def _runs(parser: argparse.ArgumentParser, options: argparse.Namespace) -> dict[str, RunResult]:
    from bench.procedures import registry
    from bench.run.finished import finished_run

    procedures = registry()
    folders = [run_folder(named).resolve() for named in options.runs]
    twice = sorted({str(folder) for folder in folders if folders.count(folder) > 1})
    if twice:
        parser.error(f"named twice: {', '.join(twice)}")
    names = [folder.name for folder in folders]
    # Folders of one name stand in different places: then the place tells them apart.
    labels = [
        folder.name if names.count(folder.name) == 1 else f"{folder.parent.name}/{folder.name}" for folder in folders
    ]
    if len(set(labels)) < len(labels):
        parser.error(f"folders cannot be told apart by name: {', '.join(sorted(set(labels)))}; rename them")
    return {
        label: finished_run(folder, procedures, anew=options.evaluate)
        for label, folder in zip(labels, folders, strict=True)
    }


def _shown(pooled: Pooled) -> bool:
    """Return whether there are boluses, and all of them were shown to keep the limit."""
    found = [group.doses.tolerance for group in pooled.groups if group.procedure == "bolus" and group.doses]
    return bool(found) and all(each is not None and each.shown for each in found)
