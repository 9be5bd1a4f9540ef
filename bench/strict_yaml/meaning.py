"""From plain data to a pydantic model, with every error at its place in the file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bench.strict_yaml.document import Document, Path_
from bench.strict_yaml.problems import Problem, YamlError

Model = TypeVar("Model", bound=BaseModel)


def validate(document: Document, model: type[Model], at: Path_ = (), data: Any = None, context: Any = None) -> Model:
    """Return `document`'s data (or `data`, found at path `at`) as a model.

    Raises:
        YamlError: every error that pydantic finds, each with file, line and column.

    """
    try:
        return model.model_validate(document.data if data is None and not at else data, context=context)
    except ValidationError as error:
        raise YamlError(problems_of(error, document, model, at)) from None


def problems_of(error: ValidationError, document: Document, model: type[BaseModel], at: Path_ = ()) -> list[Problem]:
    """Return pydantic's errors as problems of the file."""
    return [_problem(detail, document, model, at) for detail in error.errors()]


def _problem(detail: ErrorDetails, document: Document, model: type[BaseModel], at: Path_) -> Problem:
    path = (*at, *_in_file(detail["loc"], document, at))
    kind = detail["type"]
    if kind == "extra_forbidden":
        allowed = sorted(_keys_at(model, detail["loc"][:-1]))
        return unknown_key(document, path, allowed)
    if kind == "missing":
        return document.problem(path[:-1], f"key {path[-1]!r} is missing", at_key=True)
    if kind in {"model_type", "model_attributes_type", "dict_type"}:
        return document.problem(path, f"found {_shown(detail['input'])}; a mapping of keys is meant here")
    text = detail["msg"].removeprefix("Value error, ")
    if kind == "union_tag_invalid" or not kind.startswith(("value_error", "assertion")):
        text = f"found {_shown(detail['input'])}; {text[0].lower()}{text[1:]}"
    return document.problem(path, text)


def unknown_key(document: Document, path: Path_, allowed: list[str]) -> Problem:
    """Return the problem of a key that nothing knows, with the nearest that is known."""
    near = difflib.get_close_matches(str(path[-1]), allowed, 1, 0.6)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    known = f" (allowed: {', '.join(allowed)})" if allowed else ""
    return document.problem(path, f"unknown key {path[-1]!r}{hint}{known}", at_key=True, shown="")


def _in_file(location: tuple[int | str, ...], document: Document, at: Path_) -> Path_:
    # Pydantic names the chosen member of a union in the location; the file does not have it.
    path: Path_ = ()
    for index, part in enumerate(location):
        if (*at, *path, part) in document.marks or index == len(location) - 1:
            path = (*path, part)
    return path


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> set[str]:
    models = {model}
    for part in location:
        if isinstance(part, int):
            continue
        inner: set[type[BaseModel]] = set()
        for each in models:
            for name, info in each.model_fields.items():
                if part in {name, info.alias}:
                    inner |= _models_in(info.annotation)
        tagged = {each for each in models if _has_tag(each, part)}
        models = inner or tagged or models
    return {info.alias or name for each in models for name, info in each.model_fields.items()}


def _has_tag(model: type[BaseModel], tag: str) -> bool:
    return any(tag in get_args(info.annotation) for info in model.model_fields.values())


def _models_in(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {found for argument in get_args(annotation) for found in _models_in(argument)}


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping of keys"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
