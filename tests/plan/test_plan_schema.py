"""The plans' JSON Schema: it lets the shipped plans through, and stops in an editor what the bench refuses."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bench.plan.conditions import BENCH_CONDITIONS
from bench.plan.schema import plan_schema
from bench.procedures import registry
from bench.rig.schema import rig_schema
from bench.strict_yaml import load

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "test_plans").glob("*.yaml"))


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = plan_schema(registry())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_shipped_plans_are_valid(validator: Draft202012Validator, path: Path) -> None:
    assert [error.message for error in validator.iter_errors(load(path).data)] == []


@pytest.mark.parametrize(
    "decision",
    [
        "simple",
        {"rule": "guarded", "r": 0.83},
        {"risk": "2 %"},
        {"risk": "2 %", "kind": "global", "in_tolerance": "95 %"},
    ],
)
def test_decision_rules_are_valid(validator: Draft202012Validator, decision: object) -> None:
    data = load(ROOT / "test_plans" / "basal.yaml").data
    assert list(validator.iter_errors({**data, "decision": decision})) == []


def _set(*path: str | int, value: object) -> Callable[[Any], None]:
    def change(data: Any) -> None:
        for part in path[:-1]:
            data = data[part]
        data[path[-1]] = value

    return change


@pytest.mark.parametrize(
    "spoil",
    [
        _set("tsts", value=[]),
        _set("plan", value="no slug"),
        _set("pump", "insulin", value="U-300"),
        _set("decision", value="gaurded"),
        _set("decision", value={"rule": "guarded", "q": 1}),
        _set("decision", value={"r": 0}),
        _set("decision", value={"risk": 0.02}),
        _set("tests", value=[]),
        _set("tests", 0, "id", value="no slug"),
        _set("tests", 0, "procedure", value="bassal"),
        _set("tests", 0, "rate", value=1),
        _set("tests", 0, "rate", value="1 U"),
        _set("tests", 0, "rate", value="1,5 U/h"),
        _set("tests", 0, "rate", value=None),
        _set("tests", 0, "duraton", value="1 h"),
        _set("tests", 0, "volume", value="1 U"),
        _set("tests", 0, "accept", "mean_error", value="5 %"),
        _set("tests", 0, "accept", "mean_error", value="±5 U"),
        _set("tests", 0, "accept", "mean_eror", value="±5 %"),
        _set("tests", 0, "accept", "stored_bolus", value="<= 2 U"),
    ],
)
def test_what_the_bench_refuses_an_editor_marks(
    validator: Draft202012Validator, spoil: Callable[[dict[str, Any]], None]
) -> None:
    data = copy.deepcopy(load(ROOT / "test_plans" / "basal.yaml").data)
    assert data["tests"][0]["procedure"] == "basal"
    spoil(data)
    assert list(validator.iter_errors(data))


def test_every_measurement_and_setting_is_offered_with_its_meaning() -> None:
    schema = plan_schema(registry())
    definitions = schema["$defs"]
    for name, procedure in registry().items():
        accept = definitions[f"{name.title()}Accept"]["properties"]
        assert set(accept) == set(procedure.measurements)
        assert all(each["description"] and each["examples"] and each["pattern"] for each in accept.values())
        keys = definitions[f"{name.title()}Test"]["properties"]
        assert set(procedure.Settings.model_fields) < set(keys)
        assert keys["procedure"]["const"] == name
    assert '"null"' not in json.dumps(schema)


def test_what_all_conditions_have_in_common_stands_there_once() -> None:
    schema = plan_schema(registry())
    assert json.dumps(schema).count(BENCH_CONDITIONS["set_lot"].description) == 1
    for name, procedure in registry().items():
        offered = schema["$defs"][f"{name.title()}Test"]["properties"]["conditions"]
        assert set(offered["properties"]) == {*procedure.Settings.model_fields, *BENCH_CONDITIONS, "by_hand"}
        assert offered["additionalProperties"] is False


def _defaults(node: Any) -> Iterator[tuple[str, Any]]:
    """Yield every default of a text that has a pattern, with that pattern."""
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    if isinstance(node, dict) and {"pattern", "default"} <= set(node):
        yield node["pattern"], node["default"]
    for each in children:
        yield from _defaults(each)


def test_a_default_that_an_editor_fills_in_is_one_that_the_bench_takes() -> None:
    found = [*_defaults(plan_schema(registry())), *_defaults(rig_schema())]
    assert len(found) > 40
    assert [default for pattern, default in found if not re.search(pattern, str(default))] == []
