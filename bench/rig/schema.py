"""The JSON Schema of rig files, from the same models that read them."""

from __future__ import annotations

from typing import Any, Literal, Union

from pydantic import ConfigDict, Field, create_model

from bench.rig.load import instrument_model
from bench.rig.model import SPECS, RigHead
from drivers.registry import drivers_of


def rig_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of rig files for the drivers that exist."""
    roles: dict[str, Any] = {}
    for role in SPECS:
        kinds = tuple(
            create_model(f"{role}_{name}", __base__=instrument_model(role, entry), driver=(_the_word(name), ...))
            for name, entry in drivers_of(role).items()
        )
        roles[role] = (Union[kinds] | None, None)  # noqa: UP007
    instruments = create_model("Instruments", __config__=ConfigDict(extra="forbid"), **roles)
    model = create_model(
        "Rig",
        __base__=RigHead,
        schema_=(str | None, Field(default=None, alias="$schema", description="this schema, for editors")),
        instruments=(instruments, ...),
    )
    schema = model.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "pumpbench rig"}


def _the_word(name: str) -> Any:
    return Literal[name]
