"""When an alarm was raised, by the pump's own clock, and what was due until then."""

from pathlib import Path

import pytest

from bench.procedures.occlusion.facts import Flow, facts
from bench.procedures.shared.pump_clock import PumpClock, alarm_instant
from bench.recording.reader import Event
from tests.procedures.made_recordings import Made


def reading(pump_time_s: float, before_s: float, after_s: float) -> Event:
    return Event(after_s, "pump clock", {"pump_time_s": pump_time_s, "before_s": before_s, "after_s": after_s})


def alarm(at_s: float, pump_time_s: float | None, code: str = "OCCLUSION") -> tuple[float, str, dict[str, object]]:
    data = {"sequence": 1, "code": code, "text": "told so", "pump_time_s": pump_time_s, "time_s": at_s}
    return at_s, "alarm seen", data


def test_clock_is_straight_between_its_readings() -> None:
    """A pump's clock that is 500 s ahead and 100 ppm fast: an instant between two readings comes out exactly."""
    clock = PumpClock([reading(500.0 + 1.0001 * at, at - 0.01, at + 0.01) for at in (10.0, 36010.0)])
    found = clock.instant(500.0 + 1.0001 * 20000.0)
    assert found is not None
    assert found.time_s == pytest.approx(20000.0, abs=1e-6)
    lines = {line.name: line.standard_uncertainty for line in found.budget}
    assert lines["reading of the pump's clock"] == pytest.approx(0.01 / 3**0.5)
    # 20 ppm over the 16010 s to the nearer reading; three decimals of two times.
    assert lines["rate of the pump's clock"] == pytest.approx(16010.0 * 20e-6 / 3**0.5, rel=1e-3)
    assert lines["resolution of the pump's clock"] == pytest.approx(0.001 / 6**0.5)
    assert found.standard_uncertainty_s == pytest.approx(sum(each**2 for each in lines.values()) ** 0.5)


def test_a_clock_of_whole_seconds_is_no_better_than_them() -> None:
    """An alarm and two readings in whole seconds: the interval between them is known to ±1 s, triangular."""
    clock = PumpClock([reading(100.0, 0.0, 0.0), reading(160.0, 60.0, 60.0)])
    found = clock.instant(158.0)
    assert found is not None
    assert found.standard_uncertainty_s == pytest.approx(1.0 / 6**0.5, rel=1e-3)


def test_clock_outside_its_readings_is_less_sure() -> None:
    clock = PumpClock([reading(100.001, 0.0, 0.02)])
    found = clock.instant(1100.001)
    assert found is not None
    assert found.time_s == pytest.approx(1000.01)
    assert found.standard_uncertainty_s == pytest.approx((0.01**2 + 0.2**2) ** 0.5 / 3**0.5, rel=0.01)
    assert PumpClock([]).instant(5.0) is None


def test_clock_that_was_set_counts_from_then_on() -> None:
    clock = PumpClock([reading(5000.0, 100.0, 100.0), reading(10.0, 200.0, 200.0), reading(60.0, 250.0, 250.0)])
    found = clock.instant(30.0)
    assert found is not None
    assert found.time_s == pytest.approx(220.0)


def test_alarm_is_dated_by_the_pump_not_by_the_reading_of_it(tmp_path: Path) -> None:
    made = Made(200.0)
    made.events = [(1.0, "pump clock", reading(901.0, 1.0, 1.0).data), alarm(120.7, 1019.9)]
    record = made.record(tmp_path / "r.sqlite")
    found = alarm_instant(record, record.events("alarm seen")[0])
    assert found.time_s == pytest.approx(119.9)
    assert found.source == "by the pump's own clock"


@pytest.mark.parametrize("pump_time_s", [0.0, 5000.0, None])
def test_alarm_of_an_impossible_time_is_dated_by_its_reading(tmp_path: Path, pump_time_s: float | None) -> None:
    """A pump time before the test or after the reading cannot be right, and some pumps have no clock."""
    made = Made(200.0)
    made.events = [(1.0, "pump clock", reading(901.0, 1.0, 1.0).data), alarm(120.7, pump_time_s)]
    record = made.record(tmp_path / "r.sqlite")
    found = alarm_instant(record, record.events("alarm seen")[0])
    assert found.source == "from when the bench read it"
    assert found.time_s == pytest.approx(120.2)
    assert found.standard_uncertainty_s == pytest.approx(0.5 / 3**0.5)


def test_due_volume() -> None:
    assert Flow(rate_ul_per_h=10.0).due_ul(5400.0) == pytest.approx(15.0)
    bolus = Flow(bolus_ul=50.0, bolus_open_s=200.0)
    assert bolus.due_ul(60.0) == pytest.approx(15.0)
    assert bolus.due_ul(1000.0) == 50.0
    assert bolus.due_per_s(60.0) == pytest.approx(0.25)
    assert bolus.due_per_s(500.0) == 0.0


def switch(at_s: float, kind: str) -> tuple[float, str, dict[str, object]]:
    return at_s, kind, {"sent_s": at_s - 0.1, "acknowledged_s": at_s}


def basal(at_s: float) -> tuple[float, str, dict[str, object]]:
    return at_s, "basal commanded", {"rate_ul_per_h": 10.0, "sent_s": at_s, "acknowledged_s": at_s}


def test_alarms_before_the_line_is_shut_are_false(tmp_path: Path) -> None:
    made = Made(400.0)
    made.events = [(0.0, "pump clock", reading(0.0, 0.0, 0.0).data), basal(5.0), alarm(60.0, 59.0)]
    made.events += [switch(100.0, "occluder closed"), alarm(250.0, 249.5), switch(320.0, "occluder opened")]
    made.events += [alarm(350.0, 349.0), (260.0, "pump state", {"state": "alarm"})]
    found = facts(made.record(tmp_path / "r.sqlite"))
    assert found.false_alarms == 1
    assert found.alarm is not None
    assert found.alarm.time_s == pytest.approx(249.5)
    assert found.origin is not None
    assert found.origin.acknowledged_s == 100.0
    assert found.state_after == "alarm"
    assert found.waited_s is None


def test_without_an_alarm_the_wait_is_known(tmp_path: Path) -> None:
    made = Made(400.0)
    made.events = [basal(5.0), switch(100.0, "occluder closed"), (300.0, "no alarm", {"waited_s": 200.0})]
    found = facts(made.record(tmp_path / "r.sqlite"))
    assert found.alarm is None
    assert found.waited_s == pytest.approx(200.0)


def test_a_bolus_counts_from_its_command(tmp_path: Path) -> None:
    def command(index: int, at_s: float) -> tuple[float, str, dict[str, object]]:
        return at_s, "bolus commanded", {"index": index, "volume_ul": 50.0, "sent_s": at_s, "acknowledged_s": at_s}

    made = Made(900.0)
    made.events = [command(0, 10.0), (210.0, "bolus done", {"index": 0, "reported_ul": 50.0})]
    made.events += [switch(300.0, "occluder closed"), command(1, 360.0), alarm(421.0, 0.0)]
    found = facts(made.record(tmp_path / "r.sqlite"))
    assert found.origin is not None
    assert found.origin.acknowledged_s == 360.0
    assert found.flow.bolus_open_s == pytest.approx(200.0)
