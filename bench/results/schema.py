"""`docs/results.schema.json`, made from the models: `python -m bench.results.schema` writes it anew."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.results.model import SCHEMA_VERSION, RunResult

_PLACE = Path(__file__).parents[2] / "docs" / "results.schema.json"


def schema_text() -> str:
    """Return the JSON Schema (2020-12) of `results.json` as the text that is committed."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Results of a pump bench run, schema version {SCHEMA_VERSION}",
        **{key: value for key, value in RunResult.model_json_schema(mode="serialization").items() if key != "title"},
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    _PLACE.write_text(schema_text(), encoding="utf-8")
    sys.stderr.write(f"wrote {_PLACE}\n")
