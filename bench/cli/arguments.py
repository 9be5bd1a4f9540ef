"""What the parsers of several commands have in common."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

FEWEST_DRAWS = 1000


def add_run(parser: argparse.ArgumentParser) -> None:
    """Let a command name one run."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder or its recording.sqlite")


def run_folder(named: Path) -> Path:
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


def add_monte_carlo(parser: argparse.ArgumentParser) -> None:
    """Let a command check budgets by drawing; without a number it draws until the result is stable."""
    parser.add_argument(
        "--monte-carlo",
        type=_draws,
        nargs="?",
        const=0,
        metavar="DRAWS",
        help="check each budget by propagated distributions (JCGM 101): DRAWS draws, or as many as it takes",
    )


def _draws(text: str) -> int:
    number = int(text)
    if number < FEWEST_DRAWS:
        raise argparse.ArgumentTypeError(f"{number} draws tell nothing of an interval: {FEWEST_DRAWS} at least")
    return number


def positive(text: str) -> int:
    """Read a count of one or more.

    Raises:
        argparse.ArgumentTypeError: it is less.

    """
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than one")
    return number


def processors() -> int:
    """Return how many processes this machine has room for."""
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
