"""Errors of a YAML file: all of them, each with file, line, column, the line itself and the way out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MOST_SHOWN = 50
"""A file can be wrong in every line; nobody reads more than this of it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong at one place; `line` and `column` count from 1."""

    file: str
    line: int
    column: int
    text: str
    path: str = ""
    source: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: "
        subject = f"{self.path}: " if self.path else ""
        shown = ""
        if self.source.strip():
            # A long line is cut around the caret, which counts the characters in front of it.
            start = max(0, self.column - 80)
            line = self.source[start : start + 120].replace("\t", " ").rstrip()
            shown = f"\n    {line}\n    {' ' * (self.column - 1 - start)}^"
        return _printable(f"{where}{subject}{self.text}{shown}")


class YamlError(Exception):
    """A YAML file that cannot be used; `problems` holds every error found, file by file in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        files = list(dict.fromkeys(problem.file for problem in problems))
        self.problems = sorted(problems, key=lambda problem: (files.index(problem.file), problem.line, problem.column))
        lines = [str(problem) for problem in self.problems[:MOST_SHOWN]]
        if len(self.problems) > MOST_SHOWN:
            lines.append(f"… and {len(self.problems) - MOST_SHOWN} more")
        super().__init__("\n".join(lines))


def _printable(text: str) -> str:
    # What a file holds must not command the terminal that shows it.
    return "".join(each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}" for each in text)
