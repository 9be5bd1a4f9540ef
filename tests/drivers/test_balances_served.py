"""Every balance's driver in real time, on a served terminal with its own parity and then on TCP."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.clock import RealClock
from drivers.registry import driver
from tests.drivers.served import served_balance


@pytest.mark.parametrize("name", ["sartorius_sbi", "and_standard", "ohaus", "radwag"])
def test_a_driver_weighs_tares_and_streams(name: str, tmp_path: Path, clock: RealClock) -> None:
    entry = driver(name)
    options = entry.Options(output="polled") if name == "sartorius_sbi" else entry.Options()
    with served_balance(tmp_path, name, name) as served:
        balance = entry.factory(served.terminal, options, clock)
        assert balance.identify().serial_number == "SIM-BALANCE-1"
        assert balance.read_stable().value == pytest.approx(24.986, abs=0.01)
        balance.close()
        balance = entry.factory(f"socket://127.0.0.1:{served.tcp_port}", options, clock)
        balance.tare()
        balance.start_stream()
        readings = [balance.next_reading(clock.now_s() + 5.0) for _ in range(3)]
        balance.close()
        balance = entry.factory(served.terminal, options, clock)  # the same settings once more
        balance.close()
    assert [reading.value for reading in readings] == pytest.approx([0.0] * 3, abs=1e-3)
