"""`pumpbench`: what the bench does beside running plans, which is pytest's part. One module a command or two."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status: 0 well, 1 a verdict that is no pass or a finding, 2 bad input."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    from bench.pooling.errors import PoolingError
    from bench.recording.errors import RecordingError
    from bench.rig.errors import RigError
    from bench.strict_yaml import YamlError

    try:
        return command(options)
    except (PoolingError, RecordingError, RigError, YamlError, OSError) as error:
        print(f"pumpbench: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    from bench.cli import (
        analyse,
        compare,
        conform,
        discover,
        documents,
        export,
        plan_size,
        report,
        score,
        simulate,
        validate,
        verify,
    )

    parser = argparse.ArgumentParser(
        prog="pumpbench",
        description="Open bench for insulin-pump and syringe-pump delivery. Plans run through pytest: "
        "`pytest test_plans/bolus.yaml --rig fixtures/bench-3.yaml`.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    bench = (simulate, discover, conform, validate)
    runs = (report, analyse, export, verify, score, compare)
    for module in (*bench, *runs, plan_size, documents):
        module.add_to(commands)
    return parser
