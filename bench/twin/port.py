"""The byte channel between a host and one emulated instrument, and the twins that run in this process.

A port holds what the instrument has sent until its due time and what has arrived until the host reads it. It knows
nothing of protocols; a host sees it as a serial line (`sim://`) or as a VISA socket.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from bench.clock import SimulatedClock

REPLY_LATENCY_S = 0.002
"""From the last byte of a command to the last byte of its answer, where the instrument need not measure or wait."""

_INPUT_LIMIT = 65536

Send = Callable[[bytes, float], None]
"""Hand bytes to the host at a due time in seconds."""


@dataclass(frozen=True, slots=True)
class LineSettings:
    """How an asynchronous serial line is set."""

    baudrate: int
    bytesize: int = 8
    parity: str = "N"
    stopbits: float = 1


class Emulator(Protocol):
    """One instrument as its bytes show it."""

    @property
    def line(self) -> LineSettings | None:
        """What a UART must be set to; None where the channel has no such settings (USB, TCP)."""

    def receive(self, data: bytes, time_s: float) -> None:
        """Take bytes from the host at `time_s`."""

    def next_event_s(self) -> float:
        """Return the next instant at which the instrument does something by itself; `inf` if it never will."""

    def run_until(self, time_s: float) -> None:
        """Do everything that is due up to and including `time_s`."""


class Port:
    """One instrument's channel.

    Args:
        device: name of the instrument in its twin.
        advance: brings the twin to the present and returns it, in seconds.
        changed: tells the twin that the next event may have moved.
        clock: the clock that a reading host waits by; None when only `take` is used (real time).

    """

    def __init__(
        self,
        device: str,
        advance: Callable[[], float],
        changed: Callable[[], None],
        clock: SimulatedClock | None,
    ) -> None:
        self.device = device
        self.is_open = False
        self.plugged_in = True
        self.emulator: Emulator
        self.next_s = math.inf
        """When the instrument acts or a reply arrives next, in seconds."""
        self._advance = advance
        self._changed = changed
        self._clock = clock
        self._matched = True
        self._now_s = 0.0
        self._arrived = bytearray()
        self._pending: deque[tuple[float, bytes]] = deque()
        self._wanted = 0
        self._plugging: deque[tuple[float, bool]] = deque()

    # -- the instrument's side

    def send(self, data: bytes, due_s: float) -> None:
        """Let `data` reach the host at `due_s`, never before what was sent earlier; nobody there: it is lost."""
        if not self.is_open:
            return
        if not self._matched:
            data = data.translate(_GARBLE)
        if due_s <= self._now_s and not self._pending:
            self._arrive(data)
        else:
            self._pending.append((max(due_s, self._pending[-1][0]) if self._pending else due_s, data))

    def unplug_at(self, time_s: float, until_s: float) -> None:
        """Let the cable be pulled at `time_s` and be put back at `until_s`; the instrument goes on meanwhile."""
        self._plugging.extend(((time_s, False), (until_s, True)))
        self._look_ahead()
        self._changed()

    def plug(self, plugged_in: bool) -> None:
        """Pull the cable or put it back, now: a host that had the port open has lost it."""
        self.plugged_in = plugged_in
        if not plugged_in:
            self.is_open = False
            self.discard()

    def run_until(self, time_s: float) -> None:
        """Let the instrument act and its bytes arrive up to `time_s`."""
        self._now_s = time_s
        while self._plugging and self._plugging[0][0] <= time_s:
            self.plug(self._plugging.popleft()[1])
        while self._pending and self._pending[0][0] <= time_s:
            self._arrive(self._pending.popleft()[1])
        self.emulator.run_until(time_s)
        self._look_ahead()

    def _look_ahead(self) -> None:
        next_s = self.emulator.next_event_s()
        if self._pending:
            next_s = min(next_s, self._pending[0][0])
        if self._plugging:
            next_s = min(next_s, self._plugging[0][0])
        self.next_s = next_s

    def _arrive(self, data: bytes) -> None:
        if len(self._arrived) < _INPUT_LIMIT:
            self._arrived += data

    # -- the host's side

    def open(self) -> None:
        """Connect a host; bytes sent before are gone.

        Raises:
            UnpluggedError: the cable is out.
            BusyError: another host is connected.

        """
        if not self.plugged_in:
            raise UnpluggedError(f"{self.device} is not there")
        if self.is_open:
            raise BusyError(f"{self.device} is open already")
        self.discard()
        self.is_open = True
        self._matched = True

    def close(self) -> None:
        """Disconnect the host; the instrument goes on."""
        self.is_open = False
        self.discard()
        self._look_ahead()
        self._changed()

    def set_line(self, line: LineSettings) -> None:
        """Set the host's UART; what does not match the instrument's garbles every byte, both ways."""
        self._matched = self.emulator.line in (None, line)

    def write(self, data: bytes) -> None:
        """Send bytes to the instrument, which acts on them at once."""
        self._now_s = time_s = self._advance()
        if self._matched:
            self.emulator.receive(data, time_s)
        else:
            self.send(data, time_s + REPLY_LATENCY_S)
        self._look_ahead()
        self._changed()

    @property
    def waiting(self) -> int:
        """How many bytes have arrived and not been read."""
        return len(self._arrived)

    @property
    def arrived(self) -> bytearray:
        """What has arrived and not been read; to look at only."""
        return self._arrived

    def take(self, size: int) -> bytes:
        """Read at most `size` bytes that have arrived."""
        arrived = self._arrived
        if size >= len(arrived):
            data = bytes(arrived)
            arrived.clear()
        else:
            data = bytes(arrived[:size])
            del arrived[:size]
        return data

    def discard(self) -> None:
        """Forget what has arrived and what is on its way."""
        self._arrived.clear()
        self._pending.clear()

    def wait_for_bytes(self, size: int, timeout_s: float | None) -> bool:
        """Let time pass until `size` bytes wait or `timeout_s` is over (None: for ever); return whether they wait."""
        if len(self._arrived) >= size:
            return True
        if timeout_s == 0.0:
            return False
        self._wanted = size
        return self._wait(self._has_wanted, timeout_s)

    def wait_for_byte(self, terminator: int, timeout_s: float | None) -> bool:
        """Let time pass until byte `terminator` waits or `timeout_s` is over (None: for ever); return which it was."""
        if terminator in self._arrived:
            return True
        return self._wait(lambda: terminator in self._arrived or not self.is_open, timeout_s)

    def _has_wanted(self) -> bool:
        return len(self._arrived) >= self._wanted or not self.is_open

    def _wait(self, ready: Callable[[], bool], timeout_s: float | None) -> bool:
        clock = self._clock
        if clock is None:
            raise RuntimeError(f"{self.device} runs in real time; reach it over its pseudo-terminal or TCP port")
        return clock.wait_for(ready, math.inf if timeout_s is None else clock.now_s() + timeout_s) and self.is_open


class UnpluggedError(RuntimeError):
    """Nothing is connected where a port was."""


class BusyError(RuntimeError):
    """A second host wants a port."""


class UnknownDeviceError(LookupError):
    """No such twin or device in this process; the text names those that there are."""


_twins: dict[str, Mapping[str, Port]] = {}


def register(twin: str, ports: Mapping[str, Port]) -> None:
    """Make a twin's ports known under its name.

    Raises:
        ValueError: a twin of that name runs already.

    """
    if twin in _twins:
        raise ValueError(f"a twin named {twin!r} runs already in this process")
    _twins[twin] = ports


def unregister(twin: str) -> None:
    """Forget a twin; no error if it is not known."""
    _twins.pop(twin, None)


def known() -> list[tuple[str, str]]:
    """List every `(twin, device)` of this process."""
    return [(twin, device) for twin, ports in _twins.items() for device in ports]


def find_port(twin: str, device: str) -> Port:
    """Look a port up.

    Raises:
        UnknownDeviceError: there is none.

    """
    ports = _twins.get(twin)
    if ports is None:
        running = ", ".join(_twins) or "none"
        raise UnknownDeviceError(f"no twin named {twin!r} runs in this process (running: {running})")
    if device not in ports:
        raise UnknownDeviceError(f"twin {twin!r} has no device {device!r} (it has: {', '.join(ports)})")
    return ports[device]


# What a UART makes of bytes at another speed or parity: never a line end, always the same for the same bytes.
_GARBLE = bytes(0x80 | (byte * 37 + 11) & 0x7F for byte in range(256))
