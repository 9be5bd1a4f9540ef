"""Links over pyvisa: raw sockets, USBTMC, VXI-11, HiSLIP, GPIB and serial lines by their VISA names."""

from __future__ import annotations

import contextlib
import socket
from collections import Counter
from typing import Any

import pyvisa
from pyvisa.constants import VI_ATTR_ASRL_AVAIL_NUM, InterfaceType, Parity, ResourceAttribute, StatusCode, StopBits
from pyvisa.resources import MessageBasedResource, SerialInstrument

from bench.clock import Clock
from drivers.errors import LinkError
from drivers.link import SLICE_S, Link, SerialLine, WireLog

_MESSAGE_TIMEOUT_S = 5.0
_CHUNK = 4096
_PARITIES = {"N": Parity.none, "E": Parity.even, "O": Parity.odd}
_STOP_BITS = {1: StopBits.one, 1.5: StopBits.one_and_a_half, 2: StopBits.two}
_WAITING = ResourceAttribute(VI_ATTR_ASRL_AVAIL_NUM)
_QUIET = (StatusCode.success_max_count_read, StatusCode.success_device_not_present)


class VisaLink(Link):
    r"""A VISA resource with `\n` as terminator of reads.

    On a byte stream (socket, serial line) reads wait in short slices and hand over incomplete lines too, so that a
    time-out loses nothing, and the first byte of a line by itself, so that its instant is known; where VISA transports
    messages, a read waits for the whole message.

    Raises:
        LinkError: the resource cannot be opened; the message says why.

    """

    def __init__(
        self,
        resource: str,
        clock: Clock,
        instrument: str,
        wire_log: WireLog | None,
        visa_library: str,
        line: SerialLine,
    ) -> None:
        super().__init__(instrument, resource, clock, wire_log)
        self.is_network = resource.upper().startswith("TCPIP") or "://" in resource
        self._cleanup = contextlib.ExitStack()
        self._session: Any = None
        try:
            self._open(resource, visa_library, line)
            self.discard_input()
        except BaseException:
            self.close()
            raise

    def _open(self, resource: str, visa_library: str, line: SerialLine) -> None:
        try:
            manager = self._cleanup.enter_context(_manager(visa_library))
            opened = manager.open_resource(resource, open_timeout=int(_MESSAGE_TIMEOUT_S * 1000))
            self._cleanup.callback(_close_resource, opened)
            if not isinstance(opened, MessageBasedResource):
                raise LinkError(self.name, "is no message-based VISA resource", advice=_ADVICE)
            streams = _is_byte_stream(opened, resource)
            opened.timeout = (SLICE_S if streams else _MESSAGE_TIMEOUT_S) * 1000
            opened.read_termination = "\n"
            if streams:
                opened.set_visa_attribute(ResourceAttribute.suppress_end_enabled, False)
            if isinstance(opened, SerialInstrument):
                _set_line(opened, line)
            elif streams:
                self.low_latency = _without_delay(opened)
            self._cleanup.enter_context(opened.ignore_warning(*_QUIET))
        except LinkError:
            raise
        # pyvisa-py raises a bare Exception where it cannot connect.
        except Exception as error:
            raise LinkError(self.name, f"cannot be opened: {error}", advice=_ADVICE) from error
        self._resource = opened
        self._visa = opened.visalib
        self._session = opened.session
        self._streams = streams
        self._tells_waiting = isinstance(opened, SerialInstrument)
        self._mid_line = False

    def _send(self, data: bytes) -> None:
        session = self._open_session()
        try:
            sent, _ = self._visa.write(session, data)
        except (pyvisa.Error, OSError) as error:
            raise self._broke(error, data) from error
        if sent != len(data):
            raise LinkError(self.name, f"took {sent} of {len(data)} bytes", sent=data, advice=_ADVICE)

    def _receive(self, may_wait: bool) -> bytes:
        session = self._open_session()
        if self._tells_waiting:
            waiting = self._waiting(session)
            # One byte, so as to wait for no more than has come; the rest is read when it is asked for next.
            size = waiting or 1
            return self._read(session, min(size, _CHUNK)) if waiting or may_wait else b""
        if not may_wait:
            return self._receive_waiting(session)
        if not self._streams:
            return self._read_message(session)
        data = self._read(session, _CHUNK if self._mid_line else 1)
        if data:
            self._mid_line = not data.endswith(b"\n")
        return data

    def _receive_waiting(self, session: Any) -> bytes:
        """Return what has arrived; a socket has no such question, so it is a read with the shortest time-out."""
        if not self._streams:
            return b""
        self._resource.timeout = 1
        try:
            data = self._read(session, _CHUNK)
        finally:
            self._resource.timeout = SLICE_S * 1000
        if data:
            self._mid_line = not data.endswith(b"\n")
        return data

    def _waiting(self, session: Any) -> int:
        try:
            number, _ = self._visa.get_attribute(session, _WAITING)
        except (pyvisa.Error, OSError, TypeError) as error:
            raise self._broke(error, None) from error
        return int(number)

    def _read_message(self, session: Any) -> bytes:
        """Return what a message holds; its end ends a line, whether there is a line feed before it or not."""
        data = self._read(session, _CHUNK)
        ended = self._status == StatusCode.success
        return data + b"\n" if data and ended and not data.endswith(b"\n") else data

    def _read(self, session: Any, size: int) -> bytes:
        self._status: StatusCode | None = None
        try:
            data, self._status = self._visa.read(session, size)
        except pyvisa.VisaIOError as error:
            if error.error_code == StatusCode.error_timeout:
                return b""
            raise self._broke(error, None) from error
        except (pyvisa.Error, OSError, TypeError) as error:
            raise self._broke(error, None) from error
        return bytes(data)

    def _shut(self) -> None:
        self._session = None
        self._cleanup.close()

    def _open_session(self) -> Any:
        if self._session is None:
            raise LinkError(self.name, "is closed")
        return self._session

    def _broke(self, error: Exception, sent: bytes | None) -> LinkError:
        return LinkError(self.name, f"the link broke: {error}", sent=sent, seen=self.unread or None, advice=_ADVICE)


def _is_byte_stream(opened: MessageBasedResource, resource: str) -> bool:
    return resource.upper().endswith("::SOCKET") or opened.interface_type == InterfaceType.asrl


def _set_line(opened: SerialInstrument, line: SerialLine) -> None:
    opened.baud_rate = line.baudrate
    opened.data_bits = line.bytesize
    opened.parity = _PARITIES[line.parity]
    opened.stop_bits = _STOP_BITS[line.stopbits]


def _without_delay(opened: MessageBasedResource) -> str:
    """Let the socket send each command at once, instead of when the one before it was acknowledged."""
    sessions: Any = getattr(opened.visalib, "sessions", {})
    own = getattr(sessions.get(opened.session), "interface", None)
    try:
        if isinstance(own, socket.socket):  # pyvisa-py tells this attribute, and cannot set it
            own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            opened.set_visa_attribute(ResourceAttribute.tcpip_nodelay, True)
    except (pyvisa.Error, NotImplementedError, OSError) as error:
        return f"not to be had: {error}"
    return "set"


def _close_resource(opened: Any) -> None:
    # Its other end is gone; there is nothing left to release.
    with contextlib.suppress(pyvisa.Error, OSError):
        opened.close()


_open_links: Counter[str] = Counter()


@contextlib.contextmanager
def _manager(visa_library: str) -> Any:
    """Give the library's resource manager, of which pyvisa keeps one, and close it with its last link."""
    manager = pyvisa.ResourceManager(visa_library)
    _open_links[visa_library] += 1
    try:
        yield manager
    finally:
        _open_links[visa_library] -= 1
        if not _open_links[visa_library]:
            manager.close()


_ADVICE = "Is it switched on and on the network, is the VISA address right, and is nothing else connected to it?"
