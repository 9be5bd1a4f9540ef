"""YAML's syntax through PyYAML, every plain scalar left as text; limits are checked before anything is built."""

from __future__ import annotations

from collections.abc import Iterator

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
from yaml.nodes import Node, ScalarNode

from bench.strict_yaml.problems import Problem, YamlError

MAX_DEPTH = 20
MAX_NODES = 50_000


class _Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """Syntax only: every plain scalar stays text."""


_Loader.yaml_implicit_resolvers = {}


def compose(text: str, file: str) -> tuple[Node, list[Problem]]:
    """Return the root node of the only document, and what is refused in it but does not keep it from being read.

    Raises:
        YamlError: the text is no YAML, is empty, or holds aliases, several documents, too deep a nesting or too many
            values.

    """
    try:
        problems = _check_events(text, file)
        root = yaml.compose(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise YamlError([_syntax_problem(error, file, text)]) from None
    if root is None or (isinstance(root, ScalarNode) and not root.value and not root.style):
        raise YamlError([Problem(file, 1, 1, "the file is empty")])
    return root, problems


def _check_events(text: str, file: str) -> list[Problem]:
    problems: list[Problem] = []
    lines = text.splitlines()
    depth = nodes = documents = aliases = 0
    for event in yaml.parse(text, Loader=_Loader):
        mark = event.start_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        source = lines[line - 1] if line <= len(lines) else ""
        documents += isinstance(event, DocumentStartEvent)
        aliases += isinstance(event, AliasEvent)
        nodes += isinstance(event, NodeEvent)
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        problems += [Problem(file, line, column, what, "", source) for what in _refused(event)]
        too_much = _too_much(documents, depth, nodes)
        if too_much:
            raise YamlError([*problems, Problem(file, line, column, too_much, "", source)])
    if aliases:
        # A few aliases of aliases make millions of values: nothing is built from them.
        raise YamlError(problems)
    return problems


def _too_much(documents: int, depth: int, nodes: int) -> str:
    if documents > 1:
        return "a second document; a file holds one"
    if depth > MAX_DEPTH:
        return f"nested deeper than {MAX_DEPTH} levels"
    return f"more than {MAX_NODES} values" if nodes > MAX_NODES else ""


def _refused(event: Event) -> Iterator[str]:
    if isinstance(event, AliasEvent):
        yield f"alias '*{event.anchor}'; write the value out where it is meant"
    elif isinstance(event, NodeEvent):
        if event.anchor:
            yield f"anchor '&{event.anchor}'; anchors and aliases are not used here, write values out"
        tag = getattr(event, "tag", None)
        if tag:
            yield f"tag {tag.replace('tag:yaml.org,2002:', '!!')!r}; tags are not used here, write plain values"
        if isinstance(event, ScalarEvent) and event.value == "<<" and not event.style:
            yield "merge key '<<'; write the keys out where they are meant"


def _syntax_problem(error: Exception, file: str, text: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    what = " ".join(filter(None, (getattr(error, "context", None), getattr(error, "problem", None)))) or str(error)
    lines = text.splitlines()
    source = lines[line - 1] if line <= len(lines) else ""
    hint = _hint(what)
    return Problem(file, line, column, f"is no YAML: {what}; {hint}", "", source)


def _hint(what: str) -> str:
    if "block scalar" in what or "cannot start any token" in what:
        return 'a value that begins with one of > | % @ ` & * ! needs quotes, such as ">= 95 %"'
    if "mapping values are not allowed" in what:
        return "a text with ': ' in it needs quotes, or the line above lacks its indentation"
    if "quoted scalar" in what:
        return "a quotation mark is not closed, or a backslash stands in \"…\" (use '…')"
    if "flow sequence" in what or "flow mapping" in what:
        return "a bracket is not closed, or a comma is missing"
    return "check the indentation and the ':' after each key"
