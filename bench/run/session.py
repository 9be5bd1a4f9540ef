"""One run: a plan on a rig, test by test, with everything recorded, until it is sealed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from bench.clock import Clock
from bench.plan.model import Plan, PlanTest
from bench.procedures.base import Context, Procedure
from bench.recording.errors import RecordingError
from bench.recording.reader import RecordingReader
from bench.recording.schema import RunConfig
from bench.recording.versions import software_versions
from bench.recording.writer import RecordingWriter
from bench.results.model import RunResult, TestResult
from bench.rig.errors import RigError
from bench.rig.instrument import WireLogs as WireLogsOf
from bench.rig.model import Rig
from bench.rig.open import OpenRig, open_rig
from bench.rig.reconnect import WrongInstrumentError
from bench.rig.safe import UnsafeError
from bench.run.bench_checks import in_the_light_of_checks
from bench.run.bench_state import BenchState
from bench.run.driving import Driving, note_wall_clock
from bench.run.evaluate import error_result, run_result, test_result
from bench.run.folder import RECORDING, write_results
from bench.run.interrupts import Interrupts
from bench.run.judging import check_resolvable
from bench.run.link_latency import measure_links
from bench.run.stage import ProgressListener
from bench.run.state import RunState, RunStates
from bench.run.wire_log import WireLogs
from drivers.errors import InstrumentError

_OPENS_WITHIN_S = 1.0
"""A valve that was told to open has done so by then."""


class WrongPumpError(RigError):
    """The pump on the rig is not set up for the plan's insulin."""


class RunOverError(Exception):
    """The run was given up earlier; the text says why."""

    is_bench_refusal = True


class RunSession:
    """A run of one plan on one rig.

    Args:
        plan: what is to be shown.
        rig: with what.
        clock: the run's clock.
        folder: where the run writes; it exists and is empty but for what the caller put there.
        procedures: kinds of test by name.
        seed: of the simulated rig; None on a real one.
        wire_log: roles whose every byte is recorded, and written into the folder as text; True for all of them.
        progress: told what is being done, or None.

    """

    def __init__(
        self,
        plan: Plan,
        rig: Rig,
        clock: Clock,
        folder: Path,
        procedures: Mapping[str, Procedure],
        *,
        seed: int | None = None,
        wire_log: bool | Collection[str] = False,
        progress: ProgressListener | None = None,
    ) -> None:
        self.plan = plan
        self.rig = rig
        self.clock = clock
        self.folder = folder
        self.states = RunStates()
        self.results: list[TestResult] = []
        self._procedures = procedures
        self._seed = seed
        self._wire_log = wire_log
        self._progress = progress
        self._resources = ExitStack()
        self._interrupts = Interrupts()
        self._bench = BenchState()
        self._writer: RecordingWriter | None = None
        self._open_rig: OpenRig | None = None
        self._result: RunResult | None = None
        self._test_id = ""
        self._given_up = ""

    def open(self) -> None:
        """Begin the recording and open the rig.

        Raises:
            RigError: the rig cannot be opened, or its pump is not set up for the plan; the run is then over and its
                results say so.
            RecordingError: the recording cannot be made.

        """
        self.states.require(RunState.OPENING)
        self._writer = writer = RecordingWriter(self.folder / RECORDING, self.clock, self._config())
        try:
            writer.event("run started", "", plan=self.plan.plan, rig=self.rig.rig)
            wire = self._wire_logs(writer) if self._wire_log else None
            self._open_rig = opened = self._resources.enter_context(
                open_rig(self.rig, self.clock, self.plan.plan, wire, self._note)
            )
            writer.set_identities(opened.identities)
            self._check_concentration(opened)
            answers = measure_links(opened, self.clock, writer)
            if answers.get("occluder") is True:
                self._open_line(opened, writer)
            writer.set_identities(opened.identities)
        except BaseException as error:
            self._finish(f"the rig could not be opened: {_in_short(error)}")
            raise
        self.states.become(RunState.READY)

    def _open_line(self, rig: OpenRig, writer: RecordingWriter) -> None:
        """Open a line that is found shut, as by a valve that its released relay shuts: every test begins with it open.

        Raises:
            RigError: the occluder does not open it.

        """
        try:
            rig.steadily("occluder", lambda occluder: occluder.release())
        except InstrumentError as error:
            raise RigError(f"the line was found shut, and is not opened: {error}") from error
        writer.event("line was found shut, and opened", "")
        self.clock.sleep_s(_OPENS_WITHIN_S)

    def check(self, test: PlanTest) -> None:
        """Check that the rig can resolve a test's limits.

        Raises:
            UnresolvableError: it cannot; the text has the arithmetic.

        """
        check_resolvable(test, self._procedures[test.procedure], self._under(test))

    def run_test(self, test: PlanTest) -> TestResult:
        """Drive, evaluate and judge one test.

        A lost instrument gives verdict `error`. Whatever else ends the test goes on to the caller, after pump and
        occluder were made safe and the test's result, `error`, was kept.

        Raises:
            UnresolvableError: the rig cannot resolve the test's limits; the pump was not started.
            UnsafeError: pump or occluder could not be made safe; the run goes no further.
            WrongInstrumentError: another instrument came back than the one whose link was lost; no further, either.
            IllegalTransitionError: the run is not ready for a test.

        """
        if self._given_up:
            raise RunOverError(f"{test.id} was not driven, since the run was given up: {self._given_up}")
        self.states.require(RunState.READY)
        self.check(test)
        try:
            self._drive(test)
        except InstrumentError:
            return self._keep(test)
        except BaseException as error:
            self._give_up_if_unsafe(error)
            with suppress(RecordingError):  # what the recording cannot take any more is said by `error` already
                self._keep(test)
            raise
        return self._keep(test)

    def close(self, ended_by: str = "") -> RunResult:
        """Leave the rig, seal the recording and write `results.json`; safe to call twice.

        Args:
            ended_by: why the run ends before its last test; empty for one that is complete.

        Raises:
            UnsafeError: pump or occluder could not be made safe; results are written all the same.
            RecordingError, OSError: recording or results could not be written.

        """
        return self._finish(ended_by or self._given_up)

    # -- the phases of a test

    def _drive(self, test: PlanTest) -> None:
        """Drive a test from `ready` through `driving` to `settling`, whatever happens."""
        writer, rig = self._parts()
        self._test_id = test.id
        try:
            driving = Driving(
                test,
                self._procedures[test.procedure],
                self._under(test),
                self.clock,
                writer,
                rig,
                self._interrupts,
                self._bench,
            )
            self.states.become(RunState.DRIVING)
            with self._interrupts.kept():
                driving.run(self._progress, lambda: self.states.become(RunState.SETTLING))
        finally:
            self._test_id = ""

    def _under(self, test: PlanTest) -> Context:
        return Context(self.plan.under(test), self.rig)

    def _keep(self, test: PlanTest) -> TestResult:
        """Evaluate and judge what was recorded of a test, and keep the result; the run is ready again afterwards."""
        writer, _ = self._parts()
        self.states.become(RunState.EVALUATING)
        try:
            writer.commit()
            with RecordingReader(writer.path) as recording:
                try:
                    result = test_result(recording, test, self.plan, self.rig, self._procedures)
                except BaseException as error:
                    self.results.append(error_result(recording, test, f"not evaluated: {_in_short(error)}"))
                    raise
        finally:
            self.states.become(RunState.ABORTED if self._given_up else RunState.READY)
        self.results = in_the_light_of_checks([*self.results, result], self.rig)
        return self.results[-1]

    def _give_up_if_unsafe(self, error: BaseException | None) -> None:
        while error is not None and not self._given_up:
            if isinstance(error, UnsafeError | WrongInstrumentError | RecordingError):
                self._given_up = str(error)
            error = error.__context__

    # -- the run's begin and end

    def _wire_logs(self, writer: RecordingWriter) -> WireLogsOf:
        roles = None if isinstance(self._wire_log, bool) else self._wire_log
        logs = WireLogs(self.folder, self.clock, writer, simulated=self.rig.simulated, roles=roles)
        self._resources.callback(logs.close)
        return logs.of

    def _config(self) -> RunConfig:
        return RunConfig(
            plan_text=self.plan.text,
            plan_file=self.plan.file,
            rig_text=self.rig.text,
            rig_file=self.rig.file,
            simulated=self.rig.simulated,
            seed=self._seed,
            origin_utc=self.clock.utc(0.0).isoformat(),
            versions=software_versions(),
        )

    def _check_concentration(self, rig: OpenRig) -> None:
        set_to = rig.pump.concentration_u_per_ml
        wanted = self.plan.pump.insulin.u_per_ml
        if set_to is not None and abs(set_to - wanted) > 1e-6 * wanted:
            factor = max(set_to, wanted) / min(set_to, wanted)
            raise WrongPumpError(
                f"the pump is set to U-{set_to:g} and plan {self.plan.plan} is for U-{wanted:g}: every volume would be "
                f"wrong by a factor of {factor:g}. Set the pump, or correct `insulin:` in the plan"
            )

    def _note(self, kind: str, /, **data: Any) -> None:
        if self._writer is not None:
            self._writer.event(kind, self._test_id, **data)

    def _parts(self) -> tuple[RecordingWriter, OpenRig]:
        if self._writer is None or self._open_rig is None:
            raise RunOverError("the run is not open")
        return self._writer, self._open_rig

    def _finish(self, ended_by: str) -> RunResult:
        if self._result is not None:
            return self._result
        trouble: BaseException | None = None
        try:
            self._resources.close()
        except BaseException as error:
            trouble = error
            ended_by = ended_by or _in_short(error)
        if not self.states.over:
            self.states.become(
                RunState.ABORTED if ended_by or self.states.current is not RunState.READY else RunState.SEALED
            )
        self._result = result = self._seal(ended_by)
        write_results(self.folder, result)
        if trouble is not None:
            raise trouble
        return result

    def _seal(self, ended_by: str) -> RunResult:
        writer = self._writer
        if writer is None:
            raise RunOverError("the run was never opened")
        if not self.clock.simulated:
            note_wall_clock(writer, self.clock)
        writer.event("run ended", "", complete=not ended_by, ended_by=ended_by)
        writer.seal()
        with RecordingReader(writer.path) as recording:
            return run_result(recording, self.plan, self.rig, self.results)


def _in_short(error: BaseException) -> str:
    text = str(error).splitlines()
    return text[0] if text and text[0] else type(error).__name__
