"""Every balance on the twin: what its driver reads is what the physics show, and faults are not overlooked."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bench.clock import SimulatedClock
from bench.twin.settings import Simulation
from bench.twin.twin import Twin
from drivers.errors import GarbledReplyError, LinkError, RefusedError
from drivers.registry import driver
from drivers.roles import AdjustsInternally, Reading
from tests.twin.quiet import quiet

READABILITY_G = 1e-5

# Driver and its options, emulator and its options.
BALANCES: dict[str, tuple[str, dict[str, Any], Any]] = {
    "sbi": ("sartorius_sbi", {}, "sartorius_sbi"),
    "sbi 16": ("sartorius_sbi", {}, {"emulator": "sartorius_sbi", "line_length": 16}),
    "sbi autoprint": ("sartorius_sbi", {}, {"emulator": "sartorius_sbi", "autoprint": "any"}),
    "sbi old": (
        "sartorius_sbi",
        {"baudrate": 1200, "bytesize": 7},
        {"emulator": "sartorius_sbi", "baudrate": 1200, "bytesize": 7},
    ),
    "and": ("and_standard", {}, "and_standard"),
    "and erCd 1": ("and_standard", {"tare_command": "T"}, {"emulator": "and_standard", "error_codes": True}),
    "ohaus": ("ohaus", {}, "ohaus"),
    "ohaus silent": (
        "ohaus",
        {"stream": "polled", "poll_rate_hz": 10},
        {"emulator": "ohaus", "acknowledge": False, "blank_fields": True, "weight_columns": 9},
    ),
    "radwag": ("radwag", {}, "radwag"),
    "radwag A": ("radwag", {}, {"emulator": "radwag", "accepts_immediate": True}),
}


class Bench:
    def __init__(self, balance: Any, twin: Twin, clock: SimulatedClock) -> None:
        self.balance = balance
        self.twin = twin
        self.clock = clock

    def indication_g(self) -> float:
        """Return what the pan bears by the physics, tare or not."""
        return self.twin.world.balance.indication_g(self.clock.now_s())


@contextmanager
def bench_with(name: str, simulation: Simulation | None = None, **options: Any) -> Iterator[Bench]:
    driver_name, own, emulator = BALANCES[name]
    clock = SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    base = simulation or Simulation()
    told = Simulation.model_validate({**base.model_dump(), "emulators": {"balance": emulator}})
    with Twin("twin", told, 1, clock) as twin:
        entry = driver(driver_name)
        balance = entry.factory("sim://twin/balance", entry.Options.model_validate({**own, **options}), clock)
        try:
            yield Bench(balance, twin, clock)
        finally:
            balance.close()


@pytest.mark.parametrize("name", BALANCES)
def test_readings_are_what_the_pan_bears(name: str) -> None:
    with bench_with(name) as bench:
        bench.clock.sleep_s(5.0)
        assert bench.balance.identify().serial_number == "SIM-BALANCE-1"
        stable = bench.balance.read_stable()
        assert stable.status == "stable"
        assert stable.value == pytest.approx(bench.indication_g(), abs=2 * READABILITY_G)
        assert 20.0 < stable.value < 30.0
        bench.balance.tare()
        tared_g = bench.indication_g()
        assert abs(bench.balance.read().value) < 20 * READABILITY_G
        bench.twin.world.balance.put_on(1.25, bench.clock.now_s())
        bench.clock.sleep_s(1.0)
        assert bench.balance.read().status == "dynamic"
        after = bench.balance.read_stable()
        assert after.value == pytest.approx(bench.indication_g() - tared_g, abs=12 * READABILITY_G)
        assert after.value == pytest.approx(1.25, abs=1e-3)


@pytest.mark.parametrize("name", BALANCES)
def test_a_stream_follows_the_pan_ten_times_a_second(name: str) -> None:
    with bench_with(name, quiet()) as bench:
        clock = bench.clock
        clock.sleep_s(5.0)
        bench.balance.read_stable()
        bench.balance.start_stream()
        bench.balance.start_stream()
        bench.twin.world.balance.put_on(-0.01, clock.now_s())
        readings: list[Reading] = []
        for _ in range(80):
            reading = bench.balance.next_reading(clock.now_s() + 1.0)
            assert reading is not None
            readings.append(reading)
            # The last output, or the one before it where the answer was on its way meanwhile.
            assert reading.value == pytest.approx(bench.indication_g(), abs=0.0011)
        gaps_s = [later.time_s - earlier.time_s for earlier, later in itertools.pairwise(readings)]
        assert gaps_s == pytest.approx([0.1] * 79, abs=1e-6)
        assert {reading.status for reading in readings} == {"dynamic", "stable"}
        assert readings[-1].value - readings[0].value == pytest.approx(-0.01, abs=0.0011)
        bench.balance.stop_stream()
        assert bench.balance.read().status == "stable"


@pytest.mark.parametrize("name", BALANCES)
def test_a_task_may_tare_while_another_reads_the_stream(name: str) -> None:
    with bench_with(name) as bench:
        clock, balance = bench.clock, bench.balance
        clock.sleep_s(5.0)
        readings: list[Reading] = []
        done = False

        def sample() -> None:
            while not done:
                reading = balance.next_reading(clock.now_s() + 5.0)
                assert reading is not None
                readings.append(reading)

        balance.start_stream()
        task = clock.start("balance", sample)
        clock.sleep_s(3.0)
        balance.tare()
        tared_s = clock.now_s()
        clock.sleep_s(3.0)
        done = True
        assert task.join(5.0)
        assert task.error is None
        assert readings[0].value > 20.0
        after = [reading.value for reading in readings if reading.time_s > tared_s + 0.2]
        assert len(after) > 20
        assert after == pytest.approx([0.0] * len(after), abs=3e-4)


@pytest.mark.parametrize("name", BALANCES)
def test_zero_needs_an_almost_empty_pan(name: str) -> None:
    with bench_with(name) as bench:
        bench.clock.sleep_s(5.0)
        rezeroes = name.startswith("and")  # its RE-ZERO key tares where it cannot zero
        if not rezeroes:
            with pytest.raises(RefusedError):
                bench.balance.zero()
        bench.twin.world.balance.put_on(-bench.indication_g() + 1.0, bench.clock.now_s())
        bench.clock.sleep_s(20.0)
        bench.balance.zero()
        assert abs(bench.balance.read_stable().value) < 20 * READABILITY_G


@pytest.mark.parametrize("name", BALANCES)
def test_a_load_beyond_the_maximum_is_no_weight(name: str) -> None:
    with bench_with(name) as bench:
        bench.twin.world.balance.put_on(120.0, bench.clock.now_s())
        bench.clock.sleep_s(20.0)
        assert bench.balance.read().status == "overload"


@pytest.mark.parametrize("unit", ["mg", "ct", "oz"])
@pytest.mark.parametrize("name", BALANCES)
def test_another_unit_is_converted(name: str, unit: str) -> None:
    with bench_with(name, Simulation.model_validate({"faults": [{"fault": "wrong_unit", "unit": unit}]})) as bench:
        bench.clock.sleep_s(5.0)
        assert bench.balance.read_stable().value == pytest.approx(bench.indication_g(), abs=5e-5)


@pytest.mark.parametrize("name", BALANCES)
def test_a_unit_that_is_not_known_is_refused_by_its_name(name: str) -> None:
    wrong = Simulation.model_validate({"faults": [{"fault": "wrong_unit", "unit": "mom"}]})

    def weigh() -> None:
        with bench_with(name, wrong) as bench:
            bench.clock.sleep_s(5.0)
            bench.balance.read_stable()

    with pytest.raises(GarbledReplyError, match="but in mom"):
        weigh()


@pytest.mark.parametrize("name", BALANCES)
def test_a_tare_key_pressed_in_mid_run_takes_the_load_off(name: str) -> None:
    faults = [{"fault": "tare_in_mid_run", "first": "20 s"}]
    with bench_with(name, Simulation.model_validate({"faults": faults})) as bench:
        bench.clock.sleep_s(10.0)
        assert bench.balance.read_stable().value > 20.0
        bench.clock.sleep_s(15.0)
        assert abs(bench.balance.read_stable().value) < 1e-3


ADJUSTING: dict[str, dict[str, Any]] = {
    "sbi": {},
    "sbi autoprint": {},
    "and erCd 1": {"built_in_weight": True},
    "radwag": {},
}


@pytest.mark.parametrize("name", ADJUSTING)
def test_an_adjustment_waits_until_it_is_done(name: str) -> None:
    with bench_with(name, None, **ADJUSTING[name]) as bench:
        assert issubclass(type(bench.balance), AdjustsInternally)
        with pytest.raises(RefusedError):
            bench.balance.adjust()  # the vessel is on the pan
        bench.twin.world.balance.put_on(-bench.indication_g(), bench.clock.now_s())
        bench.clock.sleep_s(20.0)
        begun_s = bench.clock.now_s()
        bench.balance.adjust()
        assert 10.0 < bench.clock.now_s() - begun_s < 30.0
        assert bench.balance.read_stable().status == "stable"


def test_radwag_tells_its_maximum() -> None:
    with bench_with("radwag") as bench:
        assert bench.balance.weighing_range().maximum_g == 120.0


OTHER_PARITY: dict[str, Callable[[], Any]] = {
    "sbi": lambda: bench_with("sbi", parity="N"),
    "and": lambda: bench_with("and", parity="N", bytesize=8),
    "ohaus": lambda: bench_with("ohaus", baudrate=2400),
    "radwag": lambda: bench_with("radwag", baudrate=4800),
}


@pytest.mark.parametrize("name", OTHER_PARITY)
def test_another_parity_or_speed_is_told_with_the_way_out(name: str) -> None:
    with pytest.raises(GarbledReplyError, match=r"baud rate and\s+parity"), OTHER_PARITY[name]():
        pass


def test_a_balance_is_open_once_only() -> None:
    with bench_with("sbi") as bench, pytest.raises(LinkError, match="cannot be opened"):
        driver("radwag").factory("sim://twin/balance", driver("radwag").Options(), bench.clock)
