"""`pumpbench verify`: check that a recording is as it was sealed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bench.cli.arguments import add_run, run_folder

if TYPE_CHECKING:
    from bench.cli.arguments import Commands


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    verify = commands.add_parser("verify", help="check that a recording is as it was sealed")
    add_run(verify)
    verify.set_defaults(command=_verify)


def _verify(options: argparse.Namespace) -> int:
    from bench.recording.reader import RecordingReader

    path = run_folder(options.run) / "recording.sqlite"
    with RecordingReader(path) as recording:
        digest = recording.verify()
    print(f"{path}: as sealed, {digest}")
    return 0
