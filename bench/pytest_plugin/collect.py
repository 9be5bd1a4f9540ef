"""A plan file becomes a pytest file, each of its tests one item."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from bench.plan.load import load_plan
from bench.plan.model import Plan, PlanError, PlanTest
from bench.procedures import registry
from bench.pytest_plugin.options import interrupted_by, is_plan, named_plans, rig_of, short_path
from bench.pytest_plugin.outcomes import NotPassed
from bench.recording.errors import RecordingError
from bench.results.model import TestResult, Verdict
from bench.rig.errors import RigError
from bench.run.lacking import lacking


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect plans; a YAML file that is named on the command line is taken for one whatever it holds."""
    if file_path.suffix not in {".yaml", ".yml"} or parent.config.getoption("replay"):
        return None
    if file_path in named_plans(parent.config) or is_plan(file_path):
        return PlanFile.from_parent(parent, path=file_path)
    return None


class PlanFile(pytest.File):
    """One plan."""

    def collect(self) -> Iterator[pytest.Item]:
        """Read the plan and yield its tests; what the rig lacks is refused here, before any instrument is touched."""
        try:
            plan = load_plan(self.path, registry(), name=short_path(self.path, self.config))
        except PlanError as error:
            raise self.CollectError(str(error)) from error
        rig = rig_of(self.config)
        procedures = registry()
        # What all combinations of an entry lack is said once.
        refusals = list(
            dict.fromkeys(
                f"{plan.file}:{test.line}: {test.entry or test.id}: {misfit}"
                for test in plan.tests
                for misfit in lacking(rig, test, procedures[test.procedure])
            )
        )
        if refusals:
            way_out = "Name another rig by --rig, put the instruments into this one's file, or leave these tests out."
            raise self.CollectError(
                "\n".join([f"rig {rig.rig} ({rig.file}) cannot run this plan:", *refusals, way_out])
            )
        for test in plan.tests:
            yield PlanItem.from_parent(self, name=test.id, plan=plan, test=test)


class ResultItem(pytest.Item):
    """An item whose outcome is a test result, driven now or evaluated again."""

    result: TestResult | None = None
    simulated = False

    def adopt(self, result: TestResult) -> None:
        """Make `result` this item's outcome.

        Raises:
            NotPassed: the verdict is not pass.

        """
        self.result = result
        self.user_properties.append(("verdict", result.verdict.value))
        self.user_properties += [("verifies", requirement) for requirement in result.verifies]
        if result.evaluation is not None and result.evaluation.partial:
            self.user_properties.append(("partial", result.evaluation.partial))
        elif result.evaluation is not None:
            self.user_properties += [
                (each.name, f"{each.value:.6g} {each.unit}".strip())
                for each in result.evaluation.measurements
                if each.value is not None
            ]
        if result.verdict is not Verdict.PASS:
            raise NotPassed(result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show a verdict as words, the bench's own errors without a traceback, and anything else in full."""
        if is_refusal(excinfo.value):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)


def is_refusal(error: BaseException) -> bool:
    """Return whether an error is one of the bench's own, whose text is all that a user needs."""
    from drivers.errors import InstrumentError

    own = isinstance(error, NotPassed | RigError | RecordingError | InstrumentError)
    return own or getattr(error, "is_bench_refusal", False)


class Driver(Protocol):
    """Who drives items: the runs of the session."""

    def prepare(self, item: PlanItem) -> None:
        """Open the rig for an item and check that it can resolve its limits."""

    def drive(self, item: PlanItem) -> TestResult:
        """Drive, evaluate and judge an item's test."""

    def result_of(self, test: PlanTest) -> TestResult | None:
        """Return what is known of a test that was interrupted."""


driver_key = pytest.StashKey[Driver]()


class PlanItem(ResultItem):
    """One test of a plan."""

    def __init__(self, *, plan: Plan, test: PlanTest, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan = plan
        self.simulated = rig_of(self.config).simulated
        self.test = test
        self.add_marker(test.procedure)
        if test.verifies:
            self.add_marker(pytest.mark.verifies(*test.verifies))
            self.extra_keyword_matches.update(test.verifies)
        self.extra_keyword_matches.add(test.procedure)
        self.extra_keyword_matches.update(each.keyword for each in test.conditions)

    def setup(self) -> None:
        """Open the rig, once for all tests of the plan, and check that it can resolve this test's limits."""
        refusal = ""
        try:
            self.config.stash[driver_key].prepare(self)
        except KeyboardInterrupt:
            refusal = self._stop(f"while the rig was opened for {self.name}")
        except Exception as error:
            if not is_refusal(error):
                raise
            refusal = str(error)
        if refusal:
            # pytest asks an item to show its errors only for its call: this keeps the traceback off the screen here.
            pytest.fail(refusal, pytrace=False)

    def runtest(self) -> None:
        """Drive, evaluate and judge.

        Raises:
            NotPassed: the verdict is fail or inconclusive, or the test came to none.

        """
        interruption = ""
        try:
            self.adopt(self.config.stash[driver_key].drive(self))
        except KeyboardInterrupt:
            interruption = self._stop(f"while {self.name} was driven")
            self.result = self.config.stash[driver_key].result_of(self.test)
            if self.result is not None:
                self.user_properties.append(("verdict", self.result.verdict.value))
        if interruption:
            pytest.fail(interruption, pytrace=False)

    def _stop(self, when: str) -> str:
        """Let the session end after this test, and return what to say.

        The test is reported as failed: one that KeyboardInterrupt ends itself is left out of all of pytest's reports.
        """
        word = interrupted_by(self.config)
        self.session.shouldstop = f"{word} {when}"
        return f"{self.name}: INTERRUPTED by {word} {when}"

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """Point at the test's own line in the plan."""
        return self.path, max(0, self.test.line - 1), self.test.id
