"""Runs of the bench as a user makes them: the commands of the README, in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST = ("test_healthy_pumps.py", "test_partial.py", "test_library_runs.py", "test_validate.py", "test_faults.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no process is left alone with one of them at the end."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@dataclass(frozen=True)
class Finished:
    """A pytest session that drove a plan."""

    code: int
    output: str
    folder: Path

    @property
    def results(self) -> dict[str, Any]:
        return json.loads((self.folder / "results.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]

    @property
    def verdicts(self) -> dict[str, str]:
        return {test["id"]: test["verdict"] for test in self.results["tests"]}


def command_of_pytest(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *map(str, arguments)]


def at_a_desk() -> dict[str, str]:
    """Return the environment of a person at a desk: on a CI server pytest and the progress line print otherwise."""
    inherited = {name: value for name, value in os.environ.items() if name not in {"CI", "BUILD_NUMBER"}}
    return {**inherited, "COLUMNS": "160"}


@pytest.fixture
def drive(tmp_path: Path) -> Callable[..., Finished]:
    """Run pytest on a plan and return what it left."""

    def run(*arguments: str | Path, reports: str = "reports", timeout_s: float = 300) -> Finished:
        folder = tmp_path / reports
        done = subprocess.run(
            command_of_pytest(*arguments, "--reports", folder),
            cwd=ROOT,
            env=at_a_desk(),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        runs = sorted(folder.iterdir()) if folder.exists() else [folder]
        return Finished(done.returncode, done.stdout + done.stderr, runs[-1])

    return run


@pytest.fixture
def rig_with(tmp_path: Path) -> Callable[..., Path]:
    """Write a copy of the simulated rig with faults switched on."""

    def write(*faults: dict[str, Any], **simulation: Any) -> Path:
        import yaml

        rig = yaml.safe_load((ROOT / "fixtures" / "simulated.yaml").read_text(encoding="utf-8"))
        rig["simulation"].update(simulation)
        rig["simulation"]["faults"] = list(faults)
        path = tmp_path / "rig.yaml"
        path.write_text(yaml.safe_dump(rig, allow_unicode=True, sort_keys=False), encoding="utf-8")
        return path

    return write
