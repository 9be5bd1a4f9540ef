"""`pumpbench report`: write a finished run's report anew."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.arguments import add_run, run_folder

if TYPE_CHECKING:
    from bench.cli.arguments import Commands


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    report = commands.add_parser("report", help="evaluate a finished run again and write its report.html anew")
    add_run(report)
    report.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> int:
    folder = run_folder(options.run).resolve()
    recording = folder / "recording.sqlite"
    if not recording.exists():
        raise FileNotFoundError(f"{options.run} is no run's folder: it has no recording.sqlite")
    _refuse_changed(folder)
    # pytest wants to be first to import what it loads as a plugin, so it gets a process of its own.
    command = [sys.executable, "-m", "pytest", str(recording), "--replay", str(folder)]
    command += ["-p", "no:cacheprovider", "-q", "--tb=short"]
    return subprocess.run(command, check=False).returncode  # noqa: S603 - our own interpreter, no shell


def _refuse_changed(folder: Path) -> None:
    """Refuse a recording that was changed before a new report takes the place of the old one."""
    from bench.recording.errors import RecordingError
    from bench.recording.reader import RecordingReader

    with RecordingReader(folder / "recording.sqlite") as recording:
        problem = recording.check().problem
        if problem:
            raise RecordingError(recording.path, problem, "It was changed after it was written: use the original")
