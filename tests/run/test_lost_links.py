"""Instruments that are unplugged in mid-run: those that come back cost what they were away, and the pump is stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.procedures.base import Stage
from bench.recording.reader import Event, RecordingReader
from bench.results.model import TestResult, Verdict
from bench.rig.reconnect import WrongInstrumentError
from bench.rig.safe import UnsafeError
from bench.run.session import RunOverError
from drivers.roles import DeliveryState
from tests.run.conftest import Made

Make = Callable[..., Made]


def unplugged(instrument: str, first_s: float, lasting_s: float) -> str:
    return f"{{fault: unplugged, instrument: {instrument}, first: {first_s} s, lasting: {lasting_s} s}}"


def driven(made: Made, test: int = 0) -> TestResult:
    made.session.open()
    return made.session.run_test(made.plan.tests[test])


def events(made: Made, *kinds: str) -> list[Event]:
    with RecordingReader(made.folder / "recording.sqlite") as recording:
        return [event for event in recording.events() if event.kind in kinds]


def times_s(made: Made, channel: str, test: str = "FLOW-2") -> NDArray[np.float64]:
    with RecordingReader(made.folder / "recording.sqlite") as recording:
        return recording.test(test).series(channel).time_s


def test_a_balance_that_returns_goes_on_where_it_was(make_run: Make) -> None:
    made = make_run(faults=unplugged("balance", 100.0, 31.0), limit="5 mg to 60 mg")
    result = driven(made, 1)
    made.session.close()
    assert result.verdict is Verdict.PASS
    [lost, back] = events(made, "link lost", "link back", "link not back")
    assert (lost.kind, back.kind) == ("link lost", "link back")
    assert lost.data["instrument"] == back.data["instrument"] == "balance"
    assert (lost.test, back.test) == ("FLOW-2", "FLOW-2")
    assert "the link broke" in lost.data["problem"]
    assert lost.time_s == pytest.approx(100.0, abs=0.2)
    assert 131.0 <= back.time_s <= 131.0 + 5.1  # it is looked for every 5 s at least
    assert back.data["away_s"] == pytest.approx(back.time_s - lost.time_s)
    stamps = times_s(made, "balance.mass_g")
    gaps = np.diff(stamps)
    assert np.count_nonzero(gaps > 0.5) == 1
    assert lost.time_s - 0.2 <= stamps[np.argmax(gaps)] <= lost.time_s
    assert stamps[np.argmax(gaps) + 1] == pytest.approx(back.time_s, abs=0.2)
    with RecordingReader(made.folder / "recording.sqlite") as recording:
        mass = recording.test("FLOW-2").series("balance.mass_g").value
        recording.verify()
    assert 0.0 <= mass[np.argmax(gaps) + 1] - mass[np.argmax(gaps)] < 0.005  # its tare is as it was


def test_a_balance_that_stays_away_is_waited_for_as_long_as_the_rig_says(make_run: Make) -> None:
    made = make_run(faults=unplugged("balance", 100.0, 1000.0), rig="reconnect: 45 s")
    result = driven(made, 1)
    made.session.close()
    assert result.verdict is Verdict.ERROR
    assert "did not come back within 45 s" in result.reason
    [lost, gone] = events(made, "link lost", "link back", "link not back")
    assert gone.kind == "link not back"
    assert gone.time_s - lost.time_s == pytest.approx(45.0, abs=0.5)
    assert made.safe


def test_with_no_time_to_reconnect_a_lost_link_is_the_end_at_once(make_run: Make) -> None:
    made = make_run(faults=unplugged("balance", 100.0, 5.0), rig="reconnect: 0 s")
    assert driven(made, 1).verdict is Verdict.ERROR
    made.session.close()
    assert events(made, "link lost") == []


@pytest.mark.parametrize(
    ("role", "channel"), [("pressure", "pressure.pressure_kpa"), ("climate", "climate.pressure_hpa")]
)
def test_what_is_polled_is_polled_again_when_it_is_back(make_run: Make, role: str, channel: str) -> None:
    made = make_run(faults=unplugged(role, 100.0, 61.0), limit="5 mg to 60 mg")
    assert driven(made, 1).verdict is Verdict.PASS
    made.session.close()
    assert [event.kind for event in events(made, "link lost", "link back")] == ["link lost", "link back"]
    stamps = times_s(made, channel)
    assert stamps[-1] > 200.0
    assert not np.any((stamps > 100.1) & (stamps < 161.0))


def test_a_pump_that_drops_is_stopped_as_soon_as_it_is_back_and_its_test_is_an_error(make_run: Make) -> None:
    made = make_run(faults=unplugged("pump", 100.0, 20.0), limit="5 mg to 60 mg")
    first = driven(made, 0)
    assert first.verdict is Verdict.ERROR
    assert "pump at TCPIP0::pump.twin::5025::SOCKET: the link broke" in first.reason
    assert made.safe
    [lost, back] = events(made, "link lost", "link back")
    [safe] = events(made, "safe state")
    assert (safe.data["pump"], safe.data["safe"]) == ("stopped", True)
    assert lost.time_s == pytest.approx(100.0, abs=2.1)  # asked every 2 s
    assert 120.0 <= back.time_s <= 125.1
    assert safe.time_s == pytest.approx(back.time_s, abs=0.1)
    assert made.session.run_test(made.plan.tests[1]).verdict is Verdict.PASS
    assert made.session.close().complete


def test_a_pump_that_stays_away_ends_the_run_loudly_and_the_line_is_opened_at_once(make_run: Make) -> None:
    made = make_run(faults=unplugged("pump", 100.0, 10_000.0), rig="reconnect: 30 s")
    made.procedure.during = lambda stage: stage.occluder.occlude()
    with pytest.raises(UnsafeError, match=r"NOT BE SAFE; pump is not stopped: .*did not come back within 30 s"):
        driven(made, 0)
    assert not made.twin.world.occluder.closed
    with pytest.raises(UnsafeError):
        made.session.close()
    [first, *_] = events(made, "link not back")
    assert first.data["waited_s"] == pytest.approx(30.0, abs=0.5)
    later = [event.data["waited_s"] for event in events(made, "link not back")[1:]]
    assert max(later, default=0.0) < 1.0  # it was waited for once


def test_a_link_that_was_lost_between_tests_costs_nothing(make_run: Make) -> None:
    made = make_run(limit="5 mg to 60 mg")
    first, second = made.plan.tests[1], made.plan.tests[0]
    made.session.open()
    assert made.session.run_test(first).verdict is Verdict.PASS
    for plugged_in in (False, True):
        for role in ("pump", "balance", "pressure"):
            made.twin.ports[role].plug(plugged_in)
    assert made.session.run_test(second).verdict is not Verdict.ERROR
    assert made.session.close().complete


def test_an_occluder_is_told_again_when_it_is_back(make_run: Make) -> None:
    made = make_run(faults=unplugged("occluder", 100.0, 80.0), limit="5 mg to 60 mg")

    def shut(stage: Stage) -> None:
        assert stage.clock.now_s() < 180.0
        stage.occluder.occlude()
        stage.occluder.release()
        assert stage.clock.now_s() > 180.0

    made.procedure.during = shut
    assert driven(made, 1).verdict is Verdict.PASS
    made.session.close()
    assert [event.kind for event in events(made, "link lost", "link back")] == ["link lost", "link back"]


def test_another_balance_than_before_ends_the_run(make_run: Make) -> None:
    made = make_run(faults=unplugged("balance", 140.0, 30.0))

    def swap(_: Stage) -> None:  # at 150 s
        balance: Any = made.twin.ports["balance"].emulator
        balance._tells["I4"] = lambda _parameters, _time_s: ['I4 A "OTHER-7"']

    made.procedure.during = swap
    says = r"another instrument came back at sim://twin/balance: .*'OTHER-7' instead of .*'SIM-BALANCE-1'"
    with pytest.raises(WrongInstrumentError, match=says):
        driven(made, 1)
    assert made.safe
    with pytest.raises(RunOverError, match="since the run was given up: the link to the balance was lost, and another"):
        made.session.run_test(made.plan.tests[0])
    result = made.session.close()
    assert not result.complete
    assert "OTHER-7" in result.ended_by


def test_a_stopped_pump_says_so_after_its_return(make_run: Make) -> None:
    made = make_run(faults=unplugged("pump", 100.0, 20.0))
    driven(made, 0)
    rig = made.session._open_rig
    assert rig is not None
    assert rig.pump.state() is DeliveryState.STOPPED
    made.session.close()
