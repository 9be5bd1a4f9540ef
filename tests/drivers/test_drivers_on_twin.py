"""The drivers in simulated time, several tasks at one instrument, and an exchange that is broken off."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bench.clock import RealClock, SimulatedClock
from bench.twin.settings import Simulation
from bench.twin.twin import Twin
from drivers.errors import LinkError
from drivers.registry import driver
from drivers.roles import DeliveryState, Reading
from tests.drivers.peers import Answer, TcpPeer

ADDRESSES = {
    "mettler_mt_sics": "sim://twin/balance",
    "scpi_insulin_pump": "TCPIP0::pump.twin::5025::SOCKET",
    "scpi_dmm": "TCPIP0::pressure.twin::5025::SOCKET",
    "numato_relay": "sim://twin/occluder",
    "vaisala_ptu300": "sim://twin/climate",
}


class Bench:
    def __init__(self) -> None:
        self.clock = SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        self.opened: list[Any] = []

    def open(self, name: str, **options: Any) -> Any:
        entry = driver(name)
        instrument = entry.factory(
            ADDRESSES[name], entry.Options.model_validate(options), self.clock, visa_library="@twin"
        )
        self.opened.append(instrument)
        return instrument


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    with Twin("twin", Simulation(), 1, made.clock):
        yield made
        for instrument in made.opened:
            instrument.close()


def test_every_instrument_of_the_twin_answers_its_driver(bench: Bench) -> None:
    balance, pump = bench.open("mettler_mt_sics"), bench.open("scpi_insulin_pump")
    pressure, climate = bench.open("scpi_dmm", scale="20 kPa/V"), bench.open("vaisala_ptu300")
    occluder = bench.open("numato_relay")
    assert all(instrument.identify().model for instrument in bench.opened)
    bench.clock.sleep_s(5.0)
    balance.tare()
    assert balance.read_stable().value == pytest.approx(0.0, abs=2e-4)
    pump.start_basal(10.0)
    assert pump.state() is DeliveryState.BASAL
    assert pressure.read().value == pytest.approx(0.0, abs=2.0)
    assert 15.0 < climate.read().temperature_c < 30.0
    occluder.occlude()
    assert occluder.is_occluded()
    occluder.release()
    assert not occluder.is_occluded()
    bench.clock.sleep_s(1800.0)
    pump.stop()
    assert pump.state() is DeliveryState.STOPPED
    assert pump.delivered_ul() == pytest.approx(5.0, abs=0.6)
    assert balance.read_stable().value == pytest.approx(0.005, abs=0.001)


def test_the_stream_arrives_at_the_balance_s_own_instants(bench: Bench) -> None:
    balance = bench.open("mettler_mt_sics")
    balance.start_stream()
    readings = [balance.next_reading(bench.clock.now_s() + 1.0) for _ in range(50)]
    times = [reading.time_s for reading in readings]
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == pytest.approx([0.1] * 49)
    assert bench.clock.now_s() == times[-1]


def test_a_task_may_tare_while_another_reads_the_stream(bench: Bench) -> None:
    clock, balance = bench.clock, bench.open("mettler_mt_sics")
    clock.sleep_s(5.0)
    before_g = balance.read_stable().value
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
    values = [reading.value for reading in readings]
    assert values[0] == pytest.approx(before_g, abs=2e-4)
    after = [reading.value for reading in readings if reading.time_s > tared_s + 0.2]
    assert len(after) > 20
    assert after == pytest.approx([0.0] * len(after), abs=2e-4)


def test_tasks_take_turns_at_the_pump(bench: Bench) -> None:
    clock, pump = bench.clock, bench.open("scpi_insulin_pump")
    failures: list[BaseException | None] = []

    def ask() -> None:
        for _ in range(20):
            assert pump.take_alarms() == []
            assert pump.battery_pct() > 50.0
            assert pump.state() in (DeliveryState.BASAL, DeliveryState.STOPPED)

    tasks = [clock.start(f"asker {index}", ask) for index in range(3)]
    for _ in range(20):
        pump.start_basal(10.0)
        assert pump.delivered_ul() >= 0.0
        pump.stop()
    for task in tasks:
        assert task.join(60.0)
        failures.append(task.error)
    assert failures == [None, None, None]


def test_an_exchange_broken_off_by_the_user_leaves_the_pump_stoppable(
    tcp_peer: Callable[[Answer, bytes], TcpPeer], clock: RealClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C lands between a query and its answer; the answer must not be taken for that of the stop."""
    replies = {
        b"*IDN?": b"Acme,Bridge 3,SN-17,1.4\n",
        b"SYST:BRID?": b"1.0\n",
        b"INS:CONC?": b"100\n",
        b"DEL:VOL?": b"1.5\n",
        b"SYST:ERR?": b'0,"No error"\n',
        b"DEL:STAT?": b"STOP\n",
    }
    peer = tcp_peer(replies.get, b"\n")
    entry = driver("scpi_insulin_pump")
    pump = entry.factory(peer.address, entry.Options(), clock)
    with monkeypatch.context() as broken:
        broken.setattr(pump._scpi._link, "read_line", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            pump.delivered_ul()
    pump.stop()
    pump.close()
    assert peer.received[-6:] == [b"DEL:VOL?", b"*IDN?", b"*CLS", b"DEL:STOP", b"SYST:ERR?", b"DEL:STAT?"]


def _interrupt(deadline_s: float) -> None:
    raise KeyboardInterrupt


def test_a_twin_s_instrument_is_open_once_only(bench: Bench) -> None:
    bench.open("mettler_mt_sics")
    bench.open("scpi_insulin_pump")
    for name in ("mettler_mt_sics", "scpi_insulin_pump"):
        with pytest.raises(LinkError, match="cannot be opened"):
            bench.open(name)


def test_parity_and_data_bits_are_set_on_a_visa_serial_resource(bench: Bench) -> None:
    """The transmitter's line is 4800 7E1, and anything else garbles every byte."""
    entry = driver("vaisala_ptu300")
    climate = entry.factory("ASRLsim://twin/climate::INSTR", entry.Options(), bench.clock)
    bench.opened.append(climate)
    assert climate.identify().serial_number == "SIM-PTU-1"
    assert 15.0 < climate.read().temperature_c < 30.0
