"""One run a plan: opened at its first test, sealed after its last."""

from __future__ import annotations

import signal
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench.clock import Clock, RealClock
from bench.plan.model import PlanTest
from bench.procedures import registry
from bench.pytest_plugin.collect import PlanItem, driver_key
from bench.pytest_plugin.options import interrupted_by, named_plans, rig_of, session_folder, signal_key, wire_log_of
from bench.pytest_plugin.progress import progress_key
from bench.results.model import RunResult, TestResult

if TYPE_CHECKING:
    from bench.run.session import RunSession

runs_key = pytest.StashKey["Runs"]()


class Runs:
    """The runs of one pytest session, one at a time."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._plan_path: Path | None = None
        self._session: RunSession | None = None
        self._twin: Any = None
        self._refusal: BaseException | None = None
        self._tried: set[str] = set()
        self.refused: list[str] = []
        self.finished: list[tuple[Path, RunResult]] = []

    def session_for(self, item: PlanItem) -> RunSession:
        """Return the open run of an item's plan; the run of another plan is closed first.

        Raises:
            RigError, InstrumentError: the rig cannot be opened; said once in full, then in short.

        """
        self._tried.add(item.nodeid)
        if item.path != self._plan_path:
            self.close(f"refused before the pump was started: {', '.join(self.refused)}" if self.refused else "")
            self._plan_path = item.path
            self.refused = []
            self._refusal = None
            try:
                self._open(item)
            except Exception as error:
                self._refusal = error
                raise
        if self._session is None:
            raise RigNotOpenError(str(self._refusal).splitlines()[0])
        return self._session

    def prepare(self, item: PlanItem) -> None:
        """Open the run of an item's plan, unless it is open, and check that its rig can resolve the item's limits.

        Raises:
            RigError, InstrumentError: the rig cannot be opened.
            UnresolvableError: the rig cannot resolve a limit.

        """
        session = self.session_for(item)
        try:
            session.check(item.test)
        except Exception:
            self.refused.append(item.name)
            raise

    def drive(self, item: PlanItem) -> TestResult:
        """Run one test in its plan's run."""
        session = self.session_for(item)
        self._config.stash[progress_key].begin(item.nodeid, session.clock)
        return session.run_test(item.test)

    def waits(self, item: pytest.Item) -> bool:
        """Return whether an item is a test of the open run's plan that was not tried."""
        return isinstance(item, PlanItem) and item.path == self._plan_path and item.nodeid not in self._tried

    def result_of(self, test: PlanTest) -> TestResult | None:
        """Return the newest result of the open run, if it is that of `test`."""
        results = self._session.results if self._session is not None else []
        return results[-1] if results and results[-1].id == test.id else None

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
        folder = self._folder_for(item)
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
            wire_log=wire_log_of(self._config),
            progress=self._config.stash[progress_key],
        )
        try:
            session.open()
        except BaseException:
            self._leave_twin()
            if (folder / "results.json").exists():
                self.finished.append((folder, session.close()))
            raise
        self._session = session

    def _folder_for(self, item: PlanItem) -> Path:
        """Return the session's folder; where it names several plans, one below it for each."""
        folder = session_folder(self._config)
        assert folder is not None  # noqa: S101 - an item is only run in a session that names a plan
        if len(named_plans(self._config)) == 1:
            return folder
        for number in count(1):
            own = folder / (item.path.stem if number == 1 else f"{item.path.stem}-{number}")
            if not own.exists():
                own.mkdir()
                return own
        raise AssertionError("unreachable")

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


def pytest_configure(config: pytest.Config) -> None:
    """Let items find who drives them."""
    config.stash[driver_key] = runs_of(config)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Let SIGTERM, and a terminal that is lost, end a run as cleanly as Ctrl-C."""
    if session_folder(session.config) is None or session.config.getoption("replay"):
        return

    def terminate(signum: int, _frame: object) -> None:
        session.config.stash[signal_key] = signal.Signals(signum).name
        raise KeyboardInterrupt

    taken = [
        number
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is signal.SIG_DFL  # nohup ignores SIGHUP, and means it
    ]

    def restore() -> None:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)

    for number in taken:
        signal.signal(number, terminate)
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
    runs.close(_why_ended(session, exitstatus, runs))


def _why_ended(session: pytest.Session, exitstatus: int, runs: Runs) -> str:
    """Return why the open run ends without all of its tests, and which they are; empty when none is missing."""
    left = [item.name for item in session.items if runs.waits(item)]
    why = []
    if runs.refused:
        why.append(f"refused before the pump was started: {', '.join(runs.refused)}")
    if session.shouldstop or exitstatus == pytest.ExitCode.INTERRUPTED:
        why.append(str(session.shouldstop or interrupted_by(session.config)))
    elif left:
        why.append(str(session.shouldfail or "the session ended early"))
    if left:
        why.append(f"not run: {', '.join(left)}")
    return "; ".join(why)
