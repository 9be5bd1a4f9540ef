"""One run a plan: opened at its first test, sealed after its last."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench.clock import Clock, RealClock
from bench.procedures import registry
from bench.pytest_plugin.collect import PlanItem, rig_of
from bench.pytest_plugin.options import named_plans, session_folder
from bench.pytest_plugin.progress import progress_key
from bench.results.model import RunResult, TestResult

if TYPE_CHECKING:
    from bench.run.session import RunSession

runs_key = pytest.StashKey["Runs"]()
signal_key = pytest.StashKey[str]()


class Runs:
    """The runs of one pytest session, one at a time."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._plan_file: str | None = None
        self._session: RunSession | None = None
        self._twin: Any = None
        self._refusal: BaseException | None = None
        self.finished: list[tuple[Path, RunResult]] = []

    def session_for(self, item: PlanItem) -> RunSession:
        """Return the open run of an item's plan; the run of another plan is closed first.

        Raises:
            RigError, InstrumentError: the rig cannot be opened; said once in full, then in short.

        """
        if item.plan.file != self._plan_file:
            self.close("")
            self._plan_file = item.plan.file
            self._refusal = None
            try:
                self._open(item)
            except Exception as error:
                self._refusal = error
                self._leave_twin()
                raise
        if self._session is None:
            raise RigNotOpenError(str(self._refusal).splitlines()[0])
        return self._session

    def drive(self, item: PlanItem) -> TestResult:
        """Run one test in its plan's run."""
        session = self.session_for(item)
        self._config.stash[progress_key].begin(item.nodeid, session.clock)
        return session.run_test(item.test)

    def close(self, ended_by: str) -> None:
        """Seal the open run, if any."""
        session, self._session = self._session, None
        if session is not None:
            try:
                self.finished.append((session.folder, session.close(ended_by)))
            finally:
                self._leave_twin()

    def _open(self, item: PlanItem) -> None:
        from bench.run.session import RunSession

        rig = rig_of(self._config)
        folder = session_folder(self._config)
        assert folder is not None  # noqa: S101 - an item is only run in a session that names a plan
        if len(named_plans(self._config)) > 1:
            folder = folder / item.path.stem
            folder.mkdir(parents=True, exist_ok=True)
        clock: Clock = RealClock()
        seed: int | None = None
        if rig.simulation is not None:
            from bench.clock import SimulatedClock
            from bench.twin.twin import Twin

            option = self._config.getoption("seed")
            seed = rig.simulation.seed if option is None else option
            clock = SimulatedClock(rig.simulation.start_utc)
            self._twin = Twin("twin", rig.simulation, seed, clock, folder / "twin-truth.jsonl")
            self._twin.__enter__()
        session = RunSession(
            item.plan,
            rig,
            clock,
            folder,
            registry(),
            seed=seed,
            wire_log=self._config.getoption("wire_log"),
            progress=self._config.stash[progress_key],
        )
        session.open()
        self._session = session

    def _leave_twin(self) -> None:
        twin, self._twin = self._twin, None
        if twin is not None:
            twin.__exit__(None, None, None)


class RigNotOpenError(Exception):
    """The rig of this plan could not be opened for an earlier test."""

    is_bench_refusal = True

    def __init__(self, first_line: str) -> None:
        super().__init__(f"the rig could not be opened (in full at this plan's first test): {first_line}")


def runs_of(config: pytest.Config) -> Runs:
    """Return the session's runs."""
    if runs_key not in config.stash:
        config.stash[runs_key] = Runs(config)
    return config.stash[runs_key]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Let SIGTERM end a run as cleanly as Ctrl-C."""
    if session_folder(session.config) is None or session.config.getoption("replay"):
        return

    def terminate(signum: int, _frame: object) -> None:
        session.config.stash[signal_key] = signal.Signals(signum).name
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, terminate)

    def restore() -> None:
        signal.signal(signal.SIGTERM, previous)

    session.config.add_cleanup(restore)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Tell the progress line what is to come."""
    procedures = registry()
    items = [item for item in session.items if isinstance(item, PlanItem)]
    session.config.stash[progress_key].expect(
        {
            item.nodeid: procedures[item.test.procedure].expected_duration_s(item.test.settings, item.plan)
            for item in items
        }
    )


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Seal the last run before reports are written."""
    runs = session.config.stash.get(runs_key, None)
    if runs is None:
        return
    ended_by = ""
    if exitstatus == pytest.ExitCode.INTERRUPTED:
        ended_by = session.config.stash.get(signal_key, "Ctrl-C")
    elif session.shouldfail or session.shouldstop:
        ended_by = str(session.shouldfail or session.shouldstop)
    runs.close(ended_by)
