"""The whole simulated rig, spoken to as any host would."""

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pyvisa
import serial
from pyvisa.resources import TCPIPSocket

from bench.clock import SimulatedClock
from bench.twin import port as ports
from bench.twin.settings import Simulation
from bench.twin.twin import Twin

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@contextmanager
def pump_of(twin: str) -> Iterator[TCPIPSocket]:
    manager = pyvisa.ResourceManager("@twin")
    try:
        pump = manager.open_resource(
            f"TCPIP0::pump.{twin}::5025::SOCKET", read_termination="\n", write_termination="\n"
        )
        assert isinstance(pump, TCPIPSocket)
        with pump:
            yield pump
    finally:
        manager.close()


def test_what_the_pump_gives_arrives_on_the_balance() -> None:
    clock = SimulatedClock(START)
    with (
        Twin("rig", Simulation(), 3, clock),
        pump_of("rig") as pump,
        serial.serial_for_url("sim://rig/balance", timeout=30.0) as balance,
    ):
        clock.sleep_s(10.0)
        balance.write(b"T\r\n")
        assert balance.read(4) == b"T S "
        balance.read_until(b"\r\n")
        pump.write("BOL:IMM 10")
        clock.sleep_s(600.0)
        assert pump.query("BOL:STAT?") == "IDLE,10.0000,10.0000"
        balance.write(b"S\r\n")
        weight = balance.read_until(b"\r\n")
        assert weight[:4] == b"S S "
        assert float(weight.split()[2]) == pytest.approx(0.1, rel=0.05)


def test_an_occluded_line_builds_pressure_until_the_pump_alarms() -> None:
    clock = SimulatedClock(START)
    with (
        Twin("rig", Simulation(), 3, clock),
        pump_of("rig") as pump,
        serial.serial_for_url("sim://rig/occluder", timeout=1.0) as occluder,
    ):
        occluder.write(b"relay on 0\r")
        assert occluder.read_until(b">") == b"relay on 0\n\r>"
        pump.write("BAS:RATE 10;STAT ON")
        while pump.query("DEL:STAT?") == "BAS":
            clock.sleep_s(5.0)
            assert clock.now_s() < 7200.0
        assert pump.query("DEL:STAT?;:ALAR:ACT?") == "ALAR;OCCLUSION"


def test_the_rig_is_known_by_its_name_while_it_runs_and_writes_the_truth(tmp_path: Path) -> None:
    clock = SimulatedClock(START)
    truth = tmp_path / "truth.jsonl"
    with Twin("rig", Simulation(), None, clock, truth) as twin:
        assert list(twin.ports) == [
            "pump", "balance", "pressure", "occluder", "climate", "operator", "power", "doser", "alarm",
        ]  # fmt: skip
        assert ports.find_port("rig", "climate") is twin.ports["climate"]
        with serial.serial_for_url("sim://rig/climate", 4800, bytesize=7, parity="E", timeout=1.0) as climate:
            climate.write(b"SEND\r")
            assert climate.read_until(b">").startswith(b"SEND\r\nP= 10")
    with pytest.raises(ports.UnknownDeviceError):
        ports.find_port("rig", "climate")
    assert "simulated" in json.dumps(json.loads(truth.read_text(encoding="utf-8").splitlines()[0]))


def test_wire_faults_act_on_the_instrument_that_they_name() -> None:
    clock = SimulatedClock(START)
    simulation = Simulation.model_validate({"faults": [{"fault": "silent_instrument", "instrument": "balance"}]})
    with Twin("rig", simulation, None, clock), pump_of("rig") as pump:
        with serial.serial_for_url("sim://rig/balance", timeout=2.0) as balance:
            balance.write(b"I4\r\n")
            assert balance.read(1) == b""
        assert pump.query("*OPC?") == "1"


def test_one_seed_gives_one_history_byte_for_byte() -> None:
    def history(seed: int) -> bytes:
        clock = SimulatedClock(START)
        with Twin("rig", Simulation(), seed, clock), pump_of("rig") as pump:
            pump.write("BAS:RATE 2;STAT ON")
            with serial.serial_for_url("sim://rig/balance", timeout=60.0) as balance:
                balance.write(b"SIR\r\n")
                return balance.read(10_000)

    assert history(1) == history(1)
    assert history(1) != history(2)
