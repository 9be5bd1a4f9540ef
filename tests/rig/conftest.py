"""Rigs whose instruments are the twin's, opened through the drivers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bench.clock import SimulatedClock
from bench.rig.load import load_rig
from bench.rig.model import Rig
from bench.twin.twin import Twin

RIG = """\
rig: twin-of-tests
instruments:
  pump:     {{driver: scpi_insulin_pump, address: "TCPIP0::pump.twin::5025::SOCKET", visa: "@twin"{pump}}}
  balance:  {{driver: mettler_mt_sics, address: "sim://twin/balance", readability: 0.01 mg{balance}}}
  occluder: {{driver: numato_relay, address: "sim://twin/occluder", channel: 0}}
  climate:  {{driver: vaisala_ptu300, address: "sim://twin/climate"}}
simulation:
  seed: 1
  faults: [{faults}]
"""


@dataclass
class Bench:
    """A twin and the rig file that describes it; `events` is what opening and closing told."""

    rig: Rig
    twin: Twin
    clock: SimulatedClock
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def record(self, kind: str, /, **data: Any) -> None:
        self.events.append((kind, data))

    def deliver(self) -> None:
        """Let the pump deliver and shut the line, as if an earlier run had died."""
        self.twin.world.pump.set_basal_rate(1.0)
        self.twin.world.pump.switch_basal(True)
        self.twin.world.occluder.set(True, self.clock.now_s())

    @property
    def delivers(self) -> bool:
        return self.twin.world.pump.basal_on

    @property
    def shut(self) -> bool:
        return self.twin.world.occluder.closed


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    twins: list[Twin] = []

    def build(*, pump: str = "", balance: str = "", faults: str = "") -> Bench:
        rig = load_rig(RIG.format(pump=pump, balance=balance, faults=faults), name="twin-of-tests.yaml")
        assert rig.simulation is not None
        clock = SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        twin = Twin("twin", rig.simulation, None, clock)
        twins.append(twin)
        twin.__enter__()
        return Bench(rig, twin, clock)

    yield build
    for twin in twins:
        twin.__exit__(None, None, None)
