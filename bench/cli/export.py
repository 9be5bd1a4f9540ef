"""`pumpbench export`: write a test of a finished run as CSV."""

from __future__ import annotations

import argparse
import gzip
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from bench.cli.arguments import add_run, run_folder

if TYPE_CHECKING:
    from bench.cli.arguments import Commands


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    export = commands.add_parser("export", help="write a test of a finished run as CSV, for other software")
    add_run(export)
    export.add_argument("--test", metavar="ID", help="which test; not needed where there is one")
    export.add_argument(
        "--output", type=Path, metavar="FILE", help="file to write, .csv or .csv.gz (default: to the terminal)"
    )
    export.set_defaults(command=_export)


def _export(options: argparse.Namespace) -> int:
    from bench.recording.errors import RecordingError
    from bench.recording.export import write_csv
    from bench.recording.reader import RecordingReader

    with RecordingReader(run_folder(options.run) / "recording.sqlite") as recording:
        problem = recording.check().problem
        if problem:
            raise RecordingError(recording.path, problem, "It was changed after it was written: use the original")
        tests = recording.test_ids()
        if options.test is None and len(tests) != 1:
            raise RecordingError(
                recording.path, f"has {len(tests)} tests", f"Name one by --test: {', '.join(tests) or 'there is none'}"
            )
        test_id = options.test or tests[0]
        if options.output is None:
            write_csv(recording, test_id, sys.stdout)
            return 0
        if options.output.exists():
            raise FileExistsError(f"{options.output} is there already: name another file")
        with _opened(options.output) as file:
            rows = write_csv(recording, test_id, file)
    print(f"{options.output}: {rows} rows of test {test_id}")
    return 0


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "wt", encoding="utf-8", newline="")
    return path.open("w", encoding="utf-8", newline="")
