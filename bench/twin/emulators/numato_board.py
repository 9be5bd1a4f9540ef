"""The text terminal that Numato's USB modules have in common.

Every byte is echoed as it comes; a carriage return acts and is echoed as LF CR, then come the answer, if any, with
LF CR, and the prompt `>`. A USB device of the CDC class: baud rate and parity mean nothing to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from bench.twin.port import REPLY_LATENCY_S, Send

VERSION = "00000001"
"""What `ver` answers."""
_LINE_LIMIT = 64

Verb = Callable[[list[str], float], str | None]
"""Acts on the words after a command's first, at an instant; returns the answer, None for none."""


class NumatoBoard:
    """A module's terminal; a module adds its verbs.

    Args:
        send: hands bytes to the host at a due time.
        identity: eight characters that `id get` answers.

    """

    line = None

    def __init__(self, send: Send, identity: str) -> None:
        self._send = send
        self._identity = identity
        self._received = ""
        self._verbs: dict[str, Verb] = {"ver": lambda words, _: VERSION if not words else None, "id": self._id}

    def receive(self, data: bytes, time_s: float) -> None:
        """Echo every byte and act on every carriage return."""
        echo = bytearray()
        for byte in data:
            if byte != 0x0D:
                echo.append(byte)
                self._received = (self._received + chr(byte))[-_LINE_LIMIT:]
                continue
            words, self._received = self._received.split(), ""
            answer = self._act(words, time_s)
            echo += b"\n\r" + (f"{answer}\n\r".encode("latin-1") if answer is not None else b"") + b">"
        self._send(bytes(echo), time_s + REPLY_LATENCY_S)

    def next_event_s(self) -> float:
        """Return `inf`: the module never acts by itself."""
        return math.inf

    def run_until(self, time_s: float) -> None:
        """Do nothing."""

    def _act(self, words: list[str], time_s: float) -> str | None:
        verb = self._verbs.get(words[0]) if words else None
        return verb(words[1:], time_s) if verb is not None else None

    @staticmethod
    def _hex(text: str, bits: int) -> int | None:
        """Read a mask of so many bits, all of its digits given."""
        try:
            mask = int(text, 16)
        except ValueError:
            return None
        return mask if len(text) == digits_of(bits) and mask >> bits == 0 else None

    @staticmethod
    def _index(text: str, of: Sequence[object]) -> int | None:
        """Read a relay or pin number as the boards have it: one character, `0` to `9`, then `A`."""
        try:
            index = int(text, 32) if len(text) == 1 else -1
        except ValueError:
            return None
        return index if 0 <= index < len(of) else None

    def _id(self, words: list[str], _time_s: float) -> str | None:
        match words:
            case ["get"]:
                return self._identity
            case ["set", text] if len(text) == 8:
                self._identity = text
            case _:
                pass
        return None


def digits_of(bits: int) -> int:
    """Return how many hexadecimal digits a mask of so many bits has."""
    return max(2, (bits + 3) // 4)
