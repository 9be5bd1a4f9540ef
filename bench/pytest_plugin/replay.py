"""`--replay RUN`: a finished run's tests as pytest items again, evaluated anew from its recording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.plan.model import PlanError
from bench.procedures import registry
from bench.pytest_plugin.collect import ResultItem
from bench.pytest_plugin.runs import runs_of
from bench.recording.errors import RecordingError
from bench.results.model import RunResult, TestResult
from bench.rig.errors import RigError


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the recording of the run that is replayed."""
    replay = parent.config.getoption("replay")
    if replay and file_path == Path(replay).resolve() / "recording.sqlite":
        return RecordingFile.from_parent(parent, path=file_path)
    return None


class RecordingFile(pytest.File):
    """One recording."""

    def collect(self) -> Iterator[pytest.Item]:
        """Evaluate the whole recording and yield a test each."""
        from bench.run.evaluate import evaluate_run

        try:
            run = evaluate_run(self.path.parent, registry())
        except (RecordingError, PlanError, RigError) as error:
            raise self.CollectError(str(error)) from error
        runs_of(self.config).finished.append((self.path.parent, run))
        for result in run.tests:
            yield ReplayItem.from_parent(self, name=result.id, outcome=result, run=run)


class ReplayItem(ResultItem):
    """One test of a finished run."""

    def __init__(self, *, outcome: TestResult, run: RunResult, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.outcome = outcome
        self.simulated = run.simulated
        self.add_marker(outcome.procedure)

    def runtest(self) -> None:
        """Take the evaluation as the outcome."""
        self.adopt(self.outcome)
