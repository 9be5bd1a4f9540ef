"""A person at the terminal that the run was started from: asked in words, answers with Enter, or with `no` and why."""

from __future__ import annotations

import os
import select
from collections import deque
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from bench.clock import Clock
from drivers.errors import LinkError
from drivers.link import Turn, WireLog
from drivers.registry import DriverEntry
from drivers.roles import Identity, OperatorAnswer, OperatorNote, OperatorRequest

TERMINAL = Path("/dev/tty")
"""The terminal itself: whoever runs tests takes standard input and output for himself."""
NOTE_WORDS = ("a", "alarm")
"""What a line begins with that is no answer: an alarm is noted."""
_SLICE_S = 0.1
_LONGEST_LINE = 4096
_MOST_LINES = 100
_MOST_NOTES = 1000


class Options(BaseModel):
    """Nothing is to be said of a console."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def no_terminal() -> str:
    """Return why nobody can be asked here; nothing where somebody can."""
    try:
        os.close(os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return (
            "there is no terminal to ask at: start the run from one, name another operator"
            " (`operator: {driver: line_terminal, address: …}`), or leave this test out"
        )
    return ""


class Console:
    """The person at the terminal.

    Raises:
        LinkError: there is no terminal.

    """

    def __init__(self, clock: Clock, terminal: Path = TERMINAL) -> None:
        self._clock = clock
        self._typed = b""
        self._lines: deque[str] = deque()
        self._notes: deque[OperatorNote] = deque(maxlen=_MOST_NOTES)
        self._closed = False
        self._turn = Turn(clock, f"operator at {terminal}")
        try:
            self._file: int | None = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
        except OSError as error:
            raise LinkError(f"operator at {terminal}", f"cannot be asked: {error}", advice=no_terminal()) from error

    def identify(self) -> Identity:
        """Ask nobody: whoever sits there."""
        return Identity("", "operator at the terminal", "")

    def ask(self, request: OperatorRequest) -> None:
        """Ask in words, with what to type."""
        self._read()  # what was typed before the question is no answer to it
        self._lines.clear()
        self._typed = b""
        self._say(f"\r\n>>> {request.words}\r\n    Enter when it is done; `no` and the reason if it cannot be: ")

    def answer(self, deadline_s: float) -> OperatorAnswer | None:
        """Read what was typed, or None when no line has come by `deadline_s`; `a` is a note and no answer."""
        self._read()
        while not self._lines:
            if self._closed or self._file is None:
                return OperatorAnswer(False, "the terminal was closed", self._clock.now_s())
            left_s = deadline_s - self._clock.now_s()
            if left_s <= 0.0:
                return None
            self._clock.sleep_s(min(left_s, _SLICE_S))
            self._read()
        words = self._lines.popleft()
        refused = words.lower().split(" ")[0] in ("n", "no")
        reason = words.partition(" ")[2].strip() or "no reason given" if refused else words
        return OperatorAnswer(not refused, reason, self._clock.now_s())

    def take_notes(self) -> list[OperatorNote]:
        """Read what was typed unasked: `a` or `alarm`, maybe with words, whenever; waits for nothing."""
        self._read()
        return [self._notes.popleft() for _ in range(len(self._notes))]

    def cancel(self) -> None:
        """Stop asking, and say so."""
        self._say("\r\n    (taken back)\r\n")

    def close(self) -> None:
        """Release the terminal; safe to call twice."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _read(self) -> None:
        """Take what has been typed: whole lines are notes or answers."""
        with self._turn:
            while self._file is not None and not self._closed and select.select([self._file], [], [], 0.0)[0]:
                typed = os.read(self._file, 1024)
                self._closed = not typed
                self._typed = (self._typed + typed)[-_LONGEST_LINE:]
            *lines, self._typed = self._typed.split(b"\n")
            for line in lines:
                words = line.decode("utf-8", "replace").strip()
                if words.lower().split(" ")[0] in NOTE_WORDS:
                    self._notes.append(OperatorNote(words, self._clock.now_s()))
                else:
                    self._lines.append(words)
            while len(self._lines) > _MOST_LINES:
                self._lines.popleft()

    def _say(self, words: str) -> None:
        if self._file is not None:
            os.write(self._file, words.encode("utf-8"))


def open_console(
    address: str, options: Options, clock: Clock, wire_log: WireLog | None = None, visa_library: str = "@py"
) -> Console:
    """Open the terminal that this process was started from."""
    del address, options, wire_log, visa_library
    return Console(clock)


DRIVER = DriverEntry(
    name="console",
    role="operator",
    instrument=Console,
    factory=open_console,
    Options=Options,
    summary="a person at the terminal that the run was started from",
    needs_address=False,
    unavailable=no_terminal,
)
