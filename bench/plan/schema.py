"""The JSON Schema of plans, from the same models that read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.plan.conditions import KEY, conditions_definitions, conditions_schema
from bench.plan.load import PlanProcedure, model_name, plan_model
from bench.strict_yaml.json_schema import json_schema

_OF_EVERY_TEST = ("id", "procedure", "accept")


def plan_schema(procedures: Mapping[str, PlanProcedure]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of plans for these procedures."""
    schema = json_schema(plan_model(procedures), "Test plan of the pump bench")
    for name, procedure in procedures.items():
        definition = schema["$defs"][model_name(name)]
        definition["properties"][KEY] = conditions_schema(procedure.Settings.model_fields)
        _let_conditions_give_settings(definition)
    schema["$defs"] = {**schema["$defs"], **conditions_definitions()}
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
