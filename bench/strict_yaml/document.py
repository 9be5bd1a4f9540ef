"""From text to plain data with the place of every node, refusing what plans and rigs have no use for."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bench.strict_yaml.problems import Problem, YamlError
from bench.strict_yaml.scalars import ScalarError, is_date, meaning
from bench.strict_yaml.syntax import compose
from bench.strict_yaml.text import read_text

Path_ = tuple[str | int, ...]


@dataclass(slots=True)
class Document:
    """Plain data, and where each part of it stands.

    `marks` maps a path such as `("tests", 0, "rate")` to the line and column, from 1, of its key and of its value;
    `ends` maps the path of a single value to where it ends.
    """

    data: Any
    file: str
    text: str
    marks: dict[Path_, tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=dict)
    ends: dict[Path_, tuple[int, int]] = field(default_factory=dict)
    _lines: list[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._lines = self.text.splitlines()

    def problem(self, path: Path_, text: str, *, at_key: bool = False, shown: str | None = None) -> Problem:
        """Return a problem at the place of `path`, or of its nearest parent that is in the file."""
        known = path
        while known not in self.marks and known:
            known = known[:-1]
        key, value = self.marks.get(known, ((1, 1), (1, 1)))
        place = key if at_key and known == path else value
        return self.problem_at(place, path_text(path) if shown is None else shown, text)

    def with_value(self, path: Path_, value: str) -> str:
        """Return the text with another value at `path`, which is a single value within one line; the rest stays."""
        (line, column), (_, end_column) = self.marks[path][1], self.ends[path]
        lines = self.text.splitlines(keepends=True)
        found = lines[line - 1]
        lines[line - 1] = f"{found[: column - 1]}{value}{found[end_column - 1 :]}"
        return "".join(lines)

    def problem_at(self, place: tuple[int, int], shown: str, text: str) -> Problem:
        """Return a problem at a line and column, from 1; `shown` is the path that it is about."""
        line, column = place
        source = self._lines[line - 1] if line <= len(self._lines) else ""
        return Problem(self.file, line, column, text, shown, source)


def path_text(path: Path_) -> str:
    """Return a path as `tests[0].rate`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def load(source: Path | str, *, name: str | None = None, date_keys: Set[str] = frozenset()) -> Document:
    """Read a YAML file (a path) or text.

    Args:
        source: the file, or the text itself.
        name: what to call the file in errors; its path where it is missing.
        date_keys: keys whose value may be an unquoted date, which stays text.

    Raises:
        YamlError: anything that is refused; all such errors at once where the syntax lets the reader go on.

    """
    file = name or (str(source) if isinstance(source, Path) else "<text>")
    text = read_text(source, file)
    root, problems = compose(text, file)
    document = Document(None, file, text)
    document.data = _Builder(document, date_keys, problems).build(root, ())
    if problems:
        raise YamlError(problems)
    return document


def _place(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


class _Builder:
    """Makes plain data of nodes and notes where each stands; what is refused goes to `problems`."""

    def __init__(self, document: Document, date_keys: Set[str], problems: list[Problem]) -> None:
        self._document = document
        self._date_keys = date_keys
        self._problems = problems

    def build(self, node: Node, path: Path_, key: Node | None = None) -> Any:
        self._document.marks[path] = (_place(key if key is not None else node), _place(node))
        if isinstance(node, ScalarNode):
            self._document.ends[path] = (node.end_mark.line + 1, node.end_mark.column + 1)
            return self._scalar(node, path)
        if isinstance(node, SequenceNode):
            return [self.build(child, (*path, index)) for index, child in enumerate(node.value)]
        assert isinstance(node, MappingNode)  # noqa: S101 - YAML has no fourth kind
        return self._mapping(node, path)

    def _scalar(self, node: ScalarNode, path: Path_) -> Any:
        if node.style:
            return node.value
        try:
            value = meaning(node.value)
            if is_date(node.value) and not (path and path[-1] in self._date_keys):
                raise ScalarError(f"{node.value!r} is a date to some YAML readers; quote it")
        except ScalarError as error:
            hint = "; is a space missing after its ':'?" if not node.value and ":" in str(path[-1]) else ""
            self._problems.append(self._document.problem(path, f"{error}{hint}"))
            return None
        return value

    def _mapping(self, node: MappingNode, path: Path_) -> dict[str, Any]:
        built: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, child in node.value:
            name = self._key(key, path)
            if name is None:
                continue
            if name in lines:
                self._refuse(key, path, f"key {name!r} stands twice (first in line {lines[name]}); keep one")
                continue
            lines[name] = _place(key)[0]
            built[name] = self.build(child, (*path, name), key)
        return built

    def _key(self, key: Node, path: Path_) -> str | None:
        if not isinstance(key, ScalarNode):
            self._refuse(key, path, "a key must be text")
            return None
        name: str = key.value
        if key.style or name == "<<":  # the merge key has been refused as such
            return name
        try:
            if isinstance(meaning(name), str) and not is_date(name):
                return name
            self._refuse(key, path, f"a key must be text, and {name!r} is not; quote it")
        except ScalarError as error:
            self._refuse(key, path, f"key {error}")
        return None

    def _refuse(self, node: Node, path: Path_, text: str) -> None:
        self._problems.append(self._document.problem_at(_place(node), path_text(path), text))
