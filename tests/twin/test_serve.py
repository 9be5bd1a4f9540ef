"""The twin in real time: plain clients talk to each instrument over pseudo-terminals and TCP."""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pyvisa
import serial
import yaml

from bench.clock import RealClock
from bench.twin.serve import serve
from bench.twin.served_rig import ServeError, served_rig
from bench.twin.server import Address

RIG = """
rig: served
instruments:
  pump: {driver: scpi_insulin_pump, address: "TCPIP0::pump.twin::5025::SOCKET", visa: "@twin"}
  balance: {driver: mettler_mt_sics, address: "sim://twin/balance", readability: 0.01 mg}
  pressure: {driver: scpi_dmm, address: "TCPIP0::pressure.twin::5025::SOCKET", visa: "@twin", scale: 20 kPa/V}
  occluder: {driver: numato_relay, address: "sim://twin/occluder", channel: 0}
  climate: {driver: vaisala_ptu300, address: "sim://twin/climate"}
simulation: {seed: 7}
"""
PATIENCE_S = 10.0


class Served:
    """A serving thread and what it announced."""

    def __init__(self, folder: Path, *, tcp: bool = False) -> None:
        self.lines: list[str] = []
        self.error: BaseException | None = None
        self._source = folder / "source.yaml"
        self._source.write_text(RIG, encoding="utf-8")
        self._output = folder / "served.yaml"
        self._ready = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(tcp,))
        self._thread.start()
        assert self._ready.wait(PATIENCE_S), self.error
        self.rig: dict[str, Any] = yaml.safe_load(self._output.read_text(encoding="utf-8"))

    def address(self, device: str) -> str:
        return str(self.rig["instruments"][device]["address"])

    def tcp_port(self, device: str) -> int:
        return int(next(line for line in self.lines if line.split()[0] == device).rpartition(":")[2])

    def end(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        assert self.error is None

    def _run(self, tcp: bool) -> None:
        try:
            serve(
                self._source,
                self._output,
                seed=None,
                tcp=tcp,
                clock=RealClock(),
                stop=self._stop.is_set,
                announce=self._announce,
            )
        except BaseException as error:
            self.error = error
            self._ready.set()

    def _announce(self, line: str) -> None:
        self.lines.append(line)
        if line.startswith("Ctrl-C"):
            self._ready.set()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    yield served
    served.end()


def talk(terminal: int, say: bytes, until: bytes) -> bytes:
    """Talk as a plain terminal program does: bytes out, bytes in."""
    os.write(terminal, say)
    heard = b""
    while not heard.endswith(until):
        assert select.select([terminal], [], [], PATIENCE_S)[0], heard
        heard += os.read(terminal, 1000)
    return heard


def test_a_plain_terminal_talks_to_every_instrument(served: Served) -> None:
    folder = Path(served.address("balance")).parent
    conversations = {
        "balance": [(b"@\r\n", b"\r\n", b'I4 A "SIM-BALANCE-1"\r\n'), (b"zi\r\n", b"\r\n", b"ES\r\n")],
        "occluder": [
            (b"relay on 0\r", b">", b"relay on 0\n\r>"),
            (b"relay read 0\r", b">", b"relay read 0\n\ron\n\r>"),
        ],
        "climate": [(b"ECHO OFF\r", b"OFF\r\n", b"ECHO OFF\r\nEcho : OFF\r\n")],
        "pump": [(b"*IDN?\n", b"\n", b"pumpbench twin,TWIN-PUMP simulated,SIM-PUMP-1,1.0\n")],
        "pressure": [(b"*IDN?\n", b"\n", b"pumpbench twin,34461A simulated,SIM-DMM-1,A.01.00-twin\n")],
    }
    for device, exchanges in conversations.items():
        terminal = os.open(folder / device, os.O_RDWR | os.O_NOCTTY)
        try:
            for say, until, answer in exchanges:
                assert talk(terminal, say, until) == answer
        finally:
            os.close(terminal)
    terminal = os.open(folder / "climate", os.O_RDWR | os.O_NOCTTY)
    try:
        assert talk(terminal, b"SEND\r", b"\n").startswith(b"P= 10")
    finally:
        os.close(terminal)


def test_the_balance_streams_over_its_terminal_at_the_set_line(served: Served) -> None:
    with serial.Serial(served.address("balance"), 9600, timeout=PATIENCE_S) as line:
        line.write(b"SIR\r\n")
        for _ in range(3):
            assert line.read_until(b"\r\n")[:4] in (b"S S ", b"S D ")
        line.write(b"@\r\n")
        heard = b""
        while b"I4 A" not in heard:
            heard = line.read_until(b"\r\n")


def test_clients_come_in_turn_over_tcp_and_are_answered_where_they_spoke(served: Served) -> None:
    address = ("127.0.0.1", served.tcp_port("pump"))
    for _ in range(2):
        with socket.create_connection(address, PATIENCE_S) as first, socket.create_connection(address) as second:
            first.sendall(b"SYST:VERS?\n")
            assert first.recv(100) == b"1999.0\n"
            second.settimeout(PATIENCE_S)
            second.sendall(b"*OPC?\n")
            assert second.recv(100) == b"1\n"


def test_visa_reaches_the_pump_by_the_address_in_the_rig_file(served: Served) -> None:
    assert served.rig["instruments"]["pump"]["visa"] == "@py"
    manager = pyvisa.ResourceManager("@py")
    try:
        pump = manager.open_resource(served.address("pump"), read_termination="\n", write_termination="\n")
        assert isinstance(pump, pyvisa.resources.TCPIPSocket)
        with pump:
            pump.write("BAS:RATE 1")
            assert float(pump.query("BAS:RATE?")) == 1.0
    finally:
        manager.close()


def test_with_tcp_serial_instruments_are_sockets_too(tmp_path: Path) -> None:
    served = Served(tmp_path, tcp=True)
    try:
        assert served.address("balance") == f"socket://127.0.0.1:{served.tcp_port('balance')}"
        with serial.serial_for_url(served.address("balance"), timeout=PATIENCE_S) as line:
            line.write(b"I4\r\n")
            assert line.read_until(b"\r\n") == b'I4 A "SIM-BALANCE-1"\r\n'
    finally:
        served.end()


def test_the_served_rig_says_that_it_is_simulated_and_keeps_everything_else() -> None:
    addresses = {name: Address(f"/somewhere/{name}", 1000) for name in ("pump", "balance")}
    rig = {
        "rig": "one",
        "instruments": {
            "pump": {"driver": "a", "address": "TCPIP0::pump.twin::5025::SOCKET", "visa": "@twin", "serial": "7"},
            "balance": {"driver": "b", "address": "sim://twin/balance", "calibration": {"k": 2}},
            "climate": {"driver": "fixed_climate", "temperature": "23 °C"},
            "occluder": {"driver": "c", "address": "/dev/ttyACM0"},
        },
        "simulation": {"seed": 1},
    }
    assert served_rig(rig, addresses, tcp=False) == {
        "rig": "one",
        "instruments": {
            "pump": {"driver": "a", "address": "TCPIP0::127.0.0.1::1000::SOCKET", "visa": "@py", "serial": "7"},
            "balance": {"driver": "b", "address": "/somewhere/balance", "calibration": {"k": 2}},
            "climate": {"driver": "fixed_climate", "temperature": "23 °C"},
            "occluder": {"driver": "c", "address": "/dev/ttyACM0"},
        },
        "simulated": True,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rig: x\ninstruments: {}\n", "nothing to simulate"),
        ("- 1\n", "no rig file"),
        ("a: [\n", "while parsing"),
        ("rig: x\ninstruments: {}\nsimulation: {sed: 3}\n", "sed"),
    ],
)
def test_what_is_no_simulated_rig_is_refused(tmp_path: Path, text: str, message: str) -> None:
    source = tmp_path / "rig.yaml"
    source.write_text(text, encoding="utf-8")
    with pytest.raises(ServeError, match=message):
        serve(
            source,
            tmp_path / "served.yaml",
            seed=None,
            tcp=False,
            clock=RealClock(),
            stop=lambda: True,
            announce=lambda _: None,
        )


SCRIPT = """
import sys, pathlib
from bench.clock import RealClock
from bench.twin.serve import serve
serve(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), seed=3, tcp=False, clock=RealClock(),
      stop=lambda: False, announce=lambda line: print(line, flush=True))
print("ended", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    source = tmp_path / "rig.yaml"
    source.write_text(RIG, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(source), str(tmp_path / "served.yaml")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Ctrl-C"):
                break
        assert list(tmp_path.glob("pumpbench-*/balance"))
        process.send_signal(number)
        assert process.stdout.read() == "ended\n"
        assert process.wait(PATIENCE_S) == 0
    assert not list(tmp_path.glob("pumpbench-*"))
