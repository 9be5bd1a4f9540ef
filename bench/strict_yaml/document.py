"""From text to plain data with the place of every node, refusing what plans and rigs have no use for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    NodeEvent,
    ScalarEvent,
)
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bench.strict_yaml.problems import Problem, YamlError
from bench.strict_yaml.scalars import ScalarError, is_date, meaning

MAX_BYTES = 1 << 20
MAX_DEPTH = 20
MAX_NODES = 50_000

Path_ = tuple[str | int, ...]


class _Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """Syntax only: every plain scalar stays text."""


_Loader.yaml_implicit_resolvers = {}


@dataclass(slots=True)
class Document:
    """Plain data, and where each part of it stands.

    `marks` maps a path such as `("tests", 0, "rate")` to the line and column, from 1, of its key and of its value.
    """

    data: Any
    file: str
    text: str
    marks: dict[Path_, tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=dict)
    date_keys: frozenset[str] = frozenset()

    def problem(self, path: Path_, text: str, *, at_key: bool = False, shown: str | None = None) -> Problem:
        """Return a problem at the place of `path`, or of its nearest parent that is in the file."""
        known = path
        while known not in self.marks and known:
            known = known[:-1]
        key, value = self.marks.get(known, ((1, 1), (1, 1)))
        line, column = key if at_key and known == path else value
        lines = self.text.splitlines()
        source = lines[line - 1] if line <= len(lines) else ""
        return Problem(self.file, line, column, text, path_text(path) if shown is None else shown, source)


def path_text(path: Path_) -> str:
    """Return a path as `tests[0].rate`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def load(source: Path | str, *, name: str | None = None, date_keys: frozenset[str] = frozenset()) -> Document:
    """Read a YAML file (a path) or text.

    Args:
        source: the file, or the text itself.
        name: what to call the file where `source` is text.
        date_keys: keys whose value may be an unquoted date, which stays text.

    Raises:
        YamlError: anything that is refused; all such errors at once where the syntax lets the reader go on.

    """
    file = name or (str(source) if isinstance(source, Path) else "<text>")
    text = _text_of(source, file)
    try:
        _check_events(text, file)
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise YamlError([_syntax_problem(error, file, text)]) from None
    if root is None:
        raise YamlError([Problem(file, 1, 1, "the file is empty")])
    document = Document(None, file, text, date_keys=date_keys)
    problems: list[Problem] = []
    document.data = _build(root, (), document, problems)
    if problems:
        raise YamlError(problems)
    return document


def _text_of(source: Path | str, file: str) -> str:
    if isinstance(source, Path):
        try:
            raw = source.read_bytes()
        except OSError as error:
            raise YamlError([Problem(file, 1, 1, f"cannot be read: {error.strerror or error}")]) from None
        if len(raw) > MAX_BYTES:
            raise YamlError([Problem(file, 1, 1, f"is larger than 1 MiB ({len(raw)} bytes)")])
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw[: error.start].count(b"\n") + 1
            column = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
            what = f"is not UTF-8 text: byte 0x{raw[error.start]:02x}"
            raise YamlError([Problem(file, line, column, what)]) from None
    else:
        text = source
        if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            raise YamlError([Problem(file, 1, 1, "is larger than 1 MiB")])
    problems = [
        Problem(file, number, row.index("\t") + 1, "a tab in the indentation; YAML wants spaces", "", row)
        for number, row in enumerate(text.splitlines(), 1)
        if row.strip() and "\t" in row[: len(row) - len(row.lstrip())]
    ]
    if problems:
        raise YamlError(problems)
    return text


def _check_events(text: str, file: str) -> None:
    problems: list[Problem] = []
    lines = text.splitlines()
    depth = nodes = documents = 0
    for event in _events(text):
        mark = event.start_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        source = lines[line - 1][:2000] if line <= len(lines) else ""
        documents += isinstance(event, DocumentStartEvent)
        nodes += isinstance(event, NodeEvent)
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        problems += [Problem(file, line, column, what, "", source) for what in _refused(event)]
        too_much = _too_much(documents, depth, nodes)
        if too_much:
            raise YamlError([*problems, Problem(file, line, column, too_much, "", source)])
    if problems:
        raise YamlError(problems)


def _too_much(documents: int, depth: int, nodes: int) -> str:
    if documents > 1:
        return "a second document; a file holds one"
    if depth > MAX_DEPTH:
        return f"nested deeper than {MAX_DEPTH} levels"
    return f"more than {MAX_NODES} values" if nodes > MAX_NODES else ""


def _events(text: str) -> Iterator[Event]:
    try:
        yield from yaml.parse(text, Loader=_Loader)
    except (RecursionError, ValueError) as error:
        raise yaml.YAMLError(str(error)) from None


def _refused(event: Event) -> Iterator[str]:
    if isinstance(event, AliasEvent):
        yield f"alias '*{event.anchor}'; write the value out where it is meant"
    elif isinstance(event, NodeEvent):
        if event.anchor:
            yield f"anchor '&{event.anchor}'; anchors and aliases are not used here"
        tag = getattr(event, "tag", None)
        if tag:
            yield f"tag {tag.replace('tag:yaml.org,2002:', '!!')!r}; tags are not used here, write plain values"
        if isinstance(event, ScalarEvent) and event.value == "<<" and not event.style:
            yield "merge key '<<'; write the keys out where they are meant"


def _syntax_problem(error: yaml.YAMLError, file: str, text: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    what = " ".join(filter(None, (getattr(error, "context", None), getattr(error, "problem", None)))) or str(error)
    lines = text.splitlines()
    source = lines[line - 1] if line <= len(lines) else ""
    hint = ""
    before = source[: column - 1].rstrip()
    if "found character" in what or source[column - 1 : column] in {">", "%", "@", "`", "|"}:
        hint = '; a value that begins with one of > % @ ` needs quotes, such as ">= 95 %"'
    elif "mapping values are not allowed" in what:
        hint = "; a text with ': ' in it needs quotes, or the line above lacks its indentation"
    elif before.endswith((":", "-")):
        hint = "; quote the value"
    return Problem(file, line, column, f"is no YAML: {what}{hint}", "", source)


def _build(node: Node, path: Path_, document: Document, problems: list[Problem], key: Node | None = None) -> Any:
    value_place = (node.start_mark.line + 1, node.start_mark.column + 1)
    key_place = (key.start_mark.line + 1, key.start_mark.column + 1) if key is not None else value_place
    document.marks[path] = (key_place, value_place)
    if isinstance(node, ScalarNode):
        if node.style:
            return node.value
        try:
            if is_date(node.value) and not (path and path[-1] in document.date_keys):
                raise ScalarError(f"{node.value!r} is a date to some YAML readers; quote it")
            return meaning(node.value)
        except ScalarError as error:
            problems.append(document.problem(path, str(error)))
            return None
    if isinstance(node, SequenceNode):
        return [_build(child, (*path, index), document, problems) for index, child in enumerate(node.value)]
    assert isinstance(node, MappingNode)  # noqa: S101 - YAML has no fourth kind
    return _build_mapping(node, path, document, problems)


def _build_mapping(node: MappingNode, path: Path_, document: Document, problems: list[Problem]) -> dict[str, Any]:
    built: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for key, child in node.value:
        line, column = key.start_mark.line + 1, key.start_mark.column + 1
        where = (document.file, line, column)
        source = document.text.splitlines()[line - 1]
        if not isinstance(key, ScalarNode):
            problems.append(Problem(*where, "a key must be text", path_text(path), source))
            continue
        name = key.value
        if not key.style:
            try:
                plain = meaning(name)
            except ScalarError as error:
                problems.append(Problem(*where, f"key {error}", path_text(path), source))
                continue
            if not isinstance(plain, str):
                what = f"a key must be text, and {name!r} is not; quote it"
                problems.append(Problem(*where, what, path_text(path), source))
                continue
        if name in built:
            what = f"key {name!r} stands twice (first in line {lines[name]})"
            problems.append(Problem(*where, what, path_text(path), source))
            continue
        lines[name] = line
        built[name] = _build(child, (*path, name), document, problems, key)
    return built
