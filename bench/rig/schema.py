"""The JSON Schema of rig files, from the same models that read them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Union

from pydantic import ConfigDict, Field, create_model

from bench.rig.instruments import SPECS, driver_role
from bench.rig.load import instrument_model
from bench.rig.model import RigHead
from bench.strict_yaml.json_schema import json_schema
from drivers.registry import drivers_of


def rig_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of rig files for the drivers that exist."""
    roles: dict[str, Any] = {}
    for role in SPECS:
        kinds = tuple(
            create_model(f"{role}_{name}", __base__=instrument_model(role, entry), driver=(_the_word(name), ...))
            for name, entry in drivers_of(driver_role(role)).items()
        )
        union: Any = Annotated[Union[kinds], Field(discriminator="driver")] if len(kinds) > 1 else kinds[0]  # noqa: UP007
        roles[role] = (union | None, None)
    model = create_model(
        "Rig",
        __base__=RigHead,
        schema_=(str | None, Field(default=None, alias="$schema", description="this schema, for editors")),
        instruments=(create_model("Instruments", __config__=ConfigDict(extra="forbid"), **roles), ...),
    )
    return json_schema(model, "Rig of the pump bench")


def _the_word(name: str) -> Any:
    return Literal[name]
