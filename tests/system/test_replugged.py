"""In real time: a USB adapter drops in the middle of a run and returns under another number behind the same name."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from bench.clock import RealClock
from bench.plan.load import load_plan
from bench.procedures import registry
from bench.recording.reader import RecordingReader
from bench.results.model import Verdict
from bench.rig.load import load_rig
from bench.run.evaluate import evaluate_run
from bench.run.session import RunSession
from bench.twin.served_rig import served_rig
from bench.twin.server import Server
from bench.twin.settings import Simulation
from bench.twin.twin import Twin
from tests.system.conftest import ROOT
from tests.system.lab import bolus, eventually, write_plan

AWAY_S = 2.0


@dataclass
class Served:
    """A twin on pseudo-terminals, served by a thread of its own, whose cables can be pulled."""

    rig: dict[str, Any]
    twin: Twin
    _wishes: queue.SimpleQueue[Callable[[], None]]

    def plug(self, role: str, plugged_in: bool) -> None:
        done = threading.Event()

        def wish() -> None:
            self.twin.ports[role].plug(plugged_in)
            done.set()

        self._wishes.put(wish)
        assert done.wait(10.0)

    def terminal(self, role: str) -> str:
        link = self.rig["instruments"][role]["address"]
        return os.readlink(link) if os.path.islink(link) else ""  # noqa: PTH114, PTH115


@pytest.fixture
def served() -> Iterator[Served]:
    source = yaml.safe_load((ROOT / "fixtures" / "simulated.yaml").read_text(encoding="utf-8"))
    clock, stop = RealClock(), threading.Event()
    wishes: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
    with (
        Twin(f"replugged-{os.getpid()}", Simulation.model_validate(source["simulation"]), 1, clock) as twin,
        Server(twin.ports) as server,
    ):

        def serve() -> None:
            while not stop.is_set():
                server.step(twin, clock)
                while not wishes.empty():
                    wishes.get()()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield Served(served_rig(source, server.addresses, tcp=False), twin, wishes)
        finally:
            stop.set()
            thread.join(10.0)


def test_a_balance_on_another_terminal_behind_the_same_name_goes_on(served: Served, tmp_path: Path) -> None:
    plan = load_plan(write_plan(tmp_path / "short.yaml", bolus(count=1)), registry())
    rig = load_rig(yaml.safe_dump(served.rig, allow_unicode=True), name="served.yaml")
    folder = tmp_path / "run"
    folder.mkdir()
    clock = RealClock()
    session = RunSession(plan, rig, clock, folder, registry())
    session.open()
    terminals: list[str] = []

    def pull_and_put_back() -> None:
        eventually(lambda: _happened(folder, "bolus done"), "the bolus")
        clock.sleep_s(1.5)
        terminals.append(served.terminal("balance"))
        served.plug("balance", False)
        clock.sleep_s(AWAY_S)
        served.plug("balance", True)

    hand = threading.Thread(target=pull_and_put_back)
    hand.start()
    try:
        result = session.run_test(plan.tests[0])
    finally:
        hand.join(10.0)
        finished = session.close()
    assert result.verdict is Verdict.PASS, result.reason
    assert finished.complete
    [before], after = terminals, served.terminal("balance")
    assert before.startswith("/dev/pts/")
    assert after.startswith("/dev/pts/")
    assert after != before
    with RecordingReader(folder / "recording.sqlite") as recording:
        recording.verify()
        told = [event for event in recording.events() if event.kind in ("link lost", "link back", "link not back")]
        mass = recording.test("BOLUS").series("balance.mass_g")
    assert [event.kind for event in told] == ["link lost", "link back"]
    gaps_s = np.diff(mass.time_s)
    longest = int(np.argmax(gaps_s))
    assert mass.time_s[longest] <= told[0].time_s <= told[1].time_s <= mass.time_s[longest + 1] + 0.5
    assert gaps_s[longest] >= 0.9 * AWAY_S
    assert result.evaluation is not None
    [note] = [note for note in result.evaluation.notes if "link was lost" in note]
    assert "nothing is interpolated" in note
    assert evaluate_run(folder, registry()).tests == [result]
    assert not served.twin.world.pump.basal_on


def _happened(folder: Path, kind: str) -> bool:
    if not (folder / "recording.sqlite").exists():
        return False
    with RecordingReader(folder / "recording.sqlite") as recording:
        return bool(recording.events(kind))
