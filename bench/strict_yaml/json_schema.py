"""JSON Schemas of YAML files for editors, from the models that read them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from bench.quantities import Quantity

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the files that `model` reads."""
    schema: dict[str, Any] = _tidy(model.model_json_schema(by_alias=True))
    return {"$schema": DIALECT, "title": title, **schema}


def _tidy(node: Any) -> Any:
    """Return a schema without what the YAML reader refuses (null) and without titles made of the keys' own names.

    Defaults that are quantities stand as a file would say them.
    """
    if isinstance(node, list):
        return [_tidy(each) for each in node]
    if not isinstance(node, dict):
        return node
    tidied = {
        key: _default(value) if key == "default" else _tidy(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str)) and not (key == "default" and value is None)
    }
    if "anyOf" in tidied:
        choices = [each for each in tidied.pop("anyOf") if each != {"type": "null"}]
        tidied = {**choices[0], **tidied} if len(choices) == 1 else {**tidied, "anyOf": choices}
    return tidied


def _default(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"value", "unit"}:
        return str(Quantity(value["value"], value["unit"]))
    return {key: _default(each) for key, each in value.items()} if isinstance(value, dict) else value
