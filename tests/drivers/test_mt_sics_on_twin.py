"""The Mettler Toledo driver and the simulated balance, which share no code, in simulated time."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bench.clock import SimulatedClock
from bench.twin.settings import Simulation
from bench.twin.twin import Twin
from drivers.balance.mettler_mt_sics import MettlerMtSics, Options, open_balance
from drivers.errors import GarbledReplyError, RefusedError
from drivers.roles import WeighingRange

Open = Callable[..., tuple[MettlerMtSics, SimulatedClock]]


@pytest.fixture
def open_on_twin() -> Iterator[Open]:
    with contextlib.ExitStack() as stack:

        def make(
            *, options: dict[str, Any] | None = None, faults: list[dict[str, Any]] | None = None, **emulator: Any
        ) -> tuple[MettlerMtSics, SimulatedClock]:
            clock = SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
            simulation = Simulation.model_validate(
                {"emulators": {"balance": {"emulator": "mt_sics", **emulator}}, "faults": faults or []}
            )
            stack.enter_context(Twin("twin", simulation, 1, clock))
            balance = open_balance("sim://twin/balance", Options(**(options or {})), clock)
            stack.callback(balance.close)
            clock.sleep_s(5.0)
            return balance, clock

        yield make


def test_what_it_tells_of_itself(open_on_twin: Open) -> None:
    balance, _ = open_on_twin()
    assert balance.identify().model == "TWIN-XPR simulated"
    assert balance.levels().split() == ["012", "2.30", "2.22", "2.33"]
    assert {"@", "SIR", "C3", "UPD", "M28", "SC"} < balance.commands()
    assert balance.weighing_range() == WeighingRange(120.0, 1e-5)
    air_c, cell_c = balance.temperatures_c()
    assert cell_c - air_c == pytest.approx(1.5)


def test_zero_tare_and_readings(open_on_twin: Open) -> None:
    balance, clock = open_on_twin()
    balance.tare()
    vessel_g = balance.tare_g()
    assert vessel_g > 20.0
    assert abs(balance.read_within(1.0).value) < 2e-4
    balance.clear_tare()
    assert balance.read().value == pytest.approx(vessel_g, abs=2e-4)
    with pytest.raises(RefusedError, match="above the range for zero"):
        balance.zero()
    balance.tare_now()
    assert abs(balance.read_stable().value) < 2e-4
    begin_s = clock.now_s()
    balance.adjust()
    assert 15.0 < clock.now_s() - begin_s < 20.0


def test_the_rate_is_the_nearest_that_it_has(open_on_twin: Open) -> None:
    balance, clock = open_on_twin(options={"update_rate_hz": 4.0})
    balance.start_stream()
    assert balance.update_rate_hz() == 5.0
    times = []
    for _ in range(10):
        reading = balance.next_reading(clock.now_s() + 1.0)
        assert reading is not None
        times.append(reading.time_s)
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == pytest.approx([0.2] * 9)
    balance.stop_stream()
    with pytest.raises(RefusedError, match="does not take that value"):
        balance.set_update_rate(100.0)


def test_a_balance_in_another_unit_is_set_to_g(open_on_twin: Open) -> None:
    balance, _ = open_on_twin(host_unit="mom")
    assert balance.read().text.endswith(" g")


def test_a_unit_that_cannot_be_set_is_converted_or_refused(open_on_twin: Open) -> None:
    balance, _ = open_on_twin(host_unit="mg", lacks=["M21"])
    reading = balance.read()
    assert reading.text.endswith(" mg")
    assert 20.0 < reading.value < 30.0


def test_momme_are_refused(open_on_twin: Open) -> None:
    balance, _ = open_on_twin(faults=[{"fault": "wrong_unit"}])
    with pytest.raises(GarbledReplyError, match="but in mom"):
        balance.read()


def test_an_approved_balance_with_few_commands(open_on_twin: Open) -> None:
    balance, _ = open_on_twin(lacks=["ZI", "TI", "SC", "UPD", "M28", "C3", "SIS"])
    balance.tare()
    assert abs(balance.read_within(5.0).value) < 2e-4
    assert balance.weighing_range() == WeighingRange(120.0, 1e-5)
    for ask in (balance.zero_now, balance.tare_now, balance.adjust, balance.temperatures_c, balance.update_rate_hz):
        with pytest.raises(RefusedError, match="has no command"):
            ask()


def test_a_parcel_scale_by_the_bench_s_own_rule(open_on_twin: Open) -> None:
    rule = {"stable_within_digits": 20.0, "stable_for_s": 1.5}
    balance, clock = open_on_twin(never_stable=True, stability_timeout="2 s", options=rule)
    balance.tare()
    assert balance.read_stable().status == "stable"
    balance.start_stream()
    statuses = {reading.status for _ in range(50) if (reading := balance.next_reading(clock.now_s() + 1.0))}
    assert "stable" in statuses
    balance.tare()
    assert abs(balance.read_stable().value) < 5e-4


def test_a_parcel_scale_without_that_rule_is_refused(open_on_twin: Open) -> None:
    balance, _ = open_on_twin(never_stable=True, stability_timeout="2 s")
    with pytest.raises(RefusedError, match="did not come to rest"):
        balance.tare()
    assert balance.read().status == "dynamic"


def test_a_restart_costs_the_samples_of_its_time_and_the_tare(open_on_twin: Open) -> None:
    balance, clock = open_on_twin(restarts=["20 s"], print_key=["10 s"])
    balance.tare()
    balance.start_stream()
    times, told = [], []
    while clock.now_s() < 30.0:
        try:
            reading = balance.next_reading(clock.now_s() + 1.0)
        except GarbledReplyError as error:
            told.append(str(error))
            continue
        if reading is not None:
            times.append(reading.time_s)
    assert len(told) == 1
    assert "has been restarted" in told[0]
    gaps = [(earlier, later) for earlier, later in itertools.pairwise(times) if later - earlier > 0.15]
    assert len(gaps) == 1
    assert gaps[0][0] == pytest.approx(20.0, abs=0.01)
    assert gaps[0][1] == pytest.approx(23.0, abs=0.2)
    assert balance.read().value > 20.0


def test_a_print_key_between_two_requests_is_no_answer_to_the_second(open_on_twin: Open) -> None:
    balance, clock = open_on_twin(print_key=["8 s"])
    before_g = balance.read().value
    clock.sleep_s(10.0)
    balance.tare()
    assert abs(balance.read().value) < 2e-4 < before_g
