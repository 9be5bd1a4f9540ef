"""Links over pyserial: devices, and whatever else `serial.serial_for_url` opens."""

from __future__ import annotations

import socket
import termios
import warnings
from pathlib import Path
from typing import Any

import serial

from bench.clock import Clock
from drivers.errors import LinkError
from drivers.link import SLICE_S, Link, SerialLine, WireLog

_WRITE_TIMEOUT_S = 5.0
_CHUNK = 65536


class SerialLink(Link):
    """A serial line, or a URL that stands for one.

    The port's time-out stays `SLICE_S` for ever, but on sockets: over RFC 2217 each change would cost a negotiation.
    Own devices are opened exclusively.

    Raises:
        LinkError: the port cannot be opened; the message says why.

    """

    def __init__(
        self,
        address: str,
        clock: Clock,
        instrument: str,
        wire_log: WireLog | None,
        line: SerialLine,
    ) -> None:
        super().__init__(instrument, address, clock, wire_log)
        scheme = address.partition("://")[0].lower() if "://" in address else ""
        self._is_socket = scheme == "socket"
        self.is_network = scheme in ("socket", "rfc2217")
        self._advice = _ADVICE.get(scheme, _ADVICE_OTHER)
        self._port: Any = None  # a SerialBase; its type stubs lack in_waiting
        if not scheme and str(Path(address).resolve()).startswith("/dev/pts/"):
            # A pseudo-terminal has neither parity nor data bits, and refuses to be asked for nothing else.
            line = SerialLine(line.baudrate)
        try:
            self._port = _open(
                address,
                baudrate=line.baudrate,
                bytesize=line.bytesize,
                parity=line.parity,
                stopbits=line.stopbits,
                timeout=SLICE_S,
                # RFC 2217 ports know no write time-out.
                write_timeout=None if scheme == "rfc2217" else _WRITE_TIMEOUT_S,
                exclusive=True if not scheme else None,
            )
        except (serial.SerialException, OSError, ValueError, KeyError, termios.error) as error:
            raise LinkError(self.name, f"cannot be opened: {error}", advice=self._advice) from error
        try:
            self.low_latency = self._ask_for_low_latency(scheme)
            self.discard_input()
        except BaseException:
            self.close()
            raise

    def _ask_for_low_latency(self, scheme: str) -> str:
        """Let bytes pass at once: adapters wait up to 16 ms for more, sockets until the last were acknowledged."""
        try:
            if not scheme:
                self._port.set_low_latency_mode(True)
            elif scheme == "socket":
                self._port._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            else:
                return ""
        except (NotImplementedError, AttributeError, ValueError, OSError) as error:
            return f"not to be had: {error.__context__ or error}"
        return "set"

    def _send(self, data: bytes) -> None:
        port = self._open_port()
        try:
            sent = port.write(data)
        except serial.SerialTimeoutException as error:
            raise LinkError(
                self.name,
                f"takes no bytes for {_WRITE_TIMEOUT_S:g} s",
                sent=data,
                advice="Is it switched on, and is its flow control (handshake) off?",
            ) from error
        except (serial.SerialException, OSError, TypeError) as error:
            raise self._broke(error, data) from error
        if sent is not None and sent != len(data):
            raise LinkError(self.name, f"took {sent} of {len(data)} bytes", sent=data, advice=self._advice)

    def _receive(self, may_wait: bool) -> bytes:
        port = self._port or self._open_port()
        try:
            if self._is_socket:
                return self._receive_from_socket(port, may_wait)
            waiting: int = port.in_waiting
            data: bytes = b""
            if not waiting and may_wait:
                # One byte, so as to wait for no more than has come; then what came with it.
                data = port.read(1)
                waiting = port.in_waiting if data else 0
            if waiting:
                data += port.read(min(waiting, _CHUNK))
        except (serial.SerialException, OSError, TypeError) as error:  # TypeError: closed by another thread
            raise self._broke(error, None) from error
        return data

    def _receive_from_socket(self, port: Any, may_wait: bool) -> bytes:
        """Return what has arrived: a socket:// port tells that something waits, never how much."""
        first: bytes = port.read(1) if may_wait else b""
        if may_wait and not first:
            return b""
        port.timeout = 0
        try:
            rest: bytes = port.read(_CHUNK)
        finally:
            port.timeout = SLICE_S
        return first + rest

    def _shut(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            try:
                port.close()
            except (serial.SerialException, OSError):
                # Its other end is gone; there is nothing left to release.
                return

    def _open_port(self) -> Any:
        if self._port is None:
            raise LinkError(self.name, "is closed")
        return self._port

    def _broke(self, error: Exception, sent: bytes | None) -> LinkError:
        return LinkError(
            self.name, f"the link broke: {error}", sent=sent, seen=self.unread or None, advice=_ADVICE_BROKE
        )


def _open(address: str, **settings: Any) -> Any:
    with warnings.catch_warnings():
        # pyserial's RFC 2217 port starts its thread in a way that Python no longer likes.
        warnings.filterwarnings("ignore", r"set(Daemon|Name)\(\)", DeprecationWarning)
        return serial.serial_for_url(address, **settings)


_ADVICE_BROKE = "Has the cable, the adapter or the server gone, or does another program read the same port?"
_ADVICE_OTHER = "Check the address in the rig file."
_ADVICE = {
    "": "Is it plugged in, may this user open it (group dialout), and is no other program using it?",
    "socket": "Is the device server switched on, and are host and port right?",
    "rfc2217": "If the server is ser2net, add ?ign_set_control to the address, or use socket:// with its raw mode.",
    "sim": "sim:// addresses exist only inside a simulated run.",
}
