"""Errors of a YAML file: all of them, each with file, line, column, the line itself and the way out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


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
            line = self.source[start : start + 120].replace("\t", " ")
            shown = f"\n    {line.rstrip()}\n    {' ' * (self.column - 1 - start)}^"
        return f"{where}{subject}{self.text}{shown}"


class YamlError(Exception):
    """A YAML file that cannot be used; `problems` holds every error found, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: (problem.line, problem.column))
        super().__init__("\n".join(str(problem) for problem in self.problems))
