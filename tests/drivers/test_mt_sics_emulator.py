"""The balance driver against `mt-sics-emulator`, written by others, on loopback TCP.

Known deviations of that emulator from real balances are not tested: `SI` answers with id `SI` (taken as well), `ZI A`,
the contents of `I2`, `S` while moving, `@` clearing the zero, the rate of `SIR`. Its `I0` is no list of commands, which
the driver sees.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import pytest

from bench.clock import RealClock
from drivers.balance.mettler_mt_sics import MettlerMtSics, Options, open_balance
from drivers.errors import RefusedError

SERVER = """
import asyncio
from mtsics.core.simulator import SimConfig, WeightSimulator
from mtsics.core.state import ScaleState
from mtsics.profiles import load
from mtsics.protocol.engine import MTSICSEngine
from mtsics.transport.control import ControlAPI, ControlConfig
from mtsics.transport.tcp import TCPConfig, TCPTransport

async def main():
    state = ScaleState(config=load("mt-xs204"))
    simulator = WeightSimulator(state, cfg=SimConfig())
    transport = TCPTransport(MTSICSEngine(state), simulator=simulator, cfg=TCPConfig(host="127.0.0.1", port=0))
    control = ControlAPI(state, simulator, cfg=ControlConfig(port=0))
    print((await transport.start())[1], (await control.start())[1], flush=True)
    await transport.serve_forever()

asyncio.run(main())
"""


class Emulator:
    def __init__(self, port: int, control_port: int) -> None:
        self.address = f"socket://127.0.0.1:{port}"
        self._control = f"http://127.0.0.1:{control_port}"

    def put(self, mass_g: float) -> None:
        """Put a mass on the pan, at rest at once."""
        body = json.dumps({"value": mass_g, "snap": True}).encode()
        request = urllib.request.Request(f"{self._control}/weight", body, method="POST")  # noqa: S310
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            assert answer.status == 200


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        ports = re.match(r"(\d+) (\d+)", process.stdout.readline())
        assert ports is not None
        yield Emulator(int(ports[1]), int(ports[2]))
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def balance(emulator: Emulator, clock: RealClock) -> Iterator[MettlerMtSics]:
    opened = open_balance(emulator.address, Options(), clock)
    yield opened
    opened.close()


def test_identity_as_far_as_the_emulator_has_it(balance: MettlerMtSics) -> None:
    identity = balance.identify()
    assert identity.serial_number == "B246813579"
    assert identity.firmware == "2.30"
    assert balance.commands() == frozenset()
    assert math.isnan(balance.weighing_range().maximum_g)
    for ask in (balance.adjust, balance.update_rate_hz, balance.tare_g, balance.temperatures_c):
        with pytest.raises(RefusedError, match="does not know the command"):
            ask()


def test_reading_taring_and_zeroing(balance: MettlerMtSics, emulator: Emulator) -> None:
    emulator.put(20.5)
    assert balance.read_stable().value == pytest.approx(20.5, abs=0.0002)
    assert balance.read().value == pytest.approx(20.5, abs=0.0002)
    balance.tare()
    assert balance.read_stable().value == pytest.approx(0.0, abs=0.0002)
    emulator.put(30.75)
    assert balance.read_stable().value == pytest.approx(10.25, abs=0.0003)
    balance.tare_now()
    assert balance.read_stable().value == pytest.approx(0.0, abs=0.0003)
    balance.clear_tare()
    assert balance.read_stable().value == pytest.approx(30.75, abs=0.0002)
    with pytest.raises(RefusedError, match="Z I"):
        balance.zero()  # more than 2 % of the capacity is on the pan
    emulator.put(1.0)
    balance.zero()
    assert balance.read_stable().value == pytest.approx(0.0, abs=0.0002)


def test_out_of_range(balance: MettlerMtSics, emulator: Emulator) -> None:
    emulator.put(230.0)
    assert balance.read().status == "overload"
    emulator.put(-230.0)
    assert balance.read_stable().status == "underload"
    with pytest.raises(RefusedError, match="below the range for zero"):
        balance.zero()


def test_stream(balance: MettlerMtSics, emulator: Emulator, clock: RealClock) -> None:
    emulator.put(12.0)
    balance.start_stream()
    readings = [balance.next_reading(clock.now_s() + 2.0) for _ in range(4)]
    values = [reading.value for reading in readings if reading is not None]
    times = [reading.time_s for reading in readings if reading is not None]
    assert values == pytest.approx([12.0] * 4, abs=0.0002)
    assert times == sorted(times)
    emulator.put(12.5)
    balance.tare()  # halts the stream and lets it go on
    reading = balance.next_reading(clock.now_s() + 2.0)
    assert reading is not None
    assert reading.value == pytest.approx(0.0, abs=0.0003)
    balance.clear_tare()
    balance.stop_stream()
    emulator.put(13.0)
    assert balance.read_stable().value == pytest.approx(13.0, abs=0.0002)
