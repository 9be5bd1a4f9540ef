"""`pumpbench schema` and `pumpbench catalogue`: documents that follow from the code."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.cli.arguments import Commands


def add_to(commands: Commands) -> None:
    """Add the commands to the parser."""
    schema = commands.add_parser("schema", help="print a JSON Schema")
    schema.add_argument("of", choices=["plan", "rig", "results"])
    schema.set_defaults(command=_schema)

    document = commands.add_parser(
        "catalogue", help="print docs/procedures.md: every procedure, setting and measurement"
    )
    document.set_defaults(command=_catalogue)


def _schema(options: argparse.Namespace) -> int:
    from bench.plan.schema import plan_schema
    from bench.procedures import registry
    from bench.results.schema import schema_text
    from bench.rig.schema import rig_schema

    makers: dict[str, Callable[[], str]] = {
        "plan": lambda: _pretty(plan_schema(registry())),
        "rig": lambda: _pretty(rig_schema()),
        "results": schema_text,
    }
    print(makers[options.of](), end="")
    return 0


def _catalogue(_options: argparse.Namespace) -> int:
    from bench.procedures import registry
    from bench.procedures.catalogue import catalogue

    print(catalogue(registry()), end="")
    return 0


def _pretty(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
