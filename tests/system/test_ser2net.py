"""ser2net, as Debian has it, before the emulators' pseudo-terminals: the same drivers pass over each kind of link."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.clock import RealClock
from drivers.errors import LinkError
from drivers.registry import driver
from drivers.roles import DeliveryState
from tests.system.lab import eventually
from tests.system.served import Served, serving

SER2NET = shutil.which("ser2net") or shutil.which("ser2net", path="/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(SER2NET is None, reason="ser2net is not installed (Debian: apt install ser2net)")

DRIVERS = {
    "balance": ("mettler_mt_sics", "9600n81"),
    "occluder": ("numato_relay", "9600n81"),
    "climate": ("vaisala_ptu300", "4800e71"),
    "pump": ("scpi_insulin_pump", "115200n81"),
}
LINKS = {
    "raw": "socket://127.0.0.1:{raw}",
    "rfc2217": "rfc2217://127.0.0.1:{rfc2217}?ign_set_control",
    "visa serial": "ASRLsocket://127.0.0.1:{raw}::INSTR",
    "visa socket": "TCPIP0::127.0.0.1::{raw}::SOCKET",
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as made:
        yield made


@pytest.fixture(scope="module")
def bridged(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, int]]]:
    """Start ser2net with a raw and an RFC 2217 port for each instrument."""
    ports = {role: {"raw": free_port(), "rfc2217": free_port()} for role in DRIVERS}
    lines = []
    for role, (_, line) in DRIVERS.items():
        terminal = Path(served.address("balance")).parent / role
        for kind, gensio in (("raw", "tcp"), ("rfc2217", "telnet(rfc2217),tcp")):
            lines += [
                f"connection: &{role}_{kind}",
                f"  accepter: {gensio},127.0.0.1,{ports[role][kind]}",
                f"  connector: serialdev,{terminal},{line},local",
            ]
    config = tmp_path_factory.mktemp("ser2net") / "ser2net.yaml"
    config.write_text("%YAML 1.1\n---\n" + "\n".join(lines) + "\n", encoding="utf-8")
    assert SER2NET is not None
    with subprocess.Popen(
        [SER2NET, "-n", "-d", "-c", config], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            every = [port for each in ports.values() for port in each.values()]
            eventually(lambda: all(map(listens, every)) or process.poll() is not None, "ser2net listens")
            assert process.poll() is None, process.communicate()[0]
            yield ports
        finally:
            process.terminate()


def opened(name: str, address: str, clock: RealClock, **options: Any) -> Any:
    """Open an instrument; ser2net has a port free again a moment after its last client has gone."""
    entry = driver(name)

    def attempt() -> Any:
        try:
            return entry.factory(address, entry.Options.model_validate(options), clock)
        except LinkError:
            return None

    return eventually(attempt, address)


@pytest.fixture
def clock() -> RealClock:
    return RealClock()


@pytest.mark.parametrize("kind", LINKS)
def test_the_balance_weighs_and_streams(bridged: dict[str, dict[str, int]], clock: RealClock, kind: str) -> None:
    balance = opened("mettler_mt_sics", LINKS[kind].format(**bridged["balance"]), clock)
    try:
        assert balance.identify().serial_number == "SIM-BALANCE-1"
        balance.tare()
        assert balance.read_stable().value == pytest.approx(0.0, abs=1e-3)
        balance.start_stream()
        readings = [balance.next_reading(clock.now_s() + 5.0) for _ in range(12)]
        stamps = [reading.time_s for reading in readings]
        balance.stop_stream()
        assert balance.read().value == pytest.approx(0.0, abs=30.0)
    finally:
        balance.close()
    assert stamps == sorted(stamps)
    assert 0.7 < stamps[-1] - stamps[0] < 5.0  # 10 Hz, and a machine that may be busy


@pytest.mark.parametrize("kind", LINKS)
def test_the_relay_switches_and_the_sensor_reads(
    bridged: dict[str, dict[str, int]], served: Served, clock: RealClock, kind: str
) -> None:
    occluder = opened("numato_relay", LINKS[kind].format(**bridged["occluder"]), clock)
    try:
        occluder.occlude()
        assert occluder.is_occluded()
        occluder.release()
        assert not occluder.is_occluded()
    finally:
        occluder.close()
    climate = opened("vaisala_ptu300", LINKS[kind].format(**bridged["climate"]), clock)
    try:
        assert climate.identify().serial_number == "SIM-PTU-1"
        assert 15.0 < climate.read().temperature_c < 30.0
    finally:
        climate.close()


@pytest.mark.parametrize("kind", LINKS)
def test_the_pump_delivers_and_is_stopped(bridged: dict[str, dict[str, int]], clock: RealClock, kind: str) -> None:
    pump = opened("scpi_insulin_pump", LINKS[kind].format(**bridged["pump"]), clock)
    try:
        pump.start_basal(20.0)
        assert pump.state() is DeliveryState.BASAL
        pump.stop()
        assert pump.state() is DeliveryState.STOPPED
    finally:
        pump.close()


def test_without_ign_set_control_the_error_names_it(bridged: dict[str, dict[str, int]], clock: RealClock) -> None:
    entry = driver("numato_relay")
    address = f"rfc2217://127.0.0.1:{bridged['occluder']['rfc2217']}"
    with pytest.raises(LinkError, match=r"add \?ign_set_control to the address"):
        entry.factory(address, entry.Options(), clock)
