"""Driving one test: everything is made ready, the procedure drives, and everything comes to rest, whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from bench.clock import Clock
from bench.plan.model import PlanTest
from bench.procedures.base import Context, Procedure
from bench.recording.writer import RecordingWriter
from bench.rig.open import OpenRig
from bench.run.bench_state import BenchState, operator_in_words
from bench.run.evaluate import DRIVEN
from bench.run.interrupts import Interrupts
from bench.run.poller import Poller
from bench.run.samplers import BalanceSampler, BringBack, Sampler, Samplers, climate_sampler, pressure_sampler
from bench.run.stage import ProgressListener, RunStage
from drivers.errors import InstrumentError
from drivers.roles import ClimateSensor, NeedsPolling, PressureSensor

PRESSURE_EVERY_S = 1.0
CLIMATE_EVERY_S = 60.0


class Driving:
    """One test that is about to be driven.

    Args:
        test: the test.
        procedure: its kind.
        context: plan and rig.
        clock: the run's clock.
        writer: the run's recording.
        rig: the open rig.
        interrupts: Ctrl-C and SIGTERM, obeyed while time passes.
        bench: how the bench stands, which is brought to the test's conditions.

    """

    def __init__(
        self,
        test: PlanTest,
        procedure: Procedure,
        context: Context,
        clock: Clock,
        writer: RecordingWriter,
        rig: OpenRig,
        interrupts: Interrupts,
        bench: BenchState | None = None,
    ) -> None:
        self._test = test
        self._procedure = procedure
        self._context = context
        self._clock = clock
        self._writer = writer
        self._rig = rig
        self._interrupts = interrupts
        self._bench = bench or BenchState()
        self._samplers = Samplers([])
        self._started = False

    def run(self, progress: ProgressListener | None, settling: Callable[[], None]) -> None:
        """Drive the test; on leaving, pump and occluder are safe, nothing samples, and how it ended is recorded.

        Args:
            progress: told what is being done, or None.
            settling: called when driving has ended, well or not.

        Raises:
            InstrumentError: an instrument was lost or refused.
            UnsafeError: pump or occluder could not be made safe.

        """
        outcome, reason = "error", ""
        try:
            self._drive(progress)
            outcome = DRIVEN
        except InstrumentError as error:
            reason = str(error)
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise
        except BaseException:
            outcome, reason = "interrupted", "interrupted before its end"
            raise
        finally:
            settling()
            self._settle(outcome, reason)

    def _drive(self, progress: ProgressListener | None) -> None:
        # Between tests links may have been lost, and have come back, unseen.
        self._rig.steadily("pump", lambda pump: pump.state())
        if self._bench.missing(self._test):
            self._bring_about(progress)
        if self._uses_doser:
            self._rig.steadily("doser", lambda doser: doser.state())
        if self._rig.balance is not None:
            self._rig.steadily("balance", lambda balance: balance.tare())
            self._event("balance tared")
        self._samplers = Samplers(self._make_samplers())
        self._samplers.start()
        self._start()
        for kind, data in self._bench.told(self._test, self._clock.now_s()):
            self._event(kind, **data)
        stage = self._stage(self._samplers, progress)
        stage.begin()
        self._procedure.drive(self._test.settings, stage)
        stage.end()

    def _bring_about(self, progress: ProgressListener | None) -> None:
        """Have the test's conditions set before it starts: the bench is touched, and nothing of that is weighed."""
        polled = Samplers(self._make_pollers())
        stage = self._stage(polled, progress)
        polled.start()
        try:
            stage.begin()
            operator = operator_in_words(self._rig.identities.get("operator", {}))
            self._bench.bring_about(self._test, stage, operator, self._context.concentration)
        finally:
            polled.stop()

    def _stage(self, samplers: Samplers, progress: ProgressListener | None) -> RunStage:
        stage = RunStage(
            self._test.id,
            self._clock,
            self._context,
            self._rig.pump,
            self._rig.steady("occluder"),
            self._rig.steady("power"),
            self._writer,
            samplers,
            self._interrupts,
            self._procedure.expected_duration_s(self._test.settings, self._context.plan),
            progress,
            self._rig.operator,
            self._rig.doser,
        )
        self._rig.while_asking = stage.attend_asking
        return stage

    def _start(self) -> None:
        self._started = True
        if not self._clock.simulated:
            note_wall_clock(self._writer, self._clock)
        self._event("test started", id=self._test.id)

    def _settle(self, outcome: str, reason: str) -> None:
        """Bring everything to rest, the pump first, and record how the test ended."""
        if not self._started:
            self._start()
        self._rig.while_asking = lambda _: self._interrupts.check()
        try:
            self._rig.make_safe(f"test {self._test.id} ended: {outcome}")
        except Exception as error:
            outcome, reason = "error", f"{error}; before that: {reason}" if reason else str(error)
            raise
        finally:
            for problem in self._samplers.stop():
                self._event("sampler did not stop", problem=problem)
            self._event("test ended", id=self._test.id, outcome=outcome, reason=reason)

    def _make_samplers(self) -> list[Sampler]:
        rig, clock, writer = self._rig, self._clock, self._writer
        samplers = self._make_pollers()
        if rig.balance is not None:
            samplers.append(BalanceSampler(rig.balance, clock, writer, self._gap, self._bring_back("balance")))
        if rig.pressure is not None:
            samplers.append(
                pressure_sampler(
                    lambda: cast(PressureSensor, rig.pressure),
                    PRESSURE_EVERY_S,
                    clock,
                    writer,
                    self._gap,
                    self._bring_back("pressure"),
                )
            )
        if rig.climate is not None:
            samplers.append(
                climate_sampler(
                    lambda: cast(ClimateSensor, rig.climate),
                    CLIMATE_EVERY_S,
                    clock,
                    writer,
                    self._gap,
                    self._bring_back("climate"),
                )
            )
        return samplers

    def _make_pollers(self) -> list[Sampler]:
        """Return what polls the pump, and the doser in a test that uses it."""
        polled: dict[str, object] = {"pump": self._rig.pump}
        if self._uses_doser:
            polled["doser"] = self._rig.doser
        return [
            Poller(name, pump, self._clock, self._gap)
            for name, pump in polled.items()
            if isinstance(pump, NeedsPolling)
        ]

    @property
    def _uses_doser(self) -> bool:
        wanted = "doser" in self._procedure.requires(self._test.settings)
        return wanted and self._rig.doser is not None

    def _bring_back(self, role: str) -> BringBack:
        def bring_back(error: InstrumentError, ready: Callable[[Any], object], given_up: Callable[[], bool]) -> Any:
            if not self._rig.is_lost(role, error):
                raise error
            return self._rig.bring_back(role, error, ready, given_up)

        return bring_back

    def _gap(self, instrument: str, problem: str) -> None:
        self._event("gap", instrument=instrument, problem=problem)

    def _event(self, kind: str, /, **data: object) -> None:
        self._writer.event(kind, self._test.id, **data)


def note_wall_clock(writer: RecordingWriter, clock: Clock) -> None:
    """Record how far the wall clock has moved away from the run's own since the run began."""
    now_s = clock.now_s()
    wall = clock.wall_utc()
    writer.event("wall clock", "", utc=wall.isoformat(), ahead_s=(wall - clock.utc(now_s)).total_seconds())
