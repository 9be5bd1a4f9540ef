"""One serial port that is asked who is there: its line, questions as bytes, and what comes back."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from typing import Any

from bench.clock import Clock
from drivers.link import SerialLine
from drivers.probe import is_frame

try:
    import termios

    _REFUSALS: tuple[type[Exception], ...] = (ValueError, termios.error)
except ImportError:  # not on this system
    _REFUSALS = (ValueError,)

POLL_S = 0.005
"""How long one read of the port waits."""
PAUSE_S = 0.005
"""After a line end that ends what an instrument's own line may hold."""
FRAME_PAUSE_S = 0.03
"""For how long nothing is sent before a frame, so that it is not taken for the rest of what came before it."""
LINE_END = b"\r\n"
_LONGEST_S = 0.4
"""How long an answer may take that has begun; one that talks without end is not listened to for ever."""
_MOST_BYTES = 4096
_HEARD_BYTES = 65536
_BITS_PER_BYTE = 11


class Talk:
    """One open port, the time that there is to ask at it, and what it has said."""

    def __init__(self, port: Any, clock: Clock, limit_s: float, quiet_s: float) -> None:
        self.heard = b""
        self.asked: set[tuple[SerialLine, bytes]] = set()
        self.now_s = clock.now_s
        self._port = port
        self._clock = clock
        self._end_s = clock.now_s() + limit_s
        self._quiet_s = quiet_s
        self._line = SerialLine()
        self._before = b""
        self._sent = b""
        self._silent_since_s = clock.now_s()

    @property
    def is_over(self) -> bool:
        """Whether no other question may begin."""
        return self.now_s() >= self._end_s

    def set_line(self, line: SerialLine) -> bytes:
        """Set the line, end what may stand in the instrument's own, and return what that is answered."""
        self._line, self._sent = line, b""
        if _set(self._port, line) or not self._before.endswith(LINE_END):
            self._end_line()
        return self._take()

    def ask(self, send: bytes, wait_s: float, *, alone: bool = False) -> bytes:
        """Send a question and return what comes; `alone`: what came before it is no answer to it."""
        if self._before and not self._before.endswith(LINE_END):
            self._end_line()
        if is_frame(send):
            self._clock.sleep_s(max(0.0, self._silent_since_s + FRAME_PAUSE_S - self.now_s()))
        if alone:
            self._take()
        self._write(send)
        self.asked.add((self._line, send))
        return self._listen(wait_s + on_line_s(send, self._line))

    def is_echo(self, seen: bytes) -> bool:
        """Return whether what came since the line was set is nothing but what was sent."""
        return self._sent.startswith(seen)

    def leave(self, own: Collection[bytes]) -> None:
        """End what stands in the line of whoever is there, unless its own questions are the last that it heard."""
        if self._before not in own and not self._before.endswith(LINE_END):
            self._end_line()

    def _write(self, data: bytes) -> None:
        self._port.write(data)
        self._before = data
        self._sent += data
        self._silent_since_s = self.now_s() + on_line_s(data, self._line)

    def _end_line(self) -> None:
        self._write(LINE_END)
        self._clock.sleep_s(PAUSE_S + on_line_s(LINE_END, self._line))

    def _listen(self, wait_s: float) -> bytes:
        """Return what comes until it is quiet: an answer begins in time, and its bytes follow one another."""
        seen = b""
        began_s = self.now_s()
        until_s = began_s + wait_s
        while self.now_s() < until_s and len(seen) < _MOST_BYTES:
            data: bytes = self._port.read(1)
            if data:
                seen += data + self._port.read(self._port.in_waiting)
                until_s = min(began_s + wait_s + _LONGEST_S, self.now_s() + self._quiet_s)
        self._note(seen)
        return seen

    def _take(self) -> bytes:
        """Return what has come already."""
        seen: bytes = self._port.read(min(self._port.in_waiting, _MOST_BYTES))
        self._port.reset_input_buffer()
        self._note(seen)
        return seen

    def _note(self, seen: bytes) -> None:
        self.heard = (self.heard + seen)[-_HEARD_BYTES:]


def _set(port: Any, line: SerialLine) -> bool:
    """Set the port's line, and return whether it was set otherwise; a port that has no such line stays as it is."""
    names = ("baudrate", "bytesize", "parity", "stopbits")
    other = [name for name in names if getattr(port, name) != getattr(line, name)]
    for name in other:
        # A pseudo-terminal refuses, by an error of its own, what it cannot do.
        with contextlib.suppress(*_REFUSALS):
            setattr(port, name, getattr(line, name))
    return bool(other)


def on_line_s(send: bytes, line: SerialLine) -> float:
    """Return how long some bytes are on the line, and the first two of an answer."""
    return (len(send) + 2) * _BITS_PER_BYTE / line.baudrate
