"""`pumpbench analyse`: evaluate a finished run, or a recording of other software, and print what it found."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.arguments import add_monte_carlo, run_folder
from bench.cli.import_options import UsageError, add_import_options, given, import_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.cli.arguments import Commands
    from bench.procedures.base import Procedure
    from bench.results.model import RunResult, TestResult

_NAME_WIDTH = 34


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    analyse = commands.add_parser(
        "analyse",
        help="evaluate a finished run, or a CSV file of other software, and print what it found",
        description="Evaluate a finished run again, or the readings of other software in a CSV file (docs/import.md).",
    )
    analyse.add_argument(
        "run", type=Path, metavar="RUN|FILE.csv", help="a run's folder, its recording.sqlite, or a CSV file (.gz too)"
    )
    analyse.add_argument("--json", action="store_true", help="print results.json's form")
    analyse.add_argument("--html", type=Path, metavar="FILE", help="write the report there, too")
    analyse.add_argument("--output", type=Path, metavar="FOLDER", help="keep a CSV file's run there, report and all")
    analyse.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="CORRECTION",
        help="leave off evaporation, sample_buoyancy, vessel_buoyancy or immersion, to see what it does (repeatable)",
    )
    add_monte_carlo(analyse)
    add_import_options(analyse)
    analyse.set_defaults(command=_analyse)


def _analyse(options: argparse.Namespace) -> int:
    if _is_run(options.run):
        return _finished(options)
    from bench.procedures import registry
    from bench.run.folder import RECORDING, write_results

    told = import_options(options)
    kept: Path | None = options.output
    if kept is not None and kept.exists() and any(kept.iterdir()):
        raise UsageError(f"{kept} is there already and not empty: name another folder")
    with tempfile.TemporaryDirectory(prefix="pumpbench-") as temporary:
        folder = kept or Path(temporary) / "run"
        folder.mkdir(parents=True, exist_ok=True)
        from bench.importing.run import import_file

        procedures = registry()
        digest = import_file(options.run, folder / RECORDING, told, procedures)
        run = _evaluated(folder, procedures, options, just_sealed=digest)
        if kept is not None:
            write_results(folder, run)
        if kept is not None or options.html is not None:
            _report(folder, options.html)
    return _show(run, options)


def _is_run(named: Path) -> bool:
    return named.is_dir() or named.name == "recording.sqlite"


def _finished(options: argparse.Namespace) -> int:
    from bench.procedures import registry

    extra = given(options)
    if extra:
        raise UsageError(f"{', '.join(extra)}: a run's recording says that itself; these options are for a CSV file")
    if options.output:
        raise UsageError("--output: a run has a folder of its own; `pumpbench report RUN` writes its report.html anew")
    folder = run_folder(options.run).resolve()
    run = _evaluated(folder, registry(), options)
    if options.html is not None:
        _report_beside(folder, options.html)
    return _show(run, options)


def _report_beside(folder: Path, html: Path) -> None:
    """Write a run's report elsewhere, and leave that in its folder as it is."""
    with tempfile.TemporaryDirectory(prefix="pumpbench-") as temporary:
        copy = Path(temporary) / folder.name
        copy.mkdir()
        # A run that crashed has left its last rows in a file beside the recording.
        for part in folder.glob("recording.sqlite*"):
            shutil.copyfile(part, copy / part.name)
        _report(copy, html)


def _evaluated(
    folder: Path, procedures: Mapping[str, Procedure], options: argparse.Namespace, just_sealed: str = ""
) -> RunResult:
    from bench.plan.model import Corrections
    from bench.run.evaluate import evaluate_run

    if options.without and (options.output or options.html):
        raise UsageError(
            "--without is for looking, not for keeping: switch a correction off in the plan's corrections:"
        )
    try:
        Corrections().without(*options.without)
    except ValueError as error:
        raise UsageError(f"--without: {error}") from None
    return evaluate_run(folder, procedures, just_sealed=just_sealed, without=options.without)


def _report(folder: Path, html: Path | None) -> None:
    """Write the folder's report.html, as `pumpbench report` does, and copy it where the user wants it."""
    command = [sys.executable, "-m", "pytest", str(folder / "recording.sqlite"), "--replay", str(folder)]
    command += ["-p", "no:cacheprovider", "-q", "--tb=short"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own interpreter
    written = folder / "report.html"
    if not written.exists():
        raise OSError(f"the report could not be written:\n{done.stdout}{done.stderr}")
    if html is not None:
        shutil.copyfile(written, html)


def _show(run: RunResult, options: argparse.Namespace) -> int:
    from bench.pytest_plugin.outcomes import describe
    from bench.reporting.matrix import matrices, matrix_lines
    from bench.run.propagation import monte_carlo_text, with_monte_carlo

    if options.monte_carlo is not None:
        run = with_monte_carlo(run, options.monte_carlo or None)
    if options.json:
        print(run.model_dump_json(indent=1))
    else:
        if run.simulated:
            pump = "" if run.pump_model is None else f", pump model: {run.pump_model}"
            print(("SIMULATED" if run.seed is None else f"SIMULATED, seed {run.seed}") + pump)
        if run.imported is not None:
            print(f"IMPORTED, not driven by this bench: {run.imported.file}, SHA-256 {run.imported.sha256[:16]}…")
        for test in run.tests:
            print(describe(test))
            if test.evaluation is not None and test.evaluation.partial:
                print("  PARTIAL, of what was recorded until the abort:")
            print("\n".join(_measured(test)))
            if checks := monte_carlo_text(test):
                print(checks)
        for matrix in matrices(run):
            print("\n".join(matrix_lines(matrix)))
        if not run.complete:
            print(f"INCOMPLETE: {run.ended_by}")
        for name, path in (("run", options.output), ("report", options.html)):
            if path is not None:
                print(f"{name}: {path}")
    return 0 if run.complete and all(map(_is_well, run.tests)) else 1


def _is_well(test: TestResult) -> bool:
    """Return whether a test passed; where no limit was given: whether nothing is in doubt."""
    from bench.results.model import Verdict
    from bench.run.judging import NOTHING_JUDGED

    return test.verdict is Verdict.PASS or test.reason == NOTHING_JUDGED


def _measured(test: TestResult) -> list[str]:
    """Return every measurement that no limit was set for, a line each."""
    from bench.metrology.rounding import measured_text

    judged = {each.measurement for each in test.judged}
    measurements = test.evaluation.measurements if test.evaluation is not None else []
    return [f"  {each.name:{_NAME_WIDTH}} {measured_text(each)}" for each in measurements if each.name not in judged]
