"""The documentation of procedures, from the procedures themselves: `docs/procedures.md`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.procedures.base import Procedure

_HEAD = """# Procedures

A test names one of these as its `procedure:`; the settings stand beside `id`, `title`, `verifies` and `accept`. Each
measurement can be a key of `accept:` with a limit (`±5 %`, `<= 3 h`, `>= 95 %`, `0.9 U to 1.1 U`). Made by
`pumpbench catalogue`.
"""


def catalogue(procedures: Mapping[str, Procedure]) -> str:
    """Return every procedure's settings and measurements as Markdown."""
    return "\n".join([_HEAD, *(_section(name, procedure) for name, procedure in procedures.items())])


def _section(name: str, procedure: Procedure) -> str:
    lines = [f"## `{name}`", "", procedure.summary, "", "| setting | what | default |", "|---|---|---|"]
    required = set(procedure.Settings.model_json_schema().get("required", []))
    for key, field in procedure.Settings.model_fields.items():
        default = "**required**" if key in required else _default(field.default)
        lines.append(f"| `{key}` | {_cell(field.description or '')} | {default} |")
    lines += ["", "| measurement | what | unit |", "|---|---|---|"]
    lines += [
        f"| `{key}` | {_cell(spec.title)} | {spec.unit or 'count'} |" for key, spec in procedure.measurements.items()
    ]
    return "\n".join([*lines, ""])


def _default(value: Any) -> str:
    return "–" if value is None else f"`{value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
