"""How an emulated instrument reads SCPI: headers in long and short form, `;`, parameters, the error queue.

Commands are declared as SCPI manuals print them: `BASal:RATE`, `BASal:RATE?`, `*IDN?`. Brackets mark what may be left
out: `[SENSe:]VOLTage`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

NO_ERROR = "No error"
SYNTAX = -102
DATA_TYPE = -104
PARAMETER_NOT_ALLOWED = -108
MISSING_PARAMETER = -109
UNDEFINED_HEADER = -113
SETTINGS_CONFLICT = -221
OUT_OF_RANGE = -222
ILLEGAL_VALUE = -224
QUEUE_OVERFLOW = -350

TEXTS = {
    SYNTAX: "Syntax error",
    DATA_TYPE: "Data type error",
    PARAMETER_NOT_ALLOWED: "Parameter not allowed",
    MISSING_PARAMETER: "Missing parameter",
    UNDEFINED_HEADER: "Undefined header",
    SETTINGS_CONFLICT: "Settings conflict",
    OUT_OF_RANGE: "Data out of range",
    ILLEGAL_VALUE: "Illegal parameter value",
    QUEUE_OVERFLOW: "Queue overflow",
}

_HEADER = re.compile(r"(\*[A-Za-z]+\??|:?[A-Za-z]\w*(?::[A-Za-z]\w*)*\??)(?:\s+(.*))?$", re.ASCII | re.DOTALL)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$", re.ASCII)
_QUEUE_LENGTH = 20
_LINE_LIMIT = 4096

Handler = Callable[[list[str]], str | None]
"""Acts on a command's parameters; returns a query's answer."""


class ScpiError(Exception):
    """What a command is answered with in the error queue."""

    def __init__(self, number: int, text: str | None = None) -> None:
        self.number = number
        self.text = text if text is not None else TEXTS[number]
        super().__init__(f"{number},{self.text}")


class Command(NamedTuple):
    """A handler and how many parameters it takes; `most` None for any number."""

    handler: Handler
    least: int = 0
    most: int | None = 0


class ErrorQueue:
    """Twenty errors; the newest gives way to `-350` when there is one more."""

    def __init__(self) -> None:
        self._entries: deque[tuple[int, str]] = deque()

    def push(self, error: ScpiError) -> None:
        """Add an error."""
        if len(self._entries) < _QUEUE_LENGTH:
            self._entries.append((error.number, error.text))
        else:
            self._entries[-1] = (QUEUE_OVERFLOW, TEXTS[QUEUE_OVERFLOW])

    def pop(self) -> tuple[int, str]:
        """Take the oldest error; `(0, "No error")` when there is none."""
        return self._entries.popleft() if self._entries else (0, NO_ERROR)

    def clear(self) -> None:
        """Forget every error."""
        self._entries.clear()


class LineBuffer:
    """Cuts what arrives into lines at `\\n`; a `\\r` before it is ignored."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterable[bytes]:
        """Return the lines that `data` completes."""
        self._data += data
        if b"\n" not in data:
            del self._data[:-_LINE_LIMIT]
            return ()
        *lines, rest = bytes(self._data).split(b"\n")
        self._data = bytearray(rest)
        return [line.rstrip(b"\r") for line in lines]


class ScpiParser:
    """Finds and calls the handler of each command on a line.

    Args:
        commands: `header -> Command`, a query's header ending in `?`.
        errors: where errors go.
        relative_only: after `;` a header goes on from the one before it unless it begins with `:` or `*`, as SCPI-1999
            has it; without this, a header that exists from the root is also understood.

    """

    def __init__(self, commands: Mapping[str, Command], errors: ErrorQueue, *, relative_only: bool) -> None:
        self._errors = errors
        self._relative_only = relative_only
        self._commands = {form: command for header, command in commands.items() for form in spellings(header)}

    def execute(self, line: bytes) -> str | None:
        """Act on one line; return the queries' answers joined by `;`, or None if there are none."""
        try:
            text = line.decode("ascii")
        except UnicodeDecodeError:
            self._errors.push(ScpiError(SYNTAX))
            return None
        if ";" not in text and (command := self._commands.get(text)) is not None:
            return self._call(command, [])
        answers: list[str] = []
        path = ""
        for part in split_outside_quotes(text, ";"):
            if not part.strip():
                continue
            answer, path = self._execute_one(part.strip(), path)
            if answer is not None:
                answers.append(answer)
        return ";".join(answers) if answers else None

    def _execute_one(self, part: str, path: str) -> tuple[str | None, str]:
        match = _HEADER.match(part)
        if match is None:
            self._errors.push(ScpiError(SYNTAX))
            return None, path
        header = match.group(1).upper()
        parameters = [p.strip() for p in split_outside_quotes(match.group(2), ",")] if match.group(2) else []
        command, full = self._find(header, path)
        if not header.startswith("*"):
            path = full.rpartition(":")[0]
        if command is None:
            self._errors.push(ScpiError(UNDEFINED_HEADER))
            return None, path
        return self._call(command, parameters), path

    def _find(self, header: str, path: str) -> tuple[Command | None, str]:
        if header.startswith(":"):
            full = header[1:]
        elif header.startswith("*") or not path:
            full = header
        else:
            full = f"{path}:{header}"
            if full not in self._commands and not self._relative_only:
                full = header
        return self._commands.get(full), full

    def _call(self, command: Command, parameters: list[str]) -> str | None:
        try:
            if len(parameters) < command.least or "" in parameters:
                raise ScpiError(MISSING_PARAMETER)
            if command.most is not None and len(parameters) > command.most:
                raise ScpiError(PARAMETER_NOT_ALLOWED)
            return command.handler(parameters)
        except ScpiError as error:
            self._errors.push(error)
            return None


def spellings(header: str) -> list[str]:
    """List every upper-case way to write a header: each word long or short, each bracketed word there or not."""
    ways = [""]
    query = "?" if header.endswith("?") else ""
    for optional, word in re.findall(r"(\[:?)?([*A-Za-z]+)", header):
        forms = {word.upper(), "".join(c for c in word if not c.islower())}
        longer = [f"{way}:{form}" if way else form for way in ways for form in sorted(forms)]
        ways = ways + longer if optional else longer
    return [way + query for way in ways]


def split_outside_quotes(text: str, separator: str) -> list[str]:
    """Split at `separator` except inside quotes."""
    if '"' not in text and "'" not in text:
        return text.split(separator)
    parts, start, quote = [], 0, ""
    for index, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == separator:
            parts.append(text[start:index])
            start = index + 1
    return [*parts, text[start:]]


def number(text: str) -> float:
    """Read a decimal number.

    Raises:
        ScpiError: it is none.

    """
    if _NUMBER.match(text) is None:
        raise ScpiError(DATA_TYPE)
    return float(text)


def boolean(text: str) -> bool:
    """Read `ON`, `OFF`, `1` or `0`.

    Raises:
        ScpiError: it is none of them.

    """
    if text.upper() in ("ON", "OFF"):
        return text.upper() == "ON"
    if text in ("0", "1"):
        return text == "1"
    raise ScpiError(DATA_TYPE if _NUMBER.match(text) is None else ILLEGAL_VALUE)


def choice(text: str, choices: Iterable[str]) -> str:
    """Read one of several words, such as `MEDium`, long or short; return its short form.

    Raises:
        ScpiError: it is none of them.

    """
    for word in choices:
        forms = spellings(word)
        if text.upper() in forms:
            return min(forms, key=len)
    raise ScpiError(ILLEGAL_VALUE)
