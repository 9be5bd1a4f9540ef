"""`pumpbench`: what the bench does beside running plans, which is pytest's part."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status: 0 well, 1 a verdict that is no pass or a finding, 2 bad input."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    from bench.recording.errors import RecordingError
    from bench.rig.errors import RigError
    from bench.strict_yaml import YamlError

    try:
        return command(options)
    except (RecordingError, RigError, YamlError, OSError) as error:
        print(f"pumpbench: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pumpbench",
        description="Open bench for insulin-pump and syringe-pump delivery. Plans run through pytest: "
        "`pytest test_plans/bolus.yaml --rig fixtures/bench-3.yaml`.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

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

    report = commands.add_parser("report", help="evaluate a finished run again and write its report.html anew")
    report.add_argument("run", type=Path, metavar="RUN", help="the run's folder or its recording.sqlite")
    report.set_defaults(command=_report)

    analyse = commands.add_parser("analyse", help="evaluate a finished run again and print what it found")
    analyse.add_argument("run", type=Path, metavar="RUN", help="the run's folder or its recording.sqlite")
    analyse.add_argument("--json", action="store_true", help="print results.json's form")
    analyse.set_defaults(command=_analyse)

    verify = commands.add_parser("verify", help="check that a recording is as it was sealed")
    verify.add_argument("run", type=Path, metavar="RUN", help="the run's folder or its recording.sqlite")
    verify.set_defaults(command=_verify)

    schema = commands.add_parser("schema", help="print a JSON Schema")
    schema.add_argument("of", choices=["plan", "rig", "results"])
    schema.set_defaults(command=_schema)

    document = commands.add_parser(
        "catalogue", help="print docs/procedures.md: every procedure, setting and measurement"
    )
    document.set_defaults(command=_catalogue)
    return parser


def _simulate(options: argparse.Namespace) -> int:
    from bench.clock import RealClock
    from bench.rig.errors import RigError
    from bench.rig.load import load_rig
    from bench.twin.serve import serve

    if load_rig(options.rig, name=str(options.rig)).simulation is None:
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
    )
    return 0


def _report(options: argparse.Namespace) -> int:
    folder = _run_folder(options.run).resolve()
    recording = folder / "recording.sqlite"
    if not recording.exists():
        raise FileNotFoundError(f"{options.run} is no run's folder: it has no recording.sqlite")
    _refuse_changed(folder)
    # pytest wants to be first to import what it loads as a plugin, so it gets a process of its own.
    command = [sys.executable, "-m", "pytest", str(recording), "--replay", str(folder)]
    command += ["-p", "no:cacheprovider", "-q", "--tb=short"]
    return subprocess.run(command, check=False).returncode  # noqa: S603 - our own interpreter, no shell


def _analyse(options: argparse.Namespace) -> int:
    from bench.procedures import registry
    from bench.pytest_plugin.outcomes import describe
    from bench.results.model import Verdict
    from bench.run.evaluate import evaluate_run

    run = evaluate_run(_run_folder(options.run), registry())
    if options.json:
        print(run.model_dump_json(indent=1))
    else:
        if run.simulated:
            print(f"SIMULATED, seed {run.seed}")
        for test in run.tests:
            print(describe(test))
        if not run.complete:
            print(f"INCOMPLETE: {run.ended_by}")
    return 0 if run.complete and all(test.verdict is Verdict.PASS for test in run.tests) else 1


def _verify(options: argparse.Namespace) -> int:
    from bench.recording.reader import RecordingReader

    path = _run_folder(options.run) / "recording.sqlite"
    with RecordingReader(path) as recording:
        digest = recording.verify()
    print(f"{path}: as sealed, {digest}")
    return 0


def _run_folder(named: Path) -> Path:
    """Return the folder of a run that is named by itself or by its recording.

    Raises:
        FileNotFoundError: it is the folder of a session of several plans; the text names the runs in it.

    """
    if named.name == "recording.sqlite" and named.is_file():
        return named.parent
    runs = sorted(str(each.parent) for each in named.glob("*/recording.sqlite"))
    if runs and not (named / "recording.sqlite").exists():
        raise FileNotFoundError(f"{named} is no run's folder. Name one of those in it: {', '.join(runs[-9:])}")
    return named


def _refuse_changed(folder: Path) -> None:
    """Refuse a recording that was changed before a new report takes the place of the old one."""
    from bench.recording.errors import RecordingError
    from bench.recording.reader import RecordingReader

    with RecordingReader(folder / "recording.sqlite") as recording:
        problem = recording.check().problem
        if problem:
            raise RecordingError(recording.path, problem, "It was changed after it was written: use the original")


def _schema(options: argparse.Namespace) -> int:
    from bench.plan.schema import plan_schema
    from bench.procedures import registry
    from bench.results.schema import schema_text
    from bench.rig.schema import rig_schema

    makers: dict[str, Callable[[], str]] = {
        "plan": lambda: _pretty(plan_schema(registry())),
        "rig": lambda: _pretty(rig_schema()),
        "results": schema_text,
    }
    print(makers[options.of](), end="")
    return 0


def _catalogue(_options: argparse.Namespace) -> int:
    from bench.procedures import registry
    from bench.procedures.catalogue import catalogue

    print(catalogue(registry()), end="")
    return 0


def _pretty(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
