"""In real time: a USB adapter drops in the middle of a run and returns under another number behind the same name."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

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
from tests.system.lab import bolus, eventually, write_plan
from tests.system.served import Served, serving

AWAY_S = 2.0


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as made:
        yield made


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
