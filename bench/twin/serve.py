"""The twin in real time: every instrument on a pseudo-terminal and on a loopback TCP port, for any client.

What `pumpbench simulate` runs. Both channels of an instrument are open at once; it answers where it was last spoken to.
A pseudo-terminal has no baud rate: whatever a client sets is accepted. Nothing listens but on 127.0.0.1. While an
instrument's cable is out (fault `unplugged`) its pseudo-terminal and its clients are gone; then another pseudo-terminal
stands behind the same name, as a USB adapter that was plugged in again has another number behind its by-id link.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import socket
import tempfile
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, Self

import yaml

from bench.clock import RealClock
from bench.twin.port import Port
from bench.twin.settings import Simulation
from bench.twin.twin import Twin

_LOOPBACK = "127.0.0.1"
_STOP_CHECK_S = 0.05
_CHUNK = 4096
_SIM = re.compile(r"sim://[^/]+/(\w+)$")
_VISA = re.compile(r"TCPIP\d*::(\w+)\.[\w-]+::\d+::SOCKET$", re.IGNORECASE)


class ServeError(ValueError):
    """The rig file cannot be simulated; the text says why."""


class Address(NamedTuple):
    """Where one device can be reached."""

    terminal: str
    tcp_port: int


def serve(
    rig_path: Path,
    output: Path,
    *,
    seed: int | None,
    tcp: bool,
    clock: RealClock,
    stop: Callable[[], bool],
    announce: Callable[[str], None],
    text: str | None = None,
) -> None:
    """Serve a rig's simulation in real time until `stop()`, Ctrl-C or SIGTERM.

    Args:
        rig_path: a rig file with a `simulation:` section.
        output: where the rig file for the served instruments is written; its addresses end with the serving.
        seed: where every random number comes from; None for the simulation's own.
        tcp: put serial instruments on TCP (`socket://`) in that file, rather than on pseudo-terminals.
        clock: the run's clock.
        stop: asked several times a second.
        announce: takes each line to be shown.
        text: the rig with the pump model that it names in place; what the file holds by default.

    Raises:
        ServeError: the rig file is none, or has nothing to simulate.

    """
    data, simulation = _read(rig_path, text)
    with (
        Twin(f"served-{os.getpid()}", simulation, seed, clock) as twin,
        Server(twin.ports) as server,
        _terminated() as terminated,
    ):
        output.write_text(
            f"# Written by `pumpbench simulate {rig_path}`: good while that runs. Simulated.\n"
            + yaml.safe_dump(served_rig(data, server.addresses, tcp=tcp), sort_keys=False, allow_unicode=True),
            encoding="utf-8",
        )
        for line in _table(server.addresses, output):
            announce(line)
        while not (stop() or terminated.is_set()):
            server.step(twin, clock)


def served_rig(data: dict[str, Any], addresses: dict[str, Address], *, tcp: bool) -> dict[str, Any]:
    """Return a rig's data with the twin's addresses replaced by those in real time, for the rig's own drivers."""
    served = {key: value for key, value in data.items() if key != "simulation"}
    served["simulated"] = True
    served["instruments"] = {
        role: _served_instrument(instrument, addresses, tcp=tcp) for role, instrument in data["instruments"].items()
    }
    return served


def _served_instrument(instrument: Any, addresses: dict[str, Address], *, tcp: bool) -> Any:
    if not isinstance(instrument, dict) or not isinstance(instrument.get("address"), str):
        return instrument
    served = dict(instrument)
    if (match := _SIM.match(served["address"])) and match.group(1) in addresses:
        address = addresses[match.group(1)]
        served["address"] = f"socket://{_LOOPBACK}:{address.tcp_port}" if tcp else address.terminal
    elif (match := _VISA.match(served["address"])) and match.group(1) in addresses:
        served["address"] = f"TCPIP0::{_LOOPBACK}::{addresses[match.group(1)].tcp_port}::SOCKET"
        served["visa"] = "@py"
    return served


def _read(rig_path: Path, text: str | None) -> tuple[dict[str, Any], Simulation]:
    try:
        data = yaml.safe_load(rig_path.read_text(encoding="utf-8") if text is None else text)
    except (OSError, yaml.YAMLError) as error:
        raise ServeError(f"{rig_path}: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("instruments"), dict):
        raise ServeError(f"{rig_path}: no rig file (it has no instruments: section)")
    if "simulation" not in data:
        raise ServeError(f"{rig_path}: nothing to simulate (it has no simulation: section)")
    try:
        return data, Simulation.model_validate(data["simulation"] or {})
    except ValueError as error:
        raise ServeError(f"{rig_path}: {error}") from error


def _table(addresses: dict[str, Address], output: Path) -> Iterator[str]:
    yield "Simulated instruments, in real time:"
    width = max(len(address.terminal) for address in addresses.values())
    yield f"  {'device':<10}{'pseudo-terminal':<{width + 2}}TCP"
    for device, address in addresses.items():
        yield f"  {device:<10}{address.terminal:<{width + 2}}{_LOOPBACK}:{address.tcp_port}"
    yield f"Rig file for them: {output}"
    yield "Ctrl-C ends it."


@contextlib.contextmanager
def _terminated() -> Iterator[threading.Event]:
    """Yield what Ctrl-C and SIGTERM set, wherever they land; in another than the main thread nothing does."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def note(_number: int, _frame: FrameType | None) -> None:
        event.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Terminal:
    """One device's pseudo-terminal; the far end is held open, so that its raw mode survives from client to client."""

    def __init__(self, link: Path) -> None:
        self._near, self._far = os.openpty()
        tty.setraw(self._far)
        os.set_blocking(self._near, False)
        link.symlink_to(os.ttyname(self._far))
        self._link = link

    def fileno(self) -> int:
        return self._near

    def read(self) -> bytes | None:
        try:
            return os.read(self._near, _CHUNK)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        try:
            os.write(self._near, data)
        except BlockingIOError:
            # Nobody reads. A real line would lose what comes; a pseudo-terminal would keep it for the next client.
            termios.tcflush(self._far, termios.TCIFLUSH)

    def close(self) -> None:
        self._link.unlink(missing_ok=True)
        os.close(self._near)
        os.close(self._far)


class _Client:
    """One TCP client of a device."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self) -> bytes | None:
        """Return what came; None when the client has gone."""
        try:
            return self._socket.recv(_CHUNK) or None
        except BlockingIOError:
            return b""
        except OSError:
            return None

    def write(self, data: bytes) -> None:
        # A client that does not read, or has gone, loses what comes; its going shows at the next read.
        with contextlib.suppress(OSError):
            self._socket.send(data)

    def close(self) -> None:
        self._socket.close()


_Channel = _Terminal | _Client


class _Device:
    """One device: its port in the twin, its channels, and the one that it answers on."""

    def __init__(self, port: Port, link: Path) -> None:
        self.port = port
        self.channels: list[_Channel] = []
        self.listener = socket.create_server((_LOOPBACK, 0))
        self.listener.setblocking(False)
        self.speaking: _Channel | None = None
        self.link = link

    def pass_on(self) -> None:
        """Hand what the instrument has sent to the channel that it was last spoken to on."""
        if self.port.waiting:
            data = self.port.take(self.port.waiting)
            if self.speaking is not None:
                self.speaking.write(data)

    def close(self) -> None:
        self.listener.close()
        for channel in self.channels:
            channel.close()


class Server:
    """Every device's channels, driven by one thread.

    Args:
        ports: of the twin, by device.

    """

    def __init__(self, ports: dict[str, Port]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="pumpbench-")
        self._selector = selectors.DefaultSelector()
        self._devices: list[_Device] = []
        self.addresses: dict[str, Address] = {}
        for name, port in ports.items():
            link = Path(self._folder.name) / name
            device = _Device(port, link)
            self._devices.append(device)
            self._selector.register(device.listener, selectors.EVENT_READ, (device, None))
            self._plug_in(device)
            self.addresses[name] = Address(str(link), device.listener.getsockname()[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for device in self._devices:
            device.close()
        self._folder.cleanup()

    def _plug_in(self, device: _Device) -> None:
        device.port.open()
        self._add(device, _Terminal(device.link))

    def _pull_out(self, device: _Device) -> None:
        for channel in list(device.channels):
            self._drop(device, channel)

    def _add(self, device: _Device, channel: _Channel) -> None:
        device.channels.append(channel)
        self._selector.register(channel, selectors.EVENT_READ, (device, channel))

    def _drop(self, device: _Device, channel: _Channel) -> None:
        self._selector.unregister(channel)
        channel.close()
        device.channels.remove(channel)
        if device.speaking is channel:
            device.speaking = None

    def step(self, twin: Twin, clock: RealClock) -> None:
        """Let the twin come to the present, then wait for clients until it does something next."""
        now_s = clock.now_s()
        twin.run_until(now_s)
        for device in self._devices:
            if device.port.is_open:
                device.pass_on()
            elif device.port.plugged_in:
                self._plug_in(device)
            else:
                self._pull_out(device)
        wait_s = max(0.0, min(twin.next_event_s() - now_s, _STOP_CHECK_S))
        for key, _ in self._selector.select(wait_s):
            device, channel = key.data
            if channel is None:
                self._accept(device)
            else:
                self._hear(device, channel)

    def _accept(self, device: _Device) -> None:
        client = _Client(device.listener.accept()[0])
        if device.port.plugged_in:
            self._add(device, client)
        else:
            client.close()

    def _hear(self, device: _Device, channel: _Channel) -> None:
        data = channel.read()
        if data is None:
            self._drop(device, channel)
        elif data:
            device.speaking = channel
            device.port.write(data)
