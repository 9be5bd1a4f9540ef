"""`docs/results.schema.json` is what the models say, and a run's results follow it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from bench.results.model import SCHEMA_VERSION, RunResult
from bench.results.schema import schema_text

COMMITTED = Path(__file__).parents[2] / "docs" / "results.schema.json"
RUN = RunResult(
    simulated=True,
    seed=1,
    plan="P",
    plan_title="",
    plan_file="p.yaml",
    plan_sha256="",
    decision="simple",
    rig="r",
    rig_file="r.yaml",
    rig_sha256="",
    origin_utc="2026-11-22T14:03:07Z",
    ended_s=1.0,
    instruments={},
    versions={},
    complete=True,
    recording_digest="",
    tests=[],
)


def test_committed_schema_is_current() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == schema_text(), "stale: run `python -m bench.results.schema`"


def test_schema_is_valid_and_names_its_version() -> None:
    schema = json.loads(schema_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert SCHEMA_VERSION in schema["title"]


def test_results_follow_the_schema_and_others_do_not() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    good = json.loads(RUN.model_dump_json())
    validator.validate(good)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**good, "complete": "yes"})
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**good, "surprise": 1})
