"""The Alaris emulator and its clients: OpenICE's requests in their order, `infupy` itself, and this bench's driver.

The threads of `infupy` wait without an end, so it runs in a process of its own with a limit.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.clock import RealClock
from drivers.registry import driver
from drivers.roles import DeliveryState
from tests.twin.served import served
from tests.twin.test_emulator_alaris_asena import Bench, frame

# -- OpenICE, `Asena.java` at mdpnp/mdpnp@1ae7f72: the frames that it has as constants, and how it takes answers apart

INF, VTBI = b"!INF|4961\r", b"!INF_VTBI|8456\r"
ENABLE = b"!REMOTE_CTRL^ENABLED^9535|FB2F\r"


def line(bench: Bench, sent: bytes) -> list[str]:
    """Send a frame, and split the line that comes as that client does."""
    answer = bench.say(sent)
    assert answer.endswith(b"\r")
    return answer.decode("ascii")[:-1].split("^")


def vtbi_ml(bench: Bench) -> float:
    text = line(bench, VTBI)[2]
    return float(text) if text else 0.0


def rate_and_volume(bench: Bench) -> tuple[float, float]:
    parts = line(bench, INF)
    assert len(parts) == 14
    assert (parts[1], parts[5], parts[8], parts[10]) == ("8002-51733", "ml/h", "ml", "mmHg")
    return float(parts[4]), float(parts[7])


def test_what_openice_asks_in_its_order() -> None:
    bench = Bench(serial_number="8002-51733")
    assert line(bench, b"!INST_SERIALNO|457D\r")[1].split("|")[0] == "8002-51733"
    assert bench.say(b"!COMMS_RESPONSE_MAX|7E29\r")
    assert bench.say(b"!COMMS_PROTOCOL|E8DA\r")
    for _ in range(3):  # it asks for remote control every 4.5 s, after the pump has taken it back
        assert line(bench, ENABLE)[3] == "PERMIT"
        assert rate_and_volume(bench) == (0.0, 0.0)
        assert vtbi_ml(bench) == 0.0
        bench.run(4.5)
    line(bench, ENABLE)
    assert line(bench, b"!INF_RATE^3.50^ml/h|3885\r")[1] == "3.50"
    line(bench, ENABLE)
    assert line(bench, b"!INF_VTBI^ACTIV^11.000^ml^STOP|4433\r")[2] == "11.000"
    assert bench.say(b"!INF_START|38F3\r") == b"!INF_START|38F3\r"
    assert rate_and_volume(bench) == (3.5, 0.0)
    bench.run(4.5)
    # A bolus: a far volume and a high rate for as long as it takes, then both back.
    line(bench, ENABLE)
    assert vtbi_ml(bench) == pytest.approx(10.996)
    line(bench, ENABLE)
    assert line(bench, frame("INF_VTBI^ACTIV^50.000^ml^STOP"))[2] == "50.000"
    line(bench, ENABLE)
    assert line(bench, frame("INF_RATE^1000.00^ml/h"))[1] == "1000.00"
    bench.run(3.6)
    line(bench, ENABLE)
    assert line(bench, frame("INF_VTBI^ACTIV^10.996^ml^STOP"))[2] == "10.996"
    line(bench, ENABLE)
    assert line(bench, b"!INF_RATE^3.50^ml/h|3885\r")[1] == "3.50"
    rate, volume = rate_and_volume(bench)
    assert rate == 3.5
    assert volume == pytest.approx(1.004, abs=0.002)
    assert line(bench, b"!ALARM|50B2\r")[1] == "AL_NOALM"
    assert bench.say(b"!INF_STOP|CD57\r") == b"!INF_STOP|CD57\r"
    assert rate_and_volume(bench)[0] == 0.0
    assert line(bench, b"!INF_VTBI^DEACT|D8C5\r")[2] == ""
    assert bench.say(b"!REMOTE_CTRL^DISABLED|EF95\r")


# -- infupy

RIG = """
rig: served
instruments: {pump: {driver: alaris_asena, address: "sim://twin/pump"}}
simulation:
  pump: {pulse: 0.1 µL, bolus_pulse_interval: 500 ms, reservoir: 50 mL}
  plant: {compliance: 12 µL/kPa, resistance: 0.01 kPa·s/µL}
  emulators: {pump: {emulator: alaris_asena, serial_number: 8002-51733}}
"""
LIMIT_S = 60.0
CLIENT = """
import json, os, sys, time
from infupy.backends.alaris import AlarisComm, AlarisSyringe, Command

syringe = AlarisSyringe(AlarisComm(sys.argv[1]))
told = {"code": syringe.securitycode.decode(), "rate": syringe.readRate().decode()}
time.sleep(2.5)  # its own thread takes remote control, one second after the other
told["set"] = syringe.setRate(720.0).decode()
told["started"] = syringe.execCommand(Command.infstart).error
time.sleep(6.0)
told["stopped"] = syringe.execCommand(Command.infstop).error
told["volume"] = syringe.readVolume().decode()
time.sleep(0.5)
told["again"] = syringe.readVolume().decode()
told["refused"] = syringe.setRate(0.01).decode()
syringe.stopKeepAlive()
time.sleep(1.5)
told["without"] = str(syringe.execCommand(Command.infstart).value)
print(json.dumps(told), flush=True)
os._exit(0)  # its threads never end
"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with served(RIG, tmp_path) as instruments:
        yield instruments["pump"]["address"]


def test_the_driver_of_this_bench_in_real_time(address: str) -> None:
    clock, entry = RealClock(), driver("alaris_asena")
    logged: list[bytes] = []

    def log(instrument: str, direction: str, time_s: float, data: bytes) -> None:
        del instrument, time_s
        if direction == "tx":
            logged.append(data)

    pump = entry.factory(address, entry.Options.model_validate({"bolus_rate": "720 mL/h"}), clock, wire_log=log)
    try:
        assert pump.identify().serial_number == "8002-51733"
        pump.start_basal(7200.0)
        pump.start_bolus(50.0)
        while pump.bolus_status().active:
            pump.poll(clock.now_s())
        assert pump.bolus_status().delivered_ul == 50.0
        assert pump.state() is DeliveryState.BASAL
        pump.stop()
        assert pump.state() is DeliveryState.STOPPED
    finally:
        pump.close()
    assert b"!REMOTE_CTRL^ENABLED^****|FB2F\r" in logged
    assert not any(b"9535" in each for each in logged)
    assert logged[-1] == b"!REMOTE_CTRL^DISABLED|EF95\r"


def test_infupy(address: str) -> None:
    ended = subprocess.run([sys.executable, "-c", CLIENT, address], capture_output=True, text=True, timeout=LIMIT_S)
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    volume = float(told.pop("volume").removesuffix(" ml"))
    assert 1.1 < volume < 1.5
    assert float(told.pop("again").removesuffix(" ml")) == volume
    assert told == {
        "code": "9535",
        "rate": "0.10 ml/h",
        "set": "720.00 ml/h",
        "started": False,
        "stopped": False,
        "refused": "720.00 ml/h",
        "without": "Error.ETIMEOUT",
    }
