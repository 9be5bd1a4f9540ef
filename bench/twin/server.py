"""Every instrument of a twin on a pseudo-terminal and on a loopback TCP port at once, driven by one thread.

An instrument answers where it was last spoken to; one that speaks unasked before that does so on its terminal, or to
whoever connected last. A pseudo-terminal has no baud rate: whatever a client sets is accepted. Nothing listens but on
127.0.0.1. While an instrument's cable is out (fault `unplugged`) its pseudo-terminal and its clients are gone; then
another pseudo-terminal stands behind the same name, as an adapter that was plugged in again has another number behind
its by-id link.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import tempfile
import termios
import tty
from pathlib import Path
from typing import NamedTuple, Self

from bench.clock import RealClock
from bench.twin.port import Port
from bench.twin.twin import Twin

LOOPBACK = "127.0.0.1"
_STOP_CHECK_S = 0.05
_CHUNK = 4096
_INPUT_SPEED, _OUTPUT_SPEED = 4, 5  # where `termios.tcgetattr` has them


class Address(NamedTuple):
    """Where one device can be reached."""

    terminal: str
    tcp_port: int


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

    def make_settable(self) -> None:
        """Let whatever a client sets next be a change.

        A pseudo-terminal keeps no parity, and settings with parity of which nothing else changes are refused as a
        whole; so it is left at a speed that no client sets.
        """
        settings = termios.tcgetattr(self._far)
        if settings[_OUTPUT_SPEED] != termios.B50:
            settings[_INPUT_SPEED] = settings[_OUTPUT_SPEED] = termios.B50
            termios.tcsetattr(self._far, termios.TCSANOW, settings)

    def hang_up(self) -> None:
        """Break the line; the terminal's number stays taken until `close`."""
        self._link.unlink(missing_ok=True)
        os.close(self._near)
        self._near = -1

    def close(self) -> None:
        if self._near >= 0:
            self.hang_up()
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
        self.link = link
        self.terminal: _Terminal | None = None
        self.pulled_out: _Terminal | None = None
        self.channels: list[_Channel] = []
        self.listener = socket.create_server((LOOPBACK, 0))
        self.listener.setblocking(False)
        self.speaking: _Channel | None = None
        self.was_spoken_to = False

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
        self.forget_pulled_out()

    def forget_pulled_out(self) -> None:
        """Free the number of the terminal that was there before, if one was."""
        if self.pulled_out is not None:
            self.pulled_out.close()
            self.pulled_out = None


class Server:
    """Every device's channels, driven by one thread.

    Args:
        ports: of the twin, by device.

    """

    def __init__(self, ports: dict[str, Port]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="pumpbench-")
        self._selector = selectors.DefaultSelector()
        self._devices: list[_Device] = []
        self._settable_s = 0.0
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
        terminal = _Terminal(device.link)
        device.forget_pulled_out()
        device.terminal = device.speaking = terminal
        device.was_spoken_to = False
        self._add(device, terminal)

    def _pull_out(self, device: _Device) -> None:
        terminal, device.terminal = device.terminal, None
        if terminal is not None:
            # Its number must not be given to the terminal that comes after it.
            self._selector.unregister(terminal)
            device.channels.remove(terminal)
            terminal.hang_up()
            device.pulled_out = terminal
        for channel in list(device.channels):
            self._drop(device, channel)
        device.speaking = None

    def _add(self, device: _Device, channel: _Channel) -> None:
        device.channels.append(channel)
        self._selector.register(channel, selectors.EVENT_READ, (device, channel))

    def _drop(self, device: _Device, channel: _Channel) -> None:
        self._selector.unregister(channel)
        channel.close()
        device.channels.remove(channel)
        if device.speaking is channel:
            device.speaking = device.terminal
            device.was_spoken_to = False

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
        if now_s >= self._settable_s:
            self._settable_s = now_s + _STOP_CHECK_S
            for device in self._devices:
                if device.terminal is not None:
                    device.terminal.make_settable()
        wait_s = max(0.0, min(twin.next_event_s() - now_s, _STOP_CHECK_S))
        for key, _ in self._selector.select(wait_s):
            device, channel = key.data
            if channel is None:
                self._accept(device)
            else:
                self._hear(device, channel)

    def _accept(self, device: _Device) -> None:
        client = _Client(device.listener.accept()[0])
        if not device.port.plugged_in:
            client.close()
            return
        self._add(device, client)
        if not device.was_spoken_to:
            device.speaking = client

    def _hear(self, device: _Device, channel: _Channel) -> None:
        data = channel.read()
        if data is None:
            self._drop(device, channel)
        elif data:
            device.speaking = channel
            device.was_spoken_to = True
            device.port.write(data)
