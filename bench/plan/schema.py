"""The JSON Schema of plans, from the same models that read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.plan.conditions import KEY
from bench.plan.load import PlanProcedure, plan_model
from bench.strict_yaml.json_schema import json_schema

_OF_EVERY_TEST = ("id", "procedure", "accept")


def plan_schema(procedures: Mapping[str, PlanProcedure]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of plans for these procedures."""
    schema = json_schema(plan_model(procedures), "Test plan of the pump bench")
    for definition in schema["$defs"].values():
        if KEY in definition.get("properties", {}) and "procedure" in definition["properties"]:
            _let_conditions_give_settings(definition)
    return schema


def _let_conditions_give_settings(definition: dict[str, Any]) -> None:
    """Let a setting that a test must have stand among its conditions in place of the test itself."""
    always = [name for name in definition["required"] if name in _OF_EVERY_TEST]
    settings = [name for name in definition["required"] if name not in _OF_EVERY_TEST]
    definition["required"] = always
    if settings:
        definition["allOf"] = [
            {"anyOf": [{"required": [name]}, {"required": [KEY], "properties": {KEY: {"required": [name]}}}]}
            for name in settings
        ]
