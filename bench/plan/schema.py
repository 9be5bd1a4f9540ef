"""The JSON Schema of plans, from the same models that read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.plan.load import PlanProcedure, plan_model
from bench.strict_yaml.json_schema import json_schema


def plan_schema(procedures: Mapping[str, PlanProcedure]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of plans for these procedures."""
    return json_schema(plan_model(procedures), "Test plan of the pump bench")
