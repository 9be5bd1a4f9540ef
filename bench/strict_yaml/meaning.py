"""From plain data to a pydantic model, with every error at its place in the file."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bench.strict_yaml.document import Document, Path_
from bench.strict_yaml.problems import Problem, YamlError

Model = TypeVar("Model", bound=BaseModel)


def validate(document: Document, model: type[Model], at: Path_ = (), data: Any = None) -> Model:
    """Return `document`'s data (or `data`, which stands at path `at` of it) as a model.

    Raises:
        YamlError: every error that pydantic finds, each with file, line and column.

    """
    try:
        # JSON's strict mode: no text becomes a number, no `true` becomes 1, and enumerations are still read from text.
        return model.model_validate_json(json.dumps(document.data if data is None else data), strict=True)
    except ValidationError as error:
        raise YamlError([_problem(detail, document, model, at) for detail in error.errors()]) from None


def unknown_key(document: Document, path: Path_, allowed: Sequence[str]) -> Problem:
    """Return the problem of a key that nothing knows, with the nearest that is known."""
    known = f" (allowed: {', '.join(allowed)})" if allowed else " (none is allowed here)"
    return document.problem(
        path, f"unknown key {path[-1]!r}{did_you_mean(str(path[-1]), allowed)}{known}", at_key=True, shown=""
    )


def did_you_mean(found: str, allowed: Sequence[str]) -> str:
    """Return `; did you mean 'x'?` for the word among `allowed` that is nearest to `found`, if one is near."""
    folded = {each.casefold(): each for each in allowed}
    near = difflib.get_close_matches(found.casefold(), folded, 1, 0.6)
    return f"; did you mean {folded[near[0]]!r}?" if near else ""


def _problem(detail: ErrorDetails, document: Document, model: type[BaseModel], at: Path_) -> Problem:
    path = (*at, *_in_file(detail, document, at))
    kind, found = detail["type"], detail["input"]
    match kind:
        case "extra_forbidden":
            return unknown_key(document, path, sorted(_keys_at(model, detail["loc"][:-1])))
        case "missing":
            return document.problem(path[:-1], f"key {path[-1]!r} is missing", at_key=True)
        case "model_type" | "model_attributes_type" | "dict_type":
            return document.problem(path, f"found {_shown(found)}; a mapping of keys is meant here")
        case "union_tag_invalid" | "union_tag_not_found":
            return _wrong_kind(detail, document, path)
        case "too_short" if isinstance(found, list | dict):
            return document.problem(path, "found nothing; at least one entry is meant here")
        case "value_error" | "assertion_error":
            return document.problem(path, detail["msg"].removeprefix("Value error, "))
        case "string_type":
            return document.problem(path, f"found {_shown(found)}; text is meant here: quote it")
        case _:
            text = re.sub(r"^Input should be", "must be", detail["msg"])
            hint = did_you_mean(found, re.findall(r"'([^']*)'", text)) if isinstance(found, str) else ""
            return document.problem(path, f"found {_shown(found)}{hint or ';'} {text[0].lower()}{text[1:]}")


def _wrong_kind(detail: ErrorDetails, document: Document, path: Path_) -> Problem:
    """Return the problem of an entry whose kind, such as a test's procedure, is missing or unknown."""
    context = detail.get("ctx", {})
    key = str(context.get("discriminator", "")).strip("'")
    if detail["type"] == "union_tag_not_found":
        return document.problem(path, f"key {key!r} is missing", at_key=True)
    allowed = re.findall(r"'([^']*)'", str(context.get("expected_tags", "")))
    found = str(context.get("tag", ""))
    text = f"found {_shown(found)}{did_you_mean(found, allowed)} (allowed: {', '.join(allowed)})"
    return document.problem((*path, key), text)


def _in_file(detail: ErrorDetails, document: Document, at: Path_) -> Path_:
    # Pydantic names the chosen member of a union in the location; the file does not have it.
    path: Path_ = ()
    for part in detail["loc"]:
        if (*at, *path, part) in document.marks:
            path = (*path, part)
    return (*path, detail["loc"][-1]) if detail["type"] == "missing" else path


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> set[str]:
    """Return the keys that a model allows at a location of pydantic's, members of unions in it included."""
    models = {model}
    for part in location:
        if isinstance(part, int):
            continue
        inner = {
            found
            for each in models
            for name, info in each.model_fields.items()
            if part in {name, info.alias}
            for found in _models_in(info.annotation)
        }
        tagged = {
            each for each in models if any(part in get_args(info.annotation) for info in each.model_fields.values())
        }
        models = inner or tagged or models
    return {info.alias or name for each in models for name, info in each.model_fields.items()}


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
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
