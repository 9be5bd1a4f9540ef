"""Runs on the twin with procedures simple enough that their outcome is known beforehand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bench.clock import SimulatedClock
from bench.plan.load import load_plan
from bench.plan.model import Plan
from bench.procedures.base import Context, MeasurementSpec, Procedure, ProcedureSettings, Stage
from bench.quantities import Duration
from bench.recording.reader import TestRecord
from bench.results.model import Evaluation, Measurement
from bench.rig.load import load_rig
from bench.run.session import RunSession
from bench.twin.twin import Twin
from drivers.roles import DeliversBasal

PLAN = """\
plan: TP-FLOW
title: Flow for a while
pump: {{insulin: {insulin}}}
decision: simple
tests:
  - {{id: FLOW-1, procedure: flow, duration: 10 min, verifies: [REQ-1], accept: {{gain: {limit}}}}}
  - {{id: FLOW-2, procedure: flow, duration: 5 min, accept: {{gain: {limit}}}}}
"""
RIG = """\
rig: twin-of-tests
instruments:
  pump:     {{driver: scpi_insulin_pump, address: "TCPIP0::pump.twin::5025::SOCKET", visa: "@twin"}}
  balance:  {{driver: mettler_mt_sics, address: "sim://twin/balance", readability: 0.01 mg}}
  pressure: {{driver: scpi_dmm, address: "TCPIP0::pressure.twin::5025::SOCKET", visa: "@twin", scale: 20 kPa/V}}
  occluder: {{driver: numato_relay, address: "sim://twin/occluder", channel: 0}}
  climate:  {{driver: vaisala_ptu300, address: "sim://twin/climate"}}
{rig}
simulation:
  seed: 1
  faults: [{faults}]
"""


class FlowSettings(ProcedureSettings):
    """How long it flows."""

    duration: Duration


class Flow:
    """Let basal flow into a shut or open line; `during` is called in the middle of it."""

    name: ClassVar[str] = "flow"
    summary: ClassVar[str] = "flow for a while"
    Settings: ClassVar[type[ProcedureSettings]] = FlowSettings
    measurements: ClassVar[Mapping[str, MeasurementSpec]] = {"gain": MeasurementSpec("gain in mass", "mass", "mg")}

    def __init__(self) -> None:
        self.during: Callable[[Stage], None] = lambda _: None
        self.planned: Mapping[str, tuple[float, str]] = {}
        self.doubts: list[str] = []
        self.evaluation_error: BaseException | None = None
        self.rate_ul_per_h = 300.0

    def requires(self, settings: Any) -> Mapping[str, Sequence[type]]:
        del settings
        return {"pump": [DeliversBasal]}

    def expected_duration_s(self, settings: Any, plan: Plan) -> float:
        del plan
        return float(settings.duration.to("s"))

    def planned_uncertainty(self, settings: Any, context: Context) -> Mapping[str, tuple[float, str]]:
        del settings, context
        return self.planned

    def drive(self, settings: Any, stage: Stage) -> None:
        half_s = settings.duration.to("s") / 2
        stage.occluder.occlude()
        stage.occluder.release()
        stage.pump_as(DeliversBasal).start_basal(self.rate_ul_per_h)
        stage.event("basal commanded", rate_ul_per_h=self.rate_ul_per_h)
        stage.wait_s(half_s, "flowing")
        self.during(stage)
        stage.wait_s(half_s, "still flowing")

    def evaluate(self, settings: Any, record: TestRecord, context: Context) -> Evaluation:
        del settings, context
        if self.evaluation_error is not None:
            raise self.evaluation_error
        value = record.series("balance.mass_g").value
        gain = Measurement(
            name="gain",
            title="gain in mass",
            value=1e3 * float(value[-1] - value[0]),
            unit="mg",
            expanded_uncertainty=0.1,
        )
        return Evaluation(measurements=[gain], doubts=self.doubts)


@dataclass
class Made:
    """A run that is not open yet, and what it runs on."""

    session: RunSession
    procedure: Flow
    procedures: dict[str, Procedure]
    plan: Plan
    twin: Twin
    clock: SimulatedClock
    folder: Path

    @property
    def safe(self) -> bool:
        """Whether the simulated pump stands still and the simulated line is open."""
        return not self.twin.world.pump.basal_on and not self.twin.world.occluder.closed


@pytest.fixture
def make_run(tmp_path: Path) -> Iterator[Callable[..., Made]]:
    with ExitStack() as twins:

        def build(
            *,
            name: str = "run",
            limit: str = "10 mg to 80 mg",
            faults: str = "",
            rig: str = "",
            insulin: str = "U-100",
            seed: int = 1,
            **options: Any,
        ) -> Made:
            twins.close()
            procedure = Flow()
            procedures: dict[str, Procedure] = {"flow": procedure}
            plan = load_plan(PLAN.format(limit=limit, insulin=insulin), procedures, name="flow.yaml")
            loaded = load_rig(RIG.format(faults=faults, rig=rig), name="twin-of-tests.yaml")
            assert loaded.simulation is not None
            clock = SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
            twin = twins.enter_context(Twin("twin", loaded.simulation, seed, clock))
            folder = tmp_path / name
            folder.mkdir()
            session = RunSession(plan, loaded, clock, folder, procedures, seed=seed, **options)
            return Made(session, procedure, procedures, plan, twin, clock, folder)

        yield build
