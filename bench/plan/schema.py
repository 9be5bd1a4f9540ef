"""The JSON Schema of plans, from the same models that read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.plan.load import PlanProcedure, plan_model


def plan_schema(procedures: Mapping[str, PlanProcedure]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of plans for these procedures."""
    schema = plan_model(procedures).model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "pumpbench plan"}
