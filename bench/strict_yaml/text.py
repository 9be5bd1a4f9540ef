"""From a file to text that is safe to parse and to show: small enough, UTF-8, no hidden characters."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from bench.strict_yaml.problems import Problem, YamlError

MAX_BYTES = 1 << 20
_ORDINARY = r"\t\x20-\x7e\xa0-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff"
# Beside control characters: line breaks that only YAML knows, and marks that turn the direction of what a reader sees.
_HIDDEN = re.compile(f"[^{_ORDINARY}]")


def read_text(source: Path | str, file: str) -> str:
    """Return the text of a file (a path) or the text itself, checked.

    Raises:
        YamlError: it cannot be read, is larger than 1 MiB, is not UTF-8, or holds tabs or hidden characters.

    """
    text = _decoded(source, file) if isinstance(source, Path) else source.removeprefix("\N{BOM}")
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise YamlError([Problem(file, 1, 1, "is larger than 1 MiB")])
    problems = [
        problem
        for number, row in enumerate(re.split(r"\r\n|\n|\r", text), 1)
        for problem in (*_hidden(file, number, row), *_tabs(file, number, row))
    ]
    if problems:
        raise YamlError(problems)
    return text


def _decoded(path: Path, file: str) -> str:
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise YamlError([Problem(file, 1, 1, f"cannot be read: {error.strerror or error}")]) from None
    if len(raw) > MAX_BYTES:
        raise YamlError([Problem(file, 1, 1, "is larger than 1 MiB")])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        before = raw[raw.rfind(b"\n", 0, error.start) + 1 : error.start]
        what = f"is not UTF-8 text: byte 0x{raw[error.start]:02x}; save the file as UTF-8"
        raise YamlError([Problem(file, line, len(before.decode("utf-8", "replace")) + 1, what)]) from None


def _hidden(file: str, number: int, row: str) -> list[Problem]:
    return [
        Problem(file, number, found.start() + 1, f"a hidden character ({_named(found[0])}); remove it", "", row)
        for found in _HIDDEN.finditer(row)
    ]


def _named(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".strip()


def _tabs(file: str, number: int, row: str) -> list[Problem]:
    if "\t" not in row:
        return []
    return [Problem(file, number, row.index("\t") + 1, "a tab; write spaces", "", row)]
