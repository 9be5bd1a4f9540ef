"""`pumpbench simulate`: serve a simulated rig in real time."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.cli.arguments import Commands


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    simulate = commands.add_parser("simulate", help="serve a simulated rig on pseudo-terminals and TCP, in real time")
    simulate.add_argument("rig", type=Path, help="rig file with a simulation: section, such as fixtures/simulated.yaml")
    simulate.add_argument(
        "--output", type=Path, default=Path("reports/served-rig.yaml"), help="rig file to write (default: %(default)s)"
    )
    simulate.add_argument(
        "--tcp", action="store_true", help="put serial instruments on socket:// instead of pseudo-terminals"
    )
    simulate.add_argument("--seed", type=int, help="in place of the rig file's")
    simulate.set_defaults(command=_simulate)


def _simulate(options: argparse.Namespace) -> int:
    from bench.clock import RealClock
    from bench.rig.errors import RigError
    from bench.rig.load import load_rig
    from bench.twin.serve import serve

    rig = load_rig(options.rig, name=str(options.rig))
    if rig.simulation is None:
        raise RigError(
            f"{options.rig} has no simulation: section; fixtures/simulated.yaml shows one with everything in it"
        )
    options.output.parent.mkdir(parents=True, exist_ok=True)
    stopping: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda signum, _frame: stopping.append(signum))
    serve(
        options.rig,
        options.output,
        seed=options.seed,
        tcp=options.tcp,
        clock=RealClock(),
        stop=lambda: bool(stopping),
        announce=lambda line: print(line, flush=True),
        text=rig.text,
    )
    return 0
