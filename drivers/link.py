"""The byte channel under a driver: one small interface over pyserial and VISA.

A link keeps its own buffer, since neither library hands out whole lines only, and it waits for nothing without end:
every read has a deadline, an instant of the run's clock. All waiting happens in the port's own read (in short slices,
whose length never changes) or in `clock.sleep_s`, so that a simulated instrument can let simulated time pass there.
"""

from __future__ import annotations

import abc
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Protocol

from bench.clock import Clock
from drivers.errors import GarbledReplyError, LinkError
from drivers.secrets import InstrumentName, Secrets

BUFFER_LIMIT = 65536
"""Bytes without a terminator that a link takes before it calls them noise."""

SLICE_S = 0.25
"""How long one read of a port may wait; a deadline is met to within this."""

ROUND_TRIPS_KEPT = 64
"""A link remembers how long so many of its latest answers took."""

_TURN_POLL_S = 0.005
_TURN_LIMIT_S = 180.0
_DISCARD_LIMIT_S = 1.0


class WireLog(Protocol):
    """Where the bytes of every link go: direction is `tx` (to the instrument) or `rx`."""

    def __call__(self, instrument: str, direction: str, time_s: float, data: bytes) -> None:
        """Take note of `data`, which passed at `time_s`."""


class Line(NamedTuple):
    """One line without its terminator, and the instant at which the read returned that gave its first byte."""

    data: bytes
    arrived_s: float


class Turn:
    """Whose turn it is to talk: one exchange at a time, however many tasks use the instrument.

    It waits by the clock and never natively, since on the simulated rig all tasks share one thread.
    """

    def __init__(self, clock: Clock, link_name: str) -> None:
        self._clock = clock
        self._link_name = link_name
        self._lock = threading.Lock()
        self._queue: deque[object] = deque()

    def take(self, deadline_s: float) -> bool:
        """Take the turn, first come first served; return whether that was possible by `deadline_s`."""
        if not self._queue and self._lock.acquire(blocking=False):
            return True
        ticket = object()
        self._queue.append(ticket)
        try:
            while self._queue[0] is not ticket or not self._lock.acquire(blocking=False):
                if self._clock.now_s() >= deadline_s:
                    return False
                self._clock.sleep_s(_TURN_POLL_S)
            return True
        finally:
            self._queue.remove(ticket)

    def end(self) -> None:
        """Let the next one talk."""
        self._lock.release()

    def __enter__(self) -> None:
        if not self.take(self._clock.now_s() + _TURN_LIMIT_S):
            raise LinkError(
                self._link_name,
                f"busy with another exchange for more than {_TURN_LIMIT_S:g} s",
                advice="Two tasks of this run talk to the instrument and one of them never ends.",
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


_opened: ContextVar[list[Link] | None] = ContextVar("_opened", default=None)


@contextmanager
def links_opened() -> Iterator[list[Link]]:
    """Yield a list that every link which this task makes inside the block is added to."""
    links: list[Link] = []
    token = _opened.set(links)
    try:
        yield links
    finally:
        _opened.reset(token)


class Link(abc.ABC):
    """A byte channel to one instrument.

    Args:
        instrument: what the rig calls it, such as `balance`.
        address: where it is.
        clock: the run's clock; deadlines and arrival times are its instants.
        wire_log: told every byte but those of secrets, or None.

    """

    def __init__(self, instrument: str, address: str, clock: Clock, wire_log: WireLog | None) -> None:
        self.instrument = instrument
        self.address = address
        self._secrets = Secrets()
        self.name = InstrumentName(f"{instrument} at {address}", self._secrets)
        self.clock = clock
        self.turn = Turn(clock, self.name)
        self._wire_log = wire_log
        self._now_s = clock.now_s
        self._buffer = bytearray()
        self._chunks: deque[tuple[int, float]] = deque()  # (bytes received up to the chunk's end, its instant)
        self._received = 0
        self._taken = 0
        self._sent_s: float | None = None
        self.round_trips_s: deque[float] = deque(maxlen=ROUND_TRIPS_KEPT)
        """How long the latest answers took: from the writing of a command to the first byte that came after it."""
        self.is_network = False
        """Whether it goes over a network, where a broken link may show as silence only."""
        self.low_latency = ""
        """What came of asking the port for low latency; empty where there is nothing to ask."""
        if (links := _opened.get()) is not None:
            links.append(self)

    # -- what a driver uses

    def keep_secret(self, secret: bytes) -> None:
        """Show `secret` (an unlock code) as asterisks in the wire log, and in errors made with this link's name."""
        self._secrets.add(secret)

    def write(self, data: bytes) -> None:
        """Send `data`, all of it.

        Raises:
            LinkError: the link broke or takes no bytes.

        """
        if self._wire_log is not None:
            self._log("tx", self._now_s(), data)
        self._sent_s = self._now_s()
        self._send(data)

    def read_line(self, deadline_s: float) -> Line | None:
        r"""Return the next line up to `\n`, without it and a `\r` before it; None when none is whole by `deadline_s`.

        Raises:
            LinkError: the link broke.
            GarbledReplyError: more bytes than any line has, and no terminator.

        """
        line = self.read_until(b"\n", deadline_s)
        if line is not None and line.data.endswith(b"\r"):
            return Line(line.data[:-1], line.arrived_s)
        return line

    def read_until(self, terminator: bytes, deadline_s: float) -> Line | None:
        """Return what comes before `terminator`; None when it has not come by `deadline_s`.

        A deadline in the past returns what has arrived already and waits for nothing.

        Raises:
            LinkError: the link broke.
            GarbledReplyError: more bytes than any frame has, and no terminator.

        """
        buffer = self._buffer
        searched = 0
        while True:
            at = buffer.find(terminator, searched)
            if at >= 0:
                return self._cut(at, at + len(terminator))
            if len(buffer) >= BUFFER_LIMIT:
                raise self._noise(terminator)
            searched = max(0, len(buffer) - len(terminator) + 1)
            may_wait = self._now_s() < deadline_s
            if not self._take_in(may_wait) and not may_wait:
                return None

    def read_exactly(self, size: int, deadline_s: float) -> Line | None:
        """Return the next `size` bytes, for binary protocols; None when they have not all come by `deadline_s`.

        Raises:
            LinkError: the link broke.

        """
        while len(self._buffer) < size:
            may_wait = self._now_s() < deadline_s
            if not self._take_in(may_wait) and not may_wait:
                return None
        return self._cut(size, size)

    def read_echo(self, size: int, deadline_s: float) -> Line | None:
        """Return the next `size` bytes, which are what an adapter heard of the command itself: no answer yet.

        Raises:
            LinkError: the link broke.

        """
        sent_s = self._sent_s
        echo = self.read_exactly(size, deadline_s)
        if sent_s is not None and echo is not None and not self._buffer:
            # The round trip is that of the answer.
            self.round_trips_s.pop()
            self._sent_s = sent_s
        return echo

    @property
    def unread(self) -> bytes:
        """What has been received and belongs to no line yet."""
        return bytes(self._buffer)

    def discard_input(self) -> None:
        """Forget everything that has arrived, at most as much as an endless talker sends in a second.

        Raises:
            LinkError: the link broke.

        """
        self._drop()
        self._sent_s = None
        end_s = self._now_s() + _DISCARD_LIMIT_S
        dropped = 0
        while dropped < BUFFER_LIMIT and self._now_s() < end_s:
            chunk = self._receive(may_wait=False)
            if not chunk:
                return
            dropped += len(chunk)
            if self._wire_log is not None:
                self._log("rx", self._now_s(), chunk)

    def close(self) -> None:
        """Release the port; safe to call twice."""
        self._drop()
        self._shut()

    # -- what a kind of port provides

    @abc.abstractmethod
    def _send(self, data: bytes) -> None:
        """Send all of `data` or raise LinkError."""

    @abc.abstractmethod
    def _receive(self, may_wait: bool) -> bytes:
        """Return what has arrived; when that is nothing and `may_wait`, wait for `SLICE_S` at most."""

    @abc.abstractmethod
    def _shut(self) -> None:
        """Release the port; safe to call twice, raises nothing."""

    def _log(self, direction: str, time_s: float, data: bytes) -> None:
        if self._wire_log is not None:
            self._wire_log(self.instrument, direction, time_s, self._secrets.hide(data))

    # -- the buffer

    def _take_in(self, may_wait: bool) -> bool:
        """Take what has arrived into the buffer; return whether anything has."""
        chunk = self._receive(may_wait)
        if not chunk:
            return False
        now_s = self._now_s()
        self._received += len(chunk)
        self._chunks.append((self._received, now_s))
        self._buffer += chunk
        if self._sent_s is not None:
            self.round_trips_s.append(now_s - self._sent_s)
            self._sent_s = None
        return True

    def _cut(self, end: int, after: int) -> Line:
        buffer, chunks = self._buffer, self._chunks
        arrived_s = chunks[0][1]
        if self._wire_log is not None:
            self._log("rx", arrived_s, bytes(buffer[:after]))
        data = bytes(buffer[:end])
        del buffer[:after]
        self._taken += after
        while chunks and chunks[0][0] <= self._taken:
            chunks.popleft()
        return Line(data, arrived_s)

    def _drop(self) -> None:
        if self._buffer:
            if self._wire_log is not None:
                self._log("rx", self._chunks[0][1], bytes(self._buffer))
            self._taken += len(self._buffer)
            self._buffer.clear()
            self._chunks.clear()

    def _noise(self, terminator: bytes) -> GarbledReplyError:
        seen = self.unread
        self._drop()
        return GarbledReplyError(
            self.name,
            f"{len(seen)} bytes came without {terminator!r}",
            seen=seen,
            advice="Is this the right instrument and the right baud rate?",
        )


@dataclass(frozen=True, slots=True)
class SerialLine:
    """How an asynchronous serial line is set; parity is `N`, `E` or `O`, stop bits are 1, 1.5 or 2."""

    baudrate: int = 9600
    bytesize: int = 8
    parity: str = "N"
    stopbits: float = 1

    def __str__(self) -> str:
        return f"{self.baudrate} {self.bytesize}{self.parity}{self.stopbits:g}"


def open_serial(
    address: str,
    clock: Clock,
    *,
    instrument: str,
    wire_log: WireLog | None = None,
    baudrate: int = 9600,
    bytesize: int = 8,
    parity: str = "N",
    stopbits: float = 1,
) -> Link:
    """Open a device path or a pyserial URL (`socket://`, `rfc2217://`, `sim://` …).

    Raises:
        LinkError: it cannot be opened; the message says why.

    """
    from drivers.serial_link import SerialLink

    return SerialLink(address, clock, instrument, wire_log, SerialLine(baudrate, bytesize, parity, stopbits))


def open_visa(
    resource: str,
    clock: Clock,
    *,
    instrument: str,
    wire_log: WireLog | None = None,
    visa_library: str = "@py",
    baudrate: int = 9600,
    bytesize: int = 8,
    parity: str = "N",
    stopbits: float = 1,
) -> Link:
    """Open a VISA resource; how a serial line is set counts for `ASRL…` only.

    Raises:
        LinkError: it cannot be opened; the message says why.

    """
    from drivers.visa_link import VisaLink  # pyvisa takes 0.3 s to import

    line = SerialLine(baudrate, bytesize, parity, stopbits)
    return VisaLink(resource, clock, instrument, wire_log, visa_library, line)


def is_visa(address: str) -> bool:
    """Tell whether `address` is a VISA resource (`TCPIP0::192.0.2.7::5025::SOCKET`) and not a device or a URL.

    VISA's serial resources may hold a URL: `ASRLsocket://192.0.2.7:4001::INSTR`.
    """
    return "::" in address and ("://" not in address or address.upper().startswith("ASRL"))


def open_link(
    address: str,
    clock: Clock,
    *,
    instrument: str,
    wire_log: WireLog | None = None,
    visa_library: str = "@py",
    baudrate: int = 9600,
    bytesize: int = 8,
    parity: str = "N",
    stopbits: float = 1,
) -> Link:
    """Open a VISA resource, a device path or a pyserial URL, whichever `address` is.

    Raises:
        LinkError: it cannot be opened; the message says why.

    """
    if is_visa(address):
        return open_visa(
            address,
            clock,
            instrument=instrument,
            wire_log=wire_log,
            visa_library=visa_library,
            baudrate=baudrate,
            bytesize=bytesize,
            parity=parity,
            stopbits=stopbits,
        )
    return open_serial(
        address,
        clock,
        instrument=instrument,
        wire_log=wire_log,
        baudrate=baudrate,
        bytesize=bytesize,
        parity=parity,
        stopbits=stopbits,
    )
